# run_script CREATES READ_ONLY: the runbook's own script, its values in the environment.
run_script() {
  [ -z "$1" ] || [ ! -e "$1" ] || return 0
  (umask 077 && printf '%s\n' "$SCRIPT" >"$D/$I.sh") || fail "\`$D\` cannot be written"
  unset SCRIPT
  bounded /bin/sh "$D/$I.sh"
  status=$?
  rm -f "$D/$I.sh"
  [ "$status" = 0 ] || fail "the script ended with status $status" "$status"
  [ -n "$2" ] || changed
}
