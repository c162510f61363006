//! Runbooks made for tests and benchmarks.

#![allow(dead_code)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use runbook_dsl::checked::SourceText;
use runbook_dsl::{Diagnostic, LoadError, Loader, check};

/// A runbook of this many steps that checks clean: parameters, guards, templates' worth of text, options, undo.
pub fn runbook_of(steps: usize) -> String {
    let mut out = String::from(
        "runbook generated {\n  about   \"Generated.\"\n  edition 1\n\n  param patience: bytes = 64MiB   \"room\"\n\n  target members = group(etcd)   expect 1 | 3 | 5\n\n  require reachable(members)\n",
    );
    for step in 0..steps {
        let _ = write!(
            out,
            "\n  # Step {step}.\n  step \"Restart, round {step}\" on members rolling quorum-safe leader last timeout 5m {{\n    require quorum-safe(members)\n    require disk-free(members, {} * patience + 1MiB)\n    directory \"/var/lib/runbook/{{run.id}}/{step}\" mode 0755 owner etcd\n    service etcd restarted undo {{ service etcd running }}\n    ensure cluster-healthy(members) within 1m\n  }}\n",
            step % 7 + 1
        );
    }
    out.push_str("\n  on failure { rollback }\n}\n");
    out
}

/// Templates beside a runbook, then the shipped ones.
pub struct Beside(pub PathBuf);

impl Loader for Beside {
    fn template(&self, name: &str) -> Result<SourceText, LoadError> {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks/templates");
        let found = [self.0.join(name), shipped.join(name)]
            .into_iter()
            .find_map(|path| std::fs::read_to_string(path).ok());
        let text = found.ok_or_else(|| LoadError::NotFound {
            looked_in: vec!["templates".to_owned(), "embedded".to_owned()],
        })?;
        let name = name.to_owned();
        Ok(SourceText { name, text })
    }

    fn import(&self, path: &str, from: &str) -> Result<SourceText, LoadError> {
        let folder = Path::new(from).parent().unwrap_or(Path::new(""));
        let beside = folder.join(path);
        match std::fs::read_to_string(self.0.join(&beside)) {
            Ok(text) => Ok(SourceText {
                name: beside.display().to_string(),
                text,
            }),
            Err(_) => Err(LoadError::NotFound {
                looked_in: vec![".".to_owned(), "the shipped ones".to_owned()],
            }),
        }
    }
}

/// What `check` says of a file.
pub fn check_file(file: &Path) -> Vec<Diagnostic> {
    check_as(&file.display().to_string(), file)
}

/// The same, the file called by another name.
pub fn check_as(name: &str, file: &Path) -> Vec<Diagnostic> {
    let source = SourceText {
        name: name.to_owned(),
        text: std::fs::read_to_string(file).unwrap_or_default(),
    };
    let beside = Beside(file.parent().unwrap_or(Path::new(".")).to_owned());
    match check(source, &beside) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    }
}
