//! Lines at the top of a file.

use super::expr::type_ref;
use super::printer::{Lines, Printer};
use crate::ast::{Procedure, Top};
use crate::span::Span;

impl Lines for Top {
    fn columns(&self, _: &Printer<'_>) -> Option<(&'static str, Vec<String>)> {
        None
    }

    fn head_end(&self, span: Span) -> usize {
        match self {
            Top::Runbook(runbook) => runbook.block.open.span.start,
            Top::Procedure(procedure) => procedure.block.open.span.start,
            Top::Test(test) => test.block.open.span.start,
            _ => span.end,
        }
    }

    fn write(&self, printer: &mut Printer<'_>) {
        match self {
            Top::Edition(number) => {
                let number = printer.expr(number);
                printer.out.push_str(&format!("edition {number}"));
            }
            Top::Import(path) => {
                let path = printer.expr(path);
                printer.out.push_str(&format!("import {path}"));
            }
            Top::Procedure(procedure) => write_procedure(printer, procedure),
            Top::Test(test) => {
                let name = printer.expr(&test.name);
                printer.out.push_str(&format!("test {name} "));
                printer.block(&test.block);
            }
            Top::Runbook(runbook) => {
                let name = &runbook.name.value;
                printer.out.push_str(&format!("runbook {name} "));
                printer.block(&runbook.block);
            }
        }
    }
}

fn write_procedure(printer: &mut Printer<'_>, procedure: &Procedure) {
    let parameters: Vec<String> = procedure
        .parameters
        .iter()
        .map(|p| format!("{}: {}", p.value.name.value, type_ref(&p.value.ty.value)))
        .collect();
    let head = format!(
        "procedure {}({})",
        procedure.name.value,
        parameters.join(", ")
    );
    printer.out.push_str(&head);
    if let Some(about) = &procedure.about {
        let about = printer.expr(about);
        if printer.fits(&format!("{head} {about} {{")) {
            printer.out.push_str(&format!(" {about}"));
        } else {
            let margin = printer.margin(4);
            printer.out.push_str(&format!("\n{margin}{about}"));
        }
    }
    printer.out.push(' ');
    printer.block(&procedure.block);
}
