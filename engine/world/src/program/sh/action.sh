# What actions are made of.

# The order's directories to the disk.
settle() {
  [ -s "$D/settle" ] || return 0
  set --
  last=
  while IFS= read -r dir; do
    [ "$dir" = "$last" ] || set -- "$@" "$dir"
    last=$dir
  done <"$D/settle"
  sync -- "$@"
}

# Runs an action in a shell of its own: 0 unchanged, 10 changed, anything else failed.
run() {
  I=$1
  frame begin "$I"
  ( C=0; "$2"; exit $((C * 10)) )
  rc=$?
  ended "$rc"
  case $rc in 0 | 10) ;; *) stop_here ;; esac
}

# Tells an action's end, and why it failed.
ended() {
  frame 'end' "$I" "$1"
  case $1 in 0 | 10) return ;; esac
  status=
  [ ! -s "$D/$I.status" ] || read -r status <"$D/$I.status"
  frame reason "$I" "${status:-$1}"
  [ ! -e "$D/$I.reason" ] || cat "$D/$I.reason"
}

# After a failure nothing more of the order is begun.
stop_here() {
  settle
  frame stopped
  exit 0
}

changed() { C=1; }

# Ends the action: a sentence, and the exit status that led to it.
fail() {
  printf '%s' "$1" >"$D/$I.reason"
  printf '%s\n' "${2:-}" >"$D/$I.status"
  exit 3
}

must() { "$@" || fail "\`$1\` failed on this host" $?; }

# Runs a command whose output may be of any size: the first and last 64 KiB are kept, the bytes between are counted.
bounded() {
  unbuffered=
  ! command -v stdbuf >/dev/null || unbuffered='stdbuf -o0'
  rm -f "$D/$I.rc"
  { "$@"; printf '%s\n' $? >"$D/$I.rc"; } 2>&1 | {
    $unbuffered head -c 65536
    mkfifo "$D/$I.fifo"
    wc -c <"$D/$I.fifo" >"$D/$I.count" &
    tee "$D/$I.fifo" | tail -c 65536 >"$D/$I.tail"
    wait
    rm -f "$D/$I.fifo"
    if [ -s "$D/$I.tail" ]; then
      read -r more <"$D/$I.count"
      frame more "$I" "$more"
      cat "$D/$I.tail"
    fi
    rm -f "$D/$I.tail" "$D/$I.count"
  }
  BOUNDED=255
  [ ! -s "$D/$I.rc" ] || read -r BOUNDED <"$D/$I.rc"
  return "$BOUNDED"
}

sha256() {
  sum=$(sha256sum <"$1") || return 1
  printf '%s' "${sum%% *}"
}
