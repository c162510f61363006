//! Campaigns: what they find, that they find it again, and that they find nothing where there is nothing.

use std::sync::Arc;

use runbook_model::action::Action;
use runbook_model::plan::{OnFailure, Plan, PlanItem, PlanStep, Strategy};
use runbook_sim::campaign::{Campaign, Mishap, Report, Rule, Schedule, Start, Strike};
use runbook_sim::{Fault, Model, Moment, When};

use super::plans::*;
use super::restore::restore_plan;

fn start(name: &str, model: Model, plan: Plan) -> Start {
    Start {
        name: name.to_owned(),
        model,
        plan: Arc::new(plan),
    }
}

/// A restore as the shipped one: what is stopped does not start at boot, and what starts the new members is not undone.
fn safe_restore(before: &Model) -> Plan {
    let mut plan = restore_plan(&specs(3), before);
    plan.on_failure = OnFailure::RollbackBeforeIrreversible;
    for item in &mut plan.items {
        match item {
            PlanItem::Step(step) if step.number == 3 => at_boot(step, false),
            PlanItem::Step(step) if step.number == 6 => at_boot(step, true),
            _ => {}
        }
    }
    let at = plan
        .items
        .iter()
        .position(|i| matches!(i, PlanItem::Step(s) if s.number == 6))
        .unwrap();
    let prompt = "a new cluster starts".to_owned();
    plan.items.insert(at, PlanItem::Irreversible { prompt });
    plan
}

/// A bootstrap as the shipped one: what its members made goes aside when it is taken back.
fn safe_deploy() -> Plan {
    let mut plan = deploy_plan(&specs(3));
    if let PlanItem::Step(configure) = &mut plan.items[0] {
        for action in configure.work.iter_mut().map(|w| &mut w.actions[1]) {
            action.undo.push(Action::ArchiveDataDir {
                data_dir: "/var/lib/etcd".to_owned(),
                aside: format!("/var/lib/etcd.{RUN}.failed"),
            });
        }
    }
    plan
}

fn at_boot(step: &mut PlanStep, wanted: bool) {
    for action in step.work.iter_mut().flat_map(|w| &mut w.actions) {
        let undo = action.undo.iter_mut().map(|a| (a, !wanted));
        for (action, wanted) in undo.chain([(&mut action.action, wanted)]) {
            if let Action::Service { enabled, .. } = action {
                *enabled = Some(wanted);
            }
        }
    }
}

/// A restore that goes back on a cluster to which clients have written already.
fn unsafe_restore() -> Campaign {
    let before = cluster(3);
    let plan = restore_plan(&specs(3), &before);
    Campaign::new(vec![start("a healthy cluster", before, plan)])
}

fn on_threads(campaign: &Campaign, ids: &[u64], threads: usize) -> Report {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap().install(|| campaign.run(ids))
}

fn when(number: usize, step: usize) -> When {
    When {
        host: host(number),
        step,
        undo: false,
    }
}

fn schedule(strikes: Vec<Strike>) -> Schedule {
    Schedule {
        id: 77,
        start: 0,
        strikes,
        rolls_back: false,
        leaves: true,
    }
}

fn rules(campaign: &Campaign, strikes: Vec<Strike>) -> Vec<Rule> {
    let breaches = campaign.breaches(&schedule(strikes));
    breaches.into_iter().map(|b| b.rule).collect()
}

fn off(number: usize, at: Moment) -> Strike {
    Strike::Host {
        at,
        host: host(number),
        mishap: Mishap::Off { back_ms: None },
    }
}

#[test]
fn good_plans_break_no_rule() {
    let before = cluster(3);
    let restart = restart_plan(&specs(3), Strategy::RollingQuorumSafe);
    let plan = safe_restore(&before);
    let campaign = Campaign::new(vec![
        start("restore", before.clone(), plan),
        start("restart", before, restart),
        start("deploy", Model::bare(&specs(3)), safe_deploy()),
    ]);
    let report = campaign.run(&campaign.ids(1, 500));
    assert_eq!(report.broken, 0, "{:#?}", report.findings);
    assert_eq!(report.findings, []);
    let met = |kind: &str| report.strikes[kind].met;
    for kind in [
        "corrupt disk",
        "dropped connection",
        "failing action",
        "host death",
        "host not reached",
        "host restart",
        "killed runbook",
        "leader change",
        "partition",
        "slow host",
    ] {
        assert!(met(kind) > 0, "{kind}: {:?}", report.strikes);
    }
    assert!(report.taken_up > 50 && report.writes > 500, "{report:?}");
    let ends = |index: usize| &report.starts[index].ends;
    assert!(
        ends(0)["done"] > 0 && ends(0)["rolled back"] > 0,
        "{report:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_report_on_any_number_of_threads() {
    let campaign = unsafe_restore();
    let ids = campaign.ids(7, 120);
    let one = on_threads(&campaign, &ids, 1);
    assert!(one.broken > 0 && !one.findings.is_empty());
    assert_eq!(one, on_threads(&campaign, &ids, 5));
    // The same once more, from the beginning.
    assert_eq!(one, on_threads(&unsafe_restore(), &ids, 2));
    assert_ne!(campaign.ids(7, 9), campaign.ids(8, 9));
}

#[test]
fn a_finding_is_replayed_by_its_id_alone() {
    let campaign = unsafe_restore();
    let report = campaign.run(&campaign.ids(7, 120));
    assert!(!report.findings.is_empty());
    for finding in &report.findings {
        let again = unsafe_restore().run(&[finding.id]);
        assert_eq!(again.broken, 1);
        assert!(again.findings.contains(finding), "{:?}", again.findings);
    }
}

/// One strike of five is what breaks the rule: it is what is left.
#[test]
fn a_needle_is_left_of_a_haystack() {
    let campaign = unsafe_restore();
    let needle = Strike::Order {
        when: when(3, 7),
        fault: Fault::Fails { action: 0 },
    };
    let hay = |number, step, fault| Strike::Order {
        when: when(number, step),
        fault,
    };
    let haystack = schedule(vec![
        hay(1, 1, Fault::LostAfter),
        hay(2, 4, Fault::LostDuring),
        needle.clone(),
        Strike::Host {
            at: Moment::Begins(when(1, 5)),
            host: host(2),
            mishap: Mishap::Slows { ms: 300 },
        },
        Strike::Killed {
            record: 12,
            kept: true,
        },
    ]);
    let without: Vec<_> = haystack
        .strikes
        .iter()
        .filter(|s| **s != needle)
        .cloned()
        .collect();
    assert_eq!(rules(&campaign, without), []);
    let finding = campaign.finding(Rule::Writes, &haystack).unwrap();
    assert_eq!(finding.shrunk.strikes, [needle]);
    assert_eq!(finding.id, 77);
    assert_eq!(
        finding.strikes[0],
        "step 7 \"Remove the pushed snapshot\" on etcd3: `RemoveUpload { path:` fails"
    );
    assert!(finding.breach.seen.contains("was acknowledged for client/"));
}

#[test]
fn a_restart_of_all_at_once_takes_quorum_away() {
    let before = cluster(3);
    let parallel = restart_plan(&specs(3), Strategy::Parallel);
    let campaign = Campaign::new(vec![start("a healthy cluster", before, parallel)]);
    assert_eq!(rules(&campaign, vec![]), [Rule::Quorum]);
}

#[test]
fn in_a_declared_outage_quorum_may_go() {
    let mut plan = restart_plan(&specs(3), Strategy::Parallel);
    let reason = "all at once".to_owned();
    plan.items.insert(0, PlanItem::OutageBegins { reason });
    plan.items.push(PlanItem::OutageEnds);
    let campaign = Campaign::new(vec![start("a healthy cluster", cluster(3), plan)]);
    assert_eq!(rules(&campaign, vec![]), []);
}

/// A fault that comes between the look at the members and the act is nobody's fault; one that could be seen is the run's.
#[test]
fn the_run_answers_for_what_it_could_see() {
    let rolling = restart_plan(&specs(3), Strategy::Rolling { batch: 1 });
    let campaign = Campaign::new(vec![start("a healthy cluster", cluster(3), rolling)]);
    let late = off(2, Moment::Begins(when(1, 1)));
    assert_eq!(rules(&campaign, vec![late]), []);
    let both = vec![off(2, Moment::Asked(1)), off(3, Moment::Asked(1))];
    assert_eq!(
        rules(&campaign, both),
        [],
        "two hosts that die are no doing of the run"
    );

    // One member is down, and the plan does not ask.
    let mut one_down = cluster(3);
    let services = &mut one_down.hosts.get_mut(&host(3)).unwrap().services;
    services.get_mut("etcd").unwrap().running = false;
    let mut blind = restart_plan(&specs(3), Strategy::Rolling { batch: 1 });
    if let PlanItem::Step(step) = &mut blind.items[0] {
        step.work.truncate(1);
        step.ensures.clear();
    }
    let campaign = Campaign::new(vec![start("one member down", one_down, blind)]);
    assert_eq!(rules(&campaign, vec![]), [Rule::Quorum]);
}

#[test]
fn a_start_from_which_the_run_refuses_is_left_out() {
    let mut plan = restart_plan(&specs(3), Strategy::Rolling { batch: 1 });
    let lost = runbook_model::guard::Guard::QuorumLost {
        members: members(&specs(3)),
    };
    plan.requires
        .push(guard("quorum-lost(members)", lost, None));
    let campaign = Campaign::new(vec![start("a healthy cluster", cluster(3), plan)]);
    assert!(campaign.is_empty());
    assert!(campaign.idle()[0].1.contains("quorum-lost"));
}
