//! The inventory once read: hosts, groups, and each host's variables with their origins.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::{IndexMap, IndexSet};
use runbook_model::host::HostName;

use crate::load::{Draft, Group, Host};
use crate::problem::{Place, Problem};
use crate::value::{Layer, Origin, Var, Vars};

/// Hosts, groups and variables of all sources together.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub(crate) groups: IndexMap<String, Group>,
    pub(crate) hosts: IndexMap<String, Host>,
    order: Vec<HostName>,
    warnings: Vec<Problem>,
}

/// Two groups of a host, neither above the other, that give one variable different values. Ansible lets the deeper win, then
/// the greater `ansible_group_priority`, then the later name.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement {
    /// The host.
    pub host: HostName,
    /// The variable.
    pub name: String,
    /// Where the value that counts was written.
    pub winner: Origin,
    /// Where the other value was written.
    pub other: Origin,
}

impl Inventory {
    pub(crate) fn new(draft: Draft, warnings: Vec<Problem>) -> Self {
        let Draft { groups, hosts, .. } = draft;
        let mut inventory = Self {
            groups,
            hosts,
            order: Vec::new(),
            warnings,
        };
        inventory.order = inventory
            .members("all")
            .into_iter()
            .map(HostName::new)
            .collect();
        inventory
    }

    /// All hosts, in Ansible's order: those of the groups under `all`, group by group.
    pub fn hosts(&self) -> &[HostName] {
        &self.order
    }

    /// All groups, in the order in which they first appeared; `all` and `ungrouped` are always among them.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// The hosts of a group and of the groups below it; none when there is no such group.
    pub fn hosts_of(&self, group: &str) -> Option<Vec<HostName>> {
        self.groups
            .contains_key(group)
            .then(|| self.members(group).into_iter().map(HostName::new).collect())
    }

    /// The groups that a host is in, through children too, `all` first, then in the order in which they override.
    pub fn groups_of(&self, host: &HostName) -> impl Iterator<Item = &str> {
        self.hosts
            .get(host.as_str())
            .into_iter()
            .flat_map(|h| h.groups.iter().map(String::as_str))
    }

    /// Is there such a host?
    pub fn has_host(&self, host: &HostName) -> bool {
        self.hosts.contains_key(host.as_str())
    }

    /// Where the host was first written.
    pub fn place_of(&self, host: &HostName) -> Option<&Place> {
        self.hosts.get(host.as_str()).map(|h| &h.place)
    }

    /// The directory of the source in which the host first appeared, from the root: relative paths count from it.
    pub fn dir_of(&self, host: &HostName) -> Option<&Path> {
        self.hosts.get(host.as_str()).map(|h| h.dir.as_path())
    }

    /// What is doubtful but was accepted.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Is the host a member of the group by itself or through children?
    pub fn is_member(&self, host: &HostName, group: &str) -> bool {
        self.hosts
            .get(host.as_str())
            .is_some_and(|h| h.groups.iter().any(|g| g == group))
    }

    /// One variable of a host, the one that counts.
    pub fn var(&self, host: &HostName, name: &str) -> Option<&Var> {
        let mut found = None;
        self.layers(host, |vars| found = vars.get(name).or(found));
        found
    }

    /// All variables of a host, merged as Ansible merges them: `all`, groups by depth, priority and name, `group_vars` of
    /// `all`, `group_vars` of groups source by source, the host's own, `host_vars`.
    pub fn vars(&self, host: &HostName) -> BTreeMap<&str, &Var> {
        let mut merged = BTreeMap::new();
        self.layers(host, |vars| {
            merged.extend(vars.iter().map(|(k, v)| (k.as_str(), v)))
        });
        merged
    }

    fn layers<'a>(&'a self, host: &HostName, mut layer: impl FnMut(&'a Vars)) {
        let Some(h) = self.hosts.get(host.as_str()) else {
            return;
        };
        let groups: Vec<&Group> = h.groups.iter().filter_map(|g| self.groups.get(g)).collect();
        groups.iter().for_each(|g| layer(&g.vars));
        // `all` is first in the host's groups.
        let (all, others) = groups.split_at(groups.len().min(1));
        for part in [all, others] {
            let sources = part.iter().map(|g| g.file_vars.len()).max().unwrap_or(0);
            for source in 0..sources {
                part.iter()
                    .filter_map(|g| g.file_vars.get(source))
                    .for_each(&mut layer);
            }
        }
        layer(&h.vars);
        h.file_vars.iter().for_each(&mut layer);
    }

    /// Variables of a host on which two unrelated groups disagree, and which nothing nearer to the host settles.
    pub fn disagreements(&self, host: &HostName) -> Vec<Disagreement> {
        let mut found = Vec::new();
        for (name, var) in self.vars(host) {
            let Some(winner) = var.origin.layer.group() else {
                continue;
            };
            let rivals: Vec<&Var> = self
                .groups_of(host)
                .filter_map(|g| self.group_var(g, name))
                .collect();
            for rival in &rivals {
                let Some(group) = rival.origin.layer.group() else {
                    continue;
                };
                let above = |a: &str, b: &str| a == b || self.is_ancestor(a, b);
                let settled = above(group, winner)
                    || above(winner, group)
                    || self.priority(group) != self.priority(winner)
                    || rivals
                        .iter()
                        .filter_map(|r| r.origin.layer.group())
                        .any(|r| r != group && self.is_ancestor(group, r));
                if !settled && rival.value != var.value {
                    let (winner, other) = (var.origin.clone(), rival.origin.clone());
                    found.push(Disagreement {
                        host: host.clone(),
                        name: name.to_owned(),
                        winner,
                        other,
                    });
                }
            }
        }
        found
    }

    /// A group's own value: `group_vars` before what an inventory says.
    fn group_var(&self, group: &str, name: &str) -> Option<&Var> {
        let g = self.groups.get(group)?;
        g.file_vars
            .iter()
            .rev()
            .find_map(|v| v.get(name))
            .or_else(|| g.vars.get(name))
    }

    fn priority(&self, group: &str) -> i64 {
        self.groups.get(group).map_or(1, |g| g.priority)
    }

    fn is_ancestor(&self, above: &str, below: &str) -> bool {
        let Some(group) = self.groups.get(below) else {
            return false;
        };
        group
            .parents
            .iter()
            .any(|p| p == above || self.is_ancestor(above, p))
    }

    /// Hosts of a group, breadth first.
    pub(crate) fn members(&self, group: &str) -> IndexSet<&str> {
        let mut groups: IndexSet<&str> = IndexSet::new();
        groups.extend(self.groups.get_key_value(group).map(|(k, _)| k.as_str()));
        let mut hosts: IndexSet<&str> = IndexSet::new();
        let mut next = 0;
        while let Some(&name) = groups.get_index(next) {
            next += 1;
            let Some(group) = self.groups.get(name) else {
                continue;
            };
            hosts.extend(group.hosts.iter().map(String::as_str));
            groups.extend(group.children.iter().map(String::as_str));
        }
        hosts
    }
}

/// Does the variable come from the host itself rather than from a group?
pub(crate) fn is_own(var: &Var) -> bool {
    matches!(var.origin.layer, Layer::Host | Layer::HostFile)
}
