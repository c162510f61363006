//! A run that is over, told from its journal.

use crate::support::Place;

const RUNBOOK: &str = r#"runbook greet {
  about "Says hello on every host."
  edition 1
  target hosts = group(shown) expect any
  step "Say it" on hosts parallel { shell "echo hello" changes nothing }
}
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("greet.etcdrb", RUNBOOK.as_bytes());
    place.write(
        "shown.inv",
        b"[shown]\nh1\nh2\n[shown:vars]\nansible_connection=local\n",
    );
    place
}

#[test]
fn a_finished_run_is_shown_in_every_form() {
    let place = place();
    let said = place.runbook(&["exec", "greet.etcdrb", "-i", "shown.inv", "--yes", "-q"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for (form, words) in [
        ("table", vec!["run done", "step 1/1 Say it"]),
        ("json", vec!["run-ended", "work-ended"]),
        (
            "markdown",
            vec![
                "## DONE: `greet`",
                "1 of 1 steps done",
                "**Say it**: done in",
                "runbook show ",
            ],
        ),
        (
            "html",
            vec![
                "<!doctype html>",
                "Timeline, as it ran",
                "1 of 1 steps done",
                "h2",
            ],
        ),
    ] {
        let said = place.runbook(&["show", "last", "--format", form]);
        assert_eq!(said.code, 0, "{form}: {}", said.err);
        for word in words {
            assert!(said.out.contains(word), "{form}: no {word} in {}", said.out);
        }
    }
}

#[test]
fn a_run_that_is_not_here_is_bad_input_in_every_form() {
    let place = place();
    for form in ["table", "markdown", "html"] {
        place
            .runbook(&["show", "20260101T000000Z-greet-000000", "--format", form])
            .refuses(10, &["`runbook runs` lists the runs kept here"]);
    }
}
