//! A plan kept for later: what was reviewed, and everything that carrying it out is bound to.
//!
//! What the plan depended on is kept as text by name (`file /etc/etcd/etcd.conf`, `sha256`, ...), so that whatever differs
//! afterwards can be said in words, and a reviewer can read it in the file. What changes all the time by itself (process ids,
//! revisions, sizes of databases, free room, who leads) is left out: guards judge it, at plan time and again before each effect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::host::HostName;
use crate::plan::Plan;

/// Format of a plan file.
pub const SAVED_VERSION: u32 = 1;

/// What a plan file says it is, first of all.
pub const SAVED_KIND: &str = "runbook plan";

/// Of one thing: value by property, as `mode` -> `0644`.
pub type Properties = BTreeMap<String, String>;

/// By thing, as `file /etc/etcd/etcd.conf`.
pub type Things = BTreeMap<String, Properties>;

/// The content of a plan file. Holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// Seconds since the epoch when it was made.
    pub made_s: i64,
    /// Seconds since the epoch from which on it is refused.
    pub expires_s: i64,
    /// `user@host` of who made it.
    pub operator: String,
    /// What was asked: enough to plan again.
    pub asked: Asked,
    /// What the plan depended on.
    pub facts: Facts,
    /// The plan itself. Its run id is reserved for the one run that carries it out: the id stands in paths and in the cluster's
    /// token, and what was reviewed must be what is done.
    pub plan: Plan,
}

/// What a plan was asked for, independent of the working directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Path from the root, or `embedded:restore.etcdrb`.
    pub runbook: String,
    /// `-i`: paths from the root, or lists `h1,h2,`.
    pub inventory: Vec<String>,
    /// `--limit`.
    pub limit: Option<String>,
    /// `-e`, paths from the root; never of `secret` parameters.
    pub arguments: BTreeMap<String, Json>,
    /// Names of `secret` parameters that were given: they must be given again.
    pub secrets: Vec<String>,
    /// `--override`: reason by name.
    pub overrides: BTreeMap<String, String>,
    /// What the command line said of connections.
    pub login: Login,
}

/// How a run's hosts are reached: enough for `resume`, `rollback` and `unlock` to find the same ones again. Holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// `-i`: paths from the root, or lists `h1,h2,`.
    pub inventory: Vec<String>,
    /// Inventory group of the members.
    pub group: String,
    /// What the command line said of connections.
    pub login: Login,
    /// What the inventory said of each host's connection.
    pub hosts: BTreeMap<HostName, Properties>,
}

/// What the command line says of connections, and wins over the inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// `-u`.
    pub user: Option<String>,
    /// `--private-key`, from the root.
    pub private_key: Option<String>,
    /// `-b`.
    pub r#become: bool,
    /// `-K`: sudo's password is asked for.
    pub ask_become_pass: bool,
}

/// What a plan depended on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// On the control host: the inventory as it was resolved, snapshots, files to upload.
    pub control: Things,
    /// Of the cluster as a whole: its membership.
    pub cluster: Things,
    /// Of each host, and of the member on it.
    pub hosts: BTreeMap<HostName, Things>,
    /// Who leads. No drift by itself: told where the plan comes out differently.
    pub leader: Option<HostName>,
}
