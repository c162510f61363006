//! Verbs with their arguments.

use super::arguments::Arguments;
use super::entry::Checker;
use super::typing::Place;
use crate::ast;
use crate::catalogue::{Argument, ArgumentType, VERBS, Verb, VerbRow};
use crate::checked::Call;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, TextPart};
use crate::span::{Node, Span};
use crate::suggest;

impl Checker<'_> {
    /// A call; none where its verb is unknown or an argument is wrong, which has then been said.
    pub(super) fn call(&mut self, call: &ast::Call, span: Span) -> Option<Call> {
        let undo = call.undo.as_ref().map(|block| {
            block
                .lines
                .iter()
                .filter_map(|line| {
                    if let Some(inner) = &line.value.undo {
                        self.problem(
                            Diagnostic::new(
                                Code::Misplaced,
                                "an `undo` cannot be undone",
                                inner.open.span,
                            )
                            .label("`undo` inside `undo`")
                            .help("remove it"),
                        );
                    }
                    self.call(&line.value, line.span)
                })
                .collect::<Vec<_>>()
        });
        let row = self.verb(&call.verb)?.row();
        let arguments = self.labelled(row, call);
        self.flows(row, &arguments, span);
        // The undo's braces are not the call's own text.
        let end = call
            .arguments
            .last()
            .map_or(call.verb.span.end, |a| a.span.end);
        Some(Call {
            verb: row.verb,
            arguments,
            undo,
            span: Span {
                end,
                ..call.verb.span
            },
        })
    }

    fn verb(&mut self, name: &Node<String>) -> Option<Verb> {
        if let Some(verb) = Verb::parse(&name.value) {
            return Some(verb);
        }
        let help = if crate::catalogue::GuardName::parse(&name.value).is_some() {
            Some(format!(
                "`{}` is a guard: write `require {}(...)`",
                name.value, name.value
            ))
        } else {
            suggest::did_you_mean(
                &name.value,
                VERBS
                    .iter()
                    .map(|v| v.name)
                    .chain(["require", "warn", "ensure"]),
            )
        };
        self.problem(
            Diagnostic::new(
                Code::UnknownVerb,
                format!("no verb is called `{}`", name.value),
                name.span,
            )
            .label("unknown verb")
            .help(help.unwrap_or_else(|| {
                "`runbook explain verbs` lists the verbs; what has none is written with `shell`"
                    .to_owned()
            })),
        );
        None
    }

    /// Arguments by position first, then those after their words.
    fn labelled(&mut self, row: &'static VerbRow, call: &ast::Call) -> Arguments {
        let mut arguments = Arguments::new();
        let mut seen: Vec<&str> = Vec::new();
        let mut given = call.arguments.iter();
        let mut positional = row.arguments.iter().filter(|a| a.label.is_none());
        let mut next = positional.next();
        while let Some(value) = given.next() {
            let label = self.label(row, value);
            if let Some(argument) = next
                && (label.is_none() || self.is_value(argument, value))
            {
                next = positional.next();
                seen.push(argument.name);
                self.put(&mut arguments, argument, value);
                continue;
            }
            let Some(argument) = label else {
                self.extra(row, value);
                return arguments;
            };
            let labelled = given.next();
            if labelled.is_none() || seen.contains(&argument.name) {
                self.bad_label(row, argument, value, labelled.is_some());
                return arguments;
            }
            seen.push(argument.name);
            if let Some(labelled) = labelled {
                self.put(&mut arguments, argument, labelled);
            }
        }
        self.missing(row, call, &seen);
        arguments
    }

    /// The argument that a bare word announces.
    fn label(&self, row: &'static VerbRow, value: &Node<Expr>) -> Option<&'static Argument> {
        let Expr::Name(word) = &value.value else {
            return None;
        };
        row.arguments
            .iter()
            .find(|a| a.label == Some(word.as_str()))
    }

    /// Whether a word that could be a label is meant as the value: a parameter called `to`.
    fn is_value(&self, argument: &Argument, value: &Node<Expr>) -> bool {
        let Expr::Name(word) = &value.value else {
            return true;
        };
        match argument.ty {
            ArgumentType::Word(words) => words.contains(&word.as_str()),
            _ => !argument.optional && self.scope.peek(word).is_some(),
        }
    }

    fn bad_label(&mut self, row: &VerbRow, argument: &Argument, at: &Node<Expr>, followed: bool) {
        let shown = self.shown(at.span);
        let found = if followed {
            Diagnostic::new(
                Code::ExtraArgument,
                format!("`{shown}` is said twice"),
                at.span,
            )
            .label("second time")
            .help("say it once")
        } else {
            Diagnostic::new(
                Code::MissingArgument,
                format!("nothing follows `{shown}`"),
                at.span,
            )
            .label(argument.doc)
            .help(format!("write `{}`", usage(row)))
        };
        self.problem(found);
    }

    fn put(&mut self, arguments: &mut Arguments, argument: &'static Argument, value: &Node<Expr>) {
        if let Some(value) = self.accept(argument, value, Place::PerHost) {
            arguments.insert(argument.name, value);
        }
    }

    fn extra(&mut self, row: &'static VerbRow, value: &Node<Expr>) {
        let shown = self.shown(value.span);
        let labels = row.arguments.iter().filter_map(|a| a.label);
        let help = suggest::did_you_mean(&shown, labels)
            .unwrap_or_else(|| format!("write `{}`", usage(row)));
        self.problem(
            Diagnostic::new(
                Code::ExtraArgument,
                format!("`{}` does not take `{shown}`", row.name),
                value.span,
            )
            .label("not expected")
            .help(help),
        );
    }

    fn missing(&mut self, row: &'static VerbRow, call: &ast::Call, seen: &[&str]) {
        let absent = row
            .arguments
            .iter()
            .filter(|a| !a.optional && !seen.contains(&a.name));
        for argument in absent {
            let name = argument.label.unwrap_or(argument.name);
            let end = call
                .arguments
                .last()
                .map_or(call.verb.span.end, |a| a.span.end);
            self.problem(
                Diagnostic::new(
                    Code::MissingArgument,
                    format!("`{}` lacks `{name}`: {}", row.name, argument.doc),
                    Span {
                        end,
                        ..call.verb.span
                    },
                )
                .label(format!("`{name}` is missing"))
                .help(format!("write `{}`", usage(row))),
            );
        }
    }

    /// Templates' names and modes, and shell programs that say nothing of what they change.
    fn flows(&mut self, row: &VerbRow, arguments: &Arguments, span: Span) {
        self.mode(arguments);
        match row.verb {
            Verb::Template => {
                if let Some(template) = arguments.get("template") {
                    let name = crate::parse::plain(template).unwrap_or_default();
                    let private = arguments
                        .get("mode")
                        .is_some_and(|m| matches!(m.value, Expr::Int(mode) if mode & 0o077 == 0));
                    self.template(&name, template.span, private, false);
                }
            }
            Verb::Configure => self.template("etcd.conf.j2", span, false, true),
            Verb::Shell => self.shell(arguments, span),
            _ => {}
        }
    }

    fn mode(&mut self, arguments: &Arguments) {
        let Some(mode) = arguments.get("mode") else {
            return;
        };
        let octal = self.shown(mode.span).starts_with('0');
        let Expr::Int(bits) = mode.value else { return };
        if !octal || !(0..=0o7777).contains(&bits) {
            self.problem(
                Diagnostic::new(Code::WrongType, "expected permission bits", mode.span)
                    .label("not octal")
                    .help("permission bits are octal with a leading 0: `0644`"),
            );
        }
    }

    fn shell(&mut self, arguments: &Arguments, span: Span) {
        if let Some(script) = arguments.get("script") {
            self.bypass(script);
        }
        for program in ["script", "check"].iter().filter_map(|a| arguments.get(a)) {
            if !matches!(program.value, Expr::Text(_)) {
                self.problem(
                    Diagnostic::new(
                        Code::WrongType,
                        "a program is written out here",
                        program.span,
                    )
                    .label("not a text in quotation marks")
                    .help(
                        "values go into it in braces, and reach it as values: `\"touch {path}\"`",
                    ),
                );
            }
        }
        if ["creates", "check", "changes"]
            .iter()
            .any(|a| arguments.contains_key(a))
        {
            return;
        }
        let end = arguments.get("script").map_or(span.end, |s| s.span.end);
        self.problem(
            Diagnostic::new(
                Code::OpaqueShell,
                "nothing is known of what this program changes",
                Span { end, ..span },
            )
            .label("OPAQUE in the plan; the run will ask first")
            .help("say `creates PATH`, `check \"PROGRAM\"` or `changes nothing`"),
        );
    }
}

/// `upload SOURCE to DEST [mode MODE] [owner OWNER]`.
pub(crate) fn usage(row: &VerbRow) -> String {
    let mut out = row.name.to_owned();
    for argument in row.arguments {
        let value = match argument.ty {
            ArgumentType::Word(words) => words.join("|"),
            _ => argument.name.to_uppercase(),
        };
        let words = match argument.label {
            Some(label) => format!("{label} {value}"),
            None => value,
        };
        out.push(' ');
        if argument.optional {
            out.push_str(&format!("[{words}]"));
        } else {
            out.push_str(&words);
        }
    }
    out
}

/// Whether a service's name means the member's own unit.
pub(super) fn is_etcd(name: &Expr) -> bool {
    match name {
        Expr::Name(word) => word == "etcd",
        Expr::Text(parts) => match parts.as_slice() {
            [TextPart::Literal(text)] => text == "etcd" || text == "etcd.service",
            [TextPart::Expr(expr), ..] => matches!(
                &expr.value,
                Expr::Field(of, field)
                    if field.value == "unit" && of.value == Expr::Name("member".to_owned())
            ),
            _ => false,
        },
        _ => false,
    }
}
