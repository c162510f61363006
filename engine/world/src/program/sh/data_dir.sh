# Refuses what no run may rename, empty or remove. REAL: the path with all links resolved.
protected() {
  REAL=$(readlink -m -- "$1") || fail "\`$1\` cannot be resolved"
  case $REAL in
    / | /[!/]*) ;;
    *) fail "\`$1\` is not an absolute path" ;;
  esac
  case $REAL in
    / | /bin | /boot | /dev | /etc | /home | /lib | /lib32 | /lib64 | /libx32 | /lost+found | /media | /mnt | /opt | /proc | /root | /run | \
      /sbin | /srv | /sys | /tmp | /usr | /var | /home/*/.ssh | /root/.ssh | /bin/* | /boot/* | /dev/* | /etc/* | /lib/* | /lib64/* | \
      /proc/* | /sbin/* | /sys/* | /usr/* | /var/backups | /var/cache | /var/lib | /var/lib/dpkg* | /var/lib/apt* | /var/lib/systemd* | \
      /var/lib/runbook* | /var/local | /var/lock | /var/log | /var/mail | /var/opt | /var/run | /var/spool | /var/tmp)
      fail "\`$1\` is $REAL, which no run may touch"
      ;;
  esac
  # People's homes; a service's own home (etcd's is /var/lib/etcd) is its data.
  homes=$(getent passwd 2>/dev/null || cat /etc/passwd)
  while IFS=: read -r _ _ uid _ _ home _; do
    { [ "$uid" = 0 ] || [ "$uid" -ge 1000 ]; } 2>/dev/null || continue
    case $home in / | '') continue ;; esac
    [ "$REAL" != "$home" ] || fail "\`$1\` is a home directory"
  done <<HOMES
$homes
HOMES
  [ "$REAL" != "${HOME:-/}" ] || fail "\`$1\` is a home directory"
}

# The data dir cannot be renamed: it is a mount point, or a link to elsewhere. Then its content is moved within it.
in_place() {
  [ "$REAL" != "$1" ] || [ "$(stat -c %m -- "$REAL")" = "$REAL" ]
}

# Whether nothing of etcd's is in the directory.
is_bare() {
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    case ${entry##*/} in .runbook-* | lost+found) ;; *) return 1 ;; esac
  done
}

# Refuses while an etcd holds a file in the directory.
unused() {
  for comm in /proc/[0-9]*/comm; do
    read -r name <"$comm" 2>/dev/null || continue
    [ "$name" = etcd ] || continue
    for fd in "${comm%/comm}"/fd/*; do
      # A rehearsal's copy is another one's data, wherever it had to be put.
      case $(readlink -- "$fd" 2>/dev/null) in "$1"/.runbook-rehearsal-*) ;; "$1"/*)
        pid=${comm#/proc/}
        fail "an etcd (process ${pid%/comm}) still uses \`$1\`"
        ;;
      esac
    done
  done
}

# Moves everything of etcd's from one directory into another on the same file system.
move_content() {
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    case ${entry##*/} in .runbook-* | lost+found) continue ;; esac
    must mv -nT -- "$entry" "$2/${entry##*/}"
    [ ! -e "$entry" ] || fail "\`$entry\` cannot be moved: \`$2/${entry##*/}\` is there"
  done
}

# Renames on one file system, never over anything; never copies.
rename() {
  [ ! -e "$2" ] || fail "\`$2\` is there already"
  from_fs=$(stat -c %d -- "$1") to_fs=$(stat -c %d -- "${2%/*}/") || fail "\`${2%/*}\` is not there"
  [ "$from_fs" = "$to_fs" ] || fail "\`$1\` and \`$2\` are on different file systems"
  must mv -nT -- "$1" "$2"
  if [ -e "$1" ] || [ ! -e "$2" ]; then fail "\`$1\` cannot be renamed to \`$2\`"; fi
}

rename_origin() {
  [ ! -e "$1.runbook.json" ] || must mv -fT -- "$1.runbook.json" "$2.runbook.json"
}

# archive DATA_DIR ASIDE
archive() {
  protected "$2"
  protected "$1"
  [ -e "$1" ] || return 0
  [ -d "$1" ] || fail "\`$1\` is not a directory"
  unused "$REAL"
  if in_place "$1"; then
    kept=$REAL/.runbook-aside-${2##*/}
    if is_bare "$REAL" && [ ! -e "$kept.part" ]; then return 0; fi
    [ ! -e "$kept" ] || fail "\`$kept\` is there already"
    [ -d "$kept.part" ] || must mkdir -m 700 -- "$kept.part"
    move_content "$REAL" "$kept.part"
    must mv -nT -- "$kept.part" "$kept"
    must sync -- "$REAL"
  else
    if is_bare "$1" && [ -e "$2" ]; then return 0; fi
    rename "$1" "$2"
    must sync -- "${1%/*}/" "${2%/*}/"
  fi
  rename_origin "$1" "$2"
  changed
}

# reinstate DATA_DIR ASIDE FAILED
reinstate() {
  protected "$2"
  protected "$3"
  protected "$1"
  unused "$REAL"
  if [ -d "$1" ] && in_place "$1"; then
    kept=$REAL/.runbook-aside-${2##*/} failed=$REAL/.runbook-aside-${3##*/}
    [ -d "$kept" ] || return 0
    if ! is_bare "$REAL"; then
      [ -d "$failed" ] || must mkdir -m 700 -- "$failed"
      move_content "$REAL" "$failed"
      rename_origin "$1" "$3"
    fi
    move_content "$kept" "$REAL"
    must rmdir -- "$kept"
    must sync -- "$REAL"
  else
    [ -d "$2" ] || return 0
    if [ -e "$1" ] && ! rmdir -- "$1" 2>/dev/null; then
      rename "$1" "$3"
      rename_origin "$1" "$3"
    fi
    rename "$2" "$1"
    must sync -- "${1%/*}/" "${2%/*}/"
  fi
  rename_origin "$2" "$1"
  changed
}

# restore_tool TOOL SNAPSHOT DATA_DIR ARGUMENTS...: restores, and looks whether it did.
restore_tool() {
  tool=$1 from=$2 into=$3
  shift 3
  [ -x "$tool" ] || fail "there is no tool \`$tool\`"
  [ -r "$from" ] || fail "there is no snapshot \`$from\`"
  ETCDCTL_API=3
  export ETCDCTL_API
  bounded "$tool" snapshot restore "$from" --data-dir="$into" "$@"
  RESTORED=$?
  [ "$RESTORED" != 0 ] || [ -s "$into/member/snap/db" ] || RESTORED=254
}

# trial_restore TOOL SNAPSHOT SCRATCH ARGUMENTS...
trial_restore() {
  t_tool=$1 t_snapshot=$2 scratch=$3
  shift 3
  protected "$scratch"
  if [ -e "$scratch" ]; then
    [ -e "$scratch/.runbook-scratch" ] || fail "\`$scratch\` is there and was not made by a trial"
    must rm -rf -- "$scratch"
  fi
  make_dir_above "$scratch"
  must mkdir -m 700 -- "$scratch"
  : >"$scratch/.runbook-scratch"
  trap 'rm -rf -- "$scratch"' EXIT
  trap 'exit 143' TERM INT HUP
  restore_tool "$t_tool" "$t_snapshot" "$scratch/data" "$@"
  [ "$RESTORED" != 254 ] || fail "the trial restore left no \`member/snap/db\`" 0
  [ "$RESTORED" = 0 ] || fail "the snapshot \`$t_snapshot\` does not restore on this host" "$RESTORED"
}

# restore TOOL SNAPSHOT DATA_DIR OWNER ORIGIN ARGUMENTS...
restore() {
  r_tool=$1 r_snapshot=$2 data_dir=$3 owner=$4 origin=$5
  shift 5
  protected "$data_dir"
  place=$REAL receipt=$data_dir.runbook.json
  if [ -d "$data_dir" ] && in_place "$data_dir"; then inside=1 fresh=$place/.runbook-new; else inside= fresh=$data_dir.runbook-new; fi
  if [ -d "$data_dir" ] && ! is_bare "$place"; then
    if [ -f "$receipt" ] && [ "$(cat -- "$receipt")" = "$origin" ] && [ -s "$place/member/snap/db" ] && [ ! -e "$fresh" ]; then return 0; fi
    fail "\`$data_dir\` is not empty: archive it first"
  fi
  unused "$place"
  rm -rf -- "$fresh"
  make_dir_above "$data_dir"
  restore_tool "$r_tool" "$r_snapshot" "$fresh" "$@"
  [ "$RESTORED" != 254 ] || fail "the restore left no \`member/snap/db\`" 0
  [ "$RESTORED" = 0 ] || { rm -rf -- "$fresh"; fail "the snapshot \`$r_snapshot\` does not restore" "$RESTORED"; }
  if [ -n "$owner" ] && [ "$(id -un)" != "$owner" ]; then must chown -R -- "$owner:" "$fresh"; fi
  find "$fresh" -exec sync {} + || fail "\`$fresh\` cannot be written through to the disk"
  # The receipt first: with a receipt but without data the restore is done again, with data but without receipt nobody knows whose it is.
  printf '%s\n' "$origin" >"$receipt.part" && sync -- "$receipt.part" && mv -fT -- "$receipt.part" "$receipt" || fail "\`$receipt\` cannot be written"
  if [ -n "$inside" ]; then
    if [ -n "$owner" ] && [ "$(id -un)" != "$owner" ]; then must chown -- "$owner:" "$place"; fi
    must mv -nT -- "$fresh/member" "$place/member"
    rm -rf -- "$fresh"
  else
    [ ! -d "$data_dir" ] || must rmdir -- "$data_dir"
    rename "$fresh" "$data_dir"
  fi
  must sync -- "${data_dir%/*}/" "$data_dir"
  changed
}
