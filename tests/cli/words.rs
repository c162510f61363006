//! Help, explanations, formatting.

use crate::support::Place;

#[test]
fn help_fits_a_screen_and_starts_with_every_day() {
    let said = Place::new().runbook(&["--help"]);
    assert_eq!(said.code, 0);
    assert!(said.out.starts_with("Every day:"), "{}", said.out);
    assert!(
        said.out.lines().count() <= 45,
        "{} lines",
        said.out.lines().count()
    );
    assert!(
        said.out.lines().all(|line| line.chars().count() <= 100),
        "{}",
        said.out
    );
}

#[test]
fn shipped_runbooks_are_good_and_formatted() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("lib")).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../playbooks");
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|f| f.unwrap().file_name().into_string().unwrap());
    let runbooks = names.filter(|n| n.ends_with(".etcdrb"));
    for name in ["lib/members.etcdrb", "lib/membership.etcdrb"]
        .map(str::to_owned)
        .into_iter()
        .chain(runbooks)
    {
        let name = name.as_str();
        let text = place.runbook(&["view", name]);
        assert_eq!(text.code, 0);
        place.write(name, text.out.as_bytes());
        assert_eq!(place.runbook(&["check", name]).code, 0, "{name}");
        assert_eq!(place.runbook(&["fmt", "--check", name]).code, 0, "{name}");
    }
}

#[test]
fn fmt_keeps_comments_and_is_idempotent() {
    let place = Place::new();
    place.write(
        "a.etcdrb",
        b"# why\nrunbook a {\nabout \"x\" # here\n   edition 1\n}\n",
    );
    assert_eq!(place.runbook(&["fmt", "--check", "a.etcdrb"]).code, 10);
    assert_eq!(place.runbook(&["fmt", "a.etcdrb"]).code, 0);
    assert_eq!(place.runbook(&["fmt", "--check", "a.etcdrb"]).code, 0);
    let text = std::fs::read_to_string(place.path().join("a.etcdrb")).unwrap();
    assert!(text.contains("# why") && text.contains("# here"), "{text}");
}

#[test]
fn explain_answers_for_verbs_guards_and_codes() {
    let place = Place::new();
    for word in [
        "restore",
        "quorum-safe",
        "snapshot-verified",
        "service",
        "import",
        "procedure",
    ] {
        let said = place.runbook(&["explain", word]);
        assert!(
            said.code == 0 && said.out.lines().count() > 2,
            "{word}: {}{}",
            said.out,
            said.err
        );
    }
    place
        .runbook(&["explain", "nothing-like-it"])
        .refuses(10, &["nothing-like-it"]);
}

/// `runbook ... | head` ends quietly.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let binary = env!("CARGO_BIN_EXE_runbook");
    let script = format!("{binary} view restore.etcdrb | head -n 1");
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
