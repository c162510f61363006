//! Executable inventories: what `SCRIPT --list` and `SCRIPT --host NAME` print.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexSet;
use serde_json::Value;

use super::draft::{Draft, place};
use super::tree::shape;
use crate::fact::Fact;
use crate::files::Files;
use crate::problem::{Place, Problem, Source};
use crate::syntax::yaml::{self, Data, Node};

/// Runs a script and reads what it prints into the draft.
pub fn read(path: &Path, files: &dyn Files, draft: &mut Draft) -> Result<(), Problem> {
    let (source, root) = run(path, &["--list"], files, draft)?;
    let Data::Map(groups) = &root.data else {
        return Err(Problem::new(
            shape("an inventory script's output", "an object of groups", &root),
            Place::whole(&source),
        ));
    };
    let mut reader = Reader {
        source: &source,
        draft,
        hosts: IndexSet::new(),
    };
    let mut meta = None;
    for (key, body) in groups {
        if key.key() == "_meta" {
            meta = Some(reader.hostvars(key, body)?);
        } else {
            reader.group(&key.key(), key, body);
        }
    }
    let hosts = std::mem::take(&mut reader.hosts);
    for host in &hosts {
        match &meta {
            Some(hostvars) => {
                if let Some((key, vars)) = hostvars.iter().find(|(k, _)| k.key() == *host) {
                    reader.host(host, key, vars);
                }
            }
            None => {
                let (source, root) = run(path, &["--host", host], files, reader.draft)?;
                let draft = &mut *reader.draft;
                Reader {
                    source: &source,
                    draft,
                    hosts: IndexSet::new(),
                }
                .host(host, &root, &root);
            }
        }
    }
    Ok(())
}

/// The output as a tree; an empty one of `--host` is an empty object.
fn run(
    path: &Path,
    args: &[&str],
    files: &dyn Files,
    draft: &mut Draft,
) -> Result<(Arc<Source>, Node), Problem> {
    let name = format!("{} {}", path.display(), args.join(" "));
    let fail = |why: String, stderr: &[u8]| {
        let fact = Fact::Script {
            why,
            stderr: tail(stderr),
        };
        Problem::new(fact, Place::whole(&Source::new(name.clone(), "")))
    };
    let out = files
        .run_script(path, args)
        .map_err(|e| fail(format!("could not be run: {e}"), b""))?;
    match out.status {
        Some(0) => {}
        Some(code) => return Err(fail(format!("failed with exit status {code}"), &out.stderr)),
        None => return Err(fail("was ended by a signal".into(), &out.stderr)),
    }
    if !out.stderr.is_empty() {
        draft.report(
            Fact::ScriptNoise {
                stderr: tail(&out.stderr),
            },
            Place::whole(&Source::new(name.clone(), "")),
        );
    }
    let Ok(text) = String::from_utf8(out.stdout) else {
        return Err(fail("printed what is not UTF-8 text".into(), &out.stderr));
    };
    let source = Source::new(name, text);
    if args[0] == "--host" && source.text().trim().is_empty() {
        return Ok((
            source,
            Node {
                span: 0..0,
                data: Data::Map(Vec::new()),
            },
        ));
    }
    let value: Value = serde_json::from_str(source.text()).map_err(|e| {
        let start = offset(source.text(), e.line(), e.column());
        Problem::new(
            Fact::Json {
                why: json_reason(&e),
            },
            Place::new(&source, start..start + 1),
        )
    })?;
    let root = yaml::parse(source.text()).map_or_else(|_| yaml::from_json(value), |d| d.root);
    Ok((source, root))
}

fn json_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(why, _)| why.to_owned())
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len().saturating_sub(1));
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The end of what it wrote, fit to be shown.
fn tail(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last: Vec<String> = text.lines().rev().take(3).map(crate::paths::show).collect();
    last.into_iter().rev().collect::<Vec<_>>().join("\n")
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    draft: &'a mut Draft,
    hosts: IndexSet<String>,
}

impl Reader<'_> {
    fn place(&self, node: &Node) -> Place {
        place(self.source, &node.span)
    }

    fn wrong(&mut self, what: String, wanted: &'static str, node: &Node) {
        let at = self.place(node);
        self.draft.report(shape(&what, wanted, node), at);
    }

    fn hostvars(&self, key: &Node, meta: &Node) -> Result<Vec<(Node, Rc<Node>)>, Problem> {
        let empty = Node {
            span: key.span.clone(),
            data: Data::Scalar(Value::Null),
        };
        let Data::Map(entries) = &meta.data else {
            return Err(Problem::new(
                shape("`_meta`", "an object", meta),
                self.place(key),
            ));
        };
        let hostvars = entries
            .iter()
            .find(|(k, _)| k.key() == "hostvars")
            .map_or(&empty, |(_, v)| v);
        match &hostvars.data {
            Data::Map(entries) => Ok(entries.clone()),
            _ => Err(Problem::new(
                shape("`_meta.hostvars`", "an object", hostvars),
                self.place(key),
            )),
        }
    }

    fn group(&mut self, name: &str, key: &Node, body: &Node) {
        if name.is_empty() {
            return self.wrong("a group's name".into(), "text", key);
        }
        self.draft.add_group(name);
        let part = |entries: &[(Node, Rc<Node>)], k: &str| {
            entries
                .iter()
                .find(|(n, _)| n.key() == k)
                .map(|(_, v)| Rc::clone(v))
        };
        match &body.data {
            Data::Map(entries) => {
                let (hosts, vars, children) = (
                    part(entries, "hosts"),
                    part(entries, "vars"),
                    part(entries, "children"),
                );
                if hosts.is_none() && vars.is_none() && children.is_none() {
                    // Ansible takes such a group for a host of that name with these variables.
                    self.add_host(name, name, key);
                    return self.vars(name, key, body);
                }
                if let Some(hosts) = hosts {
                    self.members(name, &hosts);
                }
                if let Some(vars) = vars {
                    self.vars(name, key, &vars);
                }
                if let Some(children) = children {
                    self.children(name, &children);
                }
            }
            _ => self.members(name, body),
        }
    }

    fn members(&mut self, group: &str, hosts: &Node) {
        let Data::List(items) = &hosts.data else {
            return self.wrong(format!("`hosts` of group `{group}`"), "a list", hosts);
        };
        for item in items {
            match &item.data {
                Data::Scalar(Value::String(name)) => self.add_host(name, group, item),
                _ => self.wrong(format!("a host of group `{group}`"), "text", item),
            }
        }
    }

    fn add_host(&mut self, name: &str, group: &str, node: &Node) {
        let at = self.place(node);
        self.draft.add_host(name, group, None, &at);
        self.hosts.insert(name.to_owned());
    }

    fn vars(&mut self, group: &str, key: &Node, vars: &Node) {
        let Data::Map(entries) = &vars.data else {
            return self.wrong(
                format!("`vars` of group `{group}`"),
                "an object",
                if vars.span.is_empty() { key } else { vars },
            );
        };
        for (k, v) in entries {
            let at = self.place(k);
            self.draft.set_group(group, &k.key(), v.to_value(), &at);
        }
    }

    fn children(&mut self, group: &str, children: &Node) {
        let Data::List(items) = &children.data else {
            return self.wrong(format!("`children` of group `{group}`"), "a list", children);
        };
        for item in items {
            let Data::Scalar(Value::String(child)) = &item.data else {
                self.wrong(format!("a child of group `{group}`"), "text", item);
                continue;
            };
            let at = self.place(item);
            self.draft.add_group(child);
            self.draft.add_child(group, child, &at);
        }
    }

    fn host(&mut self, host: &str, key: &Node, vars: &Node) {
        let Data::Map(entries) = &vars.data else {
            return self.wrong(
                format!("the variables of host `{}`", crate::paths::show(host)),
                "an object",
                if vars.span.is_empty() { key } else { vars },
            );
        };
        for (k, v) in entries {
            let at = self.place(k);
            self.draft.set_host(host, &k.key(), v.to_value(), &at);
        }
    }
}
