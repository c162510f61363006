//! What stands at the top of files: editions, imports, and what a library gives.

use super::entry::Checker;
use super::unused;
use crate::ast::{self, Top};
use crate::checked::{CheckedLibrary, CheckedProcedure};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::Expr;
use crate::span::{Node, Span};

impl Checker<'_> {
    /// The lines at the top of every file.
    pub(super) fn tops(&mut self) {
        let program = self.program;
        for (file, unit) in program.files.iter().enumerate() {
            self.imports_first(&unit.lines);
            let editions: Vec<&Node<Top>> = unit
                .lines
                .iter()
                .filter(|l| matches!(l.value, Top::Edition(_)))
                .collect();
            match (program.runbook(file), editions.first()) {
                (Some(runbook), Some(edition)) => self.problem(
                    Diagnostic::new(
                        Code::Misplaced,
                        "a runbook says its edition in its braces",
                        edition.span,
                    )
                    .label("outside of the runbook")
                    .and(runbook.block.open.span, "belongs in here")
                    .help("move it into the runbook"),
                ),
                (None, None) => self.no_edition(&unit.lines),
                _ => self.once("`edition`", editions.iter().map(|l| l.span)),
            }
            for line in editions {
                if let Top::Edition(number) = &line.value {
                    self.edition(number);
                }
            }
            for import in &unit.imports {
                if let Some(runbook) = program.runbook(import.file) {
                    self.problem(
                        Diagnostic::new(
                            Code::NotALibrary,
                            "a runbook cannot be imported",
                            import.span,
                        )
                        .label("holds a runbook")
                        .and(runbook.name.span, "this runbook")
                        .help("move its procedures into a file of their own, and import that"),
                    );
                }
            }
        }
    }

    fn imports_first(&mut self, lines: &[Node<Top>]) {
        let other =
            |l: &Node<Top>| matches!(l.value, Top::Procedure(_) | Top::Runbook(_) | Top::Test(_));
        let Some(first) = lines.iter().position(other) else {
            return;
        };
        for line in &lines[first..] {
            if matches!(line.value, Top::Import(_)) {
                self.problem(
                    Diagnostic::new(
                        Code::Misplaced,
                        "an import stands above everything else",
                        line.span,
                    )
                    .label("too far down")
                    .help("move it to the top of the file"),
                );
            }
        }
    }

    fn no_edition(&mut self, lines: &[Node<Top>]) {
        let Some(span) = lines.iter().find_map(|l| match &l.value {
            Top::Procedure(procedure) => Some(procedure.name.span),
            _ => None,
        }) else {
            return;
        };
        self.problem(
            Diagnostic::new(
                Code::MissingEdition,
                "the file does not say its edition",
                span,
            )
            .label("no `edition` above")
            .help("add `edition 1` at the top of the file"),
        );
    }

    /// An edition that is not known.
    pub(super) fn edition(&mut self, number: &Node<Expr>) {
        if number.value == Expr::Int(1) {
            return;
        }
        let shown = self.shown(number.span);
        self.problem(
            Diagnostic::new(
                Code::UnsupportedEdition,
                format!("edition {shown} is not known"),
                number.span,
            )
            .label("unknown edition")
            .help("this version of runbook reads `edition 1`"),
        );
    }

    /// What a library gives to those who import it.
    pub(super) fn library(&mut self) -> CheckedLibrary {
        unused::check(self);
        let program = self.program;
        let procedures = program.of_file(0);
        CheckedLibrary {
            procedures: procedures.map(|(_, p)| self.given_out(p)).collect(),
        }
    }

    fn given_out(&self, procedure: &ast::Procedure) -> CheckedProcedure {
        let written = |span: Span| self.shown(span);
        CheckedProcedure {
            name: procedure.name.value.clone(),
            parameters: procedure
                .parameters
                .iter()
                .map(|p| (p.value.name.value.clone(), written(p.value.ty.span)))
                .collect(),
            about: procedure
                .about
                .as_ref()
                .and_then(crate::parse::plain)
                .unwrap_or_default(),
        }
    }
}
