# A program, detached: as `outer` it claims the receipt, runs itself as `inner` within the limit, and leaves the exit status.
S=$2
D=$3
outer() {
  start_of $$
  read -r boot </proc/sys/kernel/random/boot_id
  umask 077
  printf '%s %s %s %s\n' $$ "$START" "$boot" "$N" >"$D/started.$$"
  if ! ln "$D/started.$$" "$D/started" 2>/dev/null; then
    # Another connection was first.
    rm -f "$D/started.$$" "$0"
    exit 0
  fi
  # From here on a receipt says that it began, also after a power cut.
  sync "$D/started" "$D" "$S/runs/$RUN"
  timeout -k 3 "$LIMIT" /bin/sh "$0" inner "$S" "$D" </dev/null >>"$D/live" 2>&1 &
  group=$!
  wait "$group"
  status=$?
  case $status in 124 | 137) end_group ;; esac
  # An empty one is none yet.
  printf '%s\n' "$status" >"$D/exit"
  rm -f "$D/started.$$" "$0"
}

# `timeout` leads the group, and ends once its own child has: what that child left behind may have refused to.
end_group() {
  looks=30
  while kill -s 0 -- "-$group" 2>/dev/null; do
    if [ "$looks" = 0 ]; then
      kill -s KILL -- "-$group" 2>/dev/null
      return
    fi
    looks=$((looks - 1))
    sleep 0.1
  done
}
