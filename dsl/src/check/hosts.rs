//! Which hosts an expression names, as far as the text alone decides it.

use crate::catalogue::GuardName;
use crate::checked::{GuardUse, Step, Target};
use crate::expr::{Expr, Op};

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
    match some {
        // Targets are declared above their use, so names lead to an end.
        Expr::Name(name) => declared(targets, name).is_some_and(|of| covers(targets, all, of)),
        Expr::Call(_, arguments) => arguments.iter().any(|a| covers(targets, all, &a.value)),
        Expr::Binary(Op::Except, from, _) => covers(targets, all, &from.value),
        Expr::Binary(Op::Union, a, b) => {
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
        Expr::Call(name, _) => matches!(name.value.as_str(), "first" | "leader" | "best"),
        Expr::Name(name) => targets.iter().any(|t| {
            t.name.value == *name && (t.counts == [1] || one_at_most(targets, &t.hosts.value))
        }),
        Expr::Binary(Op::Except, from, _) => one_at_most(targets, &from.value),
        _ => false,
    }
}

/// Whether these are hosts that do not answer, which nothing is done on.
pub(super) fn gone(targets: &[Target], hosts: &Expr) -> bool {
    match hosts {
        Expr::Call(name, _) => name.value == "gone",
        Expr::Name(name) => declared(targets, name).is_some_and(|of| gone(targets, of)),
        Expr::Binary(Op::Except, from, _) => gone(targets, &from.value),
        Expr::Binary(Op::Union, a, b) => gone(targets, &a.value) && gone(targets, &b.value),
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
