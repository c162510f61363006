//! Names that nothing reads.

use super::entry::Checker;
use super::scope::Kind;
use crate::codes::{Code, Severity};
use crate::diagnostic::Diagnostic;

/// Says which names nothing reads; not while there are other errors: what they hide may be the use.
pub(super) fn check(checker: &mut Checker<'_>) {
    if checker
        .problems
        .iter()
        .any(|d| d.severity() == Severity::Error)
    {
        return;
    }
    let mut found = Vec::new();
    for (name, symbol) in checker.scope.iter() {
        if symbol.used.get() {
            continue;
        }
        let (code, what, help) = match symbol.kind {
            Kind::Param => (
                Code::UnusedParameter,
                "parameter",
                "use it, or remove it: whoever sets it would expect an effect",
            ),
            Kind::Target => (
                Code::UnusedTarget,
                "target",
                "use it in a step or a guard, or remove it",
            ),
            Kind::Let => (Code::UnusedLet, "let", "use it, or remove it"),
        };
        found.push(
            Diagnostic::new(code, format!("{what} `{name}` is never used"), symbol.span)
                .label("never used")
                .help(help),
        );
    }
    checker.problems.extend(found);
}
