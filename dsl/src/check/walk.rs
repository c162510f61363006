//! The way through what a runbook does: in order, through outages and procedures, once for whoever judges it.

use super::told::Told;
use crate::checked::{GuardUse, Item, Step};
use crate::span::Span;

/// Who judges what it is shown, with what it has seen before in mind.
pub(super) trait Visitor<'a> {
    /// Where it tells what it finds.
    fn told(&mut self) -> &mut Told<'a>;
    fn step(&mut self, step: &'a Step);
    /// Guards that must hold here.
    fn guards(&mut self, guards: &'a [GuardUse]);
    /// From here on nothing can be undone.
    fn irreversible(&mut self, span: Span);
    fn outage_begins(&mut self) {}
    fn outage_ends(&mut self) {}
    fn confirm(&mut self, _: Span) {}
}

/// Shows a visitor these items and all that stand in them.
pub(super) fn walk<'a>(visitor: &mut impl Visitor<'a>, items: &'a [Item]) {
    for item in items {
        match item {
            Item::Step(step) => visitor.step(step),
            Item::Outage { items, .. } => {
                visitor.outage_begins();
                walk(visitor, items);
                visitor.outage_ends();
            }
            Item::Confirm { span, .. } => visitor.confirm(*span),
            Item::Irreversible { span, .. } => visitor.irreversible(*span),
            Item::Ensure(guard) => visitor.guards(std::slice::from_ref(guard)),
            Item::Called {
                arguments,
                items,
                span,
                ..
            } => {
                visitor.told().enter(*span, arguments);
                walk(visitor, items);
                visitor.told().leave();
            }
        }
    }
}
