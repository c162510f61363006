//! What holds for any plan: a second run changes nothing, same inputs give the same bytes, values stay data.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::case::{checked_with, errors, inventory, run, shipped};
use crate::support::outline::outline;
use crate::support::view;
use runbook_inventory::{Inventory, Overrides};
use runbook_model::action::{Access, Action};
use runbook_model::cluster::MemberProbe;
use runbook_model::facts::{DataDirFacts, DirFacts, FileFacts, FileKind, HostFacts};
use runbook_model::plan::Plan;
use runbook_model::view::{Needs, View};
use runbook_pki::Wanted;
use runbook_plan::{LocalFiles, PlanError, Request};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

const THREE: &str = "[etcd]\netcd1 ansible_host=10.0.0.1\netcd2 ansible_host=10.0.0.2\netcd3 ansible_host=10.0.0.3\n\n\
     [etcd:vars]\netcd_cluster=prod\npki_dir=PKI\n";

pub fn three(dir: &Path) -> Inventory {
    let path = dir.join("hosts.inv");
    let pki = dir.join("pki").display().to_string();
    std::fs::write(&path, THREE.replace("PKI", &pki)).unwrap();
    inventory(&path)
}

pub fn planned(
    name: &str,
    inventory: &Inventory,
    run_id: &str,
    arguments: &[(&str, &str)],
    observe: impl FnOnce(&Needs) -> View,
) -> Result<Plan, Vec<PlanError>> {
    let checked = shipped(name);
    let arguments: BTreeMap<String, Json> = arguments
        .iter()
        .map(|(k, v)| ((*k).to_owned(), Json::from(*v)))
        .collect();
    let request = Request {
        checked: &checked,
        inventory,
        connection: &Overrides::default(),
        arguments: &arguments,
        limit: None,
        overrides: &BTreeMap::new(),
        run: run_id,
        tool: "0.0.0",
        files: &LocalFiles::default(),
        now: view::NOW,
    };
    run(&request, observe).map(|(plan, _)| plan)
}

fn owner(access: &Access) -> String {
    access.owner.clone().unwrap_or_else(|| "root".to_owned())
}

fn file(access: &Access, content: &[u8], shown: bool) -> FileFacts {
    FileFacts {
        kind: FileKind::File,
        mode: access.mode,
        owner: owner(access),
        group: "root".to_owned(),
        size: content.len() as u64,
        sha256: Some(hex::encode(Sha256::digest(content))),
        content: shown.then(|| String::from_utf8(content.to_vec()).unwrap()),
    }
}

/// What stands on a host after an action, as a probe would report it.
fn carried_out(facts: &mut HostFacts, action: &Action) {
    match action {
        Action::User { name, .. } => {
            facts.users.insert(name.clone(), true);
        }
        Action::WriteFile {
            path,
            content,
            access,
        } => {
            let written = file(access, content.as_bytes(), true);
            facts.files.insert(path.clone(), written);
        }
        Action::Upload {
            source,
            dest,
            access,
            ..
        } => {
            // A snapshot that stands in no test's directory has no content worth telling.
            let content = std::fs::read(source).unwrap_or_default();
            facts
                .files
                .insert(dest.clone(), file(access, &content, false));
        }
        Action::Directory { path, access } => {
            let made = DirFacts {
                exists: true,
                mode: access.mode,
                owner: owner(access),
                ..DirFacts::default()
            };
            facts.dirs.insert(path.clone(), made);
        }
        Action::Service {
            unit,
            enabled: Some(true),
            ..
        } => {
            facts.services.entry(unit.clone()).or_default().enabled = true;
        }
        Action::RestoreDataDir {
            data_dir, origin, ..
        } => {
            let data: &mut DataDirFacts = facts.data_dirs.entry(data_dir.clone()).or_default();
            data.origin = Some(origin.clone());
        }
        _ => {}
    }
}

/// The view after a plan was carried out on a living cluster.
fn after(plan: &Plan, mut view: View) -> View {
    for work in plan.steps().flat_map(|s| &s.work) {
        if let Some(Ok(facts)) = view.hosts.get_mut(&work.host) {
            for action in &work.actions {
                carried_out(facts, &action.action);
            }
        }
    }
    view
}

#[test]
fn a_second_deploy_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let inventory = three(dir.path());
    let first = planned("deploy", &inventory, "r1", &[], view::bare).unwrap();
    assert!(first.changes());
    // What the first run made on this machine.
    let issued = first
        .steps()
        .flat_map(|s| &s.work)
        .flat_map(|w| &w.actions)
        .find_map(|a| match &a.action {
            Action::IssueCertificates {
                dir,
                cluster,
                members,
                days,
                ..
            } => Some((dir, cluster, members, *days)),
            _ => None,
        });
    let (pki, cluster, members, days) = issued.expect("certificates are issued");
    let wanted = Wanted {
        dir: Path::new(pki),
        cluster,
        members,
        days,
        renew_s: None,
        aside: None,
    };
    runbook_pki::ensure(&wanted, view::NOW).unwrap();
    let formed = |needs: &Needs| after(&first, view::live(needs));
    let second = planned("deploy", &inventory, "r2", &[], formed).unwrap();
    assert!(!second.changes(), "{}", outline(&second, None));
    assert!(second.steps().any(|s| s.skipped.is_some()));
}

#[test]
fn a_second_restore_is_done_before_it_starts() {
    let dir = tempfile::tempdir().unwrap();
    let inventory = three(dir.path());
    let snapshot = [("snapshot", "/srv/backup.db")];
    let first = planned("restore", &inventory, "r1", &snapshot, view::dead).unwrap();
    let restored = |needs: &Needs| {
        let mut view = after(&first, view::live(needs));
        let ids: BTreeMap<_, _> = view
            .hosts
            .iter()
            .filter_map(|(host, facts)| {
                let data = facts.as_ref().ok()?.data_dirs.values().next()?;
                let id = &data.origin.as_ref()?.cluster_id;
                Some((host.clone(), u64::from_str_radix(id, 16).unwrap()))
            })
            .collect();
        for (host, probe) in &mut view.cluster.members {
            if let MemberProbe::Serving(status) = probe {
                status.cluster_id = ids[host];
            }
        }
        view
    };
    let second = planned("restore", &inventory, "r2", &snapshot, restored).unwrap();
    let why = second.converged.expect("it is done");
    assert!(why.contains("by run r1"), "{why}");
    assert!(second.items.is_empty() && second.requires.is_empty());
}

#[test]
fn two_runs_never_share_a_token_and_a_formed_cluster_keeps_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let inventory = three(dir.path());
    let snapshot = [("snapshot", "/srv/backup.db")];
    let token = |run: &str| {
        let plan = planned("restore", &inventory, run, &snapshot, view::dead).unwrap();
        let found = plan
            .steps()
            .flat_map(|s| &s.work)
            .flat_map(|w| &w.actions)
            .find_map(|a| match &a.action {
                Action::RestoreDataDir { token, origin, .. } => {
                    Some((token.clone(), origin.cluster_id.clone()))
                }
                _ => None,
            });
        let (token, id) = found.unwrap();
        let config = plan
            .steps()
            .flat_map(|s| &s.work)
            .flat_map(|w| &w.actions)
            .find_map(|a| match &a.action {
                Action::WriteFile { content, .. } => Some(content.clone()),
                _ => None,
            });
        let line = format!("ETCD_INITIAL_CLUSTER_TOKEN={token}\n");
        assert!(config.unwrap().contains(&line));
        (token, id)
    };
    assert_ne!(token("r1"), token("r2"));
}

#[test]
fn same_inputs_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let inventory = three(dir.path());
    let json = || {
        let plan = planned("deploy", &inventory, "r1", &[], view::bare).unwrap();
        let text = serde_json::to_string_pretty(&plan).unwrap();
        // And it reads back as it was.
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
        text
    };
    assert_eq!(json(), json());
}

#[test]
fn a_secret_parameter_is_nowhere_in_a_plan_nor_in_an_error() {
    const CANARY: &str = "canary-5f1d";
    let dir = tempfile::tempdir().unwrap();
    let inventory = three(dir.path());
    let checked = checked_with(
        "runbook own {\n  about \"x\"\n  edition 1\n  param password: secret \"never shown\"\n  param note: int = 1 \"x\"\n\n  \
         target members = group(etcd)\n\n  step \"Note {note}\" on members {\n    template \"t.j2\" to \"/srv/x\" mode 0600\n  }\n}\n",
        "password is {{ password }} on {{ member.name }}\n",
    );
    for note in ["1", "not a number"] {
        let arguments = BTreeMap::from([
            ("password".to_owned(), Json::from(CANARY)),
            ("note".to_owned(), Json::from(note)),
        ]);
        let request = Request {
            checked: &checked,
            inventory: &inventory,
            connection: &Overrides::default(),
            arguments: &arguments,
            limit: None,
            overrides: &BTreeMap::new(),
            run: "r1",
            tool: "0.0.0",
            files: &LocalFiles::default(),
            now: view::NOW,
        };
        let said = match run(&request, view::bare) {
            Ok((plan, _)) => serde_json::to_string(&plan).unwrap(),
            Err(found) => format!("{found:?} {}", errors(&found)),
        };
        assert!(said.contains("secret-shown") || note != "1", "{said}");
        assert!(!said.contains(CANARY), "{said}");
    }
}

/// Seconds that the undo of each stop of a member waits.
fn waits(plan: &Plan) -> Vec<u64> {
    let stop = plan.steps().find(|s| s.title == "Stop etcd").unwrap();
    let undo = stop
        .work
        .iter()
        .flat_map(|w| &w.actions)
        .flat_map(|a| &a.undo);
    undo.filter_map(|action| match action {
        Action::Service { wait_s, .. } => Some(*wait_s),
        _ => None,
    })
    .collect()
}

#[test]
fn the_undo_of_a_stop_waits_only_where_there_was_a_leader() {
    let dir = tempfile::tempdir().unwrap();
    let inventory = three(dir.path());
    let restore = |observe: fn(&Needs) -> View| {
        let snapshot = [("snapshot", "/srv/backup.db")];
        planned("restore", &inventory, "r1", &snapshot, observe).unwrap()
    };
    assert_eq!(waits(&restore(view::live)), [120, 120, 120]);
    let leaderless = |needs: &Needs| {
        let mut view = view::live(needs);
        for probe in view.cluster.members.values_mut() {
            if let MemberProbe::Serving(status) = probe {
                status.leader = 0;
            }
        }
        view
    };
    assert_eq!(waits(&restore(leaderless)), [0, 0, 0]);
}
