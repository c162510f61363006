//! Guards as written to guards as data, with their verdict.

use std::collections::BTreeMap;

use runbook_dsl::catalogue::{ArgumentType, GuardName};
use runbook_dsl::checked::GuardUse;
use runbook_dsl::expr::Expr;
use runbook_dsl::span::Node;
use runbook_model::guard::{Guard, Verdict, evaluate};
use runbook_model::host::HostName;
use runbook_model::plan::PlannedGuard;
use runbook_model::sizing::SizeClass;
use runbook_model::view::View;

use crate::error::{Fault, Outcome};
use crate::eval::{Scope, as_hosts, eval};
use crate::place;
use crate::request::Request;
use crate::targets::names;
use crate::value::Value;

/// A guard with its arguments' values.
pub(crate) struct Filled {
    pub(crate) guard: Guard,
    /// As written, arguments filled in.
    pub(crate) text: String,
    /// Why an argument has no value yet. The guard then holds what never comes true.
    pub(crate) unknown: Option<String>,
}

/// Fills in a guard's arguments. `batch`: the hosts that the step works on at once.
pub(crate) fn fill(
    request: &Request<'_>,
    scope: &Scope<'_>,
    used: &GuardUse,
    batch: &[HostName],
) -> Outcome<Filled> {
    let mut arguments = Arguments {
        scope,
        values: BTreeMap::new(),
        unknown: None,
    };
    let mut texts = Vec::new();
    for argument in used.name.row().arguments {
        let Some(node) = used.arguments.get(argument.name) else {
            continue;
        };
        let value = eval(scope, node)?;
        if argument.ty == ArgumentType::Target {
            texts.push(written(request, node));
        } else if value != Value::Unset {
            texts.push(shown(&value));
        }
        if let Value::Unknown(why) = &value {
            arguments.unknown.get_or_insert_with(|| why.clone());
        }
        arguments.values.insert(argument.name, value);
    }
    let guard = arguments
        .guard(used.name, batch)
        .map_err(|p| p.at(used.span))?;
    let not = if used.negated { "not " } else { "" };
    Ok(Filled {
        guard,
        text: format!("{not}{}({})", used.name.as_str(), texts.join(", ")),
        unknown: arguments.unknown,
    })
}

/// The words of the runbook itself.
fn written(request: &Request<'_>, node: &Node<Expr>) -> String {
    request
        .checked
        .sources()
        .get(node.span.source)
        .and_then(|s| s.text.get(node.span.start..node.span.end))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        other => other.to_string(),
    }
}

struct Arguments<'a> {
    scope: &'a Scope<'a>,
    values: BTreeMap<&'static str, Value>,
    unknown: Option<String>,
}

impl Arguments<'_> {
    fn hosts(&self, name: &str) -> Outcome<Vec<HostName>> {
        match self.values.get(name) {
            Some(value) => as_hosts(self.scope, value.clone()),
            None => Ok(Vec::new()),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).and_then(Value::text)
    }

    fn path(&self) -> String {
        self.text("path").unwrap_or_default()
    }

    fn unfit(&self, name: &str, wanted: &str) -> Fault {
        let kind = self.values.get(name).map_or("missing", Value::kind);
        Fault::Expression {
            why: format!("`{name}` wants {wanted}, this is {kind}"),
        }
    }

    /// Unknown becomes what no host can offer: a guard never holds for want of a value.
    fn bytes(&self, name: &str) -> Outcome<u64> {
        match self.values.get(name) {
            Some(Value::Bytes(n)) => Ok(*n),
            Some(Value::Int(n)) if *n >= 0 => Ok(n.unsigned_abs()),
            Some(Value::Unknown(_)) => Ok(u64::MAX),
            _ => Err(self.unfit(name, "a size").into()),
        }
    }

    fn chosen(&self) -> Outcome<bool> {
        match self.values.get("value") {
            Some(Value::Bool(value)) => Ok(*value),
            // What is not known yet is nobody's choice: `unknown` says so.
            Some(Value::Unknown(_)) => Ok(false),
            _ => Err(self.unfit("value", "a bool").into()),
        }
    }

    fn int(&self, name: &str) -> Outcome<i64> {
        match self.values.get(name) {
            Some(Value::Int(n)) => Ok(*n),
            Some(Value::Unknown(_)) => Ok(i64::MAX),
            _ => Err(self.unfit(name, "a whole number").into()),
        }
    }

    fn seconds(&self, name: &str) -> Outcome<u64> {
        match self.values.get(name) {
            Some(Value::Duration(ms)) => Ok(ms.div_ceil(1000)),
            Some(Value::Unknown(_)) => Ok(u64::MAX),
            _ => Err(self.unfit(name, "a duration").into()),
        }
    }

    /// Unknown is no time at all: a guard never holds for want of a value.
    fn milliseconds(&self, name: &str) -> Outcome<u64> {
        match self.values.get(name) {
            Some(Value::Duration(ms)) => Ok(*ms),
            Some(Value::Unknown(_)) => Ok(0),
            _ => Err(self.unfit(name, "a duration").into()),
        }
    }

    fn size(&self) -> Outcome<SizeClass> {
        let text = self.text("size").unwrap_or_default();
        SizeClass::parse(&text).ok_or_else(|| {
            Fault::Expression {
                why: format!(
                    "`{text}` is no size: write one of {}",
                    SizeClass::ALL.map(SizeClass::as_str).join(", ")
                ),
            }
            .into()
        })
    }

    fn words(&self, name: &str) -> Vec<String> {
        match self.values.get(name) {
            Some(Value::List(items)) => items.iter().filter_map(Value::text).collect(),
            Some(value) => value.text().into_iter().collect(),
            None => Vec::new(),
        }
    }

    // One row a guard.
    #[allow(clippy::too_many_lines)]
    fn guard(&self, name: GuardName, batch: &[HostName]) -> Outcome<Guard> {
        let members = self.hosts("members")?;
        Ok(match name {
            GuardName::Reachable => Guard::Reachable {
                hosts: self.hosts("hosts")?,
            },
            GuardName::ClocksAgree => Guard::ClocksAgree {
                hosts: self.hosts("hosts")?,
            },
            GuardName::DiskFree => Guard::DiskFree {
                hosts: self.hosts("hosts")?,
                bytes: self.bytes("bytes")?,
                path: self.text("path"),
            },
            GuardName::QuorumSafe => Guard::QuorumSafe {
                members,
                stopping: batch.to_vec(),
            },
            GuardName::SnapshotVerified => Guard::SnapshotVerified {
                path: self.path(),
                sha256: self.text("sha256"),
            },
            GuardName::SnapshotFits | GuardName::RestoredFrom => self.of_snapshot(name, members),
            GuardName::ToolsPresent => Guard::ToolsPresent {
                members,
                tools: self.words("tools"),
            },
            GuardName::RevisionAtLeast => Guard::RevisionAtLeast {
                members,
                revision: self.int("revision")?,
            },
            GuardName::CertificatesServed => Guard::CertificatesServed { members },
            GuardName::QuorumLost => Guard::QuorumLost { members },
            GuardName::ClusterHealthy => Guard::ClusterHealthy { members },
            GuardName::SameHash => Guard::SameHash { members },
            GuardName::AllStopped => Guard::AllStopped { members },
            GuardName::DataDirEmpty => Guard::DataDirEmpty { members },
            GuardName::PortsFree => Guard::PortsFree { members },
            GuardName::NoAlarm => Guard::NoAlarm { members },
            GuardName::ClusterFormed => Guard::ClusterFormed { members },
            GuardName::ClusterAbsent => Guard::ClusterAbsent { members },
            GuardName::AnyServing => Guard::AnyServing { members },
            GuardName::Chosen => Guard::Chosen {
                value: self.chosen()?,
            },
            GuardName::AllServing => Guard::AllServing { members },
            GuardName::NoCorruption => Guard::NoCorruption { members },
            GuardName::VersionRuns => Guard::VersionRuns {
                members,
                version: self.text("version").unwrap_or_default(),
            },
            GuardName::SameVersion => Guard::SameVersion { members },
            GuardName::Upgradable => Guard::Upgradable {
                members,
                version: self.text("version").unwrap_or_default(),
            },
            GuardName::MembershipSettled => Guard::MembershipSettled {
                members,
                joining: self.hosts("leaving")?,
            },
            GuardName::RemovalSafe => Guard::RemovalSafe {
                members,
                leaving: self.hosts("leaving")?,
            },
            GuardName::AllUnlisted => Guard::AllUnlisted {
                joining: self.hosts("joining")?,
            },
            GuardName::FurthestAhead => Guard::FurthestAhead {
                members,
                chosen: self.hosts("chosen")?,
            },
            GuardName::InventoryMatches => Guard::InventoryMatches { members },
            GuardName::Writable => Guard::Writable { members },
            GuardName::PeersReachable => Guard::PeersReachable { members },
            GuardName::EtcdServersMatch => Guard::EtcdServersMatch {
                apis: self.hosts("apis")?,
                members,
            },
            GuardName::CertsValid
            | GuardName::FitsSize
            | GuardName::FsyncWithin
            | GuardName::RevisionBumps => self.of_hosts(name, members)?,
        })
    }

    /// Guards about members and a snapshot.
    fn of_snapshot(&self, name: GuardName, members: Vec<HostName>) -> Guard {
        let path = self.path();
        match name {
            GuardName::SnapshotFits => Guard::SnapshotFits { members, path },
            _ => Guard::RestoredFrom { members, path },
        }
    }

    /// Guards about what the members' hosts are and have.
    fn of_hosts(&self, name: GuardName, members: Vec<HostName>) -> Outcome<Guard> {
        Ok(match name {
            GuardName::CertsValid => Guard::CertsValid {
                members,
                within_s: self.seconds("within")?,
            },
            GuardName::FitsSize => Guard::FitsSize {
                members,
                size: self.size()?,
            },
            GuardName::FsyncWithin => Guard::FsyncWithin {
                members,
                limit_ms: self.milliseconds("within")?,
                run: self.scope.run.to_owned(),
            },
            _ => Guard::RevisionBumps {
                members,
                watchers: self.hosts("watchers")?,
                bump: self.int("bump")?,
            },
        })
    }
}

/// The verdict on a view, `not` applied.
pub(crate) fn verdict(filled: &Filled, negated: bool, view: &View) -> Verdict {
    if let Some(why) = &filled.unknown {
        return Verdict::Unknown { why: why.clone() };
    }
    let verdict = evaluate(&filled.guard, view);
    if negated { verdict.negate() } else { verdict }
}

/// The verdict of a planned guard on another view.
pub(crate) fn verdict_on(guard: &PlannedGuard, view: &View) -> Verdict {
    let verdict = evaluate(&guard.guard, view);
    if guard.negated {
        verdict.negate()
    } else {
        verdict
    }
}

/// A guard for the plan, its verdict on `view`.
pub(crate) fn planned(
    request: &Request<'_>,
    scope: &Scope<'_>,
    used: &GuardUse,
    batch: &[HostName],
    view: &View,
) -> Outcome<PlannedGuard> {
    let filled = fill(request, scope, used, batch)?;
    let verdict = verdict(&filled, used.negated, view);
    let otherwise = match &used.otherwise {
        Some(node) => eval(scope, node)?.text(),
        None => None,
    };
    let override_name = used.override_name.as_ref().map(|n| n.value.clone());
    let overridden = override_name
        .as_ref()
        .and_then(|name| request.overrides.get(name).cloned());
    Ok(PlannedGuard {
        guard: filled.guard,
        negated: used.negated,
        text: filled.text,
        verdict,
        otherwise,
        override_name,
        overridden,
        warn_only: used.warn_only,
        within_ms: used.within_ms,
        place: place(used.span),
    })
}

/// A guard that must come true later: what the prediction cannot show is left to the run.
pub(crate) fn expected(mut guard: PlannedGuard) -> PlannedGuard {
    guard.verdict = match guard.verdict {
        Verdict::Holds { observed } => Verdict::Holds {
            observed: format!("expected: {observed}"),
        },
        _ => Verdict::Unknown {
            why: "decided in the run".to_owned(),
        },
    };
    guard
}

/// A verdict on a view that the run itself changes before: said to be a prediction.
pub(crate) fn predicted(mut guard: PlannedGuard) -> PlannedGuard {
    let text = match &mut guard.verdict {
        Verdict::Holds { observed } | Verdict::Violated { observed, .. } => observed,
        Verdict::Unknown { why } => why,
    };
    *text = format!("by then: {text}");
    guard
}

/// A guard that the planner adds itself.
pub(crate) fn implied(
    guard: Guard,
    view: &View,
    place: runbook_model::plan::Place,
) -> PlannedGuard {
    let text = match &guard {
        Guard::ToolsPresent { members, tools } => {
            format!("tools-present({}, [{}])", names(members), tools.join(", "))
        }
        Guard::Reachable { hosts } => format!("reachable({})", names(hosts)),
        other => format!("{other:?}"),
    };
    PlannedGuard {
        verdict: evaluate(&guard, view),
        guard,
        negated: false,
        text,
        otherwise: None,
        override_name: None,
        overridden: None,
        warn_only: false,
        within_ms: None,
        place,
    }
}
