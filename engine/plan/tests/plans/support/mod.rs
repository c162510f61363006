//! Cases as data: a runbook, an inventory, facts in; a plan or errors out.

pub mod case;
pub mod outline;
pub mod view;
