//! Runbooks with procedures: they plan as what they stand for, and their places are in the right text.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::case::{RUN, checked, inventory, root, run, shipped};
use crate::support::view;
use runbook_dsl::checked::CheckedRunbook;
use runbook_inventory::Overrides;
use runbook_model::plan::Plan;
use runbook_model::view::{Needs, View};
use runbook_plan::{Digest, Request, of_sources};
use serde_json::Value as Json;

fn planned(
    checked: &CheckedRunbook,
    arguments: &[(&str, &str)],
    observe: fn(&Needs) -> View,
) -> Plan {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let of = |(k, v): &(&str, &str)| ((*k).to_owned(), Json::from(*v));
    let request = Request {
        checked,
        inventory: &inventory(&cases.join("three.inv")),
        connection: &Overrides::default(),
        arguments: &arguments.iter().map(of).collect(),
        limit: None,
        overrides: &BTreeMap::new(),
        run: RUN,
        tool: "0.0.0",
        files: &crate::support::case::Memory(BTreeMap::<String, Digest>::new()),
        now: view::NOW,
    };
    run(&request, observe).unwrap().0
}

/// A plan without what must differ between two spellings of one runbook: texts, and places in them.
fn meaning(plan: &Plan) -> Json {
    fn strip(json: &mut Json) {
        match json {
            Json::Object(map) => {
                map.remove("place");
                map.values_mut().for_each(strip);
            }
            Json::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut json = serde_json::to_value(plan).unwrap();
    json["sources"] = Json::Null;
    strip(&mut json);
    json
}

/// `restore`, with all that it does in a procedure whose parameters are called otherwise: one even as a service is.
fn restore_by_procedure() -> String {
    let text = std::fs::read_to_string(root().join("playbooks/restore.etcdrb")).unwrap();
    let (head, rest) = text.split_once("  step \"Push").unwrap();
    let (body, tail) = rest.split_once("  on failure").unwrap();
    let body = body
        .replace("members", "etcd")
        .replace("snap.revision", "revision")
        .replace(" bump bump", " bump data");
    format!(
        "{head}  rebuild(members, apis, snapshot, sha256, bump, snap.revision)\n\n  on failure{tail}\n\
         procedure rebuild(etcd: target, apis: target?, snapshot: path, sha256: sha256?, data: int, revision: int) {{\n\
         \x20 step \"Push{body}}}\n"
    )
}

#[test]
fn a_procedure_plans_as_its_lines_would() {
    let by_hand = shipped("restore");
    let by_procedure = checked("restore.etcdrb", restore_by_procedure());
    let arguments = [("snapshot", "backup.db")];
    for observe in [view::dead, view::live] {
        let wanted = meaning(&planned(&by_hand, &arguments, observe));
        let found = meaning(&planned(&by_procedure, &arguments, observe));
        assert!(wanted["items"].as_array().is_some_and(|i| i.len() > 8));
        assert_eq!(found, wanted);
    }
}

#[test]
fn places_point_into_the_text_that_holds_the_line() {
    let plan = planned(&shipped("rolling-restart"), &[], view::live);
    let names: Vec<&str> = plan.sources.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        ["rolling-restart.etcdrb", "embedded:lib/members.etcdrb"]
    );
    let at = |place: runbook_model::plan::Place| {
        let source = &plan.sources[place.source];
        &source.text[place.start..place.end]
    };
    let step = plan.steps().next().unwrap();
    assert_eq!(
        at(step.place),
        "step \"Restart etcd\" on members rolling 1 leader last timeout 5m"
    );
    let action = &step.work[0].actions[0];
    assert_eq!(at(action.place), "service etcd restarted");
    assert_eq!(at(step.requires[0].place), "quorum-safe(members)");
    assert_eq!(at(plan.requires[0].place), "reachable(members)");
    assert_eq!(step.place.source, 1);
}

#[test]
fn an_edited_import_is_drift() {
    let plan = planned(&shipped("rolling-restart"), &[], view::live);
    let mut now = plan.sources.clone();
    now[1].sha256 = "00".repeat(32);
    let found = of_sources(&plan.sources, &now);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].thing, "import embedded:lib/members.etcdrb");
    now.pop();
    assert_eq!(of_sources(&plan.sources, &now).len(), 1);
}
