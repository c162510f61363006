//! What differs between two plans and what they depended on, in words, host by host. Pure: no word of it comes from a host again.
//!
//! Facts and plans are both turned into [`Things`], so that one comparison serves drift before a run and `plan diff`, and nothing
//! that a plan says is left uncompared for want of a rule.

mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use runbook_model::action::Action;
use runbook_model::host::{Connection, HostName, MemberSpec};
use runbook_model::plan::{Plan, Source};
use runbook_model::saved::{Asked, Facts, Properties, Reached, SavedPlan, Things};
use similar::TextDiff;

use crate::facts::of_connection;

/// Where something differs. In the order in which it is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// On the control host: texts, inventory, snapshots, files to upload.
    Control,
    /// In the cluster as a whole.
    Cluster,
    /// On a host, or in what is done there.
    Host(HostName),
    /// In the plan.
    Plan,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Control => f.write_str("this machine"),
            At::Cluster => f.write_str("the cluster"),
            At::Host(host) => write!(f, "{host}"),
            At::Plan => f.write_str("the plan"),
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drift {
    /// Where.
    pub at: At,
    /// Of what: `file /etc/etcd/etcd.conf`.
    pub thing: String,
    /// Which property; empty: the whole thing is there only once.
    pub property: String,
    /// Then; none: it was not there.
    pub before: Option<String>,
    /// Now; none: it is not there.
    pub now: Option<String>,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: &Option<String>| match value.as_deref() {
            None if self.property.is_empty() => "(none)".to_owned(),
            None | Some("") => "none".to_owned(),
            Some(value) => shortened(value),
        };
        let (before, now) = (side(&self.before), side(&self.now));
        match self.property.as_str() {
            "" => write!(f, "{}: {before} -> {now}", self.thing),
            property => write!(f, "{}: {property} {before} -> {now}", self.thing),
        }
    }
}

/// As much of a digest as tells two apart.
fn shortened(value: &str) -> String {
    let digest = value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit());
    if digest {
        format!("{}..", &value[..12])
    } else {
        value.to_owned()
    }
}

/// Everything that differs between what a plan was and what the same request comes to now. Empty: the plan is what it was.
pub fn drift(before: (&Facts, &Plan), now: (&Facts, &Plan)) -> Vec<Drift> {
    let mut out = of_sources(&before.1.sources, &now.1.sources);
    out.extend(of_facts(before.0, now.0));
    let plans = of_plans(before.1, now.1);
    // Who leads changes by itself; it explains what comes out differently.
    if !plans.is_empty() && before.0.leader != now.0.leader {
        let name = |host: &Option<HostName>| host.as_ref().map(ToString::to_string);
        out.push(Drift {
            at: At::Cluster,
            thing: "leader".to_owned(),
            property: String::new(),
            before: name(&before.0.leader),
            now: name(&now.0.leader),
        });
    }
    out.extend(plans);
    out.sort();
    out
}

/// What differs between two plan files; their run ids, times and makers do not count.
///
/// # Errors
/// A plan that JSON cannot hold.
pub fn diff(a: &SavedPlan, b: &SavedPlan) -> Result<Vec<Drift>, serde_json::Error> {
    // A run id stands in paths, tokens and texts; no two plans share one.
    let b = as_run(b, &a.plan.run)?;
    let a = as_run(a, &a.plan.run)?;
    let asked = (asked(&a.asked), asked(&b.asked));
    let mut out = of_things(&At::Control, &asked.0, &asked.1);
    out.extend(drift((&a.facts, &a.plan), (&b.facts, &b.plan)));
    out.sort();
    Ok(out)
}

/// Unified diffs of the texts that two plans stand on, one after the other.
pub fn source_diff(a: &[Source], b: &[Source]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for source in a.iter().chain(b) {
        if !names.contains(&source.name.as_str()) {
            names.push(&source.name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            TextDiff::from_lines(text_of(a, name), text_of(b, name))
                .unified_diff()
                .context_radius(3)
                .header(&format!("{name} (first)"), &format!("{name} (second)"))
                .to_string()
        })
        .collect()
}

fn text_of<'s>(sources: &'s [Source], name: &str) -> &'s str {
    let found = sources.iter().find(|s| s.name == name);
    found.map_or("", |s| s.text.as_str())
}

/// Differences between texts by name; the first is the runbook, the others are imports and templates.
pub fn of_sources(before: &[Source], now: &[Source]) -> Vec<Drift> {
    let as_things = |sources: &[Source]| -> Things {
        let named = sources.iter().enumerate().map(|(at, source)| {
            let kind = match at {
                0 => "runbook",
                // Nothing else can be imported.
                _ if source.name.ends_with(".etcdrb") => "import",
                _ => "template",
            };
            let of = Properties::from([("sha256".to_owned(), source.sha256.clone())]);
            (format!("{kind} {}", source.name), of)
        });
        named.collect()
    };
    of_things(&At::Control, &as_things(before), &as_things(now))
}

/// Differences between facts; who leads is none.
pub fn of_facts(before: &Facts, now: &Facts) -> Vec<Drift> {
    let mut out = of_things(&At::Control, &before.control, &now.control);
    out.extend(of_things(&At::Cluster, &before.cluster, &now.cluster));
    out.extend(of_hosts(&before.hosts, &now.hosts));
    out
}

/// Differences between what the inventory said of hosts and members and what it says now.
pub fn of_inventory(
    before: (&Facts, &Plan),
    connections: &BTreeMap<HostName, Connection>,
    members: &BTreeMap<HostName, MemberSpec>,
) -> Vec<Drift> {
    let things = before.0.hosts.iter();
    let then = things.filter_map(|(host, of)| Some((host, of.get("connection")?)));
    meanings((then.collect(), &before.1.members), connections, members)
}

/// Differences between how a run's hosts were reached when it began, with the members that it was planned on, and what an inventory
/// says now of the same hosts; hosts that were not part of the run (`--limit`) are none.
pub fn of_reached(
    before: (&Reached, &Plan),
    connections: &BTreeMap<HostName, Connection>,
    members: &BTreeMap<HostName, MemberSpec>,
) -> Vec<Drift> {
    let then = before.0.hosts.iter();
    let then = then.filter(|(host, _)| connections.contains_key(*host));
    let mut connections = connections.clone();
    connections.retain(|host, _| before.0.hosts.contains_key(host));
    meanings((then.collect(), &before.1.members), &connections, members)
}

fn meanings(
    (connected, specs): (
        BTreeMap<&HostName, &Properties>,
        &BTreeMap<HostName, MemberSpec>,
    ),
    connections: &BTreeMap<HostName, Connection>,
    members: &BTreeMap<HostName, MemberSpec>,
) -> Vec<Drift> {
    let mut then: BTreeMap<HostName, Things> = BTreeMap::new();
    let mut now = then.clone();
    let put = |all: &mut BTreeMap<HostName, Things>, host: &HostName, name: &str, of| {
        let things = all.entry(host.clone()).or_default();
        things.insert(name.to_owned(), of);
    };
    for (host, of) in connected {
        put(&mut then, host, "connection", of.clone());
    }
    for (host, connection) in connections {
        put(&mut now, host, "connection", of_connection(connection));
    }
    for (all, members) in [(&mut then, specs), (&mut now, members)] {
        for (host, spec) in members {
            put(all, host, "inventory", told::flat(spec));
        }
    }
    of_hosts(&then, &now)
}

fn of_hosts(before: &BTreeMap<HostName, Things>, now: &BTreeMap<HostName, Things>) -> Vec<Drift> {
    let hosts: BTreeSet<&HostName> = before.keys().chain(now.keys()).collect();
    let mut out = Vec::new();
    for host in hosts {
        let at = At::Host(host.clone());
        match (before.get(host), now.get(host)) {
            (Some(before), Some(now)) => out.extend(of_things(&at, before, now)),
            // All that is known of it would only hide that it is another set of hosts.
            (before, now) => {
                let known = |side: Option<&Things>| side.map(|_| "part of it".to_owned());
                out.push(Drift {
                    at,
                    thing: "host".to_owned(),
                    property: String::new(),
                    before: known(before),
                    now: known(now),
                });
            }
        }
    }
    out
}

fn of_plans(before: &Plan, now: &Plan) -> Vec<Drift> {
    let (before, now) = (told::told(before), told::told(now));
    let nothing = Things::new();
    let places: BTreeSet<&At> = before.keys().chain(now.keys()).collect();
    places
        .into_iter()
        .flat_map(|at| {
            of_things(
                at,
                before.get(at).unwrap_or(&nothing),
                now.get(at).unwrap_or(&nothing),
            )
        })
        .collect()
}

/// The one comparison: thing by thing, property by property.
pub fn of_things(at: &At, before: &Things, now: &Things) -> Vec<Drift> {
    let mut out = Vec::new();
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    for name in names {
        match (before.get(name), now.get(name)) {
            (Some(before), Some(now)) => {
                let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
                for key in keys {
                    // Said to be nothing and not said are one.
                    let of = |side: &Properties| side.get(key).filter(|v| !v.is_empty()).cloned();
                    let (then, now) = (of(before), of(now));
                    if then != now {
                        out.push(Drift {
                            at: at.clone(),
                            thing: name.clone(),
                            property: key.clone(),
                            before: then,
                            now,
                        });
                    }
                }
            }
            (before, now) => out.push(Drift {
                at: at.clone(),
                thing: name.clone(),
                property: String::new(),
                before: before.map(whole),
                now: now.map(whole),
            }),
        }
    }
    out
}

/// A thing that stands alone, in one line; of an action, what it was to do.
fn whole(of: &Properties) -> String {
    if let Some(effect) = of.get(told::EFFECT) {
        return effect.clone();
    }
    let parts = of
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name} {}", shortened(value)));
    parts.collect::<Vec<_>>().join(", ")
}

/// What was asked for, where it decides a plan and does not show in it.
fn asked(asked: &Asked) -> Things {
    let mut out = Things::new();
    let mut put = |thing: &str, value: String| {
        out.insert(thing.to_owned(), Properties::from([(String::new(), value)]));
    };
    put("limit", asked.limit.clone().unwrap_or_default());
    put("inventory", asked.inventory.join(", "));
    for (name, reason) in &asked.overrides {
        put(&format!("override {name}"), reason.clone());
    }
    out
}

/// The same plan under another run id, without what is computed from the id alone.
fn as_run(saved: &SavedPlan, run: &str) -> Result<SavedPlan, serde_json::Error> {
    let text = serde_json::to_string(saved)?.replace(&saved.plan.run, run);
    let mut saved: SavedPlan = serde_json::from_str(&text)?;
    for item in &mut saved.plan.items {
        let runbook_model::plan::PlanItem::Step(step) = item else {
            continue;
        };
        let actions = step.work.iter_mut().flat_map(|w| &mut w.actions);
        for planned in actions {
            if let Action::RestoreDataDir { origin, .. } = &mut planned.action {
                origin.cluster_id.clear();
            }
        }
    }
    Ok(saved)
}
