//! `exec -C`: the same plan in the same forms as `plan` shows.

use crate::support::Place;

fn place() -> Place {
    let place = Place::new();
    place.write(
        "own.etcdrb",
        b"runbook own {\n  about \"Says hello.\"\n  edition 1\n  target hosts = group(web) expect any\n  step \"Say it\" on hosts parallel { shell \"echo hello\" changes nothing }\n}\n",
    );
    let hosts = b"[web]\nh1\nh2\n[web:vars]\nansible_connection=local\n";
    place.write("web.inv", hosts);
    place
}

#[test]
fn a_dry_run_has_the_forms_of_a_plan() {
    let place = place();
    let own = ["own.etcdrb", "-i", "web.inv"];
    for form in ["human", "markdown", "json", "html"] {
        let planned = place.runbook(&[&["plan"], &own[..], &["--format", form]].concat());
        let dry = place.runbook(&[&["exec"], &own[..], &["-C", "--format", form]].concat());
        assert_eq!((planned.code, dry.code), (0, 0), "{}", dry.err);
        assert_eq!(planned.out, dry.out, "{form}");
        assert!(dry.out.len() > 100, "{}", dry.out);
    }
    let json = place.runbook(&[&["exec"], &own[..], &["-C", "--format", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["runbook"], "own");
}

#[test]
fn a_saved_plan_is_shown_with_the_digest_that_runs_it() {
    let place = place();
    let save = ["plan", "own.etcdrb", "-i", "web.inv", "-o", "a.plan"];
    let said = place.runbook(&save);
    assert_eq!(said.code, 0, "{}", said.err);
    let command = said
        .err
        .lines()
        .find_map(|l| l.trim().strip_prefix("run it  "));
    let command = command.unwrap().to_owned();
    for form in ["markdown", "html"] {
        let dry = place.runbook(&["exec", "a.plan", "-C", "--format", form]);
        assert_eq!(dry.code, 0, "{}", dry.err);
        assert!(dry.out.contains(&command), "{}", dry.out);
    }
    let dry = place.runbook(&["exec", "a.plan", "-C", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&dry.out).unwrap();
    let saved = std::fs::read_to_string(place.path().join("a.plan")).unwrap();
    let saved = runbook_plan::read_plan_file(&saved).unwrap().saved;
    let reviewed = serde_json::to_value(&saved.plan).unwrap();
    assert_eq!(plan, reviewed, "what was reviewed is what is shown");
}

#[test]
fn a_form_is_for_a_plan_that_is_only_shown() {
    place()
        .runbook(&["exec", "own.etcdrb", "-i", "web.inv", "--format", "json"])
        .refuses(64, &["--dry-run"]);
}
