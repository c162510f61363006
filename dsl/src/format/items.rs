//! Lines of a runbook.

use super::expr::type_ref;
use super::printer::{Lines, Printer};
use crate::ast::{Ensure, Expect, Item, OnFailure, Param, Require, Target};
use crate::span::Span;

impl Lines for Item {
    fn columns(&self, printer: &Printer<'_>) -> Option<(&'static str, Vec<String>)> {
        Some(match self {
            Item::About(text) => ("header", vec!["about   ".to_owned(), printer.expr(text)]),
            Item::Edition(number) => ("header", vec![format!("edition {}", printer.expr(number))]),
            Item::Param(param) => ("param", param_columns(printer, param)),
            Item::Target(target) => ("target", target_columns(printer, target)),
            Item::Let(name, value) => (
                "let",
                vec![
                    format!("let {}", name.value),
                    format!(" = {}", printer.expr(value)),
                ],
            ),
            _ => return None,
        })
    }

    fn head_end(&self, span: Span) -> usize {
        match self {
            Item::Step(step) => step.block.open.span.start,
            Item::Outage(_, block) => block.open.span.start,
            _ => span.end,
        }
    }

    fn write(&self, printer: &mut Printer<'_>) {
        match self {
            Item::DoneWhen(guards) => {
                let guards = printer.guards(guards);
                printer.out.push_str(&format!("done when {guards}"));
            }
            Item::Require(require) => write_require(printer, require),
            Item::Ensure(ensure) => write_ensure(printer, ensure),
            Item::Step(step) => super::steps::write(printer, step),
            Item::Outage(reason, block) => {
                let reason = printer.expr(reason);
                printer.out.push_str(&format!("outage {reason} "));
                printer.block(block);
            }
            Item::Confirm(text) => {
                let text = printer.expr(text);
                printer.out.push_str(&format!("confirm {text}"));
            }
            Item::Irreversible(text, asks) => {
                let confirm = if *asks { "confirm " } else { "" };
                let text = printer.expr(text);
                printer
                    .out
                    .push_str(&format!("irreversible {confirm}{text}"));
            }
            Item::OnFailure(way) => {
                let way = match way {
                    OnFailure::Pause => "pause",
                    OnFailure::Rollback => "rollback",
                    OnFailure::RollbackBeforeIrreversible => {
                        "rollback before irreversible, else pause"
                    }
                };
                printer.out.push_str(&format!("on failure {{ {way} }}"));
            }
            Item::Invoke(invoke) => {
                let arguments = printer.arguments(&invoke.arguments);
                printer
                    .out
                    .push_str(&format!("{}{arguments}", invoke.name.value));
            }
            // Aligned with their neighbours, by `columns`.
            Item::About(_)
            | Item::Edition(_)
            | Item::Param(_)
            | Item::Target(_)
            | Item::Let(..) => {}
        }
    }
}

fn param_columns(printer: &Printer<'_>, param: &Param) -> Vec<String> {
    let mut ty = format!(" {}", type_ref(&param.ty.value));
    if let Some(default) = &param.default {
        ty.push_str(&format!(" = {}", printer.expr(default)));
    }
    let mut columns = vec![format!("param {}:", param.name.value), ty];
    columns.extend(
        param
            .doc
            .as_ref()
            .map(|d| format!("   {}", printer.expr(d))),
    );
    columns
}

fn target_columns(printer: &Printer<'_>, target: &Target) -> Vec<String> {
    let mut columns = vec![
        format!("target {}", target.name.value),
        format!(" = {}", printer.expr(&target.hosts)),
    ];
    columns.extend(target.expect.as_ref().map(|e| match &e.value {
        Expect::Any => "   expect any".to_owned(),
        Expect::Counts(counts) => {
            let counts: Vec<String> = counts.iter().map(|c| printer.expr(c)).collect();
            format!("   expect {}", counts.join(" | "))
        }
    }));
    columns
}

pub(super) fn write_require(printer: &mut Printer<'_>, require: &Require) {
    let word = if require.warn_only { "warn" } else { "require" };
    let mut out = format!("{word} {}", printer.guard(&require.guard.value));
    let margin = printer.margin(2);
    for text in &require.otherwise {
        out.push_str(&format!("\n{margin}else {}", printer.expr(text)));
    }
    for name in &require.override_names {
        out.push_str(&format!("\n{margin}override {}", name.value));
    }
    printer.out.push_str(&out);
}

pub(super) fn write_ensure(printer: &mut Printer<'_>, ensure: &Ensure) {
    let mut out = format!("ensure {}", printer.guard(&ensure.guard.value));
    for time in &ensure.within {
        out.push_str(&format!(" within {}", printer.expr(time)));
    }
    let margin = printer.margin(2);
    for text in &ensure.otherwise {
        out.push_str(&format!("\n{margin}else {}", printer.expr(text)));
    }
    printer.out.push_str(&out);
}
