//! Views to start cases from; a case patches what it is about.

use std::collections::BTreeMap;

use runbook_model::cluster::{Alarm, Member, MemberProbe, MemberStatus, SilentCause};
use runbook_model::facts::{
    Connect, DataDirFacts, DiskFacts, EtcdProcess, EtcdServers, HostError, HostFacts, Listener,
    ProbeRequest, ServiceFacts, Tool,
};
use runbook_model::host::{HostName, MemberSpec, ServiceManager};
use runbook_model::view::{Needs, SnapshotFacts, View};
use runbook_snapshot::ids;

/// 2023-11-14, far from anything.
pub const NOW: i64 = 1_700_000_000;

const TOKEN: &str = "etcd-first";

/// Hosts with a bare Debian and etcd's packages, nothing configured.
pub fn bare(needs: &Needs) -> View {
    let mut view = View {
        now: NOW,
        specs: needs.members.clone(),
        ..View::default()
    };
    for (host, request) in &needs.hosts {
        let mut facts = HostFacts {
            hostname: host.to_string(),
            os: "debian 12".to_owned(),
            user: "root".to_owned(),
            has_systemd: true,
            tools: ["etcd", "etcdctl", "etcdutl"].map(tool).to_vec(),
            ..HostFacts::default()
        };
        // As the world does: everything that was asked comes back under its key.
        for file in &request.files {
            facts.files.insert(file.path.clone(), Default::default());
        }
        for dir in &request.dirs {
            facts.dirs.insert(dir.clone(), Default::default());
        }
        for dir in ["/etc/systemd/system", "/var/tmp", "/etc"] {
            if let Some(dir) = facts.dirs.get_mut(dir) {
                dir.exists = true;
                dir.mode = 0o755;
                "root".clone_into(&mut dir.owner);
            }
        }
        for disk in &request.disks {
            let free = DiskFacts {
                available: 20 << 30,
                total: 40 << 30,
                mount: "/".to_owned(),
            };
            facts.disks.insert(disk.clone(), free);
        }
        facts.ports = request.ports.iter().map(|p| (*p, None)).collect();
        facts.users = request.users.iter().map(|u| (u.clone(), false)).collect();
        facts.packages = request.packages.iter().map(|p| (p.clone(), None)).collect();
        for service in &request.services {
            let idle = ServiceFacts {
                active: "inactive".to_owned(),
                ..ServiceFacts::default()
            };
            facts.services.insert(service.unit.clone(), idle);
            if service.unit == "kube-apiserver" {
                let up = ServiceFacts {
                    exists: true,
                    enabled: true,
                    active: "active".to_owned(),
                    pid: 77,
                    ..ServiceFacts::default()
                };
                facts.services.insert(service.unit.clone(), up);
            }
        }
        for dir in &request.data_dirs {
            facts.data_dirs.insert(dir.clone(), DataDirFacts::default());
        }
        network(&mut facts, request, needs);
        view.hosts.insert(host.clone(), Ok(facts));
    }
    for host in needs.members.keys() {
        view.cluster.members.insert(host.clone(), refused());
    }
    for path in needs.snapshots.keys() {
        view.snapshots.insert(path.clone(), snapshot());
    }
    view
}

/// Nobody listens yet and nothing is in the way; API servers name every member of the inventory.
fn network(facts: &mut HostFacts, request: &ProbeRequest, needs: &Needs) {
    let ends = request.endpoints.iter();
    facts.endpoints = ends.map(|e| (e.to_string(), Connect::Refused)).collect();
    let all = needs.members.values().map(MemberSpec::client_url);
    facts.api_server = request.api_server.as_ref().map(|manifest| EtcdServers {
        source: manifest.clone(),
        endpoints: Ok(all.collect()),
    });
}

fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        path: format!("/usr/bin/{name}"),
        version: "3.5.16".to_owned(),
        restore_bump: name == "etcdutl",
        can_restore: name != "etcd",
    }
}

fn refused() -> MemberProbe {
    MemberProbe::Silent {
        cause: SilentCause::Refused,
        detail: "connection refused".to_owned(),
    }
}

fn snapshot() -> SnapshotFacts {
    SnapshotFacts {
        size: 41 << 20,
        sha256: "ab".repeat(32),
        hash: 0x1234_abcd,
        revision: 900,
        total_keys: 120,
        live_keys: 100,
        has_hash: true,
        needs_version: Some("3.4".to_owned()),
        ..SnapshotFacts::default()
    }
}

/// A cluster that was formed long ago and lost its processes: data everywhere, nobody serves.
pub fn dead(needs: &Needs) -> View {
    let mut view = bare(needs);
    for spec in needs.members.values() {
        let Some(Ok(facts)) = view.hosts.get_mut(&spec.host) else {
            continue;
        };
        facts.users.insert(spec.user.clone(), true);
        let data = DataDirFacts {
            exists: true,
            has_member: true,
            bytes: 60 << 20,
            owner: spec.user.clone(),
            ..DataDirFacts::default()
        };
        facts.data_dirs.insert(spec.data_dir.clone(), data);
        if let Some(dir) = facts.dirs.get_mut(&spec.data_dir) {
            dir.exists = true;
            dir.mode = 0o700;
            dir.owner.clone_from(&spec.user);
        }
        for dir in ["/etc/etcd", &spec.pki_dir] {
            if let Some(dir) = facts.dirs.get_mut(dir) {
                dir.exists = true;
                dir.mode = 0o755;
                "root".clone_into(&mut dir.owner);
            }
        }
        let service = facts.services.entry(spec.unit.clone()).or_default();
        service.exists = true;
        service.enabled = spec.manager == ServiceManager::Systemd;
    }
    view
}

/// The same cluster, alive: three healthy members at revision 1000, the first leads.
pub fn live(needs: &Needs) -> View {
    let mut view = dead(needs);
    if needs.members.is_empty() {
        return view;
    }
    let initial = needs
        .members
        .values()
        .map(|m| format!("{}={}", m.name, m.peer_url()))
        .collect::<Vec<_>>()
        .join(",");
    let cluster_id = ids::cluster_id(TOKEN, &initial).unwrap();
    let id = |m: &MemberSpec| ids::member_id(&[m.peer_url()], TOKEN).unwrap();
    let members: Vec<Member> = needs
        .members
        .values()
        .map(|m| Member {
            id: id(m),
            name: m.name.clone(),
            peer_urls: vec![m.peer_url()],
            client_urls: vec![m.client_url()],
            is_learner: false,
        })
        .collect();
    for spec in needs.members.values() {
        let status = MemberStatus {
            cluster_id,
            member_id: id(spec),
            version: "3.5.16".to_owned(),
            leader: members[0].id,
            raft_term: 4,
            raft_index: 2000,
            raft_applied_index: 2000,
            db_size: 42 << 20,
            db_size_in_use: 40 << 20,
            revision: 1000,
            members: Some(members.clone()),
            ..MemberStatus::default()
        };
        let serving = MemberProbe::Serving(Box::new(status));
        view.cluster.members.insert(spec.host.clone(), serving);
        let Some(Ok(facts)) = view.hosts.get_mut(&spec.host) else {
            continue;
        };
        let service = facts.services.entry(spec.unit.clone()).or_default();
        "active".clone_into(&mut service.active);
        service.pid = 812;
        for port in [spec.client_port, spec.peer_port] {
            let listener = Listener {
                command: "etcd".to_owned(),
                pid: 812,
            };
            facts.ports.insert(port, Some(listener));
        }
        facts.etcd_processes = vec![EtcdProcess {
            pid: 812,
            data_dir: Some(spec.data_dir.clone()),
            settings: BTreeMap::new(),
        }];
    }
    view
}

/// A bare host that is no member.
pub fn unlist(view: &mut View, host: &str, needs: &Needs) {
    let host = HostName::new(host);
    let peer_url = needs.members[&host].peer_url();
    let mut untouched = bare(needs);
    view.hosts
        .insert(host.clone(), untouched.hosts.remove(&host).unwrap());
    view.cluster.members.insert(host, refused());
    for probe in view.cluster.members.values_mut() {
        if let MemberProbe::Serving(status) = probe {
            let list = status.members.iter_mut().flatten();
            let kept = list.filter(|m| !m.peer_urls.contains(&peer_url));
            status.members = Some(kept.map(|m| m.clone()).collect());
        }
    }
}

/// A NOSPACE alarm, which every member tells of.
pub fn alarm(view: &mut View, host: &str) {
    let Some(MemberProbe::Serving(own)) = view.cluster.members.get(&HostName::new(host)) else {
        panic!("`{host}` does not serve");
    };
    let alarm = Alarm {
        member_id: own.member_id,
        kind: "NOSPACE".to_owned(),
    };
    for probe in view.cluster.members.values_mut() {
        if let MemberProbe::Serving(status) = probe {
            status.alarms.push(alarm.clone());
        }
    }
}

/// A member that is listed under another URL, and tells clients one that goes with it.
pub fn relist(view: &mut View, name: &str, url: &str) {
    for probe in view.cluster.members.values_mut() {
        if let MemberProbe::Serving(status) = probe {
            let list = status.members.iter_mut().flatten();
            for member in list.filter(|m| m.name == name) {
                member.peer_urls = vec![url.to_owned()];
                member.client_urls = vec![url.replace(":2380", ":2379")];
            }
        }
    }
}

/// A host that does not answer.
pub fn lose(view: &mut View, host: &str) {
    let host = HostName::new(host);
    let error = HostError::Unreachable {
        host: host.clone(),
        detail: "No route to host".to_owned(),
    };
    view.hosts.insert(host.clone(), Err(error));
    let silent = MemberProbe::Silent {
        cause: SilentCause::HostUnreachable,
        detail: "the host is unreachable".to_owned(),
    };
    let members: &mut BTreeMap<_, _> = &mut view.cluster.members;
    if members.contains_key(&host) {
        members.insert(host, silent);
    }
}
