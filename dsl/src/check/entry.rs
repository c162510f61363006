//! The way through the checker.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::invoke::Opened;
use super::procedures::Signature;
use super::program::{Program, load};
use super::scope::Scope;
use super::{authority, membership, obligations, unused};
use crate::ast;
use crate::checked::{Checked, CheckedRunbook, GuardUse, OnFailure, SourceText};
use crate::codes::{Code, Severity};
use crate::diagnostic::{Diagnostic, bind};
use crate::expr::Expr;
use crate::span::Span;

/// Gives the texts that a runbook names. I/O stays with the caller.
pub trait Loader {
    /// The template of this name, as `etcd.conf.j2`.
    fn template(&self, name: &str) -> Result<SourceText, LoadError>;

    /// The file at a path, as `lib/members.etcdrb`, which the file called `from` imports: below that file's directory, else among
    /// those that the program ships. The path is relative and has no `..`. One file always has one name.
    fn import(&self, path: &str, from: &str) -> Result<SourceText, LoadError>;
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

/// Checks a runbook. Gives it with its warnings, or all errors and warnings in the order of their places. A library is refused.
pub fn check(
    source: SourceText,
    loader: &dyn Loader,
) -> Result<(CheckedRunbook, Vec<Diagnostic>), Vec<Diagnostic>> {
    let texts = vec![source.clone()];
    match check_file(source, loader)? {
        (Checked::Runbook(runbook), warnings) => Ok((*runbook, warnings)),
        (Checked::Library(_), _) => {
            let library = Diagnostic::new(
                Code::NotALibrary,
                "the file is a library: it holds procedures and no runbook",
                Span::default(),
            )
            .label("nothing here to carry out")
            .help("import it into a runbook and call what it holds");
            Err(bind(vec![library], texts))
        }
    }
}

/// Checks a file, a runbook or a library. Gives what it holds with its warnings, or all errors and warnings in the order of their
/// places, with those of the files that it imports.
pub fn check_file(
    source: SourceText,
    loader: &dyn Loader,
) -> Result<(Checked, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (program, sources, problems) = load(source, loader);
    let mut checker = Checker {
        loader,
        files: sources.len(),
        sources,
        scope: Scope::default(),
        problems,
        member_targets: BTreeSet::new(),
        program: &program,
        signatures: Vec::new(),
        called: BTreeSet::new(),
        at: 0,
        opened: Opened::default(),
        lifted: Vec::new(),
        working_on: None,
    };
    checker.tops();
    checker.procedures();
    checker.tests_of_nothing();
    let checked = match program.runbook(0) {
        Some(runbook) => Checked::Runbook(Box::new(checker.whole(runbook))),
        None => Checked::Library(checker.library()),
    };
    let Checker {
        problems, sources, ..
    } = checker;
    let refused = problems.iter().any(|d| d.severity() == Severity::Error);
    let problems = bind(problems, sources);
    if refused {
        Err(problems)
    } else {
        Ok((checked, problems))
    }
}

/// What the checker knows while it reads a file.
pub(super) struct Checker<'a> {
    pub loader: &'a dyn Loader,
    pub sources: Vec<SourceText>,
    /// How many of the texts are files of the language.
    pub files: usize,
    pub scope: Scope,
    pub problems: Vec<Diagnostic>,
    /// Targets that stand for a cluster's members.
    pub member_targets: BTreeSet<String>,
    pub program: &'a Program,
    /// Of every procedure, by its number.
    pub signatures: Vec<Rc<Signature<'a>>>,
    /// Which file calls which procedure.
    pub called: BTreeSet<(usize, usize)>,
    /// The file whose lines are read.
    pub at: usize,
    pub opened: Opened,
    /// What procedures that are called require before the run begins.
    pub lifted: Vec<GuardUse>,
    /// Hosts of the step whose lines are read.
    pub working_on: Option<Expr>,
}

impl<'a> Checker<'a> {
    pub(super) fn problem(&mut self, diagnostic: Diagnostic) {
        self.problems.push(diagnostic);
    }

    /// Reads lines of another file, with other names, until it is left.
    pub(super) fn enter(&mut self, file: usize, scope: Scope) -> (usize, Scope) {
        (
            std::mem::replace(&mut self.at, file),
            std::mem::replace(&mut self.scope, scope),
        )
    }

    pub(super) fn leave(&mut self, (file, scope): (usize, Scope)) {
        self.at = file;
        self.scope = scope;
    }

    fn whole(&mut self, runbook: &ast::Runbook) -> CheckedRunbook {
        self.scope = Scope::new(runbook);
        let mut checked = self.runbook(runbook);
        for guard in std::mem::take(&mut self.lifted) {
            if !checked.requires.iter().any(|known| known.same(&guard)) {
                checked.requires.push(guard);
            }
        }
        unused::check(self);
        self.counts(&checked);
        // What could not be opened may hold what is owed.
        if !self.opened.missing {
            obligations::check(&checked, &mut self.problems);
            membership::check(&checked, &mut self.problems);
            authority::check(&checked, &mut self.problems);
        }
        checked.tests = self.tests(&checked);
        checked.sources.clone_from(&self.sources);
        checked.files = self.files;
        checked
    }

    /// An empty runbook of a name, to be filled.
    pub(super) fn blank(name: &str) -> CheckedRunbook {
        CheckedRunbook {
            name: name.to_owned(),
            about: String::new(),
            sources: Vec::new(),
            files: 0,
            parameters: Vec::new(),
            targets: Vec::new(),
            lets: Vec::new(),
            done_when: Vec::new(),
            requires: Vec::new(),
            tests: Vec::new(),
            body: Vec::new(),
            on_failure: OnFailure::default(),
        }
    }
}
