"""The cluster that the restore rows work on: made once, changed before and looked at after every restore."""

import subprocess

from hosts import machine
from sampling import Failed

ETCDCTL = ("ETCDCTL_API=3 etcdctl --endpoints $(sed -n 's/^ETCD_ADVERTISE_CLIENT_URLS=//p' /etc/etcd/etcd.conf) "
           "--cacert /etc/etcd/pki/ca.crt --cert /etc/etcd/pki/peer.crt --key /etc/etcd/pki/peer.key")


class Restoring:
    """Three members over TLS; a marker key says on which side of the snapshot the cluster stands."""

    def __init__(self, bench, lab):
        self.bench = bench
        self.hosts = lab.hosts()
        self.count = 0

    def inside(self, host, script):
        done = subprocess.run(machine.inside(host, ["sh", "-ec", script]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        if done.returncode != 0:
            raise Failed(f"{host.name}: {done.stdout.strip()[-300:]}")
        return done.stdout

    def deploy(self):
        """A fresh cluster with the data asked for, whatever was there."""
        for host in self.hosts:
            self.inside(host, "systemctl stop etcd 2>/dev/null || true; userdel etcd 2>/dev/null || true; "
                              "rm -rf /var/lib/etcd /var/lib/etcd.* /etc/etcd /var/tmp/*")
        subprocess.run([self.bench.places["peers"] / "deploy.sh", self.bench.places["ssh_config"], self.bench.work / "pki",
                        *(host.name for host in self.hosts)], check=True, stdout=subprocess.DEVNULL)
        options = self.bench.options
        # One connection for all keys: a transaction each would take minutes.
        self.inside(self.hosts[0], f"""
            for n in $(seq {options.keys}); do printf 'put key-%s %0100d\\n' $n 0; done >/root/puts
            split -l 100 /root/puts /root/puts.
            for part in /root/puts.*; do
              {{ echo; cat $part; echo; echo; }} | {ETCDCTL} txn >/dev/null
            done
            for n in $(seq {options.values}); do
              head -c 700000 /dev/urandom | base64 -w0 | {ETCDCTL} put value-$n >/dev/null
            done""")

    def make_ready(self):
        """Healthy, a fresh snapshot here, and a change after it. Returns the snapshot's path."""
        self.count += 1
        first = self.hosts[0]
        for host in self.hosts:
            self.inside(host, "rm -rf /var/lib/etcd.*")
        self.inside(first, f"""
            {ETCDCTL} put marker before-{self.count} && rm -f /var/tmp/bench.db
            {ETCDCTL} snapshot save /var/tmp/bench.db && {ETCDCTL} put marker after""")
        path = self.bench.work / "snapshot.db"
        path.write_bytes((first.root / "var/tmp/bench.db").read_bytes())
        return path

    def check(self):
        """Three healthy members, one cluster, the marker as it was in the snapshot on each of them."""
        for host in self.hosts:
            marker = self.inside(host, f"{ETCDCTL} get marker --print-value-only").strip()
            if marker != f"before-{self.count}":
                raise Failed(f"{host.name}: marker is `{marker}`")
        healthy = self.inside(self.hosts[0], f"{ETCDCTL} endpoint health --cluster 2>&1").count("is healthy")
        if healthy != len(self.hosts):
            raise Failed(f"{healthy} members are healthy")
