#!/usr/bin/env bash
# Puts a TLS cluster on fresh hosts of the lab, for the restore peers: same files and places as deploy.etcdrb.
#   deploy.sh SSH_CONFIG PKI HOST...           PKI is made: ca, client, and HOST/server, HOST/peer
set -euo pipefail
config=$1 pki=$2
shift 2
umask 077

address_of() { ssh -T -F "$config" -G "$1" | awk '$1 == "hostname" { print $2 }'; }

leaf() {
  local stem=$1 subject=$2 extensions=$3
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$stem.key" -subj "$subject" \
    -out "$stem.csr" 2>/dev/null
  openssl x509 -req -in "$stem.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 30 -out "$stem.crt" \
    -extfile <(printf '%s\n' "$extensions") 2>/dev/null
  rm "$stem.csr"
}

mkdir -p "$pki"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$pki/ca.key" -out "$pki/ca.crt" \
  -days 30 -subj "/CN=etcd CA" 2>/dev/null
leaf "$pki/client" /CN=root 'extendedKeyUsage=clientAuth'
members=''
for host in "$@"; do
  address=$(address_of "$host")
  members+=${members:+,}$host=https://$address:2380
  mkdir -p "$pki/$host"
  for use in server peer; do
    leaf "$pki/$host/$use" "/CN=$host" "extendedKeyUsage=serverAuth,clientAuth
subjectAltName=DNS:$host,DNS:localhost,IP:$address,IP:127.0.0.1"
  done
done

deploy() {
  local host=$1 address
  address=$(address_of "$host")
  tar -C "$pki" -cf - ca.crt client.crt client.key -C "$host" server.crt server.key peer.crt peer.key |
    ssh -T -F "$config" "$host" 'sudo -n sh -c "
      useradd --system --home-dir /var/lib/etcd --shell /usr/sbin/nologin etcd &&
      install -d -m 755 /etc/etcd && install -d -m 750 -o etcd -g etcd /etc/etcd/pki &&
      tar -C /etc/etcd/pki --no-same-owner -xf - && chown etcd:etcd /etc/etcd/pki/*"'
  # shellcheck disable=SC2087 # filled in here on purpose
  ssh -T -F "$config" "$host" sudo -n sh <<PROGRAM
cat >/etc/etcd/etcd.conf <<CONF
ETCD_NAME=$host
ETCD_DATA_DIR=/var/lib/etcd
ETCD_LISTEN_CLIENT_URLS=https://$address:2379,https://127.0.0.1:2379
ETCD_ADVERTISE_CLIENT_URLS=https://$address:2379
ETCD_LISTEN_PEER_URLS=https://$address:2380
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://$address:2380
ETCD_INITIAL_CLUSTER=$members
ETCD_INITIAL_CLUSTER_TOKEN=deployed
ETCD_INITIAL_CLUSTER_STATE=existing
ETCD_CLIENT_CERT_AUTH=true
ETCD_TRUSTED_CA_FILE=/etc/etcd/pki/ca.crt
ETCD_CERT_FILE=/etc/etcd/pki/server.crt
ETCD_KEY_FILE=/etc/etcd/pki/server.key
ETCD_PEER_CLIENT_CERT_AUTH=true
ETCD_PEER_TRUSTED_CA_FILE=/etc/etcd/pki/ca.crt
ETCD_PEER_CERT_FILE=/etc/etcd/pki/peer.crt
ETCD_PEER_KEY_FILE=/etc/etcd/pki/peer.key
CONF
cat >/etc/systemd/system/etcd.service <<UNIT
[Unit]
Description=etcd key-value store
[Service]
Type=notify
User=etcd
EnvironmentFile=/etc/etcd/etcd.conf
ExecStart=/usr/local/bin/etcd
Restart=always
RestartSec=5s
LimitNOFILE=65536
TimeoutStartSec=0
[Install]
WantedBy=multi-user.target
UNIT
install -d -m 700 -o etcd -g etcd /var/lib/etcd
systemctl daemon-reload
# etcd ignores a state of the environment file once it has data: this one start may say new.
sed s/existing/new/ -i /etc/etcd/etcd.conf
systemctl -q enable --now etcd
sed s/^ETCD_INITIAL_CLUSTER_STATE=.*/ETCD_INITIAL_CLUSTER_STATE=existing/ -i /etc/etcd/etcd.conf
PROGRAM
}

running=()
for host in "$@"; do
  deploy "$host" &
  running+=($!)
done
for job in "${running[@]}"; do wait "$job"; done
