//! Checked runbook, inventory and view of the cluster in; plan out.
//!
//! Knows: what each verb does on a host, how it is undone, and how a cluster looks afterwards.
//! Must not know: connections, processes, runs. It reads files of this machine through [`Files`] and `runbook-pki` alone, and
//! never writes. Two calls with the same inputs give the same bytes.
//!
//! [`prepare`] settles parameters, targets and members and says what must be observed; [`plan`] does the rest on the view.
//! A plan can be kept: [`facts`] is what it depended on, [`write_plan_file`] its document, [`drift`] what differs later.

mod build;
mod context;
mod document;
mod drift;
mod envfile;
mod error;
mod eval;
mod facts;
mod files;
mod given;
mod guards;
mod hosts;
mod member;
mod parameters;
mod paths;
mod predict;
mod prepare;
mod rehearse;
mod request;
mod select;
mod targets;
mod template;
mod value;
mod verbs;
mod walk;

pub use build::{plan, propositions};
pub use document::{PlanFile, PlanFileError, is_plan_file, read_plan_file, write_plan_file};
pub use drift::{
    At, Drift, diff, drift, of_facts, of_inventory, of_reached, of_sources, of_things, source_diff,
};
pub use error::{ChosenBy, Fault, PlanError};
pub use facts::{control, facts, of_connection, uploads};
pub use files::source;
pub use given::{Given, given};
pub use prepare::{Prepared, prepare};
pub use rehearse::{RehearseError, as_never_restored, rehearsal_of, rehearse, restores};
pub use request::{Digest, Files, LocalFiles, Request};
pub use value::duration;

use error::place;
