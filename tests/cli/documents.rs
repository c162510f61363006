//! What the documents and the help say exists.

use std::collections::BTreeSet;

use crate::support::Place;

const COMMANDS: [&[&str]; 29] = [
    &["exec"],
    &["plan"],
    &["plan", "diff"],
    &["rehearse"],
    &["status"],
    &["resume"],
    &["rollback"],
    &["runs"],
    &["show"],
    &["unlock"],
    &["new"],
    &["check"],
    &["simulate"],
    &["test"],
    &["fmt"],
    &["explain"],
    &["view"],
    &["inventory"],
    &["inventory", "list"],
    &["inventory", "graph"],
    &["inventory", "hosts"],
    &["vars"],
    &["snapshot"],
    &["snapshot", "inspect"],
    &["snapshot", "verify"],
    &["monitor"],
    &["capacity"],
    &["completions"],
    &["man"],
];

fn read(name: &str) -> String {
    let path = format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn help(place: &Place, command: &[&str]) -> String {
    let said = place.runbook(&[command, &["--help"]].concat());
    assert_eq!(said.code, 0, "{command:?}: {}", said.err);
    said.out
}

#[test]
fn every_help_fits_a_screen_and_describes_every_option() {
    let place = Place::new();
    for command in COMMANDS {
        let text = help(&place, command);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() <= 45, "{command:?} has {} lines", lines.len());
        assert!(
            lines.iter().all(|line| line.chars().count() <= 100),
            "{command:?}: {text}"
        );
        // A description stands behind two blanks, or on the next line.
        for (at, line) in lines.iter().enumerate() {
            let option = line.trim_start();
            let bare =
                line.len() - option.len() <= 6 && option.starts_with('-') && !option.contains("  ");
            let below = lines
                .get(at + 1)
                .is_some_and(|l| l.starts_with("          "));
            assert!(!bare || below, "{command:?}: `{option}` is not described");
        }
        if command.len() == 1 {
            assert!(text.contains("Examples:"), "{command:?} has no example");
        }
    }
}

/// The lines of a document that begin with `runbook`, without comments and prompts.
fn lines_of(document: &str) -> Vec<String> {
    let command = |line: &str| {
        let line = line.trim().trim_start_matches("$ ");
        let line = line.split("  #").next().unwrap_or_default();
        let line = line.split(" > ").next().unwrap_or_default().trim();
        (line.starts_with("runbook ") && !line.ends_with('{')).then(|| line.to_owned())
    };
    document.lines().filter_map(command).collect()
}

#[test]
fn every_command_line_in_the_documents_is_one() {
    let place = Place::new();
    let mut text = String::new();
    for name in [
        "README.md",
        "docs/operations.md",
        "docs/safety.md",
        "inventories/README.md",
    ] {
        text += &read(name);
    }
    // Examples of the help are command lines too.
    for command in COMMANDS {
        text += &help(&place, command);
    }
    let lines = lines_of(&text);
    assert!(lines.len() > 20, "{lines:#?}");
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let two = ["inventory", "snapshot"].contains(&words[0]);
        let known = help(&place, &words[..if two { 2 } else { 1 }]);
        for flag in words.iter().filter(|w| w.starts_with('-') && w.len() > 1) {
            let mut options = known.split(|c: char| c.is_whitespace() || c == ',');
            assert!(options.any(|word| word == *flag), "`{line}`: no {flag}");
        }
    }
}

/// Names in backticks of the first column of the table of variables, and those that its other columns add.
fn table_of_variables(document: &str) -> BTreeSet<String> {
    let table = document.split("| variable |").nth(1).unwrap_or_default();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let name = |word: &&str| {
        (word.starts_with("etcd_") || *word == "pki_dir")
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
    };
    rows.flat_map(|row| row.split('`').skip(1).step_by(2))
        .filter(name)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_operations_guide_names_every_variable() {
    let known: BTreeSet<String> = runbook_inventory::VARIABLES
        .iter()
        .map(|v| (*v).to_owned())
        .collect();
    assert_eq!(table_of_variables(&read("docs/operations.md")), known);
}

/// Long options of a help's list.
fn options(help: &str) -> BTreeSet<String> {
    let listed = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-') && line.starts_with("  "));
    let words = listed.flat_map(|line| line.split([' ', ',', '.']).take(10));
    let long = words.filter(|word| word.starts_with("--") && word.len() > 2);
    long.map(str::to_owned).collect()
}

#[test]
fn man_pages_have_every_option() {
    let place = Place::new();
    let main = place.runbook(&["man"]);
    assert_eq!(main.code, 0, "{}", main.err);
    assert!(main.out.contains(".TH runbook") && main.out.contains("rollback"));
    let made = place.runbook(&["man", "--out", "man1"]);
    assert_eq!(made.code, 0, "{}", made.err);
    for command in COMMANDS {
        let page = place.runbook(&[&["man"], command].concat());
        let name = format!("runbook-{}", command.join("-"));
        assert!(page.out.contains(&format!(".TH {name} 1")), "{}", page.out);
        let file = std::fs::read_to_string(place.path().join(format!("man1/{name}.1")));
        assert_eq!(file.unwrap(), page.out, "{name}");
        let plain = page.out.replace("\\-", "-");
        for option in options(&help(&place, command)) {
            assert!(plain.contains(&option), "{name} lacks {option}");
        }
    }
    place
        .runbook(&["man", "frobnicate"])
        .refuses(64, &["no command `frobnicate`"]);
}

#[test]
fn completions_have_every_option() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.runbook(&["completions", shell]);
        assert_eq!(script.code, 0, "{}", script.err);
        for command in COMMANDS {
            for option in options(&help(&place, command)) {
                // fish writes `-l step` for `--step`.
                let word = match shell {
                    "fish" => option.replacen("--", "-l ", 1),
                    _ => option,
                };
                assert!(script.out.contains(&word), "{shell}: {command:?}: {word}");
            }
        }
    }
}

#[test]
fn a_snapshot_that_is_not_there_is_no_bad_snapshot() {
    let place = Place::new();
    place.write("a.inv", b"[etcd]\nh1 ansible_connection=local\n");
    place
        .runbook(&[
            "plan",
            "restore.etcdrb",
            "-i",
            "a.inv",
            "-e",
            "snapshot=bakup.db",
        ])
        .refuses(10, &["there is no snapshot", "bakup.db"]);
}

#[test]
fn every_shipped_runbook_stands_in_the_readme_and_has_its_page() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../playbooks");
    let (readme, guide) = (read("README.md"), read("docs/operations.md"));
    let mut seen = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".etcdrb") else {
            continue;
        };
        assert!(readme.contains(&format!("`{stem}`")), "README lacks {stem}");
        let command = format!("runbook exec {name} -i prod.inv");
        assert!(guide.contains(&command), "the guide lacks `{command}`");
        seen.insert(stem.to_owned());
    }
    // Alerts name none that is not there.
    for runbook in runbook_monitor::RUNBOOKS {
        let name = runbook.name().trim_end_matches(".etcdrb");
        assert!(seen.contains(name), "an alert names {name}");
    }
}
