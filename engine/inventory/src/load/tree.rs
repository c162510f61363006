//! YAML inventories: groups of `hosts`, `vars` and `children`.

use std::rc::Rc;
use std::sync::Arc;

use super::draft::{Draft, place};
use crate::fact::Fact;
use crate::problem::{Place, Problem, Source};
use crate::syntax::ini::{host_names, nearest};
use crate::syntax::yaml::{self, Data, Node};

const SECTIONS: [&str; 3] = ["hosts", "vars", "children"];

/// Reads a YAML text into the draft. A text that is no YAML inventory at all is an error and leaves the draft as it was.
pub fn read(source: &Arc<Source>, draft: &mut Draft) -> Result<(), Problem> {
    let document = match yaml::parse(source.text()) {
        Ok(d) => d,
        Err(e) => {
            return Err(Problem::new(
                Fact::Yaml { why: e.why },
                place(source, &e.at),
            ));
        }
    };
    let root = &document.root;
    let Data::Map(groups) = &root.data else {
        return Err(Problem::new(
            shape("an inventory", "a mapping of groups", root),
            place(source, &root.span),
        ));
    };
    if groups.is_empty() {
        return Err(Problem::new(
            shape("an inventory", "a mapping of groups", root),
            place(source, &root.span),
        ));
    }
    if let Some((key, value)) = groups.iter().find(|(k, _)| k.key() == "plugin")
        && !value.is_falsy()
    {
        let fact = Fact::Unsupported {
            what: "inventory plugins",
            instead: "run `ansible-inventory -i FILE --list > hosts.json` and use a script that prints it",
        };
        return Err(Problem::new(fact, place(source, &key.span)));
    }
    for (span, key) in document.twice {
        draft.report(Fact::Twice { key }, place(source, &span));
    }
    let mut reader = Reader { source, draft };
    for (name, body) in groups {
        reader.group(name, body);
    }
    Ok(())
}

pub(super) fn shape(what: &str, wanted: &'static str, node: &Node) -> Fact {
    Fact::Shape {
        what: what.to_owned(),
        wanted,
        found: node.kind(),
    }
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    draft: &'a mut Draft,
}

impl Reader<'_> {
    fn place(&self, node: &Node) -> Place {
        place(self.source, &node.span)
    }

    /// The group's name, when it is one.
    fn group(&mut self, name: &Node, body: &Rc<Node>) -> Option<String> {
        let at = self.place(name);
        let group = match &name.data {
            Data::Scalar(serde_json::Value::String(s)) if !s.is_empty() => s.clone(),
            _ => {
                self.draft
                    .report(shape("a group's name", "text in quotes", name), at);
                return None;
            }
        };
        let entries = match &body.data {
            Data::Map(entries) => entries,
            Data::Scalar(serde_json::Value::Null) => {
                self.draft.add_group(&group);
                return Some(group);
            }
            _ => {
                self.draft.report(
                    Fact::Skipped {
                        key: group.clone(),
                        near: None,
                    },
                    at,
                );
                return Some(group).filter(|g| self.draft.groups.contains_key(g));
            }
        };
        self.draft.add_group(&group);
        for (key, value) in entries {
            self.section(&group, key, value);
        }
        Some(group)
    }

    fn section(&mut self, group: &str, key: &Node, value: &Rc<Node>) {
        let name = key.key();
        let known = SECTIONS.contains(&name.as_str());
        let entries = match &value.data {
            Data::Map(entries) if known => entries.clone(),
            // One name alone stands for a mapping of it.
            Data::Scalar(serde_json::Value::String(_)) if known => {
                vec![(
                    (**value).clone(),
                    Rc::new(Node {
                        span: value.span.clone(),
                        data: Data::Scalar(serde_json::Value::Null),
                    }),
                )]
            }
            Data::Scalar(serde_json::Value::Null) => return,
            _ if known => {
                let place = if value.span.is_empty() {
                    self.place(key)
                } else {
                    self.place(value)
                };
                return self.draft.report(
                    shape(&format!("`{name}` of group `{group}`"), "a mapping", value),
                    place,
                );
            }
            _ => {
                let near = nearest(&name, SECTIONS);
                return self
                    .draft
                    .report(Fact::Skipped { key: name, near }, self.place(key));
            }
        };
        for (k, v) in &entries {
            match name.as_str() {
                "vars" => {
                    let at = self.value_place(k, v);
                    self.draft.set_group(group, &k.key(), v.to_value(), &at);
                }
                "children" => {
                    if let Some(child) = self.group(k, v) {
                        let at = self.place(k);
                        self.draft.add_child(group, &child, &at);
                    }
                }
                _ => self.hosts(group, k, v),
            }
        }
    }

    fn hosts(&mut self, group: &str, pattern: &Node, vars: &Rc<Node>) {
        let at = self.place(pattern);
        let Data::Scalar(serde_json::Value::String(text)) = &pattern.data else {
            return self
                .draft
                .report(shape("a host's name", "text in quotes", pattern), at);
        };
        let (names, port) = match host_names(text) {
            Ok(found) => found,
            // Ansible checks these two in INI files only.
            Err(Fact::HostName { .. }) => (vec![text.clone()], None),
            Err(fact) => return self.draft.report(fact, at),
        };
        let entries: &[(Node, Rc<Node>)] = match &vars.data {
            Data::Map(entries) => entries,
            _ if vars.is_falsy() => &[],
            _ => {
                let place = self.place(vars);
                return self.draft.report(
                    shape(
                        &format!("host `{}`", crate::paths::show(text)),
                        "a mapping of variables",
                        vars,
                    ),
                    place,
                );
            }
        };
        for host in &names {
            self.draft.add_host(host, group, port, &at);
            for (k, v) in entries {
                let at = self.value_place(k, v);
                self.draft.set_host(host, &k.key(), v.to_value(), &at);
            }
        }
    }

    /// A scalar is pointed at itself; a collection by its name.
    fn value_place(&self, key: &Node, value: &Node) -> Place {
        let own = matches!(value.data, Data::Scalar(_)) && !value.span.is_empty();
        self.place(if own { value } else { key })
    }
}
