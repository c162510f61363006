//! The shipped runbooks pass.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use runbook_dsl::checked::{Checked, CheckedRunbook, SourceText};
use runbook_dsl::{Diagnostic, LoadError, Loader, check, check_file};

struct Directory(PathBuf);

impl Loader for Directory {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        let path = self.0.join("templates").join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(SourceText {
                name: name.to_owned(),
                text,
            }),
            Err(_) => Err(LoadError::NotFound {
                looked_in: vec!["templates".to_owned()],
            }),
        }
    }

    fn import(&self, path: &str, _: &str) -> Result<SourceText, LoadError> {
        match std::fs::read_to_string(self.0.join(path)) {
            Ok(text) => Ok(SourceText {
                name: path.to_owned(),
                text,
            }),
            Err(_) => Err(LoadError::NotFound {
                looked_in: vec!["playbooks".to_owned()],
            }),
        }
    }
}

fn playbooks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks")
}

fn source(name: &str) -> SourceText {
    SourceText {
        name: name.to_owned(),
        text: std::fs::read_to_string(playbooks().join(name)).unwrap(),
    }
}

fn checked(name: &str) -> Result<(CheckedRunbook, Vec<Diagnostic>), Vec<Diagnostic>> {
    check(source(name), &Directory(playbooks()))
}

#[test]
fn shipped_runbooks_check_without_a_warning() {
    let mut seen = 0;
    for entry in std::fs::read_dir(playbooks()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".etcdrb") {
            continue;
        }
        seen += 1;
        match checked(&name) {
            Ok((_, warnings)) => assert!(warnings.is_empty(), "{name}: {warnings:#?}"),
            Err(errors) => {
                for e in &errors {
                    eprintln!("{:?}", miette::Report::new(e.clone()));
                }
                panic!("{name} has {} errors", errors.len());
            }
        }
    }
    assert!(seen >= 4);
}

#[test]
fn the_shipped_library_checks_by_itself_without_a_warning() {
    let mut given = Vec::new();
    for entry in std::fs::read_dir(playbooks().join("lib")).unwrap() {
        let name = format!("lib/{}", entry.unwrap().file_name().into_string().unwrap());
        match check_file(source(&name), &Directory(playbooks())) {
            Ok((Checked::Library(library), warnings)) => {
                assert!(warnings.is_empty(), "{name}: {warnings:#?}");
                given.extend(library.procedures().to_vec());
            }
            other => panic!("{name}: {other:#?}"),
        }
    }
    assert!(given.iter().all(|p| !p.about.is_empty()), "{given:#?}");
    let restart = given.iter().find(|p| p.name == "restart-rolling").unwrap();
    assert_eq!(
        restart.parameters,
        [("members".to_owned(), "target".to_owned())]
    );
}
