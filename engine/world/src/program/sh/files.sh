# Owner and permission bits; an empty owner leaves it as it is.
access() {
  a_group=$4
  [ -z "$3" ] || [ -n "$a_group" ] || a_group=$(id -gn -- "$3") || fail "there is no user \`$3\`"
  have=$(stat -c '%a %U %G' -- "$1") || fail "\`$1\` cannot be looked at"
  if [ -n "$3" ] && [ "${have#* }" != "$3 $a_group" ]; then
    must chown -- "$3:$a_group" "$1"
    changed
    # A change of owner may clear permission bits.
    have=
  fi
  if [ "${have%% *}" != "$2" ]; then
    must chmod -- "$2" "$1"
    changed
  fi
}

# Makes what is missing above a path, and remembers what it made: only that may be removed again.
make_dir() {
  [ -d "$1" ] && return
  case $1 in */*) make_dir_above "$1" ;; esac
  must mkdir -- "$1"
  printf '%s\n' "$(readlink -f -- "$1")" >>"$S/runs/$RUN/made"
  changed
}

make_dir_above() {
  above=${1%/*}
  [ -z "$above" ] || [ -d "$above" ] || make_dir "$above"
}

# Remembers a file that was not there before.
note_new() { [ -e "$1" ] || [ -L "$1" ] || printf '%s\n' "$1" >>"$S/runs/$RUN/made-files"; }

# remove_created PATH IS_DIRECTORY: only what this run made, and a directory only when nothing is in it.
remove_created() {
  if [ -n "$2" ]; then
    [ -d "$1" ] && [ -e "$S/runs/$RUN/made" ] && grep -qxF -- "$(readlink -f -- "$1")" "$S/runs/$RUN/made" || return 0
    rmdir -- "$1" 2>/dev/null || return 0
  else
    [ -f "$1" ] && [ -e "$S/runs/$RUN/made-files" ] && grep -qxF -- "$1" "$S/runs/$RUN/made-files" || return 0
    must rm -f -- "$1"
  fi
  changed
}

directory() {
  if [ -e "$1" ] && [ ! -d "$1" ]; then fail "\`$1\` is there and is not a directory"; fi
  make_dir "$1"
  access "$@"
}

# write_file PATH SHA256 SIZE MODE OWNER GROUP CONTENT
write_file() {
  [ ! -d "$1" ] || fail "\`$1\` is a directory"
  if have=$(stat -c '%F|%s' -- "$1" 2>/dev/null); then
    case $have in
      "regular"*"|$3")
        if [ "$(sha256 "$1")" = "$2" ]; then
          access "$1" "$4" "$5" "$6"
          return
        fi
        ;;
    esac
  else
    make_dir_above "$1"
  fi
  aside=${1%/*}/.runbook-$RUN.${1##*/}
  [ ! -e "$aside" ] && [ ! -L "$aside" ] || rm -f -- "$aside"
  # The usual modes come with the file: a program less for each.
  case $4 in 644) umask 022 ;; 640) umask 027 ;; *) umask 077 ;; esac
  printf '%s' "$7" >"$aside" || fail "\`$aside\` cannot be written"
  fresh_access "$aside" "$4" "$5" "$6"
  must sync -- "$aside"
  note_new "$1"
  must mv -fT -- "$aside" "$1"
  settle_later "${1%/*}/"
  changed
}

# Access of a file that this shell's user just made, with a usual mode already or with 0600.
fresh_access() {
  [ -z "$3" ] || must chown -- "$3:$4" "$1"
  case $2 in 644 | 640 | 600) ;; *) must chmod -- "$2" "$1" ;; esac
}

# A directory whose new entries are to reach the disk before the order ends: many files share one.
settle_later() { printf '%s\n' "$1" >>"$D/settle"; }

remove_upload() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  above=$(readlink -f -- "${1%/*}/") || fail "\`${1%/*}\` cannot be resolved"
  ours=
  if [ -e "$S/runs/$RUN/made" ]; then
    while IFS= read -r made; do
      case $above/ in "$made"/*) ours=$made ;; esac
    done <"$S/runs/$RUN/made"
  fi
  [ -n "$ours" ] || fail "\`$1\` is not in a directory that this run made"
  [ ! -d "$1" ] || fail "\`$1\` is a directory"
  must rm -f -- "$1"
  changed
  # The run's own directories go when they are empty, innermost first.
  while [ "$above" != / ] && grep -qxF -- "$above" "$S/runs/$RUN/made"; do
    rmdir -- "$above" 2>/dev/null || break
    above=${above%/*}
    [ -n "$above" ] || above=/
  done
}
