//! Pairs of the grammar to expressions.

use pest::iterators::Pair;

use super::build::Builder;
use super::{Rule, text};
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Op};
use crate::span::{Node, Span};

/// Parts that one expression may have.
const MAX_PARTS: usize = 256;

impl Builder {
    /// An `expr` pair.
    pub(super) fn expr(&mut self, pair: Pair<'_, Rule>) -> Node<Expr> {
        let place = self.span(&pair);
        let mut operands = Vec::new();
        let mut operators = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::operator => operators.push((operator(part.as_str()), self.span(&part))),
                _ => operands.push(self.operand(part)),
            }
        }
        if operands.len() > MAX_PARTS {
            self.problem(
                Diagnostic::new(
                    Code::TooDeep,
                    format!("expression has more than {MAX_PARTS} parts"),
                    operands[MAX_PARTS].span,
                )
                .label("too long")
                .help("name parts of it with `let`"),
            );
            operands.truncate(1);
            operators.clear();
        }
        climb(operands, &operators, place)
    }

    fn operand(&mut self, pair: Pair<'_, Rule>) -> Node<Expr> {
        let place = self.span(&pair);
        let mut nots = Vec::new();
        let mut value: Option<Node<Expr>> = None;
        let mut fields = 0;
        for part in pair.into_inner() {
            let span = self.span(&part);
            if part.as_rule() == Rule::field {
                fields += 1;
                if self.too_many_fields(fields, span) {
                    break;
                }
            }
            match part.as_rule() {
                Rule::kw_not => nots.push(span),
                Rule::field => {
                    let name = part.as_str().trim_start_matches('.').trim().to_owned();
                    let name_span = Span {
                        start: span.end - name.len(),
                        ..span
                    };
                    value = value.map(|of| {
                        let whole = join(of.span, span);
                        Node::new(Expr::Field(Box::new(of), Node::new(name, name_span)), whole)
                    });
                }
                _ => value = Some(self.primary(part)),
            }
        }
        // INVARIANT: the grammar's operand holds a primary.
        let mut value = value.unwrap_or_else(|| Node::new(Expr::Bool(false), place));
        if nots.len() > super::scan::MAX_DEPTH {
            self.problem(
                Diagnostic::new(Code::TooDeep, "too many `not` in a row", place).label("too long"),
            );
            nots.clear();
        }
        for not in nots.into_iter().rev() {
            let whole = join(not, value.span);
            value = Node::new(Expr::Not(Box::new(value)), whole);
        }
        value
    }

    fn primary(&mut self, pair: Pair<'_, Rule>) -> Node<Expr> {
        let span = self.span(&pair);
        let value = match pair.as_rule() {
            Rule::number | Rule::bad_number => self.number(&pair),
            Rule::text => text::text(self, &pair),
            Rule::reference => return self.reference(pair),
            Rule::list => Expr::List(self.args(pair)),
            Rule::paren => match pair.into_inner().next() {
                Some(inner) => {
                    let inner = self.expr(inner);
                    return Node::new(inner.value, span);
                }
                None => Expr::Bool(false),
            },
            // INVARIANT: these are all that the grammar's primary can be.
            _ => Expr::Bool(false),
        };
        Node::new(value, span)
    }

    fn reference(&mut self, pair: Pair<'_, Rule>) -> Node<Expr> {
        let whole = self.span(&pair);
        let mut parts = pair.into_inner();
        let path = parts.next().map(|p| self.name(&p)).unwrap_or_default();
        if let Some(args) = parts.next() {
            return Node::new(Expr::Call(path, self.args(args)), whole);
        }
        match path.value.as_str() {
            "true" => return Node::new(Expr::Bool(true), whole),
            "false" => return Node::new(Expr::Bool(false), whole),
            _ => {}
        }
        let mut value: Option<Node<Expr>> = None;
        let mut start = path.span.start;
        for (fields, name) in path.value.split('.').enumerate() {
            if self.too_many_fields(fields, path.span) {
                break;
            }
            let span = Span {
                start,
                end: start + name.len(),
                ..path.span
            };
            start = span.end + 1;
            value = Some(match value {
                None => Node::new(Expr::Name(name.to_owned()), span),
                Some(of) => {
                    let both = join(of.span, span);
                    let field = Node::new(name.to_owned(), span);
                    Node::new(Expr::Field(Box::new(of), field), both)
                }
            });
        }
        // INVARIANT: a split gives at least one piece.
        value.unwrap_or_else(|| Node::new(Expr::Bool(false), whole))
    }

    fn too_many_fields(&mut self, fields: usize, span: Span) -> bool {
        let many = fields > super::scan::MAX_DEPTH;
        if many {
            self.problem(
                Diagnostic::new(Code::TooDeep, "too many fields in a row", span).label("too long"),
            );
        }
        many
    }

    /// The expressions of `args`.
    pub(super) fn args(&mut self, pair: Pair<'_, Rule>) -> Vec<Node<Expr>> {
        pair.into_inner()
            .filter(|p| p.as_rule() == Rule::expr)
            .map(|p| self.expr(p))
            .collect()
    }

    /// A `number` pair as an expression with its place.
    pub(super) fn number_node(&mut self, pair: &Pair<'_, Rule>) -> Node<Expr> {
        Node::new(self.number(pair), self.span(pair))
    }

    fn number(&mut self, pair: &Pair<'_, Rule>) -> Expr {
        let kind = pair.clone().into_inner().next().map(|p| p.as_rule());
        let digits: String = pair.as_str().chars().filter(|c| *c != '_').collect();
        let value = match kind {
            Some(Rule::duration) => duration(&digits).map(Expr::Duration),
            Some(Rule::bytes) => bytes(&digits).map(Expr::Bytes),
            Some(_) => int(&digits).map(Expr::Int),
            None => None,
        };
        value.unwrap_or_else(|| {
            let (message, help) = if kind.is_some() {
                let why = if kind == Some(Rule::duration) {
                    "a time names its units once, the largest first: `1m30s`"
                } else if digits.len() > 1 && digits.starts_with('0') && kind == Some(Rule::int) {
                    "a leading 0 makes a number octal, with digits from 0 to 7: `0644`"
                } else {
                    "numbers fit 64 bits"
                };
                (format!("`{}` is not a number that can be used", pair.as_str()), why)
            } else {
                (
                    format!("`{}` is not a number", pair.as_str()),
                    "write a whole number, a size such as `64MiB` or a time such as `1m30s`; anything else stands in quotation marks",
                )
            };
            self.problem(Diagnostic::new(Code::BadNumber, message, self.span(pair)).label("not a number").help(help));
            Expr::Int(0)
        })
    }
}

fn int(digits: &str) -> Option<i64> {
    let (sign, plain) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    match plain.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => i64::from_str_radix(&format!("{sign}{octal}"), 8).ok(),
        _ => digits.parse().ok(),
    }
}

fn bytes(digits: &str) -> Option<u64> {
    let unit = digits.find(|c: char| !c.is_ascii_digit())?;
    let count: u64 = digits[..unit].parse().ok()?;
    let factor: u64 = match &digits[unit..] {
        "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    // Sizes meet signed revisions and counts in arithmetic.
    count
        .checked_mul(factor)
        .filter(|n| i64::try_from(*n).is_ok())
}

fn duration(digits: &str) -> Option<u64> {
    let mut rest = digits;
    let mut total: u64 = 0;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..unit].parse().ok()?;
        rest = &rest[unit..];
        let (factor, len) = if rest.starts_with("ms") {
            (1, 2)
        } else {
            let factor = match rest.as_bytes().first()? {
                b's' => 1_000,
                b'm' => 60_000,
                b'h' => 3_600_000,
                b'd' => 86_400_000,
                _ => return None,
            };
            (factor, 1)
        };
        // Largest first, each unit once: `1m30s`, never `30s1m`.
        if factor >= last {
            return None;
        }
        last = factor;
        total = total.checked_add(count.checked_mul(factor)?)?;
        rest = &rest[len..];
    }
    i64::try_from(total).ok().map(|_| total)
}

fn operator(text: &str) -> Op {
    match text {
        "+" => Op::Add,
        "-" => Op::Sub,
        "*" => Op::Mul,
        "/" => Op::Div,
        "==" => Op::Eq,
        "!=" => Op::Ne,
        "<" => Op::Lt,
        "<=" => Op::Le,
        ">" => Op::Gt,
        ">=" => Op::Ge,
        "and" => Op::And,
        "or" => Op::Or,
        "union" => Op::Union,
        // INVARIANT: the grammar has no further operator.
        _ => Op::Except,
    }
}

/// How tightly an operator binds; all are left-associative.
pub(crate) const fn precedence(op: Op) -> u8 {
    match op {
        Op::Or => 1,
        Op::And => 2,
        Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge => 3,
        Op::Union | Op::Except => 4,
        Op::Add | Op::Sub => 5,
        Op::Mul | Op::Div => 6,
    }
}

/// Operands and operators in order to one tree.
fn climb(operands: Vec<Node<Expr>>, operators: &[(Op, Span)], place: Span) -> Node<Expr> {
    let mut values: Vec<Node<Expr>> = Vec::new();
    let mut pending: Vec<Op> = Vec::new();
    let mut operators = operators.iter();
    for operand in operands {
        values.push(operand);
        let Some((next, _)) = operators.next() else {
            continue;
        };
        while pending
            .last()
            .is_some_and(|op| precedence(*op) >= precedence(*next))
        {
            fold(&mut values, &mut pending);
        }
        pending.push(*next);
    }
    while !pending.is_empty() {
        fold(&mut values, &mut pending);
    }
    // INVARIANT: the grammar's expr holds an operand.
    values
        .pop()
        .unwrap_or_else(|| Node::new(Expr::Bool(false), place))
}

fn fold(values: &mut Vec<Node<Expr>>, pending: &mut Vec<Op>) {
    if let (Some(op), Some(right), Some(left)) = (pending.pop(), values.pop(), values.pop()) {
        let span = join(left.span, right.span);
        values.push(Node::new(
            Expr::Binary(op, Box::new(left), Box::new(right)),
            span,
        ));
    }
}

pub(crate) fn join(a: Span, b: Span) -> Span {
    Span {
        source: a.source,
        start: a.start.min(b.start),
        end: a.end.max(b.end),
    }
}
