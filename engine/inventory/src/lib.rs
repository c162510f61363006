//! Ansible-compatible inventories: files in, hosts, groups and variables out.
//!
//! Knows: Ansible's INI and YAML inventories, scripts' JSON, `group_vars` and `host_vars`, precedence, host patterns,
//! and how `ansible_*` and `etcd_*` variables become a connection and a member.
//! Must not know: networks, clocks, terminals, clusters. Files and scripts are reached through [`Files`] alone; values are
//! data: a template in one is never evaluated.

mod connection;
mod fact;
mod files;
mod inventory;
mod load;
mod member;
mod paths;
mod pattern;
mod problem;
mod render;
mod rim;
mod syntax;
mod typed;
mod value;

pub use connection::{Overrides, PLAIN_NAMES};
pub use fact::{Fact, RangeFault};
pub use files::{Files, Kind, ScriptOutput, Unreadable};
pub use inventory::{Disagreement, Inventory};
pub use load::{InventorySpec, load};
pub use member::VARIABLES;
pub use pattern::PatternError;
pub use problem::{Errors, Place, Problem, Source};
pub use render::{Secrets, VarLine, graph, list_json, vars};
pub use rim::StdFiles;
pub use syntax::yaml::{NotYaml, value as yaml};
pub use value::{Layer, Origin, Var};
