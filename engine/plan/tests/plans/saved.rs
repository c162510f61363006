//! Plans that are kept: what they depended on, what differs later, and that a file is believed only as it was saved.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::case::{Case, Memory, checked, inventory, run, shipped};
use crate::support::view;
use proptest::prelude::*;
use runbook_dsl::checked::CheckedRunbook;
use runbook_inventory::{Inventory, Overrides};
use runbook_model::cluster::{Alarm, MemberProbe, MemberStatus, SilentCause};
use runbook_model::facts::{DataDirOrigin, FileFacts, FileKind, HostFacts};
use runbook_model::host::{Connection, HostName};
use runbook_model::plan::Plan;
use runbook_model::saved::{Asked, Facts, SavedPlan};
use runbook_model::view::{Needs, View};
use runbook_plan::{
    Digest, PlanFileError, Request, diff, drift, facts, given, read_plan_file, write_plan_file,
};
use serde_json::{Value as Json, json};

/// Everything that decides a plan but the view.
struct Desk {
    checked: CheckedRunbook,
    inventory: Inventory,
    arguments: BTreeMap<String, Json>,
    files: Memory,
}

impl Desk {
    fn new(checked: CheckedRunbook, arguments: &[(&str, &str)]) -> Self {
        let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
        let of = |size| Digest {
            size,
            sha256: "5a".repeat(32),
        };
        Self {
            checked,
            inventory: inventory(&cases.join("three.inv")),
            arguments: arguments
                .iter()
                .map(|(k, v)| ((*k).to_owned(), Json::from(*v)))
                .collect(),
            files: Memory(BTreeMap::from([("/srv/tool".to_owned(), of(7))])),
        }
    }

    fn plan(&self, id: &str, observe: impl FnOnce(&Needs) -> View) -> (Facts, Plan) {
        let request = Request {
            checked: &self.checked,
            inventory: &self.inventory,
            connection: &Overrides::default(),
            arguments: &self.arguments,
            limit: None,
            overrides: &BTreeMap::new(),
            run: id,
            tool: "0.0.0",
            files: &self.files,
            now: view::NOW,
        };
        let (plan, view) = run(&request, observe).unwrap();
        (facts(&view, &plan, &self.connections(&view)), plan)
    }

    fn connections(&self, view: &View) -> BTreeMap<HostName, Connection> {
        let of = |host: &HostName| {
            let found = self.inventory.connection(host, &Overrides::default());
            (host.clone(), found.unwrap())
        };
        view.hosts.keys().map(of).collect()
    }

    /// What differs when the view does, as it is told.
    fn differs(&self, observe: fn(&Needs) -> View, change: impl FnOnce(&mut View)) -> String {
        let before = self.plan("r1", observe);
        let now = self.plan("r1", |needs| {
            let mut view = observe(needs);
            change(&mut view);
            view
        });
        let found = drift((&before.0, &before.1), (&now.0, &now.1));
        let lines = found.iter().map(|d| format!("  {}: {d}\n", d.at));
        lines.collect()
    }
}

fn saved((facts, plan): (Facts, Plan)) -> SavedPlan {
    SavedPlan {
        made_s: 1,
        expires_s: 2,
        operator: "ann@ops1".to_owned(),
        asked: Asked::default(),
        facts,
        plan,
    }
}

/// A formed cluster whose second host has a configuration.
fn formed(needs: &Needs) -> View {
    let mut view = view::live(needs);
    let config = FileFacts {
        kind: FileKind::File,
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        size: 3,
        sha256: Some("c0".repeat(32)),
        content: Some("ETCD_NAME=etcd2\n".to_owned()),
    };
    let files = &mut second(&mut view).files;
    files.insert("/etc/etcd/etcd.conf".to_owned(), config);
    for facts in view.hosts.values_mut().flatten() {
        "m1".clone_into(&mut facts.machine_id);
        "b1".clone_into(&mut facts.boot_id);
    }
    view
}

fn second(view: &mut View) -> &mut HostFacts {
    view.hosts
        .get_mut(&HostName::new("etcd2"))
        .unwrap()
        .as_mut()
        .unwrap()
}

fn status(view: &mut View) -> &mut MemberStatus {
    match view.cluster.members.get_mut(&HostName::new("etcd2")) {
        Some(MemberProbe::Serving(status)) => status,
        other => panic!("{other:?}"),
    }
}

/// For all members.
fn statuses(view: &mut View, change: impl Fn(&mut MemberStatus)) {
    for probe in view.cluster.members.values_mut() {
        if let MemberProbe::Serving(status) = probe {
            change(status);
        }
    }
}

fn leads(view: &mut View, host: &str) {
    let MemberProbe::Serving(leader) = &view.cluster.members[&HostName::new(host)] else {
        panic!("{host} serves");
    };
    let id = leader.member_id;
    statuses(view, |s| s.leader = id);
}

type Change = (&'static str, fn(&mut View));

const ON_HOSTS: [Change; 14] = [
    ("a file's content", |v| {
        let file = second(v).files.get_mut("/etc/etcd/etcd.conf").unwrap();
        file.sha256 = Some("d1".repeat(32));
    }),
    ("a file's mode and owner", |v| {
        let file = second(v).files.get_mut("/etc/etcd/etcd.conf").unwrap();
        file.mode = 0o600;
        "etcd".clone_into(&mut file.owner);
    }),
    ("a file that went away", |v| {
        let file = second(v).files.get_mut("/etc/etcd/etcd.conf").unwrap();
        *file = FileFacts::default();
    }),
    ("a directory's mode", |v| {
        second(v).dirs.get_mut("/etc/etcd").unwrap().mode = 0o700;
    }),
    ("a service's state", |v| {
        let service = second(v).services.get_mut("etcd").unwrap();
        "failed".clone_into(&mut service.active);
        service.enabled = false;
    }),
    ("a data dir", |v| {
        let data = second(v).data_dirs.get_mut("/var/lib/etcd").unwrap();
        data.has_member = false;
        data.origin = Some(DataDirOrigin {
            run: "r0".to_owned(),
            snapshot_sha256: "ab".repeat(32),
            token: "t".to_owned(),
            cluster_id: "cafe".to_owned(),
            revision: 7,
        });
    }),
    ("a tool's version", |v| {
        "3.5.17".clone_into(&mut second(v).tools[0].version);
    }),
    ("a tool that went away", |v| {
        second(v).tools.pop();
    }),
    ("a user", |v| {
        second(v).users.insert("etcd".to_owned(), false);
    }),
    ("a port", |v| {
        let port = second(v).ports.get_mut(&2379).unwrap();
        "nginx".clone_into(&mut port.as_mut().unwrap().command);
    }),
    ("another machine", |v| {
        "m2".clone_into(&mut second(v).machine_id);
    }),
    ("another boot", |v| {
        "b2".clone_into(&mut second(v).boot_id);
    }),
    ("the rights of the login", |v| {
        "ops".clone_into(&mut second(v).user);
    }),
    ("no room left, which a guard tells", |v| {
        for disk in second(v).disks.values_mut() {
            disk.available = 1;
        }
    }),
];

const IN_THE_CLUSTER: [Change; 6] = [
    ("another cluster", |v| {
        statuses(v, |s| s.cluster_id = 0xbeef)
    }),
    ("another member", |v| status(v).member_id = 0xfeed),
    ("the membership", |v| {
        statuses(v, |s| {
            if let Some(members) = &mut s.members {
                members[1].peer_urls = vec!["https://10.0.0.9:2380".to_owned()];
                let mut fourth = members[2].clone();
                fourth.id = 0xd00d;
                fourth.name = String::new();
                fourth.is_learner = true;
                members.push(fourth);
            }
        });
    }),
    ("a member's version", |v| {
        "3.5.17".clone_into(&mut status(v).version);
    }),
    ("an alarm", |v| {
        let member_id = status(v).member_id;
        status(v).alarms = vec![Alarm {
            member_id,
            kind: "NOSPACE".to_owned(),
        }];
    }),
    ("a silent member", |v| {
        let silent = MemberProbe::Silent {
            cause: SilentCause::Timeout,
            detail: "no answer within 5 s".to_owned(),
        };
        v.cluster.members.insert(HostName::new("etcd2"), silent);
    }),
];

#[test]
fn every_kind_of_drift_has_its_words() {
    let desk = Desk::new(shipped("deploy"), &[]);
    let mut out = String::new();
    for (name, change) in ON_HOSTS.iter().chain(&IN_THE_CLUSTER) {
        let told = desk.differs(formed, change);
        assert!(!told.is_empty(), "{name} is not seen");
        out += &format!("{name}\n{told}");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"));
    settings.bind(|| insta::assert_snapshot!("drift", out));
}

#[test]
fn snapshots_and_files_to_upload_are_told_as_this_machines() {
    let arguments = [("snapshot", "/srv/backup.db")];
    let desk = Desk::new(shipped("restore"), &arguments);
    let told = desk.differs(view::dead, |v| {
        for found in v.snapshots.values_mut() {
            found.sha256 = "cd".repeat(32);
        }
    });
    let first = told.lines().next().unwrap();
    let words = "  this machine: snapshot /srv/backup.db: sha256 abababababab.. -> cdcdcdcdcdcd..";
    assert_eq!(first, words, "{told}");

    let text = "runbook own {\n  about \"x\"\n  edition 1\n  target members = group(etcd)\n  step \"Send\" on members {\n    \
                upload \"/srv/tool\" to \"/srv/tool\"\n  }\n}\n";
    let mut desk = Desk::new(checked("own.etcdrb", text.to_owned()), &[]);
    let before = desk.plan("r1", view::bare);
    desk.files.0.get_mut("/srv/tool").unwrap().sha256 = "6b".repeat(32);
    let now = desk.plan("r1", view::bare);
    let told = drift((&before.0, &before.1), (&now.0, &now.1));
    let words = "file to upload /srv/tool: sha256 5a5a5a5a5a5a.. -> 6b6b6b6b6b6b..";
    assert_eq!(told[0].to_string(), words, "{told:#?}");
}

/// Where nothing is to be done, a host that was started anew is the same host.
#[test]
fn a_boot_matters_only_where_something_is_changed() {
    let text = "runbook own {\n  about \"x\"\n  edition 1\n  target members = group(etcd)\n  \
                step \"Look\" on members {\n    shell \"uptime\" changes nothing\n  }\n}\n";
    let desk = Desk::new(checked("own.etcdrb", text.to_owned()), &[]);
    let reboot = |v: &mut View| "b2".clone_into(&mut second(v).boot_id);
    assert_eq!(desk.differs(formed, reboot), "");
    let machine = |v: &mut View| "m2".clone_into(&mut second(v).machine_id);
    assert_eq!(
        desk.differs(formed, machine),
        "  etcd2: host: machine id m1 -> m2\n"
    );
}

#[test]
fn another_leader_is_drift_only_where_the_plan_names_it() {
    let moved = |v: &mut View| leads(v, "etcd3");
    assert_eq!(Desk::new(shipped("deploy"), &[]).differs(formed, moved), "");
    let text = "runbook own {\n  about \"x\"\n  edition 1\n  target members = group(etcd)\n  target others = followers(members) expect any\n  \
                require any-serving(members)\n  \
                step \"Look\" on others {\n    shell \"uptime\" changes nothing\n  }\n}\n";
    let desk = Desk::new(checked("own.etcdrb", text.to_owned()), &[]);
    let told = desk.differs(formed, moved);
    for words in [
        "the cluster: leader: etcd1 -> etcd3",
        "the plan: target others: hosts etcd2, etcd3 -> etcd1, etcd2",
    ] {
        assert!(told.contains(words), "{told}");
    }
}

/// Every case of the planner that comes to a plan: twice the same bytes, no drift, and the file reads back.
#[test]
fn the_same_inputs_give_the_same_file_apart_from_time_and_run_id() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut kept = 0;
    for entry in std::fs::read_dir(&cases).unwrap() {
        let dir = entry.unwrap().path();
        if !dir.is_dir() {
            continue;
        }
        let save = || {
            let (plan, _) = Case::read(&dir).planned(&dir).ok()?;
            Some(saved((Facts::default(), plan)))
        };
        if let (Some(first), Some(second)) = (save(), save()) {
            kept += 1;
            let (text, digest) = write_plan_file(&first).unwrap();
            assert_eq!(
                write_plan_file(&second).unwrap(),
                (text.clone(), digest.clone())
            );
            let read = read_plan_file(&text).unwrap();
            assert_eq!(
                (read.saved, read.digest),
                (first, digest),
                "{}",
                dir.display()
            );
        }
    }
    assert!(kept > 15, "{kept} cases");
    for (name, arguments) in [
        ("deploy", &[][..]),
        ("restore", &[("snapshot", "/srv/backup.db")]),
    ] {
        let desk = Desk::new(shipped(name), arguments);
        let first = saved(desk.plan("20260101T000000Z-x-aaaaaa", view::dead));
        let second = saved(desk.plan("20260101T000000Z-x-bbbbbb", view::dead));
        assert_ne!(first, second, "the token is the run's own");
        assert_eq!(diff(&first, &second).unwrap(), []);
    }
}

proptest! {
    /// What moves by itself is no drift.
    #[test]
    fn what_moves_by_itself_is_no_drift(
        revision in 1000i64..1_000_000,
        index in 2000u64..1_000_000,
        size in 0i64..1 << 30,
        pid in 2u32..100_000,
        free in 10u64 << 30..20 << 30,
        clock in -400i64..400,
        latency in 0u64..5_000_000,
    ) {
        let desk = Desk::new(shipped("deploy"), &[]);
        let told = desk.differs(formed, |v| {
            statuses(v, |s| {
                s.revision = revision;
                s.raft_index = index;
                s.raft_applied_index = index;
                s.db_size = size;
                s.latency_us = latency;
            });
            for facts in v.hosts.values_mut().flatten() {
                facts.clock_offset_ms = clock;
                facts.memory_bytes = index;
                for service in facts.services.values_mut() {
                    service.pid = pid;
                    service.restarts = pid;
                }
                for listener in facts.ports.values_mut().flatten() {
                    listener.pid = pid;
                }
                for process in &mut facts.etcd_processes {
                    process.pid = pid;
                }
                for disk in facts.disks.values_mut() {
                    disk.available = free;
                }
                for data in facts.data_dirs.values_mut() {
                    data.bytes = free;
                }
                for dir in facts.dirs.values_mut() {
                    dir.entries = vec![pid.to_string()];
                }
            }
        });
        prop_assert_eq!(told, "");
    }

    /// Whatever byte of a file is another one: it is refused, or it means the same.
    #[test]
    fn an_edited_file_is_never_believed(at in 0usize..100_000, byte in any::<u8>()) {
        static FILE: std::sync::OnceLock<(String, SavedPlan)> = std::sync::OnceLock::new();
        let (text, first) = FILE.get_or_init(|| {
            let saved = saved(Desk::new(shipped("deploy"), &[]).plan("r1", formed));
            (write_plan_file(&saved).unwrap().0, saved)
        });
        let mut bytes = text.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(read) = read_plan_file(&text)
        {
            prop_assert_eq!(&read.saved, first);
        }
    }
}

#[test]
fn a_file_says_what_it_is_and_fields_that_nobody_knows_are_refused() {
    let (text, digest) =
        write_plan_file(&saved(Desk::new(shipped("deploy"), &[]).plan("r1", formed))).unwrap();
    assert!(text.starts_with("{\n  \"what\": \"runbook plan\",\n  \"version\": 1,\n"));
    let altered = |change: &dyn Fn(&mut Json)| {
        let mut json: Json = serde_json::from_str(&text).unwrap();
        change(&mut json);
        read_plan_file(&json.to_string())
    };
    // Order and blanks are no content.
    assert_eq!(altered(&Json::sort_all_objects).unwrap().digest, digest);
    let edited = |change: &dyn Fn(&mut Json)| {
        assert!(matches!(altered(change), Err(PlanFileError::Edited { .. })));
    };
    edited(&|json| json["content"]["plan"]["items"][0]["more"] = json!(1));
    edited(&|json| json["content"]["expires_s"] = json!(i64::MAX));
    edited(&|json| json["sha256"] = json!("0".repeat(64)));
    let form = |change: &dyn Fn(&mut Json)| {
        assert!(matches!(altered(change), Err(PlanFileError::Form { .. })));
    };
    form(&|json| json["what"] = json!("shopping list"));
    form(&|json| json["more"] = json!(1));
    assert!(matches!(
        altered(&|json| json["version"] = json!(2)),
        Err(PlanFileError::Version { found: 2 })
    ));
}

#[test]
fn paths_are_kept_from_the_root() {
    let desk = Desk::new(
        shipped("restore"),
        &[("snapshot", "backup.db"), ("bump", "7")],
    );
    let kept = given(&desk.checked, &desk.arguments, &desk.files);
    assert_eq!(kept.arguments["snapshot"], "/home/ops/backup.db");
    assert_eq!(kept.arguments["bump"], "7");
    let mut arguments = desk.arguments.clone();
    arguments.insert("bump".to_owned(), json!(0.1));
    let kept = given(&desk.checked, &arguments, &desk.files);
    assert_eq!(kept.arguments["bump"], "0.1");
    assert!(kept.secrets.is_empty());
}
