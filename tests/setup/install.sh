#!/usr/bin/env bash
# Installs what this project needs on a Debian 12 machine that has Rust, gcc, python3, node and git.
#
#   tests/setup/install.sh build   the compiler of protocol buffers that etcd-client's build needs
#   tests/setup/install.sh demo    build, and the etcd that ./demo runs as local processes
#   tests/setup/install.sh test    demo, cargo-nextest, and the Prometheus that checks what `runbook monitor` writes
#   tests/setup/install.sh lab     what tests/lab needs to boot hosts, and the ssh that reaches them
#   tests/setup/install.sh pages  the browser that tests/pages looks at HTML pages with
#   tests/setup/install.sh bench   lab, and the peers of the benchmarks (Ansible in its own venv)
#   tests/setup/install.sh all     all of these
#
# Several may be named. Installs only what is missing, so a second run takes well under a second and needs neither
# root nor the network. Services that come with a package (etcd, ssh, prometheus) are neither started nor enabled by this script;
# services that were there before are left as they were.
set -euo pipefail

readonly NEXTEST_VERSION=0.9.143
readonly ANSIBLE_CORE_VERSION=2.19.4
readonly BENCH_VENV=${RUNBOOK_BENCH_VENV:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/runbook-bench/venv}

usage() {
  sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"
}

say() { printf 'install: %s\n' "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

# --- as root -------------------------------------------------------------------------------------------------------

# Runs a command as root: directly, or through sudo (which may ask for a password on a terminal).
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo -- "$@"
  fi
}

# Fails with the list of missing packages where there is no way to become root.
require_root_for() {
  [ "$(id -u)" = 0 ] && return
  command -v sudo >/dev/null || fail "missing packages: $*; run this as root (there is no sudo): apt-get install $*"
  sudo -n true 2>/dev/null || [ -t 0 ] ||
    fail "missing packages: $*; sudo wants a password and there is no terminal to ask on; run as root: apt-get install $*"
}

# --- Debian packages -----------------------------------------------------------------------------------------------

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The names among the arguments that are not installed, one a line.
missing_of() {
  local package
  for package in "$@"; do
    is_installed "$package" || printf '%s\n' "$package"
  done
}

readonly POLICY=/usr/sbin/policy-rc.d
policy_is_ours=no

remove_policy() {
  [ "$policy_is_ours" = no ] || as_root rm -f "$POLICY"
  policy_is_ours=no
}

# Debian starts a daemon as soon as its package is configured. A lone etcd on port 2379 would stand in the way of the
# demo, and a test dependency must not open port 22: forbid starts while our packages are being configured.
forbid_service_starts() {
  [ -e "$POLICY" ] && return
  policy_is_ours=yes
  trap remove_policy EXIT
  printf '#!/bin/sh\n# tests/setup/install.sh put this here and removes it at its end\nexit 101\n' |
    as_root sh -c "cat >$POLICY && chmod 755 $POLICY"
}

# Keeps a service whose package has just been installed from coming up at the next boot.
disable_service() {
  command -v systemctl >/dev/null || return 0
  as_root systemctl disable --quiet "$1" 2>/dev/null || say "$1 could not be disabled; it may start at the next boot"
  [ ! -d /run/systemd/system ] || as_root systemctl stop "$1" || say "$1 could not be stopped"
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
    apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_of "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    fail "this is not a Debian machine (no apt-get); install by hand what gives these Debian packages: ${missing[*]}"
  require_root_for "${missing[@]}"
  say "installing ${missing[*]}"
  # A third party's source that cannot be reached must not keep Debian's packages away: judge by the installation.
  apt_get update >&2 || say "apt-get update failed; going on with the package lists that are there"
  forbid_service_starts
  apt_get install -y --no-install-recommends "${missing[@]}" >&2
  remove_policy
  local package
  for package in "${missing[@]}"; do
    case $package in
    etcd-server) disable_service etcd.service ;;
    openssh-server) disable_service ssh.service ;;
    prometheus) disable_service prometheus.service ;;
    esac
  done
}

# --- other tools ---------------------------------------------------------------------------------------------------

install_nextest() {
  cargo nextest --version >/dev/null 2>&1 && return
  command -v cargo >/dev/null || fail "cargo is missing: install Rust first (https://rustup.rs)"
  say "installing cargo-nextest $NEXTEST_VERSION from crates.io (takes some minutes)"
  cargo install --locked --version "$NEXTEST_VERSION" cargo-nextest >&2
}

install_ansible() {
  "$BENCH_VENV/bin/ansible-playbook" --version >/dev/null 2>&1 && return
  say "installing ansible-core $ANSIBLE_CORE_VERSION into $BENCH_VENV"
  rm -rf "$BENCH_VENV"
  python3 -m venv "$BENCH_VENV" >&2
  "$BENCH_VENV/bin/pip" install --quiet --disable-pip-version-check "ansible-core==$ANSIBLE_CORE_VERSION" >&2
}

# --- what each part needs ------------------------------------------------------------------------------------------

need_build() { install_packages protobuf-compiler libprotobuf-dev; }

need_demo() { install_packages protobuf-compiler libprotobuf-dev etcd-server etcd-client; }

need_test() {
  need_demo
  install_packages prometheus
  install_nextest
}

need_lab() {
  install_packages systemd-container mmdebstrap debian-archive-keyring iproute2 nftables util-linux procps \
    openssh-client openssh-server
  # etcd 3.5.1 comes from PyPI. A python3 that is not Debian's brings its own pip.
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
}

need_pages() { install_packages chromium; }

need_bench() {
  need_lab
  install_packages rsync
  python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
  install_ansible
}

main() {
  [ $# -gt 0 ] || {
    usage >&2
    exit 64
  }
  local part
  for part in "$@"; do
    case $part in
    build) need_build ;;
    demo) need_demo ;;
    test) need_test ;;
    lab) need_lab ;;
    pages) need_pages ;;
    bench) need_bench ;;
    all)
      need_test
      need_pages
      need_bench
      ;;
    -h | --help | help) usage ;;
    *)
      say "unknown part \`$part\`"
      usage >&2
      exit 64
      ;;
    esac
  done
}

main "$@"
