# Shared by every program. N is the nonce of its records; WHO this shell's user, by number (the shell that runs the program sets it).
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset ENV BASH_ENV CDPATH LANGUAGE
umask 022

# A record: a tag and arguments that are ours, never data.
frame() { printf '\n%s %s\n' "$N" "$*"; }

# S: where this cluster's runs leave locks and receipts for this host.
state() {
  if [ -n "$STATE_ROOT" ]; then
    S=$STATE_ROOT
  elif [ "$WHO" = 0 ]; then
    S=/var/lib/runbook
  else
    S=${XDG_STATE_HOME:-$HOME/.local/state}/runbook
  fi
  S=$S/$CLUSTER/$HOST
}

# START: when the process began, in ticks since boot; empty where there is none. With its id it names a process for good.
start_of() {
  START=
  [ -r "/proc/$1/stat" ] || return 1
  read -r START_LINE <"/proc/$1/stat" || return 1
  # Between the last parenthesis and the end: the third field and all after it.
  set -- ${START_LINE##*) }
  START=${20}
}

# Whether the process with this id and start still runs. A zombie does not.
alive() {
  start_of "$1" && [ "$START" = "$2" ] || return 1
  case ${START_LINE##*) } in Z* | X*) return 1 ;; esac
}
