# What became of an order's part, by its receipt. Nothing is begun here, and nothing waited for.

receipt() {
  frame hello
  state
  D=$S/runs/$RUN/$KEY
  if [ -d "$D" ] && [ ! -e "$D/nonce" ]; then
    # Sent a moment ago: it claims its receipt at once, or never will.
    looks=20
    while [ ! -e "$D/started" ] && [ "$looks" -gt 0 ]; do
      looks=$((looks - 1))
      sleep 0.05
    done
  fi
  if [ -e "$D/started" ]; then
    read -r pid start boot nonce <"$D/started"
    if [ ! -s "$D/exit" ] && runs "$D"; then
      frame running
    else
      status=dead
      [ ! -s "$D/exit" ] || read -r status <"$D/exit"
      frame nonce "$nonce"
      frame receipt "$status"
      cat "$D/live"
    fi
  elif [ -s "$D/nonce" ]; then
    # Files that did not all arrive: those that did are there, the others are not.
    read -r nonce <"$D/nonce"
    frame nonce "$nonce"
    frame receipt broken
    cat "$D/live"
  else
    frame never
  fi
  frame end
}
