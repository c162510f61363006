//! Checked runbook, inventory and view of the cluster in; plan out.
//!
//! Knows: what each verb does on a host, how it is undone, and how a cluster looks afterwards.
//! Must not know: connections, processes, runs. It reads files of this machine through [`Files`] and `runbook-pki` alone, and
//! never writes. Two calls with the same inputs give the same bytes.
//!
//! [`prepare`] settles parameters, targets and members and says what must be observed; [`plan`] does the rest on the view.

mod build;
mod context;
mod envfile;
mod error;
mod eval;
mod files;
mod guards;
mod hosts;
mod member;
mod parameters;
mod paths;
mod predict;
mod prepare;
mod request;
mod select;
mod targets;
mod template;
mod value;
mod verbs;
mod walk;

pub use build::plan;
pub use error::{Fault, PlanError};
pub use prepare::{Prepared, prepare};
pub use request::{Digest, Files, LocalFiles, Request};

use error::place;
