//! Targets to hosts.

use std::collections::BTreeMap;

use runbook_dsl::checked::{Parameter, Target};
use runbook_dsl::expr::{Expr, Op};
use runbook_model::host::HostName;

use crate::error::{ChosenBy, Fault, Problem};
use crate::eval::{Scope, depends_on_view, hosts_of};
use crate::select::looks_at_view;
use crate::value::Value;

/// Resolves targets in order into `values`. Counts are checked as soon as they can be told. Gives warnings.
pub(crate) fn resolve(
    (targets, parameters): (&[Target], &[Parameter]),
    scope: &Scope<'_>,
    values: &mut BTreeMap<String, Value>,
    problems: &mut Vec<Problem>,
) -> Vec<String> {
    let mut notes = Vec::new();
    for target in targets {
        let scope = Scope {
            values: &*values,
            ..*scope
        };
        let name = &target.name.value;
        let hosts = match hosts_of(&scope, &target.hosts) {
            Ok(hosts) => hosts,
            // No such group, and none is fine: the inventory need not even name it.
            Err(problem) => {
                match *problem.fault {
                    Fault::UnknownGroup {
                        ref name,
                        ref meant,
                        ..
                    } if target.may_be_empty => {
                        notes.extend(meant.as_ref().map(|meant| {
                            format!("the inventory has no group `{name}`: was `{meant}` meant?")
                        }));
                    }
                    // A parameter that has no value, which is told already.
                    Fault::UnknownHost { ref name, .. }
                        if !problems.is_empty()
                            && parameters.iter().any(|p| p.name.value == *name) => {}
                    _ => problems.push(problem),
                }
                Vec::new()
            }
        };
        let told = scope.view.is_some() || !depends_on_view(targets, &target.hosts.value);
        if told && problems.is_empty() {
            problems.extend(count(target, &hosts));
        }
        values.insert(name.clone(), Value::Hosts(hosts));
    }
    notes
}

fn count(target: &Target, hosts: &[HostName]) -> Option<Problem> {
    let name = &target.name.value;
    let found = hosts.len();
    if found == 0 {
        let empty = Fault::EmptyTarget {
            name: name.clone(),
            by: chosen_by(&target.hosts.value),
        };
        return (!target.may_be_empty).then(|| Problem::from(empty).at(target.hosts.span));
    }
    let allowed = target.counts.is_empty() || target.counts.contains(&(found as u64));
    (!allowed).then(|| {
        Problem::from(Fault::TargetCount {
            name: name.clone(),
            found,
            hosts: names(hosts),
            expected: alternatives(&target.counts),
        })
        .at(target.hosts.span)
    })
}

fn chosen_by(hosts: &Expr) -> ChosenBy {
    match hosts {
        Expr::Call(of, _) if of.value == "group" => ChosenBy::Group,
        Expr::Call(of, _) if looks_at_view(&of.value) => ChosenBy::Observation,
        // What the operator did not name was looked for.
        Expr::Binary(Op::Or, _, instead) => chosen_by(&instead.value),
        _ => ChosenBy::Name,
    }
}

/// `a, b, c`.
pub(crate) fn names(hosts: &[HostName]) -> String {
    hosts
        .iter()
        .map(HostName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn alternatives(counts: &[u64]) -> String {
    match counts {
        [] => "any".to_owned(),
        [one] => one.to_string(),
        [all @ .., last] => {
            let all: Vec<String> = all.iter().map(u64::to_string).collect();
            format!("{} or {last}", all.join(", "))
        }
    }
}
