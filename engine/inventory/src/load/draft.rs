//! The inventory while it is being read: groups and hosts in the order of their first appearance.

use std::path::PathBuf;

use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use crate::fact::Fact;
use crate::problem::{Place, Problem, Source};
use crate::value::{Layer, Origin, Var, Vars};

/// A group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    pub hosts: IndexSet<String>,
    pub children: IndexSet<String>,
    pub parents: IndexSet<String>,
    /// Written in an inventory.
    pub vars: Vars,
    /// Written in `group_vars`, by the number of the source that they stand beside.
    pub file_vars: Vec<Vars>,
    /// Longest way from `all`.
    pub depth: usize,
    pub priority: i64,
}

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    pub place: Place,
    /// Directory of the source in which the host first appeared, from the root.
    pub dir: PathBuf,
    pub vars: Vars,
    /// Written in `host_vars`, by source.
    pub file_vars: Vec<Vars>,
    /// Every group that it is in, through children too, in the order of precedence; `all` first.
    pub groups: Vec<String>,
}

/// Everything read so far.
#[derive(Clone, Debug)]
pub struct Draft {
    pub groups: IndexMap<String, Group>,
    pub hosts: IndexMap<String, Host>,
    pub problems: Vec<Problem>,
    /// Directory of the source that is being read.
    pub dir: PathBuf,
}

impl Default for Draft {
    fn default() -> Self {
        let mut draft = Self {
            groups: IndexMap::new(),
            hosts: IndexMap::new(),
            problems: Vec::new(),
            dir: PathBuf::new(),
        };
        draft.add_group("all");
        draft.add_group("ungrouped");
        draft.link("all", "ungrouped");
        draft
    }
}

impl Draft {
    /// Notes a problem.
    pub fn report(&mut self, fact: Fact, place: Place) {
        self.problems.push(Problem::new(fact, place));
    }

    /// The group, made when it is new.
    pub fn add_group(&mut self, name: &str) -> &mut Group {
        if !self.groups.contains_key(name) {
            self.groups.insert(
                name.to_owned(),
                Group {
                    priority: 1,
                    ..Group::default()
                },
            );
        }
        &mut self.groups[name]
    }

    /// The host, made when it is new, as a member of the group. A port counts only for a new host, as it does for Ansible.
    pub fn add_host(&mut self, name: &str, group: &str, port: Option<u64>, place: &Place) {
        if let Some(why) = unfit_name(name) {
            self.report(
                Fact::HostName {
                    name: crate::paths::show(name),
                    why,
                },
                place.clone(),
            );
            return;
        }
        if let Some(host) = self.hosts.get(name) {
            let same = |v: &Var| v.value.as_u64() == port;
            if port.is_some() && !host.vars.get("ansible_port").is_some_and(same) {
                self.report(
                    Fact::IgnoredPort {
                        host: name.to_owned(),
                    },
                    place.clone(),
                );
            }
        } else {
            let mut vars = Vars::new();
            if let Some(port) = port.filter(|p| *p > 0) {
                vars.insert(
                    "ansible_port".into(),
                    Var {
                        value: port.into(),
                        origin: host_origin(place),
                    },
                );
            }
            let (dir, file_vars, groups) = (self.dir.clone(), Vec::new(), Vec::new());
            self.hosts.insert(
                name.to_owned(),
                Host {
                    place: place.clone(),
                    dir,
                    vars,
                    file_vars,
                    groups,
                },
            );
        }
        self.add_group(group).hosts.insert(name.to_owned());
    }

    /// Sets a host's variable. A group of the same name gets it instead: Ansible looks for a group first.
    pub fn set_host(&mut self, host: &str, name: &str, value: Value, place: &Place) {
        if self.groups.contains_key(host) {
            return self.set_group(host, name, value, place);
        }
        if let Some(h) = self.hosts.get_mut(host) {
            h.vars.insert(
                name.to_owned(),
                Var {
                    value,
                    origin: host_origin(place),
                },
            );
        }
    }

    /// Sets a group's variable; `ansible_group_priority` is the group's own.
    pub fn set_group(&mut self, group: &str, name: &str, value: Value, place: &Place) {
        if name == "ansible_group_priority" {
            match priority(&value) {
                Some(p) => self.add_group(group).priority = p,
                None => self.report(Fact::Priority, place.clone()),
            }
            return;
        }
        let origin = Origin {
            layer: Layer::Group(group.to_owned()),
            place: place.clone(),
        };
        self.add_group(group)
            .vars
            .insert(name.to_owned(), Var { value, origin });
    }

    /// Puts one group under another; both exist.
    pub fn add_child(&mut self, parent: &str, child: &str, place: &Place) {
        if parent == child || self.is_ancestor(child, parent) {
            let fact = Fact::Cycle {
                parent: parent.to_owned(),
                child: child.to_owned(),
            };
            return self.report(fact, place.clone());
        }
        self.link(parent, child);
    }

    fn link(&mut self, parent: &str, child: &str) {
        self.add_group(parent).children.insert(child.to_owned());
        self.add_group(child).parents.insert(parent.to_owned());
    }

    /// Is `above` somewhere over `below`?
    pub fn is_ancestor(&self, above: &str, below: &str) -> bool {
        let mut seen: IndexSet<&str> = IndexSet::new();
        let mut todo = vec![below];
        while let Some(name) = todo.pop() {
            let Some(group) = self.groups.get(name) else {
                continue;
            };
            for parent in &group.parents {
                if parent == above {
                    return true;
                }
                if seen.insert(parent) {
                    todo.push(parent);
                }
            }
        }
        false
    }
}

fn host_origin(place: &Place) -> Origin {
    Origin {
        layer: Layer::Host,
        place: place.clone(),
    }
}

fn unfit_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.chars().any(char::is_control) {
        Some("it has a control character")
    } else {
        None
    }
}

fn priority(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64().or_else(|| n.as_f64().map(|f| f as i64)),
        Value::Bool(b) => Some(i64::from(*b)),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

/// The place of a node or word of a source.
pub fn place(source: &std::sync::Arc<Source>, span: &std::ops::Range<usize>) -> Place {
    Place::new(source, span.clone())
}
