//! Problems that obligations find, told with the calls of procedures that lead to them.

use crate::checked::Call;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::Expr;
use crate::span::{Node, Span};

/// Calls that are shown beside the runbook's own.
const SHOWN: usize = 3;
/// Places that one problem shows.
const MOST_CALLS: usize = 6;

/// A call's place and arguments.
type CallSite<'a> = (Span, &'a [(String, Node<Expr>)]);

/// Where a walk is among calls, and what it has told.
pub(super) struct Told<'a> {
    problems: &'a mut Vec<Diagnostic>,
    /// Calls around the item that is looked at: place and arguments, outermost first.
    calls: Vec<CallSite<'a>>,
}

impl<'a> Told<'a> {
    pub(super) fn new(problems: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            problems,
            calls: Vec::new(),
        }
    }

    /// What follows stands in a procedure that is called here.
    pub(super) fn enter(&mut self, span: Span, arguments: &'a [(String, Node<Expr>)]) {
        self.calls.push((span, arguments));
    }

    pub(super) fn leave(&mut self) {
        self.calls.pop();
    }

    /// Tells a problem, with the calls that lead to it.
    pub(super) fn say(&mut self, problem: Diagnostic) {
        let mut places: Vec<Span> = Vec::new();
        for (i, (span, _)) in self.calls.iter().enumerate().rev() {
            // The nearest calls and the runbook's own: what lies between tells a reader nothing more.
            if i == 0 || i + SHOWN >= self.calls.len() {
                places.push(*span);
            }
        }
        let told = self
            .problems
            .iter_mut()
            .find(|d| d.code() == problem.code() && d.span() == problem.span());
        match told {
            // A procedure that owes the same at every call owes it once.
            Some(told) if !places.is_empty() => {
                places.retain(|place| told.labels().iter().all(|l| l.span != *place));
                let room = MOST_CALLS.saturating_sub(told.labels().len());
                for place in places.into_iter().take(room) {
                    told.also(place, "and here");
                }
            }
            _ => {
                let label = |d: Diagnostic, place: &Span| d.and(*place, "called here");
                self.problems.push(places.iter().fold(problem, label));
            }
        }
    }

    /// Tells what a call owes and does not give.
    pub(super) fn owes(
        &mut self,
        code: Code,
        call: &Call,
        message: &str,
        label: &str,
        help: String,
    ) {
        self.say(
            Diagnostic::new(code, message, call.span)
                .label(label)
                .help(help),
        );
    }

    /// A target as a help can name it: in a procedure by its parameter.
    pub(super) fn hosts(&self, on: &Expr) -> String {
        if let Some((_, arguments)) = self.calls.last() {
            let given = arguments.iter().find(|(_, value)| value.value == *on);
            return given.map_or_else(|| "members".to_owned(), |(name, _)| name.clone());
        }
        match on {
            Expr::Name(name) => name.clone(),
            _ => "members".to_owned(),
        }
    }
}
