//! What stands between quotation marks: escapes, braces, blocks.

use pest::Parser;
use pest::iterators::Pair;

use super::build::Builder;
use super::{Grammar, Rule, recover};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, TextPart};
use crate::span::{Node, Span};

/// A `text` pair as [`Expr::Text`].
pub(super) fn text(builder: &mut Builder, pair: &Pair<'_, Rule>) -> Expr {
    let whole = pair.as_str();
    let parts = match whole
        .strip_prefix("\"\"\"")
        .and_then(|t| t.strip_suffix("\"\"\""))
    {
        Some(block) => vec![TextPart::Literal(dedent(block))],
        None => {
            let start = builder.span(pair).start + 1;
            let inner = whole
                .get(1..whole.len().saturating_sub(1))
                .unwrap_or_default();
            Reader {
                builder,
                inner,
                start,
                at: 0,
                literal: String::new(),
                parts: Vec::new(),
            }
            .read()
        }
    };
    Expr::Text(parts)
}

/// The lines between three quotation marks, without the indentation that they share: it belongs to the runbook's
/// layout. A first line with nothing on it and the last line's indentation are layout as well.
fn dedent(block: &str) -> String {
    let Some(lines) = block
        .strip_prefix("\r\n")
        .or_else(|| block.strip_prefix('\n'))
    else {
        return block.to_owned();
    };
    let lines: Vec<&str> = lines
        .split('\n')
        .map(|l| l.strip_suffix('\r').unwrap_or(l))
        .collect();
    let depth = lines
        .iter()
        .filter(|l| !l.trim().is_empty())
        .map(|l| l.len() - l.trim_start_matches([' ', '\t']).len())
        .min()
        .unwrap_or(0);
    let cut: Vec<&str> = lines
        .iter()
        .map(|l| if l.trim().is_empty() { "" } else { &l[depth..] })
        .collect();
    cut.join("\n")
}

struct Reader<'a> {
    builder: &'a mut Builder,
    inner: &'a str,
    start: usize,
    at: usize,
    literal: String,
    parts: Vec<TextPart>,
}

impl Reader<'_> {
    fn read(mut self) -> Vec<TextPart> {
        while let Some(c) = self.inner[self.at..].chars().next() {
            let next = self.inner[self.at + c.len_utf8()..].chars().next();
            match (c, next) {
                ('\\', Some(escaped)) => self.escape(escaped),
                ('{', Some('{')) | ('}', Some('}')) => {
                    self.literal.push(c);
                    self.at += 2;
                }
                ('{', _) => self.expression(),
                ('}', _) => {
                    self.problem(
                        ("`}` closes nothing in this text", "no `{` before it"),
                        self.at,
                        self.at + 1,
                        "write `}}` for a brace",
                    );
                    self.at += 1;
                }
                _ => {
                    self.literal.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        self.flush();
        self.parts
    }

    fn escape(&mut self, escaped: char) {
        match escaped {
            'n' => self.literal.push('\n'),
            't' => self.literal.push('\t'),
            'r' => self.literal.push('\r'),
            '"' | '\\' => self.literal.push(escaped),
            _ => self.problem(
                (
                    &format!("`\\{escaped}` means nothing in a text"),
                    "unknown escape",
                ),
                self.at,
                self.at + 1 + escaped.len_utf8(),
                "a backslash stands before `\"`, `\\`, `n`, `t` or `r`; write `\\\\` for a backslash",
            ),
        }
        self.at += 1 + escaped.len_utf8();
    }

    fn expression(&mut self) {
        let open = self.at;
        let Some(length) = self.inner[open..].find('}') else {
            self.problem(
                ("`{` is not closed in this text", "no `}` follows"),
                open,
                open + 1,
                "close it with `}`, or write `{{` for a brace",
            );
            self.at = self.inner.len();
            return;
        };
        let inside = &self.inner[open + 1..open + length];
        self.at = open + length + 1;
        let offset = self.start + open + 1;
        if inside.trim().is_empty() {
            self.problem(
                ("nothing stands between the braces", "no value"),
                open,
                open + length + 1,
                "name a value, as `{run.id}`, or write `{{}}` for braces",
            );
            return;
        }
        if inside.contains('\\') || inside.matches(['(', '[']).count() > super::scan::MAX_DEPTH {
            self.problem(
                (
                    "this expression cannot stand in a text",
                    "too much for a text",
                ),
                open,
                open + length + 1,
                "name it with `let` and use the name",
            );
            return;
        }
        match Grammar::parse(Rule::only_expr, inside) {
            Ok(mut pairs) => {
                let expr = pairs.next().and_then(|p| p.into_inner().next());
                let outer = std::mem::replace(&mut self.builder.offset, offset);
                let value = expr.map(|e| self.builder.expr(e));
                self.builder.offset = outer;
                self.flush();
                if let Some(value) = value {
                    self.parts.push(TextPart::Expr(value));
                }
            }
            Err(error) => {
                let found = recover::syntax_before(&error, inside, offset, "`}`")
                    .help("braces hold an expression; write `{{` for a brace itself");
                self.builder.problem(found);
            }
        }
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.parts
                .push(TextPart::Literal(std::mem::take(&mut self.literal)));
        }
    }

    fn problem(&mut self, (message, label): (&str, &str), from: usize, to: usize, help: &str) {
        let span = Span {
            source: 0,
            start: self.start + from,
            end: self.start + to,
        };
        self.builder.problem(
            Diagnostic::new(Code::BadText, message, span)
                .label(label)
                .help(help),
        );
    }
}

/// The text without braces, where it has none.
pub(crate) fn plain(text: &Node<Expr>) -> Option<String> {
    match &text.value {
        Expr::Text(parts) => match parts.as_slice() {
            [] => Some(String::new()),
            [TextPart::Literal(literal)] => Some(literal.clone()),
            _ => None,
        },
        _ => None,
    }
}
