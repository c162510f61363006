# Programs that were left running.

# runs DIR: whether the program with this receipt has not come to its end.
runs() {
  [ -e "$1/started" ] && [ ! -s "$1/exit" ] || return 1
  read -r pid start boot nonce <"$1/started"
  read -r now </proc/sys/kernel/random/boot_id
  [ "$boot" = "$now" ] && alive "$pid" "$start"
}

# Before an undo: until this run's forward order of the same step has ended here. WAIT: tenths of a second that this may take.
await_forward() {
  for forward in "$S/runs/$RUN/$STEP"-*; do
    case $forward in *-undo*) continue ;; esac
    while runs "$forward"; do
      if [ "$WAIT" -le 0 ]; then
        frame error
        printf '%s' 'what is to be undone still runs on this host'
        frame end
        exit 0
      fi
      WAIT=$((WAIT - 1))
      sleep 0.1
    done
  done
}
