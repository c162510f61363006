//! Parameters: command line before host before group before default, each value read by its type.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use runbook_dsl::catalogue::Type;
use runbook_dsl::checked::Parameter;
use runbook_model::host::HostName;
use runbook_model::plan;
use serde_json::Value as Json;

use crate::error::{Fault, Outcome, Problem, nearest, shown};
use crate::eval::{Scope, eval};
use crate::hosts;
use crate::request::Request;
use crate::value::{Value, placeholder, read, wanted};

/// Values of all parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    /// Where no host is meant, and for hosts that say nothing of their own.
    pub(crate) common: BTreeMap<String, Value>,
    /// What hosts or their groups say otherwise.
    pub(crate) own: BTreeMap<HostName, BTreeMap<String, Value>>,
    /// For the plan.
    pub(crate) shown: Vec<plan::Parameter>,
}

/// Values from the command line and defaults alone: enough to resolve targets.
pub(crate) fn without_inventory(request: &Request<'_>, problems: &mut Vec<Problem>) -> Parameters {
    unknown_arguments(request, problems);
    let mut parameters = Parameters::default();
    for parameter in request.checked.parameters() {
        let name = &parameter.name.value;
        let found = match request.arguments.get(name) {
            Some(raw) => typed(request, parameter, raw, (None, "-e on the command line"))
                .map(|v| Some((v, "command line".to_owned()))),
            None => default(request, parameter, &parameters.common)
                .map(|v| v.map(|v| (v, "default".to_owned()))),
        };
        match found {
            Ok(Some((value, from))) => parameters.settle(name, value, from),
            Ok(None) => {}
            Err(problem) => problems.push(problem.at(parameter.name.span)),
        }
    }
    parameters
}

/// Adds what the inventory says for `hosts`, and says what is missing still.
pub(crate) fn with_inventory(
    request: &Request<'_>,
    mut parameters: Parameters,
    hosts: &[HostName],
    problems: &mut Vec<Problem>,
) -> Parameters {
    for parameter in request.checked.parameters() {
        let name = &parameter.name.value;
        if request.arguments.contains_key(name) {
            continue;
        }
        match from_inventory(request, parameter, hosts) {
            Ok(found) if found.is_empty() => {
                if !parameters.common.contains_key(name) {
                    problems.push(missing(parameter));
                }
            }
            Ok(found) => parameters.own(name, found, hosts),
            Err(problem) => problems.push(problem.at(parameter.name.span)),
        }
    }
    let order: Vec<&String> = request
        .checked
        .parameters()
        .iter()
        .map(|p| &p.name.value)
        .collect();
    parameters
        .shown
        .sort_by_key(|p| order.iter().position(|name| **name == p.name));
    parameters
}

impl Parameters {
    fn settle(&mut self, name: &str, value: Value, from: String) {
        self.shown.push(plan::Parameter {
            name: name.to_owned(),
            value: text_of(&value),
            from,
        });
        self.common.insert(name.to_owned(), value);
    }

    /// One value of all hosts is everybody's; else each host has its own, and nobody may use it where no host is meant.
    fn own(&mut self, name: &str, found: Vec<(HostName, Value, String)>, hosts: &[HostName]) {
        self.shown.retain(|p| p.name != name);
        let default = self.common.get(name).cloned();
        let whole = found.len() == hosts.len() || default.is_none();
        if let Some((_, value, from)) = found.first()
            && whole
            && found.iter().all(|(_, other, _)| other == value)
        {
            let (value, from) = (value.clone(), from.clone());
            self.settle(name, value, from);
            return;
        }
        let texts: BTreeSet<String> = found
            .iter()
            .map(|(host, value, from)| format!("{} on {host} ({from})", text_of(value)))
            .collect();
        for host in hosts {
            let own = found.iter().find(|(h, ..)| h == host);
            if let Some(value) = own.map(|(_, v, _)| v).or(default.as_ref()) {
                self.own
                    .entry(host.clone())
                    .or_default()
                    .insert(name.to_owned(), value.clone());
            }
        }
        self.shown.push(plan::Parameter {
            name: name.to_owned(),
            value: texts.into_iter().collect::<Vec<_>>().join(", "),
            from: "inventory".to_owned(),
        });
        let why = format!("`{name}` differs from host to host");
        self.common.insert(name.to_owned(), Value::Unknown(why));
    }
}

fn text_of(value: &Value) -> String {
    value.text().unwrap_or_else(|| value.to_string())
}

fn unknown_arguments(request: &Request<'_>, problems: &mut Vec<Problem>) {
    let known = || {
        request
            .checked
            .parameters()
            .iter()
            .map(|p| p.name.value.as_str())
    };
    for name in request.arguments.keys() {
        if !known().any(|k| k == name) {
            problems.push(
                Fault::UnknownArgument {
                    name: name.clone(),
                    runbook: request.checked.name().to_owned(),
                    meant: nearest(name, known()),
                    known: known().map(str::to_owned).collect(),
                }
                .into(),
            );
        }
    }
}

/// `dir`: what relative paths count from; none: the working directory.
fn typed(
    request: &Request<'_>,
    parameter: &Parameter,
    raw: &Json,
    (dir, from): (Option<&Path>, &str),
) -> Outcome<Value> {
    let name = &parameter.name.value;
    let value = read(name, raw, &parameter.ty).ok_or_else(|| bad(parameter, raw, from))?;
    check_hosts(request, parameter, &parameter.ty, &value)?;
    Ok(rooted(request, &parameter.ty, value, dir))
}

/// Paths of this machine from the root: a run may be resumed from another directory.
fn rooted(request: &Request<'_>, ty: &Type, value: Value, dir: Option<&Path>) -> Value {
    match (ty, value) {
        (Type::Path, Value::Text(path)) => {
            let joined =
                dir.map_or_else(|| path.clone(), |dir| dir.join(&path).display().to_string());
            Value::Text(request.files.absolute(&joined))
        }
        (Type::Optional(of), value) => rooted(request, of, value, dir),
        (Type::List(of), Value::List(items)) => Value::List(
            items
                .into_iter()
                .map(|item| rooted(request, of, item, dir))
                .collect(),
        ),
        (_, value) => value,
    }
}

fn bad(parameter: &Parameter, raw: &Json, from: &str) -> Fault {
    let text = match raw {
        Json::String(text) => shown(text),
        other => shown(&other.to_string()),
    };
    Fault::BadValue {
        name: parameter.name.value.clone(),
        value: if is_secret(&parameter.ty) {
            "a secret".to_owned()
        } else {
            text
        },
        expected: wanted(&parameter.ty),
        from: from.to_owned(),
    }
}

fn is_secret(ty: &Type) -> bool {
    match ty {
        Type::Secret => true,
        Type::Optional(of) | Type::List(of) => is_secret(of),
        _ => false,
    }
}

/// A host parameter must name a host, of its group where it has one.
fn check_hosts(
    request: &Request<'_>,
    parameter: &Parameter,
    ty: &Type,
    value: &Value,
) -> Outcome<()> {
    match (ty, value) {
        (Type::Host, Value::Text(name)) => hosts::named(request.inventory, name).map(|_| ()),
        (Type::HostOf(group), Value::Text(name)) => {
            hosts::named_in(request.inventory, &parameter.name.value, (group, name))
        }
        (Type::List(of), Value::List(items)) => items
            .iter()
            .try_for_each(|item| check_hosts(request, parameter, of, item)),
        (Type::Optional(of), value) => check_hosts(request, parameter, of, value),
        _ => Ok(()),
    }
}

fn default(
    request: &Request<'_>,
    parameter: &Parameter,
    before: &BTreeMap<String, Value>,
) -> Outcome<Option<Value>> {
    let Some(node) = &parameter.default else {
        let unset = matches!(parameter.ty, Type::Optional(_)).then_some(Value::Unset);
        return Ok(unset);
    };
    let scope = Scope {
        values: before,
        run: request.run,
        cluster: "",
        targets: request.checked.targets(),
        inventory: request.inventory,
        connection: request.connection,
        view: None,
        host: None,
        member: None,
    };
    let value = eval(&scope, node)?;
    Ok(Some(if is_secret(&parameter.ty) {
        Value::Secret(parameter.name.value.clone())
    } else {
        rooted(request, &parameter.ty, value, None)
    }))
}

/// What each host, or a group of its, says; and where.
fn from_inventory(
    request: &Request<'_>,
    parameter: &Parameter,
    hosts: &[HostName],
) -> Outcome<Vec<(HostName, Value, String)>> {
    let name = &parameter.name.value;
    let mut found = Vec::new();
    for host in hosts {
        let Some(var) = request.inventory.var(host, name) else {
            continue;
        };
        if let Some(clash) = request
            .inventory
            .disagreements(host)
            .into_iter()
            .find(|d| d.name == *name)
        {
            return Err(Fault::Disagree {
                name: name.clone(),
                host: host.to_string(),
                first: clash.winner.to_string(),
                second: clash.other.to_string(),
            }
            .into());
        }
        let from = var.origin.to_string();
        let dir = request.inventory.dir_of(host);
        let value = typed(request, parameter, &var.value, (dir, &from))?;
        found.push((host.clone(), value, from));
    }
    Ok(found)
}

fn missing(parameter: &Parameter) -> Problem {
    let name = &parameter.name.value;
    Problem::from(Fault::MissingParameter {
        name: name.clone(),
        doc: parameter.doc.clone(),
        example: format!("-e {name}={}", placeholder(&parameter.ty)),
    })
    .at(parameter.name.span)
}
