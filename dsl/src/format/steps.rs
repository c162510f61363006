//! Steps and their lines.

use super::items::{write_ensure, write_require};
use super::printer::{Lines, Printer};
use crate::ast::{Block, Call, Statement, Step, StepOption};
use crate::catalogue::VERBS;
use crate::expr::Expr;
use crate::span::{Node, Span};

/// A step; the cursor stands behind the indentation.
pub(super) fn write(printer: &mut Printer<'_>, step: &Step) {
    let head = format!(
        "step {} on {}",
        printer.expr(&step.title),
        printer.expr(&step.on)
    );
    let options: Vec<String> = step
        .options
        .iter()
        .map(|o| option(printer, &o.value))
        .collect();
    let line = [std::slice::from_ref(&head), options.as_slice()]
        .concat()
        .join(" ");
    if options.is_empty() || printer.fits(&format!("{line} {{")) {
        printer.out.push_str(&line);
    } else {
        let margin = printer.margin(4);
        printer.out.push_str(&head);
        for option in options {
            printer.out.push_str(&format!("\n{margin}{option}"));
        }
    }
    printer.out.push(' ');
    printer.block(&step.block);
}

fn option(printer: &Printer<'_>, option: &StepOption) -> String {
    match option {
        StepOption::Parallel => "parallel".to_owned(),
        StepOption::Rolling(count) => format!("rolling {}", printer.expr(count)),
        StepOption::RollingQuorumSafe => "rolling quorum-safe".to_owned(),
        StepOption::LeaderLast => "leader last".to_owned(),
        StepOption::Timeout(time) => format!("timeout {}", printer.expr(time)),
        StepOption::Retry(count, pause) => {
            format!(
                "retry {} every {}",
                printer.expr(count),
                printer.expr(pause)
            )
        }
        StepOption::UnreachableFail => "on unreachable fail".to_owned(),
        StepOption::UnreachableWait(time) => format!("on unreachable wait {}", printer.expr(time)),
        StepOption::UnreachableSkip => "on unreachable skip".to_owned(),
        StepOption::When(guards) => format!("when {}", printer.guards(guards)),
    }
}

impl Lines for Statement {
    fn columns(&self, _: &Printer<'_>) -> Option<(&'static str, Vec<String>)> {
        None
    }

    fn head_end(&self, span: Span) -> usize {
        match self {
            Statement::Call(call) => call.head_end(span),
            _ => span.end,
        }
    }

    fn write(&self, printer: &mut Printer<'_>) {
        match self {
            Statement::Require(require) => write_require(printer, require),
            Statement::Ensure(ensure) => write_ensure(printer, ensure),
            Statement::Call(call) => call.write(printer),
        }
    }
}

impl Lines for Call {
    fn columns(&self, _: &Printer<'_>) -> Option<(&'static str, Vec<String>)> {
        None
    }

    fn head_end(&self, span: Span) -> usize {
        self.undo.as_ref().map_or(span.end, |u| u.open.span.start)
    }

    fn write(&self, printer: &mut Printer<'_>) {
        let line = words(printer, self, None);
        let Some(undo) = &self.undo else {
            let line = if printer.fits(&line) {
                line
            } else {
                words(printer, self, Some(&printer.margin(2)))
            };
            printer.out.push_str(&line);
            return;
        };
        if let Some(inline) = inline(printer, undo) {
            let whole = format!("{line} {inline}");
            if printer.fits(&whole) {
                printer.out.push_str(&whole);
                return;
            }
        }
        let line = if printer.fits(&format!("{line} undo {{")) {
            line
        } else {
            words(printer, self, Some(&printer.margin(2)))
        };
        printer.out.push_str(&line);
        printer.out.push_str(" undo ");
        printer.block(undo);
    }
}

/// `undo { CALL }`, where it is one short call without comments.
fn inline(printer: &Printer<'_>, undo: &Block<Call>) -> Option<String> {
    let [only] = undo.lines.as_slice() else {
        return None;
    };
    let commented = printer
        .comments
        .within(undo.open.span.start, undo.close.span.end);
    (!commented && only.value.undo.is_none())
        .then(|| format!("undo {{ {} }}", words(printer, &only.value, None)))
}

/// Verb and arguments; each labelled one on a line of its own where a margin is given.
fn words(printer: &Printer<'_>, call: &Call, margin: Option<&str>) -> String {
    let mut out = call.verb.value.clone();
    let mut value_of_label = false;
    for (i, argument) in call.arguments.iter().enumerate() {
        let label = !value_of_label && i + 1 < call.arguments.len() && is_label(argument);
        match margin {
            Some(margin) if label && i > 0 => out.push_str(&format!("\n{margin}")),
            _ => out.push(' '),
        }
        out.push_str(&printer.expr(argument));
        value_of_label = label;
    }
    out
}

fn is_label(argument: &Node<Expr>) -> bool {
    let Expr::Name(name) = &argument.value else {
        return false;
    };
    VERBS
        .iter()
        .flat_map(|v| v.arguments)
        .any(|a| a.label == Some(name.as_str()))
}
