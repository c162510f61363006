//! Inventories as text and JSON, in the shapes that `ansible-inventory` prints.

use indexmap::IndexSet;
use runbook_model::host::HostName;
use serde_json::{Map, Value, json};

use crate::inventory::Inventory;
use crate::value::is_login_secret;

/// Variables that Ansible keeps out of its own listing.
const INTERNAL: [&str; 31] = [
    "ansible_async_path",
    "ansible_collection_name",
    "ansible_config_file",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "groups",
    "group_names",
    "hostvars",
    "playbook_dir",
    "play_hosts",
    "role_name",
    "role_names",
];

/// Whether passwords for login and sudo are shown. Ansible always shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    /// As `********`.
    #[default]
    Masked,
    /// As they are.
    Shown,
}

impl Secrets {
    fn of(self, name: &str, value: &Value) -> Value {
        if self == Secrets::Masked && is_login_secret(name) && !value.is_null() {
            json!("********")
        } else {
            value.clone()
        }
    }
}

/// What `ansible-inventory --list` prints; with `limit`, of these hosts alone.
pub fn list_json(inventory: &Inventory, limit: Option<&[HostName]>, secrets: Secrets) -> Value {
    let chosen: IndexSet<&str> = limit
        .unwrap_or(inventory.hosts())
        .iter()
        .map(HostName::as_str)
        .collect();
    let mut out = Map::new();
    let mut hostvars = Map::new();
    for host in inventory
        .hosts()
        .iter()
        .filter(|h| chosen.contains(h.as_str()))
    {
        let vars: Map<String, Value> = inventory
            .vars(host)
            .into_iter()
            .filter(|(name, _)| !INTERNAL.contains(name))
            .map(|(name, var)| (name.to_owned(), secrets.of(name, &var.value)))
            .collect();
        if !vars.is_empty() {
            hostvars.insert(host.to_string(), Value::Object(vars));
        }
    }
    out.insert(
        "_meta".into(),
        json!({ "hostvars": hostvars, "profile": "inventory_legacy" }),
    );
    for (name, group) in &inventory.groups {
        let mut body = Map::new();
        let hosts: Vec<&String> = group
            .hosts
            .iter()
            .filter(|h| name != "all" && chosen.contains(h.as_str()))
            .collect();
        for (key, members) in [
            ("children", group.children.iter().collect()),
            ("hosts", hosts),
        ] {
            if !members.is_empty() {
                body.insert(key.into(), json!(members));
            }
        }
        if !body.is_empty() {
            out.insert(name.clone(), Value::Object(body));
        }
    }
    out.sort_keys();
    Value::Object(out)
}

/// What `ansible-inventory --graph` prints, from a group on (`all`); none when there is no such group.
pub fn graph(inventory: &Inventory, from: &str) -> Option<String> {
    inventory.groups.contains_key(from).then(|| {
        let mut out = String::new();
        branch(inventory, from, 0, &mut out);
        out
    })
}

fn branch(inventory: &Inventory, name: &str, depth: usize, out: &mut String) {
    twig(&format!("@{name}:"), depth, out);
    let Some(group) = inventory.groups.get(name) else {
        return;
    };
    for child in &group.children {
        branch(inventory, child, depth + 1, out);
    }
    if name != "all" {
        for host in &group.hosts {
            twig(host, depth + 1, out);
        }
    }
}

fn twig(text: &str, depth: usize, out: &mut String) {
    if depth > 0 {
        out.push_str(&"  |".repeat(depth));
        out.push_str("--");
    }
    out.push_str(text);
    out.push('\n');
}

/// A variable of a host, for a table.
#[derive(Clone, Debug, PartialEq)]
pub struct VarLine {
    /// The name.
    pub name: String,
    /// The value; passwords masked unless shown.
    pub value: Value,
    /// `FILE:LINE:COLUMN (group `x`)`.
    pub origin: String,
}

/// All variables of a host, by name, each with its origin.
pub fn vars(inventory: &Inventory, host: &HostName, secrets: Secrets) -> Vec<VarLine> {
    inventory
        .vars(host)
        .into_iter()
        .map(|(name, var)| VarLine {
            name: name.to_owned(),
            value: secrets.of(name, &var.value),
            origin: var.origin.to_string(),
        })
        .collect()
}
