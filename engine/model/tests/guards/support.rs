//! A healthy world, and what may happen to it.

use std::collections::BTreeMap;

use runbook_model::cluster::{HashKv, Member, MemberProbe, MemberStatus, SilentCause};
use runbook_model::facts::{
    DataDirFacts, DataDirOrigin, DiskFacts, EtcdProcess, HostError, HostFacts, Listener,
    ServiceFacts, Tool,
};
use runbook_model::guard::{Guard, Verdict, evaluate};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::view::{SnapshotFacts, View};

pub const CLUSTER: u64 = 0xc1;
pub const DATA: &str = "/var/lib/etcd";

pub fn host(n: usize) -> HostName {
    HostName::new(format!("etcd{n}"))
}

pub fn spec(n: usize) -> MemberSpec {
    serde_json::from_value(serde_json::json!({
        "host": host(n), "name": format!("etcd{n}"), "cluster": "etcd", "address": format!("198.18.0.1{n}"),
        "scheme": "https", "client_port": 2379, "peer_port": 2380, "data_dir": DATA, "pki_dir": "/etc/etcd/pki",
        "config": "/etc/etcd/etcd.conf", "unit": "etcd", "manager": "systemd", "bin_dir": null, "user": "etcd",
        "install": { "from": "present" }, "quota_bytes": null, "extra": [], "control_pki_dir": "pki"
    }))
    .unwrap()
}

/// A healthy cluster of `n` on `n` reached hosts; member 1 leads.
pub fn world(n: usize) -> View {
    let listed: Vec<Member> = (1..=n)
        .map(|i| Member {
            id: i as u64,
            name: format!("etcd{i}"),
            peer_urls: vec![format!("https://198.18.0.1{i}:2380")],
            client_urls: vec![],
            is_learner: false,
        })
        .collect();
    let mut view = View {
        now: 1_000_000,
        ..View::default()
    };
    for i in 1..=n {
        let status = MemberStatus {
            cluster_id: CLUSTER,
            member_id: i as u64,
            version: "3.5.16".into(),
            leader: 1,
            revision: 10,
            members: Some(listed.clone()),
            hash: Some(HashKv {
                hash: 7,
                revision: 10,
                compact_revision: -1,
            }),
            certificate_not_after: Some(1_000_000 + 90 * 86_400),
            ..MemberStatus::default()
        };
        view.cluster
            .members
            .insert(host(i), MemberProbe::Serving(Box::new(status)));
        view.hosts.insert(host(i), Ok(running(i)));
        view.specs.insert(host(i), spec(i));
    }
    view.snapshots.insert("s.db".into(), snapshot());
    view
}

pub fn snapshot() -> SnapshotFacts {
    SnapshotFacts {
        size: 20_512,
        sha256: "ab".repeat(32),
        revision: 9,
        has_hash: true,
        ..SnapshotFacts::default()
    }
}

pub fn running(i: usize) -> HostFacts {
    let listener = Some(Listener {
        command: "etcd".into(),
        pid: 100,
    });
    HostFacts {
        user: "root".into(),
        services: BTreeMap::from([(
            "etcd".into(),
            ServiceFacts {
                exists: true,
                active: "active".into(),
                pid: 100,
                ..ServiceFacts::default()
            },
        )]),
        ports: BTreeMap::from([(2379, listener.clone()), (2380, listener)]),
        disks: BTreeMap::from([(
            DATA.into(),
            DiskFacts {
                available: 1 << 30,
                total: 1 << 31,
                mount: "/".into(),
            },
        )]),
        data_dirs: BTreeMap::from([(
            DATA.into(),
            DataDirFacts {
                exists: true,
                has_member: true,
                bytes: 9,
                origin: Some(DataDirOrigin {
                    run: "r1".into(),
                    snapshot_sha256: "ab".repeat(32),
                    token: "t".into(),
                    cluster_id: format!("{CLUSTER:x}"),
                    revision: 9,
                }),
                ..DataDirFacts::default()
            },
        )]),
        etcd_processes: vec![EtcdProcess {
            pid: 100,
            data_dir: Some(DATA.into()),
            settings: BTreeMap::new(),
        }],
        tools: vec![tool("etcd"), tool("etcdctl")],
        clock_offset_ms: 10 * i64::try_from(i).unwrap(),
        ..HostFacts::default()
    }
}

pub fn tool(name: &str) -> Tool {
    Tool {
        name: name.into(),
        path: format!("/usr/bin/{name}"),
        version: "3.5.16".into(),
        restore_bump: true,
        can_restore: name == "etcdctl",
    }
}

/// The host is reached; etcd is stopped and its data is there.
pub fn stop(view: &mut View, n: usize) {
    let facts = facts(view, n);
    facts.services.get_mut("etcd").unwrap().active = "inactive".into();
    facts
        .ports
        .values_mut()
        .for_each(|listener| *listener = None);
    facts.etcd_processes.clear();
    silence(view, n, SilentCause::Refused);
}

pub fn wipe(view: &mut View, n: usize) {
    stop(view, n);
    facts(view, n)
        .data_dirs
        .insert(DATA.into(), DataDirFacts::default());
}

pub fn silence(view: &mut View, n: usize, cause: SilentCause) {
    view.cluster.members.insert(
        host(n),
        MemberProbe::Silent {
            cause,
            detail: "gone".into(),
        },
    );
}

/// The host itself is out of reach, and its member with it.
pub fn cut(view: &mut View, n: usize) {
    let detail = "no route to host".to_owned();
    view.hosts.insert(
        host(n),
        Err(HostError::Unreachable {
            host: host(n),
            detail,
        }),
    );
    silence(view, n, SilentCause::HostUnreachable);
}

pub fn facts(view: &mut View, n: usize) -> &mut HostFacts {
    view.hosts.get_mut(&host(n)).unwrap().as_mut().unwrap()
}

pub fn status(view: &mut View, n: usize) -> &mut MemberStatus {
    match view.cluster.members.get_mut(&host(n)).unwrap() {
        MemberProbe::Serving(status) => status,
        MemberProbe::Silent { .. } => panic!("member {n} is silent"),
    }
}

pub fn all(n: usize) -> Vec<HostName> {
    (1..=n).map(host).collect()
}

/// The verdict's word and text.
pub fn said(guard: &Guard, view: &View) -> (&'static str, String) {
    let verdict = evaluate(guard, view);
    let word = match verdict {
        Verdict::Holds { .. } => "holds",
        Verdict::Violated { .. } => "violated",
        Verdict::Unknown { .. } => "unknown",
    };
    (word, verdict.text().to_owned())
}

/// Checks the word, and that the text names what it is about.
#[track_caller]
pub fn expect(guard: &Guard, view: &View, word: &str, text: &str) {
    let (got, why) = said(guard, view);
    assert_eq!(got, word, "{why}");
    assert!(why.contains(text), "`{why}` does not say `{text}`");
}

pub fn after(n: usize, change: impl FnOnce(&mut View)) -> View {
    let mut view = world(n);
    change(&mut view);
    view
}

pub fn three(change: impl FnOnce(&mut View)) -> View {
    after(3, change)
}

pub fn all_down(view: &mut View) {
    (1..=3).for_each(|n| stop(view, n));
}
