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

# remove_created PATH IS_DIRECTORY: only what this run made, and a directory only when nothing is in it; with those above it that were
# made for it.
remove_created() {
  if [ -n "$2" ]; then
    [ -d "$1" ] && [ -e "$S/runs/$RUN/made" ] && grep -qxF -- "$(readlink -f -- "$1")" "$S/runs/$RUN/made" || return 0
    made=$(readlink -f -- "$1")
    rmdir -- "$1" 2>/dev/null || return 0
    # What was made on the way to it goes with it.
    remove_made "${made%/*}"
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

# write_files INDEX...: files one after the other, with one program for all of them wherever one can do. Each is a function f<INDEX>
# that calls what it is given with PATH SHA256 SIZE MODE OWNER GROUP CONTENT. All are made aside, in a directory beside the place of each,
# brought to the disk together, then renamed in order: those of one directory, one after the other, by one program.
write_files() {
  I=$1
  frame begin "$I"
  printf '' >"$D/files"
  (
    trap 'rc=$?; [ "$rc" = 0 ] || printf "%s %s\n" "$I" "$rc" >>"$D/files"' EXIT
    look_at_files "$@"
    for next do
      I=$next C=0
      "f$I" prepare_file
    done
    exit 0
  )
  (
    trap 'rc=$?; [ "$rc" = 0 ] || ended "$rc"' EXIT
    rename_files "$@"
    exit 0
  ) || stop_here
}

# Sets, by index: what stands there, how it may be used, and the digest of what has the right size.
look_at_files() {
  list=$* there=
  set --
  for I in $list; do
    "f$I" file_words
    if [ -e "$P" ] || [ -L "$P" ]; then
      set -- "$@" "$P"
      there="$there $I"
    fi
  done
  [ $# -gt 0 ] || return 0
  # One that vanishes meanwhile leaves it unknown which line is whose: then all are written.
  seen=$(stat -c '%F|%s|%a %U %G' -- "$@" 2>/dev/null) || return 0
  set -- $there
  while [ $# -gt 0 ] && IFS='|' read -r kind size use; do
    eval "kind_$1=\$kind size_$1=\$size access_$1=\$use"
    shift
  done <<SEEN
$seen
SEEN
  like=
  for I in $there; do
    "f$I" file_words
    eval "kind=\$kind_$I size=\$size_$I"
    case $kind in "regular"*) ;; *) continue ;; esac
    if [ "$size" = "$SIZE" ]; then
      set -- "$@" "$P"
      like="$like $I"
    fi
  done
  [ $# -gt 0 ] || return 0
  seen=$(sha256sum -- "$@" 2>/dev/null) || return 0
  set -- $like
  while [ $# -gt 0 ] && read -r sum _; do
    # A name with a backslash is announced by one.
    eval "sum_$1=\${sum#\\\\}"
    shift
  done <<SEEN
$seen
SEEN
}

file_words() { P=$1 SIZE=$3; }

aside_of() { ASIDE=${1%/*}/.runbook-$RUN-$HOST.d/${1##*/}; }

prepare_file() {
  umask 022
  [ ! -d "$1" ] || fail "\`$1\` is a directory"
  eval "sum=\${sum_$I:-} use=\${access_$I:-}"
  if [ "$sum" = "$2" ]; then
    case $use in
      "$4 $5 $6") use=0 ;;
      "$4 "*) use=${5:+access} ;;
      *) use=access ;;
    esac
    printf '%s %s\n' "$I" "${use:-0}" >>"$D/files"
    return
  fi
  [ -e "$1" ] || [ -L "$1" ] || make_dir_above "$1"
  aside_of "$1"
  [ -d "${ASIDE%/*}" ] || must mkdir -m 700 -- "${ASIDE%/*}"
  [ ! -e "$ASIDE" ] && [ ! -L "$ASIDE" ] || rm -f -- "$ASIDE"
  # The usual modes come with the file: a program less for each.
  case $4 in 644) umask 022 ;; 640) umask 027 ;; *) umask 077 ;; esac
  printf '%s' "$7" >"$ASIDE" || fail "\`$ASIDE\` cannot be written"
  fresh_access "$ASIDE" "$4" "$5" "$6"
  printf '%s new\n' "$I" >>"$D/files"
}

rename_files() {
  list=$* first=$1 renamed= synced=0
  set --
  while read -r I what; do
    if [ "$what" = new ]; then
      "f$I" aside_of
      set -- "$@" "$ASIDE"
    fi
  done <"$D/files"
  [ $# = 0 ] || sync -- "$@" || synced=$?
  exec 3<"$D/files"
  for I in $list; do
    [ "$I" = "$first" ] || frame begin "$I"
    read -r at what <&3 && [ "$at" = "$I" ] || fail "\`$D\` cannot be written"
    case $what in
      new)
        [ "$synced" = 0 ] || fail 'what was written cannot be brought to the disk' "$synced"
        case " $renamed " in *" $I "*) ;; *) rename_from "$I" ;; esac
        what=10
        ;;
      access)
        C=0
        "f$I" file_access
        what=$((C * 10))
        ;;
      0) ;;
      *) exit "$what" ;;
    esac
    frame 'end' "$I" "$what"
  done
  while [ $# -gt 0 ]; do
    [ ! -d "${1%/*}" ] || rmdir -- "${1%/*}"
    shift
  done
}

# rename_from INDEX: that file and the new ones after it in the same directory. `mv` goes on after one that it cannot rename: those that
# were renamed behind it are told too.
rename_from() {
  at=$1 place= others=
  set --
  while read -r I what; do
    [ "$I" = "$at" ] || [ -n "$place" ] || continue
    [ "$what" = new ] || break
    "f$I" aside_of
    [ -n "$place" ] || place=${ASIDE%/*}
    [ "$place" = "${ASIDE%/*}" ] || break
    "f$I" note_new
    set -- "$@" "$ASIDE"
    others="$others $I"
  done <"$D/files"
  I=$at
  mv -f -t "${place%/*}/" -- "$@"
  status=$?
  if [ "$status" = 0 ]; then
    renamed="$renamed $others"
    settle_later "${place%/*}/"
    return
  fi
  failed=
  for I in $others; do
    "f$I" aside_of
    if [ -e "$ASIDE" ] || [ -L "$ASIDE" ]; then
      failed=${failed:-$I}
    else
      settle_later "${place%/*}/"
      frame 'end' "$I" 10
    fi
  done
  I=${failed:-$at}
  fail '`mv` failed on this host' "$status"
}

file_access() { access "$1" "$4" "$5" "$6"; }

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
}

# remove_made DIR: the run's own directories go when they are empty, innermost first.
remove_made() {
  above=$1
  while [ "${above:-/}" != / ] && [ -e "$S/runs/$RUN/made" ] && grep -qxF -- "$above" "$S/runs/$RUN/made"; do
    rmdir -- "$above" 2>/dev/null || break
    above=${above%/*}
  done
}
