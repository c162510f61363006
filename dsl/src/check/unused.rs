//! Names that nothing reads, imports and procedures that nothing calls.

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
            // Told with its procedure.
            Kind::Given => continue,
        };
        found.push(
            Diagnostic::new(code, format!("{what} `{name}` is never used"), symbol.span)
                .label("never used")
                .help(help),
        );
    }
    files(checker, &mut found);
    checker.problems.extend(found);
}

/// Imports of which nothing is called, and procedures of a runbook's own that it does not call.
fn files(checker: &Checker<'_>, found: &mut Vec<Diagnostic>) {
    let program = checker.program;
    for (file, unit) in program.files.iter().enumerate() {
        let calls = |id: usize| checker.called.contains(&(file, id));
        for import in &unit.imports {
            if !program.of_file(import.file).any(|(id, _)| calls(id)) {
                found.push(
                    Diagnostic::new(
                        Code::UnusedImport,
                        "no procedure of this file is called",
                        import.span,
                    )
                    .label("never used")
                    .help("call one, or remove the import"),
                );
            }
        }
        if program.runbook(file).is_none() {
            continue;
        }
        for (_, procedure) in program.of_file(file).filter(|(id, _)| !calls(*id)) {
            let name = &procedure.name;
            found.push(
                Diagnostic::new(
                    Code::UnusedProcedure,
                    format!("procedure `{}` is never called", name.value),
                    name.span,
                )
                .label("never called")
                .help("call it, remove it, or move it into a library"),
            );
        }
    }
}
