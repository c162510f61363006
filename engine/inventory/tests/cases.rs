//! Golden folders: each of `tests/cases` is one inventory. Where `ansible.json` lies, it is what `ansible-inventory --list`
//! (core 2.19) printed, and ours must be equal. Elsewhere `outcome.snap` holds what we say: diagnostics as a terminal of no
//! colours shows them, or, where a file `group` names a group, its members.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use runbook_inventory::{InventorySpec, Overrides, Secrets, StdFiles, list_json, load};

fn specs(case: &Path) -> Vec<InventorySpec> {
    let names = match std::fs::read_to_string(case.join("args")) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(_) => {
            let entries = std::fs::read_dir(case)
                .unwrap()
                .map(|e| e.unwrap().file_name().into_string().unwrap());
            entries
                .filter(|n| n.starts_with("hosts"))
                .collect::<Vec<_>>()
        }
    };
    names
        .into_iter()
        .map(|n| InventorySpec::new(case.join(n).to_string_lossy()))
        .collect()
}

fn render(diagnostic: &dyn Diagnostic) -> String {
    let mut out = String::new();
    let theme = GraphicalTheme::none();
    GraphicalReportHandler::new_themed(theme)
        .with_width(120)
        .render_report(&mut out, diagnostic)
        .unwrap();
    out
}

/// Everything that we have to say about a case, paths of this machine taken out.
fn outcome(case: &Path) -> String {
    let mut out = String::new();
    match load(&specs(case), &StdFiles::default()) {
        Err(errors) => out.push_str(&render(&errors)),
        Ok(inventory) => {
            for warning in inventory.warnings() {
                out.push_str(&render(warning));
            }
            if let Ok(group) = std::fs::read_to_string(case.join("group")) {
                for host in inventory.hosts_of(group.trim()).unwrap() {
                    for warning in inventory
                        .connection_warnings(&host)
                        .into_iter()
                        .chain(inventory.member_warnings(&host))
                    {
                        out.push_str(&render(&warning));
                    }
                }
                match inventory.members_of(group.trim(), &Overrides::default()) {
                    Ok(members) => {
                        for member in members {
                            let connection = inventory
                                .connection(&member.host, &Overrides::default())
                                .unwrap();
                            out.push_str(&format!("{connection:#?}\n{member:#?}\n"));
                        }
                    }
                    Err(errors) => out.push_str(&render(&errors)),
                }
            }
        }
    }
    let here = std::env::current_dir().unwrap();
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n").replace(&*here.to_string_lossy(), "/here")
}

#[test]
fn every_case() {
    let mut cases: Vec<PathBuf> = std::fs::read_dir("tests/cases")
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() > 40, "the cases are not where they should be");
    for case in cases {
        let expected = case.join("ansible.json");
        if expected.exists() {
            let text = std::fs::read_to_string(&expected).unwrap();
            let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
            let inventory = load(&specs(&case), &StdFiles::default())
                .unwrap_or_else(|e| panic!("{}", render(&e)));
            assert_eq!(
                list_json(&inventory, None, Secrets::Shown),
                expected,
                "{}",
                case.display()
            );
        } else {
            let settings = || {
                let mut s = insta::Settings::clone_current();
                s.set_snapshot_path(std::env::current_dir().unwrap().join(&case));
                s.set_prepend_module_to_snapshot(false);
                s.set_omit_expression(true);
                s
            };
            settings().bind(|| insta::assert_snapshot!("outcome", outcome(&case)));
        }
    }
}
