//! Receipts on a host: what became of an order, whatever became of the connection.

use runbook_model::action::Outcome;
use runbook_run::world::{Order, Receipt};

/// Run, step, attempt, undo.
pub type ReceiptKey = (String, usize, u32, bool);

/// An order that reached the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Boot in which it was begun.
    pub boot: u32,
    /// Outcomes so far.
    pub outcomes: Vec<Outcome>,
    /// Whether it is over.
    pub ended: bool,
}

/// An order's receipt key.
pub fn key(order: &Order) -> ReceiptKey {
    (order.run.clone(), order.step, order.attempt, order.undo)
}

impl crate::model::Host {
    pub(crate) fn trace(&self, order: &Order) -> Receipt {
        let Some(receipt) = self.receipts.get(&key(order)) else {
            return Receipt::Never;
        };
        if receipt.ended {
            return Receipt::Ended(receipt.outcomes.clone());
        }
        if receipt.boot == self.boot {
            return Receipt::Running;
        }
        let mut outcomes = receipt.outcomes.clone();
        if outcomes.len() < order.actions.len() {
            outcomes.push(Outcome::Unknown {
                reason: "the host restarted while it ran".to_owned(),
            });
        }
        outcomes.resize(order.actions.len(), Outcome::NotStarted);
        Receipt::Ended(outcomes)
    }

    /// Whether an order of this run for this step still runs here.
    pub(crate) fn is_busy(&self, run: &str, step: usize) -> bool {
        self.receipts
            .iter()
            .any(|(k, r)| k.0 == run && k.1 == step && !r.ended && r.boot == self.boot)
    }
}
