# The lock is a file: the run on the first line, JSON after it. It comes into being whole, by a hard link.

# Prints the lock and ends, unless this run holds it.
fence() {
  owner=
  [ ! -e "$S/lock" ] || IFS= read -r owner <"$S/lock"
  [ "$owner" = "$RUN" ] && return
  frame fenced
  [ ! -e "$S/lock" ] || cat "$S/lock"
  frame end
  exit 0
}

take_lock() {
  umask 077
  [ -d "$S" ] || mkdir -p "$S" || { frame error; printf '%s' "cannot make $S"; frame end; exit 0; }
  mine=$S/lock.$$
  printf '%s\n%s\n' "$RUN" "$1" >"$mine" && sync "$mine" && ln "$mine" "$S/lock" 2>/dev/null && sync "$S"
  rm -f "$mine"
  owner=
  [ ! -e "$S/lock" ] || IFS= read -r owner <"$S/lock"
  if [ "$owner" = "$RUN" ]; then frame locked; else frame fenced; [ ! -e "$S/lock" ] || cat "$S/lock"; fi
}

release_lock() {
  owner=
  [ ! -e "$S/lock" ] || IFS= read -r owner <"$S/lock"
  [ "$owner" != "$RUN" ] || rm -f "$S/lock"
  frame unlocked
}
