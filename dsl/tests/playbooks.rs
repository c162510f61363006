//! The shipped runbooks pass.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use runbook_dsl::checked::{CheckedRunbook, SourceText};
use runbook_dsl::{Diagnostic, LoadError, Loader, check};

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

fn checked(name: &str) -> Result<(CheckedRunbook, Vec<Diagnostic>), Vec<Diagnostic>> {
    let text = std::fs::read_to_string(playbooks().join(name)).unwrap();
    check(
        SourceText {
            name: name.to_owned(),
            text,
        },
        &Directory(playbooks()),
    )
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
    assert!(seen >= 3);
}
