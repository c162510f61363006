//! The one layout.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use runbook_dsl::format;

fn formatted(text: &str) -> String {
    match format(text) {
        Ok(out) => out,
        Err(problems) => panic!("{problems:#?}\n{text}"),
    }
}

#[test]
fn shipped_runbooks_are_laid_out_already() {
    let playbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks");
    let library = std::fs::read_dir(playbooks.join("lib")).unwrap();
    for entry in std::fs::read_dir(playbooks).unwrap().chain(library) {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "etcdrb") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let out = formatted(&text);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, out).unwrap();
        } else {
            assert_eq!(text, out, "{}", path.display());
        }
    }
}

#[test]
fn ugly_becomes_canonical() {
    let ugly = include_str!("format/ugly.etcdrb");
    let canonical = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format/canonical.etcdrb");
    let out = formatted(ugly);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&canonical, &out).unwrap();
    }
    assert_eq!(std::fs::read_to_string(canonical).unwrap(), out);
    assert_eq!(formatted(&out), out);
}

#[test]
fn what_does_not_parse_is_not_touched() {
    assert!(format("runbook x {").is_err());
}

#[test]
fn every_comment_survives_wherever_it_stands() {
    // A comment at each line's end and between any two lines of a text that has every construct.
    let base = include_str!("format/canonical.etcdrb");
    let lines: Vec<&str> = base.lines().collect();
    let mut inside_text = false;
    for (i, line) in lines.iter().enumerate() {
        let marks = line.matches("\"\"\"").count();
        let was_inside = inside_text;
        if marks % 2 == 1 {
            inside_text = !inside_text;
        }
        if inside_text || was_inside && marks == 0 {
            continue;
        }
        for commented in [format!("{line} # here"), format!("{line}\n# here")] {
            let mut all = lines.clone();
            all[i] = &commented;
            let text = all.join("\n");
            let out = formatted(&text);
            assert_eq!(out.matches("# here").count(), 1, "{text}\n----\n{out}");
            assert_eq!(formatted(&out), out, "{text}");
        }
    }
}
