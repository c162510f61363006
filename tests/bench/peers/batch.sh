#!/usr/bin/env bash
# The bar for steps: one program a host over multiplexed ssh, all hosts at once.
#   batch.sh SSH_CONFIG PROGRAM HOST...        `@HOST@` in the program is the host's name
set -uo pipefail
config=$1 program=$2
shift 2
running=()
for host in "$@"; do
  sed "s/@HOST@/$host/g" "$program" | ssh -T -F "$config" "$host" sudo -n sh &
  running+=($!)
done
failed=0
for job in "${running[@]}"; do wait "$job" || failed=1; done
exit $failed
