# Reads. Nothing in this file, or in what is sent with it, writes anything: no file, no redirection but to /dev/null, no service call.

NL='
'

base() {
  frame clock "$(date +%s%N)"
  machine= boot= name= memory=
  [ ! -r /etc/machine-id ] || IFS= read -r machine </etc/machine-id
  [ ! -r /proc/sys/kernel/random/boot_id ] || IFS= read -r boot </proc/sys/kernel/random/boot_id
  [ ! -r /proc/sys/kernel/hostname ] || IFS= read -r name </proc/sys/kernel/hostname
  [ ! -r /proc/meminfo ] || read -r _ memory _ </proc/meminfo
  systemd=0
  [ ! -d /run/systemd/system ] || systemd=1
  frame base
  printf '%s\n' "$machine" "$boot" "$name" "$(uname -m)" "$(nproc)" "$memory" "$(id -un)" "$systemd"
  frame os
  [ ! -r /etc/os-release ] || while IFS= read -r os_line; do
    case $os_line in ID=* | VERSION_ID=*) printf '%s\n' "$os_line" ;; esac
  done </etc/os-release
}

# What stands at each path: one record a path that exists, ended by two NULs' worth of fields: facts, name.
stats() {
  count=$#
  while [ "$count" -gt 0 ]; do
    path=$1
    shift
    count=$((count - 1))
    if [ -e "$path" ] || [ -L "$path" ]; then set -- "$@" "$path"; fi
  done
  frame stats
  [ $# = 0 ] || stat --printf='%f %u %U %g %G %s %Y %m\0%n\0' -- "$@"
}

hashes() {
  count=$#
  while [ "$count" -gt 0 ]; do
    path=$1
    shift
    count=$((count - 1))
    if [ -f "$path" ] && [ ! -L "$path" ] && [ -r "$path" ]; then set -- "$@" "$path"; fi
  done
  frame hashes
  [ $# = 0 ] || sha256sum -z -- "$@"
}

# contents LIMIT INDEX PATH INDEX PATH...: as many bytes of each at most, one after the other; the record's head says of which.
contents() {
  limit=$1 count=$(($# / 2)) there=''
  shift
  while [ "$count" -gt 0 ]; do
    index=$1 path=$2
    shift 2
    count=$((count - 1))
    if [ -f "$path" ] && [ ! -L "$path" ] && [ -r "$path" ]; then
      set -- "$@" "$path"
      there="$there $index"
    fi
  done
  [ $# -gt 0 ] || return 0
  # shellcheck disable=SC2086 # Indices are ours.
  frame contents $there
  head -q -c "$limit" -- "$@"
}

# names INDEX PATH: at most 64 names in a directory.
names() {
  [ -d "$2" ] || return 0
  frame names "$1"
  seen=0
  for entry in "$2"/* "$2"/.[!.]* "$2"/..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    printf '%s\0' "${entry##*/}"
    seen=$((seen + 1))
    [ "$seen" -lt 64 ] || break
  done
}

disks() {
  count=$#
  while [ "$count" -gt 0 ]; do
    path=$1
    shift
    count=$((count - 1))
    while [ -n "$path" ] && [ ! -e "$path" ]; do path=${path%/*}; done
    set -- "$@" "${path:-/}"
  done
  frame disks
  df -B1 --output=avail,size,target -- "$@"
}

# media INDEX PATH: the disks under a path's file system. One that has no device of its own (tmpfs, btrfs, overlay) tells none.
media() {
  path=$2
  while [ -n "$path" ] && [ ! -e "$path" ]; do path=${path%/*}; done
  number=$(stat -L -c %d -- "${path:-/}") || return 0
  frame media "$1"
  disk_below "/sys/dev/block/$((number / 256 % 4096)):$((number % 256 + number / 1048576 * 256))"
}

# disk_below DEVICE: its name and whether it spins; of a stack (LVM, RAID, dm-crypt) those at the bottom.
disk_below() {
  [ -e "$1" ] || return 0
  device=$(readlink -f -- "$1")
  # What a partition is a part of.
  [ ! -e "$device/partition" ] || device=${device%/*}
  set -- "$device"/slaves/*
  if [ -e "$1" ]; then
    for below; do disk_below "$below"; done
    return 0
  fi
  spins=
  [ ! -r "$device/queue/rotational" ] || read -r spins <"$device/queue/rotational"
  printf '%s %s\n' "${device##*/}" "$spins"
}

# card INDEX ADDRESS: the interface that holds an address or a name's first address, and its speed where it is real.
card() {
  command -v ip >/dev/null || return 0
  index=$1 address=$2
  case $address in
    *:*) ;;
    *[!0-9.]*)
      address=$(getent ahosts "$address" 2>/dev/null | head -n 1)
      address=${address%% *}
      ;;
  esac
  [ -n "$address" ] || return 0
  # shellcheck disable=SC2046 # Numbers and names of the kernel's.
  set -- $(ip -o addr show to "$address" 2>/dev/null | head -n 1)
  [ -n "$2" ] || return 0
  name=$2 looks=4
  set -- "/sys/class/net/$name"
  # A VLAN or a bridge is as fast as the card below it.
  while [ "$looks" -gt 0 ] && [ ! -e "$1/device" ] && [ ! -d "$1/bonding" ]; do
    looks=$((looks - 1))
    set -- "$1"/lower_*
    [ -e "$1" ] || break
  done
  speed=
  if [ -e "$1/device" ] || [ -d "$1/bonding" ]; then speed=$(cat "$1/speed" 2>/dev/null); fi
  frame card "$index"
  printf '%s %s\n' "$name" "$speed"
}

# What bash runs to connect to ADDRESS PORT: of all that a host is sure to have, bash alone opens sockets. A closed port answers with a reset.
# A firewall's ICMP error reads the same, but is counted by the kernel; others' errors are counted too, so it is tried again.
DIAL='
unreachables() {
  local at name value names=() words
  count=0
  while read -ra words; do
    [[ ${words[0]} = Icmp: ]] || continue
    for at in "${!names[@]}"; do [[ ${names[at]} != InDestUnreachs ]] || count=${words[at]}; done
    names=("${words[@]}")
  done </proc/net/snmp
  [[ ! -r /proc/net/snmp6 ]] || while read -r name value; do
    [[ $name != Icmp6InDestUnreachs ]] || count=$((count + value))
  done </proc/net/snmp6
}
for try in 1 2 3; do
  unreachables
  before=$count
  said=$(exec 2>&1 3<"/dev/tcp/$1/$2") && exit 0
  [[ $said = *"Connection refused"* ]] || { printf "%s" "$said"; exit 1; }
  unreachables
  [[ $count != "$before" ]] || exit 3
  printf "icmp "
done
exit 4
'

# connects LIMIT INDEX ADDRESS PORT...: one connection to each, all at once.
connects() {
  limit=$1
  shift
  if ! command -v bash >/dev/null || ! command -v timeout >/dev/null; then
    frame connects-none
    return 0
  fi
  while [ $# -gt 0 ]; do
    connect "$1" "$2" "$3" &
    shift 3
  done
  wait
}

# connect INDEX ADDRESS PORT: how it ended, and bash's words. One write: several of these run at once.
connect() {
  said=$(timeout "$limit" bash -c "$DIAL" dial "$2" "$3" 2>&1 </dev/null)
  printf '\n%s connect %s %s\n%s' "$N" "$1" "$?" "$said"
}

# api_server LIMIT MANIFEST UNIT: what says how it is started here. Only one flag of it is kept on the control host.
api_server() {
  if [ -f "$2" ] && [ -r "$2" ]; then
    frame api-manifest
    head -c "$1" -- "$2"
  elif [ -e "$2" ]; then
    frame api-unreadable
  else
    frame api-unit
    [ "$systemd" = 0 ] || systemctl show -p LoadState -p ExecStart -- "$3.service"
  fi
}

# measured RUN: what `measure-disk` of this run left in the host's state.
measured() {
  state
  [ -f "$S/runs/$1/fsync" ] && [ -r "$S/runs/$1/fsync" ] || return 0
  frame fsync
  head -c 65536 -- "$S/runs/$1/fsync"
}

listeners() {
  if command -v ss >/dev/null; then
    frame ss
    ss -Hltnp
  else
    frame proc-net
    grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6
  fi
}

units() {
  [ "$systemd" = 1 ] || return 0
  frame units
  systemctl show -p LoadState -p ActiveState -p MainPID -p NRestarts -p FragmentPath -p DropInPaths -- "$@"
  # What files say: systemd's own word may be from before its last reload.
  frame at-boot
  for unit; do printf '%s\n' "$(systemctl is-enabled -- "$unit" 2>/dev/null)"; done
}

# plain_process INDEX RUN_DIR UNIT
plain_process() {
  pid= start= running=0 there=0
  [ ! -d "$2" ] || there=1
  if [ -r "$2/$3.pid" ] && read -r pid start <"$2/$3.pid" && [ -n "$start" ] && alive "$pid" "$start"; then running=1; fi
  frame process "$1" "$there" "$running" "${pid:-0}"
}

# find_tool NAME DIR...: AT, the first of that name, and PRINT, which changes with its file.
find_tool() {
  tool=$1
  shift
  for dir; do
    at=$dir/$tool
    [ -f "$at" ] && [ -x "$at" ] && print=$(stat -L -c '%i %s %Y' -- "$at") && return
  done
  return 1
}

# tell_tool CAN VERSION: `f` and what it can do, or nothing where that is known. One write: several of these may run at once.
tell_tool() { printf '\n%s tool\n%s\n%s\n%s\n%s\n%s' "$N" "$tool" "$print" "$at" "$1" "$2"; }

# server_tool KNOWN DIR...: etcd. KNOWN: what was known of it the last time, as `INODE SIZE MTIME PATH`.
server_tool() {
  known=$1
  shift
  find_tool etcd "$@" || return
  if [ "$print $at" = "$known" ]; then tell_tool '' ''; else tell_tool f "$("$at" --version 2>/dev/null </dev/null)"; fi
}

# restore_tools KNOWN-ETCDUTL KNOWN-ETCDCTL ABLE DIR...: running one takes a while, so etcdctl is not asked where etcdutl restores, and only
# one that cannot bump revisions is asked for its version. ABLE: the etcdutl that is known restores.
restore_tools() {
  known_etcdutl=$1 known_etcdctl=$2 known_able=$3 able=
  shift 3
  for tool in etcdutl etcdctl; do
    find_tool "$tool" "$@" || continue
    eval "known=\$known_$tool"
    if [ "$print $at" = "$known" ]; then
      [ "$tool" != etcdutl ] || able=$known_able
      tell_tool '' ''
      continue
    fi
    can=f version=
    if [ -n "$able" ]; then
      # Nothing was learnt that could be remembered: no file has this print.
      print=unasked
    else
      usage=$(ETCDCTL_API=3 "$at" snapshot restore --help 2>&1 </dev/null)
      case $usage in *--initial-cluster-token*) can=${can}r able=1 ;; esac
      case $usage in *--bump-revision*--mark-compacted*) can=${can}b ;; *) version=$(ETCDCTL_API=3 "$at" version 2>/dev/null </dev/null) ;; esac
    fi
    tell_tool "$can" "$version"
  done
}

users() {
  frame users
  for user; do id -u -- "$user" >/dev/null 2>&1 && printf '%s\0' "$user"; done
}

# certificate INDEX PATH: public parts only, whatever else is in the file.
certificate() {
  if [ -f "$2" ] && [ -r "$2" ]; then
    frame certificate "$1"
    sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p' -- "$2" | head -c 262144
  fi
}

# data_dir INDEX PATH
data_dir() {
  if [ -d "$2" ]; then
    frame used "$1" "$(used=$(du -sxD -B1 -- "$2" 2>/dev/null) && printf '%s' "${used%%	*}")"
    member=0 bare=1
    [ ! -d "$2/member" ] || member=1
    for entry in "$2"/* "$2"/.[!.]* "$2"/..?*; do
      [ -e "$entry" ] || [ -L "$entry" ] || continue
      case ${entry##*/} in .runbook-* | lost+found) ;; *) bare=0 ;; esac
    done
    frame data-dir "$1" "$member" "$bare"
    stat -L -c %U -- "$2"
    readlink -f -- "$2"
  fi
  if [ -f "$2.runbook.json" ] && [ -r "$2.runbook.json" ]; then
    frame origin "$1"
    head -c 65536 -- "$2.runbook.json"
  fi
  index=$1 path=$2
  set --
  for entry in "$path".* "$path"/.runbook-aside-*; do
    case ${entry##*/} in *.runbook-new | *.part | *.trial-*) continue ;; esac
    if [ -d "$entry" ] && [ ! -L "$entry" ]; then set -- "$@" "$entry"; fi
  done
  if [ $# -gt 0 ]; then
    frame aside "$index"
    stat --printf='%Y %n\0' -- "$@"
  fi
}

# Every etcd that runs here: what its words and its environment say of its data dir, and its working directory.
etcds() {
  for comm in /proc/[0-9]*/comm; do
    read -r name <"$comm" 2>/dev/null || continue
    [ "$name" = etcd ] || continue
    dir=${comm%/comm}
    # One in a container sees another file system: the same path there is not this host's data dir.
    links=$(readlink /proc/self/ns/mnt "$dir/ns/mnt" "$dir/cwd" 2>/dev/null)
    mine=${links%%"$NL"*} theirs=${links#*"$NL"} cwd=
    case $theirs in *"$NL"*) cwd=${theirs#*"$NL"} theirs=${theirs%%"$NL"*} ;; esac
    # Another user's links cannot be read.
    case $theirs in "$mine") ;; mnt:*) continue ;; esac
    # Only the words that tell the data dir: the rest may hold secrets. One that ended meanwhile has none.
    words=$(tr '\0\n' '\n ' 2>/dev/null <"$dir/cmdline" | head -c 65536)
    # One that only tells its version (another probe asks for it) holds no data.
    case $NL$words$NL in "$NL$NL" | *"$NL--version$NL"*) continue ;; esac
    flag=
    case $NL$words in *"$NL--data-dir"* | *"$NL-data-dir"*) flag=$(printf '%s\n' "$words" | grep -A1 -e '^--\{0,1\}data-dir' | head -n 2) ;; esac
    set_to=$(tr '\0\n' '\n ' 2>/dev/null <"$dir/environ" | sed -n 's/^ETCD_DATA_DIR=//p')
    # And those of its settings that are compared with its environment file.
    started=$(tr '\0\n' '\n ' 2>/dev/null <"$dir/environ" | sed -n -e '/^ETCD_LISTEN_PEER_URLS=/p' -e '/^ETCD_PEER_CERT_FILE=/p' \
      -e '/^ETCD_PEER_CLIENT_CERT_AUTH=/p' -e '/^ETCD_PEER_KEY_FILE=/p' -e '/^ETCD_PEER_TRUSTED_CA_FILE=/p' \
      -e '/^ETCD_QUOTA_BACKEND_BYTES=/p')
    frame etcd "${dir#/proc/}"
    printf '%s\n=\n%s\n=\n%s\n=\n%s\n' "$flag" "$set_to" "$cwd" "$started"
  done
}

packages() {
  command -v dpkg-query >/dev/null || return 0
  frame packages
  dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' -- "$@" 2>/dev/null
}

held_lock() {
  state
  if [ -f "$S/lock" ] && [ -r "$S/lock" ]; then
    frame lock
    head -c 65536 -- "$S/lock"
  fi
}
