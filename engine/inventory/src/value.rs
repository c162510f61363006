//! A variable and where it was written.

use serde_json::Value;

use crate::problem::Place;

/// What a variable was written for. Later layers win; within `Group` and `GroupFile` Ansible orders the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// `[GROUP:vars]`, a YAML group's `vars`, a script's `vars`.
    Group(String),
    /// A file of `group_vars/GROUP`.
    GroupFile(String),
    /// The host's line, or the host's entry in YAML or in a script's `_meta`.
    Host,
    /// A file of `host_vars/HOST`.
    HostFile,
}

impl Layer {
    /// The group that it was written for, if it was one.
    pub fn group(&self) -> Option<&str> {
        match self {
            Layer::Group(g) | Layer::GroupFile(g) => Some(g),
            Layer::Host | Layer::HostFile => None,
        }
    }
}

/// Where a variable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// For whom it was written.
    pub layer: Layer,
    /// File, line and column of its value.
    pub place: Place,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.place)?;
        match self.layer.group() {
            Some(group) => write!(f, " (group `{group}`)"),
            None => Ok(()),
        }
    }
}

/// One variable. `Debug` never shows the value of one that is named like a password.
#[derive(Clone, PartialEq)]
pub struct Var {
    /// Typed as Ansible types it; templates stay text.
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
}

impl std::fmt::Debug for Var {
    /// Values may be secrets under any name: only the origin is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Var(.. from {})", self.origin)
    }
}

/// Variables in the order in which they were first written.
pub type Vars = indexmap::IndexMap<String, Var>;

/// Is this name one of a password, by the habits of the field?
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "private_key_content",
    ]
    .iter()
    .any(|w| name.contains(w))
        || name.ends_with("_pass")
        || name == "pass"
}

/// Passwords that this tool or Ansible would log in or become with: never printed unless asked for.
pub fn is_login_secret(name: &str) -> bool {
    name.starts_with("ansible_")
        && (name.ends_with("_pass") || name.ends_with("password") || name.ends_with("passphrase"))
}
