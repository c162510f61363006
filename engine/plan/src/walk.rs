//! The body of a runbook in order, outages and calls of procedures opened.

use runbook_dsl::catalogue::Verb;
use runbook_dsl::checked::{Call, CheckedRunbook, GuardUse, Item, Step};
use runbook_dsl::expr::{Expr, TextPart};
use runbook_dsl::span::Node;

use crate::{template, verbs};

/// Every step, in order.
pub(crate) fn steps(items: &[Item]) -> Vec<&Step> {
    let mut out = Vec::new();
    for item in items {
        match item {
            Item::Step(step) => out.push(step.as_ref()),
            Item::Outage { items, .. } | Item::Called { items, .. } => out.extend(steps(items)),
            _ => {}
        }
    }
    out
}

/// Guards that decide before anything is done: `done when`, `require`, `when`, and those of steps. No `ensure`.
pub(crate) fn deciding(runbook: &CheckedRunbook) -> Vec<&GuardUse> {
    let mut out: Vec<&GuardUse> = runbook.done_when().iter().collect();
    out.extend(runbook.requires());
    for step in steps(runbook.body()) {
        out.extend(&step.when);
        out.extend(&step.requires);
    }
    out
}

/// Every guard.
pub(crate) fn guards(runbook: &CheckedRunbook) -> Vec<&GuardUse> {
    let mut out = deciding(runbook);
    for step in steps(runbook.body()) {
        out.extend(&step.ensures);
    }
    ensures(runbook.body(), &mut out);
    out
}

fn ensures<'a>(items: &'a [Item], out: &mut Vec<&'a GuardUse>) {
    for item in items {
        match item {
            Item::Ensure(guard) => out.push(guard),
            Item::Outage { items, .. } | Item::Called { items, .. } => ensures(items, out),
            _ => {}
        }
    }
}

/// Expressions for hosts that are expected to carry members.
pub(crate) fn member_targets(runbook: &CheckedRunbook) -> Vec<&Node<Expr>> {
    let mut out: Vec<&Node<Expr>> = guards(runbook)
        .into_iter()
        .filter_map(|g| g.arguments.get("members"))
        .collect();
    for step in steps(runbook.body()) {
        let speaks = |call: &Call| of_member(call) || mentions_member(runbook, call);
        if step.leader_last || step.calls.iter().any(speaks) {
            out.push(&step.on);
        }
        out.extend(step.calls.iter().filter_map(|c| c.arguments.get("of")));
    }
    out
}

/// Paths on this machine that the run's own snapshots go to.
pub(crate) fn made(runbook: &CheckedRunbook) -> impl Iterator<Item = &Node<Expr>> {
    steps(runbook.body())
        .into_iter()
        .flat_map(|step| &step.calls)
        .filter(|call| call.verb == Verb::SaveSnapshot)
        .filter_map(|call| call.arguments.get("dest"))
}

fn of_member(call: &Call) -> bool {
    let name = call.arguments.get("name").map(|node| &node.value);
    verbs::row(call.verb).of_member || (call.verb == Verb::Service && name.is_some_and(means_etcd))
}

/// Whether a call's arguments or its template say `member`.
fn mentions_member(runbook: &CheckedRunbook, call: &Call) -> bool {
    let by_template = call.arguments.get("template").is_some_and(|node| {
        let name = match &node.value {
            Expr::Name(name) => Some(name.as_str()),
            Expr::Text(parts) => match parts.as_slice() {
                [TextPart::Literal(text)] => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        };
        name.and_then(|name| template::find(runbook, name).ok())
            .is_some_and(|text| text.contains("member."))
    });
    by_template || call.arguments.values().any(|node| mentions(&node.value))
}

fn mentions(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => false,
        Expr::Text(parts) => parts.iter().any(|part| match part {
            TextPart::Literal(_) => false,
            TextPart::Expr(node) => mentions(&node.value),
        }),
        Expr::List(items) | Expr::Call(_, items) => items.iter().any(|i| mentions(&i.value)),
        // By itself it is a parameter of that name.
        Expr::Field(of, _) if of.value == Expr::Name("member".to_owned()) => true,
        Expr::Field(of, _) | Expr::Not(of) => mentions(&of.value),
        Expr::Binary(_, left, right) => mentions(&left.value) || mentions(&right.value),
        Expr::Bool(_) | Expr::Int(_) | Expr::Bytes(_) | Expr::Duration(_) => false,
    }
}

/// `etcd`, `"etcd.service"`, `"{member.unit}"`: the member's own unit.
fn means_etcd(name: &Expr) -> bool {
    match name {
        Expr::Name(word) => word == "etcd",
        Expr::Text(parts) => match parts.as_slice() {
            [TextPart::Literal(text)] => matches!(text.as_str(), "etcd" | "etcd.service"),
            [TextPart::Expr(node), ..] => matches!(
                &node.value,
                Expr::Field(of, field) if field.value == "unit" && of.value == Expr::Name("member".to_owned())
            ),
            _ => false,
        },
        _ => false,
    }
}

/// The group that the members are: the first that a target of members names.
pub(crate) fn member_group(runbook: &CheckedRunbook) -> Option<&str> {
    member_targets(runbook)
        .into_iter()
        .find_map(|node| group(runbook, &node.value))
}

fn group<'a>(runbook: &'a CheckedRunbook, expr: &'a Expr) -> Option<&'a str> {
    match expr {
        Expr::Call(name, arguments) if name.value == "group" => match &arguments.first()?.value {
            Expr::Name(group) => Some(group),
            Expr::Text(parts) => match parts.as_slice() {
                [TextPart::Literal(text)] => Some(text),
                _ => None,
            },
            _ => None,
        },
        Expr::Call(_, arguments) => arguments.iter().find_map(|a| group(runbook, &a.value)),
        Expr::Binary(_, left, right) => {
            group(runbook, &left.value).or_else(|| group(runbook, &right.value))
        }
        Expr::Name(name) => runbook
            .targets()
            .iter()
            .find(|t| t.name.value == *name)
            .and_then(|t| group(runbook, &t.hosts.value)),
        _ => None,
    }
}
