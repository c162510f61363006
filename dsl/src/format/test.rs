//! Lines of a test: words with one blank between them.

use super::printer::{Lines, Printer};
use crate::ast::TestLine;
use crate::expr::Expr;
use crate::span::{Node, Span};

impl Lines for TestLine {
    fn columns(&self, _: &Printer<'_>) -> Option<(&'static str, Vec<String>)> {
        None
    }

    fn head_end(&self, span: Span) -> usize {
        span.end
    }

    fn write(&self, printer: &mut Printer<'_>) {
        let line = match self {
            TestLine::Given(words) => format!("given {}", joined(printer, words)),
            TestLine::Parameter(name, value) => {
                format!("given param {} = {}", name.value, printer.expr(value))
            }
            TestLine::Variable(name, value) => {
                format!("given var {} = {}", name.value, printer.expr(value))
            }
            TestLine::When(words) => format!("when {}", joined(printer, words)),
            TestLine::Expect(words) => format!("expect {}", joined(printer, words)),
            TestLine::ExpectGuard(guard) => format!("expect {}", printer.guard(&guard.value)),
        };
        printer.out.push_str(&line);
    }
}

fn joined(printer: &Printer<'_>, words: &[Node<Expr>]) -> String {
    let words: Vec<String> = words.iter().map(|w| printer.expr(w)).collect();
    words.join(" ")
}
