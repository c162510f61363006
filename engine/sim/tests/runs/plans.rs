//! Plans as the planner would make them, and how to run one.

use std::collections::BTreeMap;
use std::sync::Arc;

use runbook_model::action::{Access, Action, ServiceState};
use runbook_model::event::{Event, Record};
use runbook_model::guard::{Guard, Verdict};
use runbook_model::host::{HostName, MemberSpec, ServiceManager};
use runbook_model::plan::{
    Change, HostWork, OnFailure, OnUnreachable, PLAN_VERSION, Place, Plan, PlanItem, PlanStep,
    PlannedAction, PlannedGuard, Strategy,
};
use runbook_model::quorum::Quorum;
use runbook_run::{
    Finished, Options, RunError, StopSender, execute, resume, rollback, stop_channel,
};
use runbook_sim::{MemoryJournal, Model, SimWorld, Store, config_text, member_spec, unit_text};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub const RUN: &str = "r1";
pub const SNAPSHOT: &str = "backup.db";
pub const PUSHED: &str = "/var/tmp/runbook-r1/snapshot.db";

pub fn host(number: usize) -> HostName {
    HostName::new(format!("etcd{number}"))
}

pub fn specs(n: usize) -> BTreeMap<HostName, MemberSpec> {
    (1..=n).map(|i| (host(i), member_spec(i))).collect()
}

/// A store with something in it.
pub fn store() -> Store {
    let mut store = Store::empty();
    store.put("colour", "green");
    store
}

/// A formed cluster that has gone on since its snapshot was taken.
pub fn cluster(n: usize) -> Model {
    let mut model = Model::formed(&specs(n), &store());
    model.put_snapshot(SNAPSHOT, store());
    assert!(model.put(&host(1), "colour", "red"));
    model
}

pub fn action(action: Action, undo: Vec<Action>) -> PlannedAction {
    PlannedAction {
        summary: format!("{action:?}").chars().take(20).collect(),
        action,
        change: Change::Changes {
            summary: String::new(),
            diff: None,
        },
        undo,
        place: Place::default(),
    }
}

pub fn reads(wanted: Action) -> PlannedAction {
    PlannedAction {
        change: Change::Reads,
        ..action(wanted, vec![])
    }
}

pub fn step(number: usize, title: &str, strategy: Strategy, work: Vec<HostWork>) -> PlanStep {
    PlanStep {
        number,
        title: title.to_owned(),
        place: Place::default(),
        strategy,
        leader_last: false,
        timeout_ms: 60_000,
        retries: 0,
        retry_pause_ms: 1_000,
        on_unreachable: OnUnreachable::Fail,
        requires: vec![],
        ensures: vec![],
        work,
        skipped: None,
        quorum_after: Quorum {
            voters: 0,
            healthy: 0,
        },
    }
}

pub fn guard(text: &str, guard: Guard, within_ms: Option<u64>) -> PlannedGuard {
    PlannedGuard {
        guard,
        negated: false,
        text: text.to_owned(),
        verdict: Verdict::Unknown { why: String::new() },
        otherwise: None,
        override_name: None,
        overridden: None,
        warn_only: false,
        within_ms,
        place: Place::default(),
    }
}

pub fn plan(specs: &BTreeMap<HostName, MemberSpec>, items: Vec<PlanItem>) -> Plan {
    Plan {
        version: PLAN_VERSION,
        tool: "0.1.0".to_owned(),
        run: RUN.to_owned(),
        runbook: "test".to_owned(),
        about: String::new(),
        sources: vec![],
        cluster: "prod".to_owned(),
        parameters: vec![],
        targets: BTreeMap::new(),
        members: specs.clone(),
        quorum_before: Quorum {
            voters: specs.len(),
            healthy: specs.len(),
        },
        converged: None,
        requires: vec![],
        items,
        on_failure: OnFailure::Rollback,
        warnings: vec![],
    }
}

pub fn service(state: ServiceState) -> Action {
    Action::Service {
        unit: "etcd".to_owned(),
        manager: ServiceManager::Systemd,
        process: None,
        state,
        enabled: None,
        wait_s: 30,
    }
}

pub fn members(specs: &BTreeMap<HostName, MemberSpec>) -> Vec<HostName> {
    specs.keys().cloned().collect()
}

pub fn healthy(specs: &BTreeMap<HostName, MemberSpec>, within_s: u64) -> PlannedGuard {
    let members = members(specs);
    guard(
        "cluster-healthy(members)",
        Guard::ClusterHealthy { members },
        Some(within_s * 1000),
    )
}

pub fn on_each(
    specs: &BTreeMap<HostName, MemberSpec>,
    actions: impl Fn(&MemberSpec) -> Vec<PlannedAction>,
) -> Vec<HostWork> {
    specs
        .values()
        .map(|spec| HostWork {
            host: spec.host.clone(),
            actions: actions(spec),
        })
        .collect()
}

/// Restarts of members, as many at once as quorum allows, the leader last.
pub fn restart_plan(specs: &BTreeMap<HostName, MemberSpec>, strategy: Strategy) -> Plan {
    let work = on_each(specs, |_| {
        vec![action(service(ServiceState::Restarted), vec![])]
    });
    let mut restart = step(1, "Restart etcd", strategy, work);
    restart.leader_last = true;
    restart.ensures.push(healthy(specs, 60));
    plan(specs, vec![PlanItem::Step(Box::new(restart))])
}

pub fn initial_cluster(specs: &BTreeMap<HostName, MemberSpec>) -> String {
    let pairs: Vec<_> = specs
        .values()
        .map(|s| format!("{}={}", s.name, s.peer_url()))
        .collect();
    pairs.join(",")
}

pub fn access(mode: u32) -> Access {
    Access {
        mode,
        ..Access::default()
    }
}

/// A bootstrap of new members, all at once.
pub fn deploy_plan(specs: &BTreeMap<HostName, MemberSpec>) -> Plan {
    let initial = initial_cluster(specs);
    let configure = on_each(specs, |s| {
        let write = |path: &str, content: String| {
            let made = Action::WriteFile {
                path: path.to_owned(),
                content,
                access: access(0o644),
            };
            let undo = Action::RemoveCreated {
                path: path.to_owned(),
                directory: false,
            };
            action(made, vec![undo])
        };
        vec![
            write("/etc/systemd/system/etcd.service", unit_text(s)),
            write(&s.config, config_text(s, &initial, "prod-r1", "new")),
        ]
    });
    let start = on_each(specs, |_| {
        let undo = vec![service(ServiceState::Stopped)];
        vec![action(service(ServiceState::Running), undo)]
    });
    let mut start = step(2, "Start etcd", Strategy::Parallel, start);
    start.ensures.push(healthy(specs, 60));
    start.ensures.push(guard(
        "writable(members)",
        Guard::Writable {
            members: members(specs),
        },
        Some(30_000),
    ));
    let items = vec![
        PlanItem::Step(Box::new(step(
            1,
            "Configure",
            Strategy::Parallel,
            configure,
        ))),
        PlanItem::Step(Box::new(start)),
    ];
    plan(specs, items)
}

/// A run to be started: options, and what listens to it.
pub struct Desk {
    pub options: Options,
    pub stop: StopSender,
    pub events: UnboundedReceiver<(i64, Event)>,
}

pub fn desk() -> Desk {
    let (stop, signal) = stop_channel();
    let (sender, events) = unbounded_channel();
    let options = Options {
        operator: "root@ops1".to_owned(),
        forks: 10,
        confirm: Arc::new(|_| true),
        events: sender,
        stop: signal,
        local_lock: None,
        repeat_unknown: false,
        saved: None,
        reached: None,
        ask_step: None,
    };
    Desk {
        options,
        stop,
        events,
    }
}

pub async fn go(
    world: &SimWorld,
    journal: &MemoryJournal,
    plan: &Plan,
) -> Result<Finished, RunError> {
    let journal = Box::new(journal.clone());
    execute(
        Arc::new(world.clone()),
        journal,
        plan.clone(),
        desk().options,
    )
    .await
}

pub async fn go_on(world: &SimWorld, journal: &MemoryJournal) -> Result<Finished, RunError> {
    go_on_with(world, journal, desk().options).await
}

pub async fn go_on_with(
    world: &SimWorld,
    journal: &MemoryJournal,
    options: Options,
) -> Result<Finished, RunError> {
    let records: Vec<Record> = journal.records();
    let ledger = Box::new(journal.clone());
    resume(Arc::new(world.clone()), ledger, &records, options).await
}

pub async fn take_back(world: &SimWorld, journal: &MemoryJournal) -> Result<Finished, RunError> {
    let records: Vec<Record> = journal.records();
    let ledger = Box::new(journal.clone());
    rollback(Arc::new(world.clone()), ledger, &records, desk().options).await
}

/// Every action of every order was carried out at most once.
pub fn nothing_twice(model: &Model) {
    let mut seen = std::collections::BTreeSet::new();
    for effect in &model.log {
        let key = (&effect.host, effect.step, effect.undo, effect.action);
        assert!(seen.insert(key), "carried out twice: {effect:?}");
    }
}

pub fn no_locks(model: &Model) {
    for (name, host) in &model.hosts {
        assert!(host.locks.is_empty(), "`{name}` is still locked");
    }
}

/// All members serve the old store in the old place, as before the run.
pub fn as_before(model: &Model, before: &Model) {
    for name in before.hosts.keys() {
        let (now, then) = (model.running_member(name), before.running_member(name));
        assert_eq!(now, then, "`{name}`");
        let files = |m: &Model| m.hosts[name].files.clone();
        assert_eq!(files(model), files(before), "files of `{name}`");
    }
    assert_eq!(model.violations, Vec::<String>::new());
}
