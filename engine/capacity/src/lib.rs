//! How large an etcd database becomes: from counts of objects and their rates of change, or from a snapshot's own numbers.
//!
//! Knows: what a record costs in etcd's database, what changes and compactions leave behind, which quotas are sensible.
//! Must not know: clusters that run, files, how an estimate is shown.

mod class;
mod estimate;
mod load;
mod pages;
mod quota;

pub use class::{Class, class_of};
pub use estimate::{Estimate, Row, Span, estimate};
pub use load::{EVENT_LIFE_S, Kind, Load, LoadError, from_census, known};
pub use quota::{DEFAULT_QUOTA, LARGEST_QUOTA, Quota, quota_for};
