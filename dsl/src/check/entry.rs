//! The way through the checker.

use std::collections::BTreeSet;

use super::scope::Scope;
use super::{authority, membership, obligations, unused};
use crate::checked::{CheckedRunbook, OnFailure, SourceText};
use crate::codes::Severity;
use crate::diagnostic::{Diagnostic, bind};
use crate::expr::Expr;
use crate::parse::parse;

/// Gives the texts that a runbook names. I/O stays with the caller.
pub trait Loader {
    /// The template of this name, as `etcd.conf.j2`.
    fn template(&self, name: &str) -> Result<SourceText, LoadError>;
}

/// Why a text could not be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It is in none of the places.
    #[error("not found in {}", looked_in.join(", "))]
    NotFound {
        /// Directories, and `embedded` for those of the program itself.
        looked_in: Vec<String>,
    },
    /// It is there and cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// Path.
        path: String,
        /// The system's words.
        reason: String,
    },
}

/// Checks a runbook. Gives it with its warnings, or all errors and warnings in the order of their places.
pub fn check(
    source: SourceText,
    loader: &dyn Loader,
) -> Result<(CheckedRunbook, Vec<Diagnostic>), Vec<Diagnostic>> {
    let file = match parse(&source.text) {
        Ok(file) => file,
        Err(problems) => return Err(bind(problems, vec![source])),
    };
    let mut checker = Checker {
        loader,
        sources: vec![source],
        scope: Scope::new(&file.runbook),
        problems: Vec::new(),
        member_targets: BTreeSet::new(),
        working_on: None,
    };
    let runbook = checker.runbook(&file.runbook);
    unused::check(&mut checker);
    checker.counts(&runbook);
    obligations::check(&runbook, &mut checker.problems);
    membership::check(&runbook, &mut checker.problems);
    authority::check(&runbook, &mut checker.problems);
    let Checker {
        problems, sources, ..
    } = checker;
    let runbook = CheckedRunbook {
        sources: sources.clone(),
        ..runbook
    };
    let refused = problems.iter().any(|d| d.severity() == Severity::Error);
    let problems = bind(problems, sources);
    if refused {
        Err(problems)
    } else {
        Ok((runbook, problems))
    }
}

/// What the checker knows while it reads a file.
pub(super) struct Checker<'a> {
    pub loader: &'a dyn Loader,
    pub sources: Vec<SourceText>,
    pub scope: Scope,
    pub problems: Vec<Diagnostic>,
    /// Targets that stand for a cluster's members.
    pub member_targets: BTreeSet<String>,
    /// Hosts of the step whose lines are read.
    pub working_on: Option<Expr>,
}

impl Checker<'_> {
    pub(super) fn problem(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    /// An empty runbook of a name, to be filled.
    pub(super) fn blank(name: &str) -> CheckedRunbook {
        CheckedRunbook {
            name: name.to_owned(),
            about: String::new(),
            sources: Vec::new(),
            parameters: Vec::new(),
            targets: Vec::new(),
            lets: Vec::new(),
            done_when: Vec::new(),
            requires: Vec::new(),
            body: Vec::new(),
            on_failure: OnFailure::default(),
        }
    }
}
