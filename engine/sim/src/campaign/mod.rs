//! A campaign: a plan's run under thousands of fault schedules, each judged.
//!
//! Knows plans and models; how they came about is the caller's. Every schedule is drawn from one number, runs in a world and a
//! time of its own, and comes out the same on any number of threads.

mod client;
mod dice;
mod drive;
mod judge;
mod runs;
mod schedule;
mod shrink;
mod strike;

use std::sync::{Arc, Mutex, PoisonError};

use runbook_model::plan::Plan;

use crate::model::Model;

pub use drive::End;
pub use judge::{Breach, Rule};
pub use runs::{Campaign, Finding, Report, StartTally, StrikeTally, end_name};
pub use schedule::Schedule;
pub use strike::{Mishap, Strike};

pub(crate) use judge::{changed, units};

/// A state of the world, and the plan that was made on it.
#[derive(Clone, Debug)]
pub struct Start {
    /// What it is called.
    pub name: String,
    /// The state.
    pub model: Model,
    /// The plan.
    pub plan: Arc<Plan>,
}

/// What happened, line by line, for people.
#[derive(Clone, Debug, Default)]
struct Tale(Arc<Mutex<Vec<String>>>);

impl Tale {
    fn tell(&self, line: impl FnOnce() -> String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line());
    }

    fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
