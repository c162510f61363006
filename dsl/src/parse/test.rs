//! Tests: their lines as words.

use pest::iterators::Pair;

use super::build::{Builder, Line};
use super::{Rule, recover};
use crate::ast::{Test, TestLine};
use crate::expr::Expr;
use crate::span::Node;

impl Builder {
    pub(super) fn test<'i>(
        &mut self,
        mut parts: impl Iterator<Item = Pair<'i, Rule>>,
    ) -> Option<Test> {
        let head = parts.next()?.into_inner();
        let name = head.filter(|p| p.as_rule() == Rule::text).last()?;
        Some(Test {
            name: self.text(name),
            block: self.block(parts),
        })
    }

    fn terms(&mut self, pair: Pair<'_, Rule>) -> Vec<Node<Expr>> {
        let terms = pair.into_inner().filter(|p| p.as_rule() == Rule::expr);
        terms.map(|term| self.expr(term)).collect()
    }
}

impl Line for TestLine {
    const KIND: recover::Kind = recover::Kind::TestLine;
    fn line(builder: &mut Builder, pair: Pair<'_, Rule>) -> Option<Self> {
        match pair.as_rule() {
            Rule::given => Some(TestLine::Given(builder.terms(pair))),
            Rule::happens => Some(TestLine::When(builder.terms(pair))),
            Rule::expect_end => Some(TestLine::Expect(builder.terms(pair))),
            Rule::expect_guard => {
                let guard = pair.into_inner().find(|p| p.as_rule() == Rule::guard)?;
                Some(TestLine::ExpectGuard(builder.guard(guard)))
            }
            Rule::given_value => {
                let (mut of_inventory, mut name, mut value) = (false, None, None);
                for part in pair.into_inner() {
                    match part.as_rule() {
                        Rule::kw_var => of_inventory = true,
                        Rule::name => name = Some(builder.name(&part)),
                        Rule::expr => value = Some(builder.expr(part)),
                        _ => {}
                    }
                }
                Some(if of_inventory {
                    TestLine::Variable(name?, value?)
                } else {
                    TestLine::Parameter(name?, value?)
                })
            }
            _ => None,
        }
    }
}
