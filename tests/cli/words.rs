//! Help, explanations, formatting.

use std::collections::BTreeSet;

use crate::support::Place;

/// 24 lines of 80 columns, the prompt after it included.
#[test]
fn help_fits_a_screen_and_starts_with_every_day() {
    for words in [&["--help"][..], &["-h"]] {
        let said = Place::new().runbook(words);
        assert_eq!(said.code, 0);
        let lines: Vec<_> = said.out.lines().collect();
        assert!(lines.len() <= 23, "{} lines", lines.len());
        assert_eq!(lines[0], "Every day:");
        for (line, begins) in lines[1..4].iter().zip(["status", "exec", "exec"]) {
            assert!(line.starts_with(&format!("  runbook {begins} ")), "{line}");
        }
        let wide = lines.iter().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None);
    }
}

/// The screen is written by hand: every command that the completions know stands in it, and nothing else.
#[test]
fn help_names_every_command() {
    let place = Place::new();
    let fish = place.runbook(&["completions", "fish"]).out;
    let known: BTreeSet<&str> = fish
        .lines()
        .filter(|line| line.contains("__fish_runbook_needs_command\" -f -a \""))
        .filter_map(|line| line.split("-a \"").nth(1)?.split('"').next())
        .collect();
    let help = place.runbook(&["--help"]).out;
    let table = help
        .lines()
        .filter(|l| l.starts_with("  ") && !l.starts_with("  runbook"));
    let named: BTreeSet<&str> = table
        .flat_map(|line| [line.get(2..13), line.get(40..53)])
        .flatten()
        .map(str::trim)
        .filter(|word| !word.is_empty() && *word != "-V")
        .collect();
    assert_eq!(named, known);
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
