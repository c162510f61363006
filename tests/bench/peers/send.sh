#!/usr/bin/env bash
# The bar for bulk: one file to all hosts at once, its SHA-256 compared on both sides.
#   send.sh cat|scp|rsync SSH_CONFIG FILE DEST HOST...
# shellcheck disable=SC2317 # send_* are called by the name in $way
set -uo pipefail
way=$1 config=$2 file=$3 dest=$4
shift 4

# Hashed on the way in, over there; once for all hosts, beside the sending, here.
send_cat() {
  ssh -F "$config" "$1" "sudo -n sh -c 'umask 077; tee $dest.part | sha256sum && mv $dest.part $dest'" <"$file" >"$digests/$1"
}

send_scp() {
  scp -q -F "$config" "$file" "$1:upload.part" &&
    ssh -F "$config" "$1" "sudo -n sh -c 'mv upload.part $dest; sha256sum <$dest'" >"$digests/$1"
}

# rsync compares a digest of the whole file itself.
send_rsync() {
  rsync --whole-file --checksum-choice=xxh128 --rsync-path='sudo -n rsync' -e "ssh -F $config" "$file" "$1:$dest"
}

digests=$(mktemp -d)
trap 'rm -r "$digests"' EXIT
[ "$way" = rsync ] || sha256sum <"$file" >"$digests/.here" &
hashing=$!
running=()
for host in "$@"; do
  "send_$way" "$host" &
  running+=($!)
done
failed=0
for job in "${running[@]}"; do wait "$job" || failed=1; done
wait "$hashing"
for digest in "$digests"/*; do
  [ "$way" = rsync ] || cmp -s "$digest" "$digests/.here" || failed=1
done
exit $failed
