//! Expressions to values, on what is known so far.

use std::collections::BTreeMap;

use runbook_dsl::checked::Target;
use runbook_dsl::expr::{Expr, Op, TextPart};
use runbook_dsl::span::Node;
use runbook_inventory::{Inventory, Overrides};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::view::View;

use crate::error::{Fault, Outcome, Problem};
use crate::value::Value;
use crate::{hosts, member, select};

/// What names mean at one place of the run.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// Parameters, lets and targets.
    pub(crate) values: &'a BTreeMap<String, Value>,
    /// Run id.
    pub(crate) run: &'a str,
    /// Cluster's name; empty before it is known.
    pub(crate) cluster: &'a str,
    /// The runbook's targets: what they are chosen by.
    pub(crate) targets: &'a [Target],
    /// Groups, patterns, variables.
    pub(crate) inventory: &'a Inventory,
    /// What the command line says of connections.
    pub(crate) connection: &'a Overrides,
    /// What was observed, or is predicted by then; none before the probe.
    pub(crate) view: Option<&'a View>,
    /// The host that the place is about.
    pub(crate) host: Option<&'a HostName>,
    /// Its member.
    pub(crate) member: Option<&'a MemberSpec>,
}

fn fault(why: impl Into<String>) -> Problem {
    Fault::Expression { why: why.into() }.into()
}

/// The value of an expression.
pub(crate) fn eval(scope: &Scope<'_>, node: &Node<Expr>) -> Outcome<Value> {
    let value = match &node.value {
        Expr::Bool(b) => Ok(Value::Bool(*b)),
        Expr::Int(n) => Ok(Value::Int(*n)),
        Expr::Bytes(n) => Ok(Value::Bytes(*n)),
        Expr::Duration(ms) => Ok(Value::Duration(*ms)),
        Expr::Text(parts) => text(scope, parts),
        Expr::List(items) => items
            .iter()
            .map(|item| eval(scope, item))
            .collect::<Outcome<_>>()
            .map(Value::List),
        Expr::Name(name) => named(scope, name),
        Expr::Field(base, field) => self::field(scope, base, &field.value),
        Expr::Call(name, arguments) => call(scope, &name.value, arguments),
        Expr::Binary(op, left, right) => binary(scope, *op, left, right),
        Expr::Not(inner) => match eval(scope, inner)? {
            Value::Bool(b) => Ok(Value::Bool(!b)),
            unknown @ Value::Unknown(_) => Ok(unknown),
            other => Err(fault(format!(
                "`not` wants a bool, this is {}",
                other.kind()
            ))),
        },
    };
    value.map_err(|problem| problem.at(node.span))
}

fn named(scope: &Scope<'_>, name: &str) -> Outcome<Value> {
    if let Some(value) = scope.values.get(name) {
        return Ok(value.clone());
    }
    Ok(match name {
        "cluster" if scope.cluster.is_empty() => Value::Unknown("the cluster's name".to_owned()),
        "cluster" => Value::Text(scope.cluster.to_owned()),
        // A word of the catalogue, such as `etcd` or `data-dir`: the checker has seen that it is one.
        word => Value::Text(word.to_owned()),
    })
}

fn text(scope: &Scope<'_>, parts: &[TextPart]) -> Outcome<Value> {
    let mut out = String::new();
    for part in parts {
        match part {
            TextPart::Literal(literal) => out.push_str(literal),
            TextPart::Expr(node) => match eval(scope, node)? {
                unknown @ Value::Unknown(_) => return Ok(unknown),
                Value::Secret(name) => {
                    let shown = Fault::SecretShown {
                        name,
                        into: "a text of the plan",
                    };
                    return Err(Problem::from(shown).at(node.span));
                }
                value => match value.text() {
                    Some(text) => out.push_str(&text),
                    None => {
                        return Err(fault(
                            "this has no value: it is an optional parameter that was not given",
                        )
                        .at(node.span));
                    }
                },
            },
        }
    }
    Ok(Value::Text(out))
}

fn field(scope: &Scope<'_>, base: &Node<Expr>, name: &str) -> Outcome<Value> {
    // Whatever parameters are called: the checker lets none of their own have fields by these names.
    if let Expr::Name(owner) = &base.value {
        match owner.as_str() {
            "run" if name == "id" => return Ok(Value::Text(scope.run.to_owned())),
            "member" => return member_field(scope, name),
            "host" => return host_field(scope, name),
            _ => {}
        }
    }
    match eval(scope, base)? {
        Value::Snapshot(path) => Ok(snapshot_field(scope, &path, name)),
        unknown @ Value::Unknown(_) => Ok(unknown),
        other => Err(fault(format!("{} has no field `{name}`", other.kind()))),
    }
}

fn member_field(scope: &Scope<'_>, name: &str) -> Outcome<Value> {
    let Some(spec) = scope.member else {
        return Err(fault(match scope.host {
            Some(host) => format!("`{host}` carries no etcd member here"),
            None => "`member` has a meaning only in a step, for its host".to_owned(),
        }));
    };
    let facts = scope.view.and_then(|v| v.facts(&spec.host));
    match member::fields(spec, facts).remove(name) {
        Some(json) => {
            hosts::value(&json).ok_or_else(|| fault(format!("`member.{name}` has no text form")))
        }
        None => Err(fault(format!("a member has no field `{name}`"))),
    }
}

fn host_field(scope: &Scope<'_>, name: &str) -> Outcome<Value> {
    let Some(host) = scope.host else {
        return Err(fault("`host` has a meaning only in a step"));
    };
    match name {
        "address" => hosts::address(scope.inventory, scope.connection, host).map(Value::Text),
        _ => Ok(Value::Text(host.to_string())),
    }
}

fn snapshot_field(scope: &Scope<'_>, path: &str, name: &str) -> Value {
    let Some(found) = scope.view.and_then(|v| v.snapshots.get(path)) else {
        return Value::Unknown(format!("`{path}` was not read yet"));
    };
    match name {
        "size" => Value::Bytes(found.size),
        "sha256" => Value::Text(found.sha256.clone()),
        _ if !found.refused.is_empty() => Value::Unknown(format!("`{path}` is refused")),
        "revision" => Value::Int(found.revision),
        "hash" => Value::Text(format!("{:08x}", found.hash)),
        _ => Value::Int(i64::try_from(found.total_keys).unwrap_or(i64::MAX)),
    }
}

fn call(scope: &Scope<'_>, name: &str, arguments: &[Node<Expr>]) -> Outcome<Value> {
    let Some(first) = arguments.first() else {
        return Err(fault(format!("`{name}` wants an argument")));
    };
    let value = match &first.value {
        // A group's name may be spelled like a target; it is not one.
        Expr::Name(word) if name == "group" => Value::Text(word.clone()),
        _ => eval(scope, first)?,
    };
    match (name, value) {
        ("snapshot.inspect", Value::Text(path)) => Ok(Value::Snapshot(path)),
        ("snapshot.inspect", unknown @ Value::Unknown(_)) => Ok(unknown),
        ("group", Value::Text(group)) => hosts::group(scope.inventory, &group).map(Value::Hosts),
        ("hosts", Value::Text(pattern)) => {
            hosts::pattern(scope.inventory, &pattern).map(Value::Hosts)
        }
        (choice, Value::Hosts(hosts)) => select::choose(choice, hosts, scope.view)
            .map(Value::Hosts)
            .ok_or_else(|| fault(format!("there is no function `{choice}`"))),
        (choice, Value::Text(one)) if select::is_choice(choice) => {
            let hosts = as_hosts(scope, Value::Text(one))?;
            call_choice(scope, choice, hosts)
        }
        (_, other) => Err(fault(format!("`{name}` cannot take {}", other.kind()))),
    }
    .map_err(|p| p.at(first.span))
}

fn call_choice(scope: &Scope<'_>, choice: &str, hosts: Vec<HostName>) -> Outcome<Value> {
    select::choose(choice, hosts, scope.view)
        .map(Value::Hosts)
        .ok_or_else(|| fault(format!("there is no function `{choice}`")))
}

/// Hosts from hosts, a host's name, or a list of them.
pub(crate) fn as_hosts(scope: &Scope<'_>, value: Value) -> Outcome<Vec<HostName>> {
    match value {
        Value::Hosts(hosts) => Ok(hosts),
        Value::Text(name) => hosts::named(scope.inventory, &name).map(|h| vec![h]),
        Value::List(items) => {
            let mut out: Vec<HostName> = Vec::new();
            for item in items {
                for host in as_hosts(scope, item)? {
                    if !out.contains(&host) {
                        out.push(host);
                    }
                }
            }
            Ok(out)
        }
        Value::Unset => Ok(Vec::new()),
        other => Err(fault(format!("hosts are wanted, this is {}", other.kind()))),
    }
}

/// Hosts that an expression names.
pub(crate) fn hosts_of(scope: &Scope<'_>, node: &Node<Expr>) -> Outcome<Vec<HostName>> {
    eval(scope, node)
        .and_then(|value| as_hosts(scope, value))
        .map_err(|p| p.at(node.span))
}

fn binary(scope: &Scope<'_>, op: Op, left: &Node<Expr>, right: &Node<Expr>) -> Outcome<Value> {
    if matches!(op, Op::Union | Op::Except) {
        return set(scope, op, left, right);
    }
    let a = eval(scope, left)?;
    if op == Op::Or && !matches!(a, Value::Bool(_)) {
        return otherwise(scope, a, right);
    }
    let b = eval(scope, right)?;
    match (a, b) {
        (unknown @ Value::Unknown(_), _) | (_, unknown @ Value::Unknown(_)) => Ok(unknown),
        (Value::Secret(name), _) | (_, Value::Secret(name)) => Err(Fault::SecretShown {
            name,
            into: "an expression",
        }
        .into()),
        (Value::Bool(a), Value::Bool(b)) if op == Op::And => Ok(Value::Bool(a && b)),
        (Value::Bool(a), Value::Bool(b)) if op == Op::Or => Ok(Value::Bool(a || b)),
        (a, b) if matches!(op, Op::Eq | Op::Ne) => Ok(Value::Bool((a == b) == (op == Op::Eq))),
        (a, b) => arithmetic(op, &a, &b),
    }
}

/// The value of an optional parameter, and another where it has none.
fn otherwise(scope: &Scope<'_>, given: Value, other: &Node<Expr>) -> Outcome<Value> {
    match given {
        Value::Unset => eval(scope, other),
        given => Ok(given),
    }
}

fn set(scope: &Scope<'_>, op: Op, left: &Node<Expr>, right: &Node<Expr>) -> Outcome<Value> {
    let mut all = hosts_of(scope, left)?;
    // Before the probe nobody knows who leads or who is gone: whoever may be left is looked at.
    if op == Op::Except && scope.view.is_none() && depends_on_view(scope.targets, &right.value) {
        return Ok(Value::Hosts(all));
    }
    let others = hosts_of(scope, right)?;
    match op {
        Op::Except => all.retain(|h| !others.contains(h)),
        _ => {
            for host in others {
                if !all.contains(&host) {
                    all.push(host);
                }
            }
        }
    }
    Ok(Value::Hosts(all))
}

/// Whether an expression chooses hosts by what was observed.
pub(crate) fn depends_on_view(targets: &[Target], expr: &Expr) -> bool {
    match expr {
        // Targets are declared above their use, so names lead to an end.
        Expr::Name(name) => targets
            .iter()
            .find(|t| t.name.value == *name)
            .is_some_and(|t| depends_on_view(targets, &t.hosts.value)),
        Expr::Call(name, arguments) => {
            select::looks_at_view(&name.value)
                || arguments.iter().any(|a| depends_on_view(targets, &a.value))
        }
        Expr::Binary(_, left, right) => {
            depends_on_view(targets, &left.value) || depends_on_view(targets, &right.value)
        }
        _ => false,
    }
}

/// Numbers of one kind; an `int` beside a size or a duration takes its kind (`3 * snap.size`).
fn arithmetic(op: Op, a: &Value, b: &Value) -> Outcome<Value> {
    let mixed = || {
        fault(format!(
            "{} and {} do not go together here",
            a.kind(),
            b.kind()
        ))
    };
    let wide = |v: &Value| match v {
        Value::Int(n) => Some(i128::from(*n)),
        Value::Bytes(n) | Value::Duration(n) => Some(i128::from(*n)),
        _ => None,
    };
    let (x, y) = wide(a).zip(wide(b)).ok_or_else(mixed)?;
    let compared = match op {
        Op::Lt => Some(x < y),
        Op::Le => Some(x <= y),
        Op::Gt => Some(x > y),
        Op::Ge => Some(x >= y),
        _ => None,
    };
    if let Some(answer) = compared {
        return Ok(Value::Bool(answer));
    }
    let result = match op {
        Op::Add => x.checked_add(y),
        Op::Sub => x.checked_sub(y),
        Op::Mul => x.checked_mul(y),
        Op::Div if y == 0 => return Err(fault("this divides by zero")),
        Op::Div => x.checked_div(y),
        _ => return Err(mixed()),
    };
    let overflow = || fault("the result is out of range");
    let result = result.ok_or_else(overflow)?;
    match (a, b) {
        (Value::Bytes(_), _) | (_, Value::Bytes(_)) => u64::try_from(result).map(Value::Bytes),
        (Value::Duration(_), _) | (_, Value::Duration(_)) => {
            u64::try_from(result).map(Value::Duration)
        }
        _ => i64::try_from(result).map(Value::Int),
    }
    .map_err(|_| overflow())
}
