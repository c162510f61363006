//! Which hosts an expression names, as far as the text alone decides it.

use crate::catalogue::{Function, GuardName, Type};
use crate::checked::{CheckedRunbook, GuardUse, Parameter, Step, Target};
use crate::expr::{Expr, Op};
use crate::span::Node;

/// Every name that stands for hosts: targets, and parameters as what they are chosen from.
pub(super) fn named(runbook: &CheckedRunbook) -> Vec<Target> {
    let chosen = runbook.parameters.iter().filter_map(of_parameter);
    chosen.chain(runbook.targets.iter().cloned()).collect()
}

/// A parameter of `host(GROUP)` is a host of that group, and one at most.
fn of_parameter(parameter: &Parameter) -> Option<Target> {
    let ty = match &parameter.ty {
        Type::Optional(inner) => inner.as_ref(),
        other => other,
    };
    let (group, counts) = match ty {
        Type::HostOf(group) => (group, vec![1]),
        Type::List(of) => match of.as_ref() {
            Type::HostOf(group) => (group, Vec::new()),
            _ => return None,
        },
        _ => return None,
    };
    let span = parameter.name.span;
    let word = Node::new(Expr::Name(group.clone()), span);
    let function = Node::new(Function::Group.as_str().to_owned(), span);
    Some(Target {
        name: parameter.name.clone(),
        hosts: Node::new(Expr::Call(function, vec![word]), span),
        counts,
        may_be_empty: false,
    })
}

/// Whether `all` is known to hold every host of `some`: the same hosts, or those that `some` is chosen from.
pub(super) fn covers(targets: &[Target], all: &Expr, some: &Expr) -> bool {
    if all == some {
        return true;
    }
    if let Expr::Binary(Op::Union, a, b) = all
        && (covers(targets, &a.value, some) || covers(targets, &b.value, some))
    {
        return true;
    }
    // A name holds what it was declared as.
    if let (Expr::Name(name), Expr::Call(..)) = (all, some)
        && declared(targets, name).is_some_and(|of| covers(targets, of, some))
    {
        return true;
    }
    match some {
        // Targets are declared above their use, so names lead to an end.
        Expr::Name(name) => declared(targets, name).is_some_and(|of| covers(targets, all, of)),
        // A group's name may be spelled like a target; it is not one.
        Expr::Call(name, _) if name.value == "group" => false,
        Expr::Call(_, arguments) => arguments.iter().any(|a| covers(targets, all, &a.value)),
        Expr::Binary(Op::Except, from, _) => covers(targets, all, &from.value),
        Expr::Binary(Op::Union | Op::Or, a, b) => {
            covers(targets, all, &a.value) && covers(targets, all, &b.value)
        }
        _ => false,
    }
}

fn declared<'a>(targets: &'a [Target], name: &str) -> Option<&'a Expr> {
    let target = targets.iter().find(|t| t.name.value == *name);
    target.map(|t| &t.hosts.value)
}

/// Whether a guard is demanded of all these hosts, by its argument of that name.
pub(super) fn demanded(
    targets: &[Target],
    guards: &[GuardUse],
    guard: GuardName,
    (argument, hosts): (&str, &Expr),
) -> bool {
    guards.iter().any(|g| {
        let of = g.arguments.get(argument);
        g.name == guard
            && !g.negated
            && !g.warn_only
            && of.is_some_and(|m| covers(targets, &m.value, hosts))
    })
}

/// Whether a step demands a guard of all the hosts that it works on.
pub(super) fn requires(targets: &[Target], step: &Step, guard: GuardName) -> bool {
    demanded(targets, &step.requires, guard, ("members", &step.on.value))
}

/// Whether the hosts are one at most, whatever the inventory says.
pub(super) fn one_at_most(targets: &[Target], hosts: &Expr) -> bool {
    match hosts {
        Expr::Call(name, _) => matches!(
            name.value.as_str(),
            "first" | "leader" | "best" | "furthest"
        ),
        Expr::Name(name) => targets.iter().any(|t| {
            t.name.value == *name && (t.counts == [1] || one_at_most(targets, &t.hosts.value))
        }),
        Expr::Binary(Op::Except, from, _) => one_at_most(targets, &from.value),
        Expr::Binary(Op::Or, a, b) => {
            one_at_most(targets, &a.value) && one_at_most(targets, &b.value)
        }
        _ => false,
    }
}

/// Whether these are hosts that do not answer, which nothing is done on.
pub(super) fn gone(targets: &[Target], hosts: &Expr) -> bool {
    match hosts {
        Expr::Call(name, _) => name.value == "gone",
        Expr::Name(name) => declared(targets, name).is_some_and(|of| gone(targets, of)),
        Expr::Binary(Op::Except, from, _) => gone(targets, &from.value),
        Expr::Binary(Op::Union | Op::Or, a, b) => {
            gone(targets, &a.value) && gone(targets, &b.value)
        }
        _ => false,
    }
}

/// Whether `stopped` is all of `hosts`, or all but those of them that do not answer.
pub(super) fn all_that_answer(targets: &[Target], stopped: &Expr, hosts: &Expr) -> bool {
    if covers(targets, stopped, hosts) || gone(targets, hosts) {
        return true;
    }
    match stopped {
        Expr::Name(name) => {
            declared(targets, name).is_some_and(|of| all_that_answer(targets, of, hosts))
        }
        Expr::Binary(Op::Except, from, out) => {
            gone(targets, &out.value) && covers(targets, &from.value, hosts)
        }
        _ => false,
    }
}
