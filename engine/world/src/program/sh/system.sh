user() {
  ! id -u -- "$1" >/dev/null 2>&1 || return 0
  must useradd --system --user-group --home-dir "$2" --no-create-home --shell /usr/sbin/nologin -- "$1"
  changed
}

# What systemd has read and finds changed it calls stale; a unit file that this run made it has not read at all.
daemon_reload() {
  case $(systemctl show --property=NeedDaemonReload '*' 2>/dev/null) in *=yes*) changed ;; esac
  ! grep -qs '/systemd/system/[^/]*$' "$S/runs/$RUN/made-files" || changed
  must systemctl daemon-reload
}

# is_installed NAME VERSION: the package is there, in that version if one is named.
is_installed() {
  found=$(dpkg-query -W -f '${db:Status-Status} ${Version}' -- "$1" 2>/dev/null) || return 1
  case $found in "installed ${2:-${found#installed }}") return 0 ;; esac
  return 1
}

# install_packages NAME VERSION NAME VERSION ...: their services are neither started nor enabled.
install_packages() {
  command -v apt-get >/dev/null || fail 'this host has no apt-get: install etcd there by other means'
  wanted=$#
  while [ "$wanted" -gt 0 ]; do
    name=$1 version=$2
    shift 2
    wanted=$((wanted - 2))
    if ! is_installed "$name" "$version"; then set -- "$@" "$name${version:+=$version}"; fi
  done
  [ $# -gt 0 ] || return 0
  forbid_starts
  if ! apt "$@"; then
    bounded apt-get -q -o DPkg::Lock::Timeout=120 update
    apt "$@" || { allow_starts; fail 'the packages cannot be installed' "$BOUNDED"; }
  fi
  allow_starts
  changed
  [ -d /run/systemd/system ] || return 0
  for package do
    dpkg-query -L "${package%%=*}" | sed -n 's|^.*/systemd/system/\([^/@]*\.service\)$|\1|p' | while IFS= read -r unit; do
      systemctl --quiet disable -- "$unit" 2>/dev/null
    done
  done
  return 0
}

apt() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 bounded apt-get -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef install -- "$@"
}

# Debian asks this file before a package may start its service. Ours forbids only while this shell lives, should it be left behind.
forbid_starts() {
  policy=/usr/sbin/policy-rc.d
  start_of $$
  if [ ! -e "$policy" ] || grep -q '^# runbook:' "$policy"; then
    printf '#!/bin/sh\n# runbook: packages may not start services while process %s installs them\n%s\nexit 0\n' "$$" \
      "kill -0 $$ 2>/dev/null && exit 101" >"$policy" && chmod 755 "$policy" || fail "\`$policy\` cannot be written"
  else
    policy=
  fi
}

allow_starts() { [ -z "$policy" ] || rm -f "$policy"; }

# install_archive ARCHIVE SHA256 BIN_DIR
install_archive() {
  [ -f "$1" ] || fail "the archive \`$1\` is not there"
  [ "$(sha256 "$1")" = "$2" ] || fail "the archive \`$1\` does not have the SHA-256 $2"
  make_dir "$3"
  list=$(tar -tzf "$1") || fail "\`$1\` is not a readable .tar.gz" $?
  for name in etcd etcdctl etcdutl; do
    # At most one directory deep, as etcd's own releases are; the name is used as a whole and never as a path on this host.
    member=$(printf '%s\n' "$list" | grep -x -m 1 -e "$name" -e "[^/]*/$name") || {
      [ "$name" = etcdutl ] && continue
      fail "the archive holds no \`$name\`"
    }
    aside=$3/.runbook-$RUN.$name
    tar -xzOf "$1" -- "$member" >"$aside" || fail "\`$name\` cannot be taken out of the archive" $?
    if [ -f "$3/$name" ] && [ "$(sha256 "$3/$name")" = "$(sha256 "$aside")" ]; then
      rm -f -- "$aside"
    else
      must chmod 755 "$aside"
      must sync -- "$aside"
      must mv -fT -- "$aside" "$3/$name"
      changed
    fi
  done
}
