//! Guards as used: `require`, `warn`, `ensure`, `when`, `done when`.

use super::arguments::signature;
use super::entry::Checker;
use super::typing::Place;
use crate::ast;
use crate::catalogue::{FUNCTIONS, GUARDS, GuardName};
use crate::checked::GuardUse;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::span::{Node, Span};
use crate::suggest;

impl Checker<'_> {
    /// A guard; none where it is unknown.
    pub(super) fn guard(&mut self, guard: &Node<ast::Guard>) -> Option<GuardUse> {
        let written = &guard.value;
        let Some(name) = GuardName::parse(&written.name.value) else {
            self.unknown_guard(&written.name);
            for argument in &written.arguments {
                self.type_of(argument, Place::Once);
            }
            return None;
        };
        let row = name.row();
        let spans = (written.name.span, guard.span);
        let arguments = self.by_position(
            row.name,
            row.arguments,
            &written.arguments,
            spans,
            Place::Once,
        );
        Some(GuardUse {
            name,
            arguments,
            negated: written.negated,
            otherwise: None,
            override_name: None,
            warn_only: false,
            within_ms: None,
            span: guard.span,
        })
    }

    pub(super) fn unknown_guard(&mut self, name: &Node<String>) {
        let help = match suggest::nearest(&name.value, GUARDS.iter().map(|g| g.name)) {
            Some(near) => {
                let row = GUARDS.iter().find(|g| g.name == near);
                let written = row.map_or_else(String::new, |r| signature(r.name, r.arguments));
                format!("did you mean `{written}`?")
            }
            None if FUNCTIONS.iter().any(|f| f.name == name.value) => {
                format!(
                    "`{}` is a function: it gives hosts, and says nothing that could hold",
                    name.value
                )
            }
            None => "`runbook explain guards` lists the guards".to_owned(),
        };
        self.problem(
            Diagnostic::new(
                Code::UnknownGuard,
                format!("no guard is called `{}`", name.value),
                name.span,
            )
            .label("unknown guard")
            .help(help),
        );
    }

    pub(super) fn guards(&mut self, guards: &[Node<ast::Guard>]) -> Vec<GuardUse> {
        guards.iter().filter_map(|g| self.guard(g)).collect()
    }

    pub(super) fn require(&mut self, require: &ast::Require) -> Option<GuardUse> {
        for text in &require.otherwise {
            self.type_of(text, Place::Once);
        }
        self.once("`else`", require.otherwise.iter().map(|o| o.span));
        self.once("`override`", require.override_names.iter().map(|o| o.span));
        let guard = self.guard(&require.guard)?;
        let override_name = require.override_names.first().cloned();
        if let (true, Some(name)) = (require.warn_only, &override_name) {
            self.problem(
                Diagnostic::new(Code::Misplaced, "a warning stops nothing", name.span)
                    .label("there is nothing to override")
                    .help("drop the `override`, or write `require`"),
            );
        }
        Some(GuardUse {
            otherwise: require.otherwise.first().cloned(),
            override_name,
            warn_only: require.warn_only,
            ..guard
        })
    }

    pub(super) fn ensure(&mut self, ensure: &ast::Ensure) -> Option<GuardUse> {
        for text in &ensure.otherwise {
            self.type_of(text, Place::Once);
        }
        self.once("`else`", ensure.otherwise.iter().map(|o| o.span));
        self.once("`within`", ensure.within.iter().map(|o| o.span));
        let within_ms = ensure.within.first().and_then(|w| self.milliseconds(w));
        let guard = self.guard(&ensure.guard)?;
        Some(GuardUse {
            otherwise: ensure.otherwise.first().cloned(),
            within_ms,
            ..guard
        })
    }

    /// Refuses the second of something.
    pub(super) fn once(&mut self, what: &str, spans: impl Iterator<Item = Span>) {
        let spans: Vec<Span> = spans.collect();
        if let [first, second, ..] = spans.as_slice() {
            self.problem(
                Diagnostic::new(Code::Duplicate, format!("{what} is said twice"), *second)
                    .label("second time")
                    .and(*first, "first time")
                    .help("keep one of them"),
            );
        }
    }
}
