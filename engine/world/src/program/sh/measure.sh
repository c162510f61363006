# measure_disk DATA_DIR: times writes as etcd's log makes them: small, one after the other, into room that is taken already, each on the
# disk before the next. dd itself tells how long one took, so that starting it does not count. At most 500, and no new one after 10 s.
measure_disk() {
  place=$(readlink -m -- "$1")
  # A mounted data dir is a file system of its own; else the file stands beside it, where its parent may still have to be made.
  [ -d "$place" ] && [ "$(stat -c %m -- "$place")" = "$place" ] || place=${place%/*}
  while [ -n "$place" ] && [ ! -d "$place" ]; do place=${place%/*}; done
  place=${place:-/}
  file=
  trap '[ -z "$file" ] || rm -f -- "$file"' EXIT
  trap 'exit 143' HUP INT TERM
  file=$(mktemp -- "${place%/}/.runbook-fsync-XXXXXXXX") || fail "\`$place\` cannot be written to" $?
  exec 9<>"$file" || fail "\`$file\` cannot be opened"
  # From here on it has no name: whatever ends this program, nothing is left.
  rm -f -- "$file"
  file=
  into=/proc/self/fd/9
  command -v fallocate >/dev/null && fallocate -l 2097152 "$into" 2>/dev/null ||
    dd if=/dev/zero of="$into" bs=65536 count=32 conv=notrunc,fsync 2>&1 || fail "2 MiB cannot be written to \`$place\`" $?
  sync -- "$into"
  times=$S/runs/$RUN/fsync
  printf '%s\n' "$place" >"$times.$$" || fail "cannot write in $S/runs/$RUN"
  count=0
  uptime
  last=$((UP + 10))
  while [ "$count" -lt 500 ] && [ "$UP" -lt "$last" ]; do
    said=$(dd if=/dev/zero of="$into" bs=2300 count=1 seek=$((count * 2300)) oflag=dsync,seek_bytes conv=notrunc 2>&1) || {
      status=$?
      printf '%s\n' "$said"
      fail "a write to \`$place\` failed" $status
    }
    took=${said##*copied, }
    took=${took%% s*}
    case $took in '' | *[!0-9.e-]*) fail "dd does not tell how long a write to \`$place\` took" ;; esac
    printf '%s\n' "$took" >>"$times.$$"
    count=$((count + 1))
    uptime
  done
  must mv -fT -- "$times.$$" "$times"
}

# UP: whole seconds since boot; no program is started for it, and no clock is set back in it.
uptime() {
  read -r UP _ </proc/uptime
  UP=${UP%%.*}
}
