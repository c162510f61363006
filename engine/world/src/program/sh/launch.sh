# Starts PROGRAM detached from this connection, once, and follows it; or follows the one that was started before.

launch() {
  frame hello
  state
  fence
  D=$S/runs/$RUN/$KEY
  [ -z "$STEP" ] || await_forward
  if [ ! -e "$D/started" ]; then
    umask 077
    fresh=
    [ -d "$S/runs/$RUN" ] || fresh=1
    mkdir -p "$D" && printf '%s' "$PROGRAM" >"$D/program.$$" && : >>"$D/live" || {
      frame error
      printf '%s' "cannot write in $D"
      frame end
      exit 0
    }
    [ -z "$fresh" ] || prune
    setsid /bin/sh "$D/program.$$" outer "$S" "$D" </dev/null >/dev/null 2>&1 &
    child=$!
    follow_live
    wait "$child"
  else
    follow_live
  fi
  await
  kill "$tail" 2>/dev/null
  wait "$tail" 2>/dev/null
  status=
  [ ! -s "$D/exit" ] || read -r status <"$D/exit"
  frame receipt "${status:-dead}"
  cat "$D/live"
  frame end
}

# Streams what is written meanwhile; for show only, the receipt is read as a whole at the end.
follow_live() {
  if [ -e "$D/started" ]; then
    read -r pid start boot nonce <"$D/started"
    [ "$nonce" = "$N" ] || frame nonce "$nonce"
  fi
  frame live
  tail -s 0.1 -c +1 -f --pid=$$ "$D/live" 2>/dev/null &
  tail=$!
}

# Until the exit status is there, or the process that was to write it is gone.
await() {
  while [ ! -s "$D/exit" ]; do
    if [ -e "$D/started" ]; then
      read -r pid start boot nonce <"$D/started"
      [ "$nonce" = "$N" ] || frame nonce "$nonce"
      read -r now </proc/sys/kernel/random/boot_id
      if [ "$boot" != "$now" ] || ! alive "$pid" "$start"; then return; fi
    else
      return
    fi
    while [ ! -s "$D/exit" ] && alive "$pid" "$start"; do sleep 0.1; done
  done
}

# Keeps the receipts of the last 20 runs.
prune() {
  set -- "$S/runs"/*
  [ $# -gt 20 ] || return 0
  ls -1t "$S/runs" | tail -n +21 | while IFS= read -r old; do
    case $old in */* | .* | '' | "$RUN") ;; *) rm -rf -- "$S/runs/$old" ;; esac
  done
}
