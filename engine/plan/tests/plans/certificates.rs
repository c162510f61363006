//! Certificates renewed and authorities rotated: planned whole, although most of it is made by the run.

use std::path::Path;

use crate::again::{planned, three};
use crate::support::view;
use runbook_model::action::{Action, CertificateRequest, Rotation, ServiceState};
use runbook_model::cluster::MemberProbe;
use runbook_model::facts::{FileFacts, FileKind};
use runbook_model::plan::{Change, Plan};
use runbook_model::view::{Needs, View};
use runbook_pki::Wanted;
use sha2::{Digest, Sha256};

const DAY: i64 = 86_400;

/// What `deploy` made here at a moment.
fn made(dir: &Path, at: i64) {
    let members: Vec<_> = (1..=3)
        .map(|n| CertificateRequest {
            name: format!("etcd{n}"),
            dns: Vec::new(),
            ips: vec![format!("10.0.0.{n}")],
            server: true,
            peer: true,
        })
        .collect();
    let wanted = Wanted {
        dir: &dir.join("pki"),
        cluster: "prod",
        members: &members,
        days: 365,
        renew_s: None,
        aside: None,
    };
    runbook_pki::ensure(&wanted, at).unwrap();
}

/// The cluster alive, with the files that stand here on its hosts.
fn installed(dir: &Path, needs: &Needs, at: i64) -> View {
    let mut view = view::live(needs);
    for (host, spec) in &needs.members {
        let Some(Ok(facts)) = view.hosts.get_mut(host) else {
            continue;
        };
        for name in ["ca.crt", "server.crt", "server.key", "peer.crt", "peer.key"] {
            let own = if name == "ca.crt" {
                String::new()
            } else {
                format!("{}/", spec.name)
            };
            let content = std::fs::read(dir.join(format!("pki/{own}{name}"))).unwrap();
            let key = name.ends_with(".key");
            let found = FileFacts {
                kind: FileKind::File,
                mode: if key { 0o600 } else { 0o644 },
                owner: if key {
                    spec.user.clone()
                } else {
                    "root".to_owned()
                },
                size: content.len() as u64,
                sha256: Some(hex::encode(Sha256::digest(&content))),
                ..FileFacts::default()
            };
            facts
                .files
                .insert(format!("{}/{name}", spec.pki_dir), found);
        }
        if let Some(MemberProbe::Serving(status)) = view.cluster.members.get_mut(host) {
            status.certificate_serial = Some("0a".to_owned());
            status.certificate_issued = Some("0a".to_owned());
            status.certificate_not_after = Some(at + 365 * DAY);
        }
    }
    view
}

/// Title, and what each action on a host comes to: `=` nothing, `*` something.
fn outlined(plan: &Plan, host: &str) -> Vec<String> {
    let mut out = Vec::new();
    for step in plan.steps() {
        let work = step.work.iter().find(|w| w.host.as_str() == host);
        for action in work.map_or(&[][..], |w| &w.actions) {
            let idle = matches!(action.change, Change::None { .. });
            let what = match &action.action {
                Action::IssueCertificates { .. } => "issue".to_owned(),
                Action::RotateAuthority { to, .. } => format!("{to:?}").to_lowercase(),
                Action::Upload { dest, .. } => {
                    dest.rsplit('/').next().unwrap_or_default().to_owned()
                }
                Action::Service {
                    state: ServiceState::Restarted,
                    ..
                } => "restart".to_owned(),
                other => format!("{other:?}"),
            };
            out.push(format!(
                "{} {}{what}",
                step.number,
                if idle { "=" } else { "*" }
            ));
        }
    }
    out
}

fn refuses_nothing(plan: &Plan) {
    let of_steps = plan.steps().flat_map(|s| &s.requires);
    for guard in plan.requires.iter().chain(of_steps) {
        assert!(guard.verdict.holds(), "{}: {:?}", guard.text, guard.verdict);
    }
}

#[test]
fn leaves_that_end_soon_are_renewed_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let inventory = three(dir.path());
    let at = view::NOW - 340 * DAY;
    made(dir.path(), at);
    let observe = |needs: &Needs| installed(dir.path(), needs, at);
    let plan = planned("rotate-certs", &inventory, "r1", &[], observe).unwrap();
    refuses_nothing(&plan);
    let files = [
        "3 *server.crt",
        "3 *server.key",
        "3 *peer.crt",
        "3 *peer.key",
    ];
    assert_eq!(
        outlined(&plan, "etcd1"),
        [&["1 *issue", "3 =ca.crt"][..], &files[..]].concat()
    );
    assert_eq!(
        outlined(&plan, "etcd2"),
        [&["3 =ca.crt"][..], &files[..]].concat()
    );
    // Each is put back from where the run keeps what it replaces.
    let work = plan.steps().flat_map(|s| &s.work).flat_map(|w| &w.actions);
    for action in work {
        match (&action.action, action.undo.as_slice()) {
            (
                Action::Upload {
                    dest, sha256: None, ..
                },
                [
                    Action::Upload {
                        source,
                        dest: back,
                        sha256: Some(_),
                        ..
                    },
                ],
            ) => {
                assert!(dest == back && source.contains("/pki.r1/"), "{source}");
            }
            (
                Action::Upload {
                    sha256: Some(_), ..
                },
                [],
            ) => {}
            (Action::IssueCertificates { .. }, [Action::ReinstateCertificates { files, .. }]) => {
                assert_eq!(files.len(), 14, "{files:?}");
            }
            other => panic!("{other:?}"),
        }
    }

    // Asked for less, there is nothing to do; forced, all of it.
    let few = planned(
        "rotate-certs",
        &inventory,
        "r2",
        &[("within", "10d")],
        observe,
    )
    .unwrap();
    assert!(few.converged.is_some() && few.items.is_empty());
    let arguments = [("within", "10d"), ("force", "true")];
    let forced = planned("rotate-certs", &inventory, "r3", &arguments, observe).unwrap();
    assert!(forced.changes() && forced.converged.is_none());
}

#[test]
fn an_authority_is_rotated_by_a_plan_that_is_whole_from_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let inventory = three(dir.path());
    made(dir.path(), view::NOW);
    let observe = |needs: &Needs| installed(dir.path(), needs, view::NOW);
    let plan = planned("rotate-authority", &inventory, "r1", &[], observe).unwrap();
    refuses_nothing(&plan);
    let own = |n: usize, sign: &str| {
        ["server.crt", "server.key", "peer.crt", "peer.key"].map(|f| format!("{n} {sign}{f}"))
    };
    let one = |text: &str| vec![text.to_owned()];
    let expected = [
        one("1 *add"),
        one("2 *ca.crt"),
        own(2, "=").to_vec(),
        one("2 *restart"),
        one("3 *switch"),
        one("3 *issue"),
        one("4 *ca.crt"),
        own(4, "*").to_vec(),
        one("5 *drop"),
        one("6 *ca.crt"),
        own(6, "*").to_vec(),
        one("6 *restart"),
    ];
    assert_eq!(outlined(&plan, "etcd1"), expected.concat());
    let undone = |wanted: Rotation| {
        let mut actions = plan.steps().flat_map(|s| &s.work).flat_map(|w| &w.actions);
        let found = actions
            .find(|a| matches!(&a.action, Action::RotateAuthority { to, .. } if *to == wanted));
        found.unwrap().undo.clone()
    };
    assert_eq!(undone(Rotation::Drop), []);
    let names = |undo: &[Action]| match undo {
        [Action::ReinstateCertificates { files, .. }] => files.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(names(&undone(Rotation::Add)), ["ca.crt", "ca.next.key"]);
    assert_eq!(names(&undone(Rotation::Switch)), ["ca.key"]);
    // Nothing was written for a plan.
    assert!(!dir.path().join("pki.r1").exists() && !dir.path().join("pki/ca.next.key").exists());
    // No key is in it.
    let text = serde_json::to_string(&plan).unwrap();
    assert!(!text.contains("PRIVATE KEY"));
}
