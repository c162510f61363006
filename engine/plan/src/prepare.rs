//! Before anything is observed: parameters, targets, members, and what must be observed.

use std::collections::{BTreeMap, BTreeSet};

use runbook_dsl::catalogue::{ArgumentType, Verb};
use runbook_dsl::expr::Expr;
use runbook_dsl::span::Node;
use runbook_model::facts::ProbeRequest;
use runbook_model::guard::{MEMBER_TIMEOUT_MS, member_probe, needs};
use runbook_model::host::{HostName, MemberSpec};
use runbook_model::view::Needs;

use crate::error::{Fault, Outcome, PlanError, Problem, nearest};
use crate::eval::{Scope, eval, hosts_of};
use crate::parameters::{self, Parameters};
use crate::request::Request;
use crate::targets::{self, names};
use crate::value::Value;
use crate::verbs::{self, Run};
use crate::{guards, hosts, walk};

/// A request whose parameters, targets and members are settled.
pub struct Prepared<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) parameters: Parameters,
    /// Parameters, targets and lets where no host is meant.
    pub(crate) values: BTreeMap<String, Value>,
    /// In inventory order.
    pub(crate) members: Vec<MemberSpec>,
    pub(crate) cluster: String,
    /// Hosts that `--limit` leaves; none: all.
    pub(crate) limit: Option<BTreeSet<HostName>>,
    needs: Needs,
}

impl Prepared<'_> {
    /// Everything to observe: one probe a host, one question a member, the snapshot files.
    pub const fn needs(&self) -> &Needs {
        &self.needs
    }

    /// The hosts of the run: those to connect to.
    pub fn hosts(&self) -> impl Iterator<Item = &HostName> {
        self.needs.hosts.keys()
    }

    /// The members of the cluster, in inventory order.
    pub fn members(&self) -> &[MemberSpec] {
        &self.members
    }

    /// The inventory group that holds the members.
    pub fn group(&self) -> &str {
        walk::member_group(self.request.checked).unwrap_or("etcd")
    }

    /// The cluster's name: whose lock the run takes.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The hosts of each target, as far as they can be told before the probe.
    pub fn targets(&self) -> BTreeMap<String, Vec<HostName>> {
        let declared = self.request.checked.targets().iter();
        declared
            .filter_map(|t| match self.values.get(&t.name.value) {
                Some(Value::Hosts(hosts)) => Some((t.name.value.clone(), hosts.clone())),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn run(&self) -> Run<'_> {
        Run {
            id: self.request.run,
            cluster: &self.cluster,
            members: &self.members,
            checked: self.request.checked,
            files: self.request.files,
            now: self.request.now,
        }
    }

    /// Files of this machine that steps upload, as far as their paths can be told before the probe; snapshots are read on their own.
    pub fn sources(&self) -> BTreeSet<String> {
        let scope = before_probe(self, &self.cluster);
        let calls = walk::steps(self.request.checked.body())
            .into_iter()
            .flat_map(|step| &step.calls);
        calls
            .filter(|call| call.verb == Verb::Upload)
            .filter_map(|call| eval(&scope, call.arguments.get("source")?).ok()?.text())
            .filter(|path| !self.needs.snapshots.contains_key(path))
            .collect()
    }

    /// Whether `--limit` leaves steps this host.
    pub(crate) fn is_within(&self, host: &HostName) -> bool {
        self.limit.as_ref().is_none_or(|left| left.contains(host))
    }

    pub(crate) fn member(&self, host: &HostName) -> Option<&MemberSpec> {
        self.members.iter().find(|m| m.host == *host)
    }

    /// Values as a host sees them.
    pub(crate) fn values_on(
        &self,
        values: &BTreeMap<String, Value>,
        host: &HostName,
    ) -> BTreeMap<String, Value> {
        let mut values = values.clone();
        if let Some(own) = self.parameters.own.get(host) {
            values.extend(own.iter().map(|(k, v)| (k.clone(), v.clone())));
        }
        values
    }
}

/// Settles parameters, targets and members, and collects what must be observed. Reports every independent error.
pub fn prepare<'a>(request: &Request<'a>) -> Result<Prepared<'a>, Vec<PlanError>> {
    let mut problems = Vec::new();
    let prepared = settle(request, &mut problems);
    if problems.is_empty() {
        return Ok(prepared);
    }
    let mut seen: Vec<PlanError> = Vec::new();
    for problem in problems {
        let error = PlanError::new(problem, request.checked);
        if !seen
            .iter()
            .any(|e| e.fault() == error.fault() && e.span() == error.span())
        {
            seen.push(error);
        }
    }
    Err(seen)
}

fn settle<'a>(request: &Request<'a>, problems: &mut Vec<Problem>) -> Prepared<'a> {
    unknown_overrides(request, problems);
    let early = parameters::without_inventory(request, problems);
    let scope = |values| Scope {
        values,
        run: request.run,
        cluster: "",
        targets: request.checked.targets(),
        inventory: request.inventory,
        connection: request.connection,
        view: None,
        host: None,
        member: None,
    };
    // Whose variables count as parameters: the hosts of the targets. A target that waits for a parameter tells later.
    let empty = BTreeMap::new();
    let mut tentative = early.common.clone();
    targets::resolve(
        (request.checked.targets(), request.checked.parameters()),
        &scope(&empty),
        &mut tentative,
        &mut Vec::new(),
    );
    let concerned = of_targets(request, &tentative);
    let parameters = parameters::with_inventory(request, early, &concerned, problems);
    let mut values = parameters.common.clone();
    targets::resolve(
        (request.checked.targets(), request.checked.parameters()),
        &scope(&empty),
        &mut values,
        problems,
    );
    if problems.is_empty() {
        lets(request, &scope(&empty), &mut values, problems);
    }
    let mut prepared = Prepared {
        request: *request,
        parameters,
        values,
        members: Vec::new(),
        cluster: String::new(),
        limit: None,
        needs: Needs::default(),
    };
    members(&mut prepared, problems);
    limit(&mut prepared, problems);
    if problems.is_empty() {
        collect(&mut prepared, problems);
    }
    prepared
}

fn unknown_overrides(request: &Request<'_>, problems: &mut Vec<Problem>) {
    let known: BTreeSet<String> = walk::guards(request.checked)
        .iter()
        .filter_map(|g| g.override_name.as_ref().map(|n| n.value.clone()))
        .collect();
    for name in request.overrides.keys() {
        if !known.contains(name) {
            problems.push(
                Fault::UnknownOverride {
                    name: name.clone(),
                    runbook: request.checked.name().to_owned(),
                    meant: nearest(name, known.iter().map(String::as_str)),
                    known: known.iter().cloned().collect(),
                }
                .into(),
            );
        }
    }
}

fn of_targets(request: &Request<'_>, values: &BTreeMap<String, Value>) -> Vec<HostName> {
    let mut chosen = BTreeSet::new();
    for target in request.checked.targets() {
        if let Some(Value::Hosts(hosts)) = values.get(&target.name.value) {
            chosen.extend(hosts.iter().cloned());
        }
    }
    in_order(request, &chosen)
}

fn in_order(request: &Request<'_>, chosen: &BTreeSet<HostName>) -> Vec<HostName> {
    request
        .inventory
        .hosts()
        .iter()
        .filter(|h| chosen.contains(*h))
        .cloned()
        .collect()
}

pub(crate) fn lets(
    request: &Request<'_>,
    scope: &Scope<'_>,
    values: &mut BTreeMap<String, Value>,
    problems: &mut Vec<Problem>,
) {
    for binding in request.checked.lets() {
        let scope = Scope {
            values: &*values,
            ..*scope
        };
        match eval(&scope, &binding.value) {
            Ok(value) => {
                values.insert(binding.name.value.clone(), value);
            }
            Err(problem) => problems.push(problem),
        }
    }
}

fn members(prepared: &mut Prepared<'_>, problems: &mut Vec<Problem>) {
    let request = prepared.request;
    let scope = before_probe(prepared, "");
    let mut chosen = BTreeSet::new();
    for node in walk::member_targets(request.checked) {
        match hosts_of(&scope, node) {
            Ok(hosts) => chosen.extend(hosts),
            Err(problem) => problems.push(problem),
        }
    }
    let chosen = in_order(&request, &chosen);
    if chosen.is_empty() {
        request.checked.name().clone_into(&mut prepared.cluster);
        return;
    }
    let group = walk::member_group(request.checked).unwrap_or("etcd");
    let members = match hosts::members(request.inventory, group, &chosen, request.connection) {
        Ok(members) => members,
        Err(more) => {
            problems.extend(more);
            Vec::new()
        }
    };
    problems.extend(members.iter().filter_map(|m| verbs::fit(m).err()));
    let clusters: BTreeSet<&str> = members.iter().map(|m| m.cluster.as_str()).collect();
    if clusters.len() > 1 {
        problems.push(
            Fault::SeveralClusters {
                clusters: clusters.iter().copied().collect::<Vec<_>>().join(", "),
            }
            .into(),
        );
    }
    // A runbook without members locks its hosts all the same.
    prepared.cluster = clusters
        .first()
        .map_or_else(|| request.checked.name().to_owned(), |c| (*c).to_owned());
    prepared.members = members;
}

fn limit(prepared: &mut Prepared<'_>, problems: &mut Vec<Problem>) {
    let request = prepared.request;
    let Some(pattern) = request.limit else {
        return;
    };
    let concerned = of_targets(&request, &prepared.values);
    match hosts::limit(request.inventory, pattern, &concerned) {
        Ok(left) if left.is_empty() => problems.push(
            Fault::LimitEmpty {
                pattern: pattern.to_owned(),
                hosts: names(&concerned),
            }
            .into(),
        ),
        Ok(left) => prepared.limit = Some(left.into_iter().collect()),
        Err(problem) => problems.push(problem),
    }
}

fn before_probe<'p>(prepared: &'p Prepared<'_>, cluster: &'p str) -> Scope<'p> {
    Scope {
        values: &prepared.values,
        run: prepared.request.run,
        cluster,
        targets: prepared.request.checked.targets(),
        inventory: prepared.request.inventory,
        connection: prepared.request.connection,
        view: None,
        host: None,
        member: None,
    }
}

/// Everything that guards and verbs look at, and every member: the quorum is shown in any plan.
fn collect(prepared: &mut Prepared<'_>, problems: &mut Vec<Problem>) {
    let mut all = Needs::default();
    all.query.timeout_ms = MEMBER_TIMEOUT_MS;
    let specs: BTreeMap<HostName, MemberSpec> = prepared
        .members
        .iter()
        .map(|m| (m.host.clone(), m.clone()))
        .collect();
    for (host, spec) in &specs {
        all.hosts.insert(host.clone(), member_probe(spec));
    }
    all.members.clone_from(&specs);
    for value in prepared.values.values() {
        if let Value::Snapshot(path) = value {
            all.snapshots.entry(path.clone()).or_default();
        }
    }
    let scope = before_probe(prepared, &prepared.cluster);
    for used in walk::deciding(prepared.request.checked) {
        match guards::fill(&prepared.request, &scope, used, &[]) {
            Ok(filled) => all.merge(needs(&filled.guard, &specs)),
            Err(problem) => problems.push(problem),
        }
    }
    for dest in walk::made(prepared.request.checked) {
        if let Ok(Some(path)) = eval(&scope, dest).map(|value| value.text()) {
            // What the run itself is to make is not there to be read, unless it has made it before.
            if !prepared.request.files.exists(&path) {
                all.snapshots.remove(&path);
            }
        }
    }
    for step in walk::steps(prepared.request.checked.body()) {
        let hosts = match hosts_of(&scope, &step.on) {
            Ok(hosts) => hosts,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        // What `--limit` leaves out is not worked on, so no step asks it anything.
        for host in hosts.into_iter().filter(|h| prepared.is_within(h)) {
            match of_step(prepared, step, &host) {
                Ok(request) => all.hosts.entry(host).or_default().merge(&request),
                Err(problem) => problems.push(problem),
            }
        }
    }
    for request in all.hosts.values_mut() {
        request.cluster = Some(prepared.cluster.clone());
    }
    prepared.needs = all;
}

fn of_step(
    prepared: &Prepared<'_>,
    step: &runbook_dsl::checked::Step,
    host: &HostName,
) -> Outcome<ProbeRequest> {
    let values = prepared.values_on(&prepared.values, host);
    let scope = Scope {
        values: &values,
        host: Some(host),
        member: prepared.member(host),
        ..before_probe(prepared, &prepared.cluster)
    };
    let mut all = ProbeRequest::default();
    for call in &step.calls {
        let arguments = arguments(&scope, call)?;
        let site = verbs::Call {
            run: prepared.run(),
            host,
            member: prepared.member(host),
            arguments: &arguments,
        };
        let request = (verbs::row(call.verb).needs)(&site).map_err(|p| p.at(call.span))?;
        all.merge(&request);
    }
    Ok(all)
}

/// A word of the catalogue, which is meant whatever a parameter of that name is.
fn word(verb: Verb, argument: &str, node: &Node<Expr>) -> Option<Value> {
    let row = verb.row().arguments.iter().find(|a| a.name == argument)?;
    match (row.ty, &node.value) {
        (ArgumentType::Word(_) | ArgumentType::WordOrText, Expr::Name(word)) => {
            Some(Value::Text(word.clone()))
        }
        _ => None,
    }
}

/// A call's arguments on a host. The program of `shell` is not a value: see [`verbs::script`].
pub(crate) fn arguments(
    scope: &Scope<'_>,
    call: &runbook_dsl::checked::Call,
) -> Outcome<BTreeMap<&'static str, Value>> {
    let mut out = BTreeMap::new();
    for (name, node) in &call.arguments {
        if matches!(*name, "script" | "check") {
            continue;
        }
        let value = match word(call.verb, name, node) {
            Some(word) => word,
            None => eval(scope, node)?,
        };
        out.insert(*name, value);
    }
    Ok(out)
}
