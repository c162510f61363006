#!/usr/bin/env bash
# The bar for restore: what a careful engineer would write by hand for this one job. Hosts in parallel, multiplexed ssh,
# followers stopped first and the leader last, since a leader told to stop beside stopping followers waits 7 s.
#   restore.sh SSH_CONFIG SNAPSHOT HOST...     members as peers/deploy.sh or deploy.etcdrb put them there
set -euo pipefail
config=$1 snapshot=$2
shift 2
hosts=("$@")
stamp=$(date +%s%N)
token=restored-$stamp
digest=$(sha256sum "$snapshot")
digest=${digest%% *}
leader_file=$(mktemp)
trap 'rm -f "$leader_file"' EXIT

# on HOST: the program on standard input, as root.
on() { ssh -T -F "$config" "$1" sudo -n sh; }

# everywhere FUNCTION HOST...: all at once; fails when one fails.
everywhere() {
  local function=$1 host running=() job failed=0
  shift
  for host in "$@"; do
    "$function" "$host" &
    running+=($!)
  done
  for job in "${running[@]}"; do wait "$job" || failed=1; done
  return $failed
}

ask_leader() {
  on "${hosts[0]}" <<'PROGRAM' >"$leader_file"
set -eu
export ETCDCTL_API=3
etcdctl --endpoints "$(sed -n 's/^ETCD_ADVERTISE_CLIENT_URLS=//p' /etc/etcd/etcd.conf)" --cacert /etc/etcd/pki/ca.crt \
  --cert /etc/etcd/pki/peer.crt --key /etc/etcd/pki/peer.key endpoint status --cluster -w fields |
  awk '/"MemberID"/ { id = $3 } /"Leader"/ { leader = $3 } /"Endpoint"/ { endpoint = $3 }
       id != "" && leader != "" && endpoint != "" { if (id == leader) print endpoint; id = leader = endpoint = "" }' | tr -d '"'
PROGRAM
}

push() {
  [ "$1" != "${hosts[0]}" ] || ask_leader
  [ "$(ssh -F "$config" "$1" "sudo -n sh -c 'umask 077; tee /var/tmp/restore.db | sha256sum'" <"$snapshot")" = "$digest  -" ]
}

stop() { on "$1" <<<'systemctl stop etcd'; }

# --no-block, then wait for ready: all members need each other to become so, and all are started within this step.
rebuild() {
  on "$1" <<PROGRAM
set -eu
export ETCDCTL_API=3
! systemctl -q is-active etcd
mv /var/lib/etcd /var/lib/etcd.before-$stamp
. /etc/etcd/etcd.conf
if command -v etcdutl >/dev/null; then
  set -- etcdutl snapshot restore /var/tmp/restore.db --bump-revision 1000000000 --mark-compacted
else
  set -- etcdctl snapshot restore /var/tmp/restore.db
fi
"\$@" --name "\$ETCD_NAME" --initial-cluster "\$ETCD_INITIAL_CLUSTER" --initial-cluster-token "$token" \
  --initial-advertise-peer-urls "\$ETCD_INITIAL_ADVERTISE_PEER_URLS" --data-dir /var/lib/etcd >/dev/null 2>&1
chown -R etcd:etcd /var/lib/etcd
sed -i "s/^ETCD_INITIAL_CLUSTER_TOKEN=.*/ETCD_INITIAL_CLUSTER_TOKEN=$token/" /etc/etcd/etcd.conf
systemctl start etcd
etcdctl --endpoints "\$ETCD_ADVERTISE_CLIENT_URLS" --cacert /etc/etcd/pki/ca.crt --cert /etc/etcd/pki/peer.crt \
  --key /etc/etcd/pki/peer.key endpoint health >/dev/null 2>&1
rm /var/tmp/restore.db
PROGRAM
}

everywhere push "${hosts[@]}"
leader_address=$(sed 's|^https\?://||; s|:[0-9]*$||' "$leader_file")
followers=()
leader=''
for host in "${hosts[@]}"; do
  if [ "$(ssh -T -F "$config" -G "$host" | awk '$1 == "hostname" { print $2 }')" = "$leader_address" ]; then
    leader=$host
  else
    followers+=("$host")
  fi
done
[ -n "$leader" ] || { echo "no leader among ${hosts[*]}" >&2; exit 1; }
everywhere stop "${followers[@]}"
stop "$leader"
everywhere rebuild "${hosts[@]}"
