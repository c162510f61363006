//! Members come and go, by the real executor.

use runbook_model::action::{Action, ServiceState};
use runbook_model::change::ClusterChange;
use runbook_model::cluster::Member;
use runbook_model::event::RunEnd;
use runbook_model::host::{HostName, Scheme};
use runbook_model::plan::{HostWork, OnFailure, Plan, PlanItem, PlannedAction, Strategy};
use runbook_run::RunState;
use runbook_sim::{
    Fault, MemoryJournal, Model, Refusal, SimWorld, When, config_text, member_spec, run, unit_text,
};

use super::crash::{killed_and_resumed, without_crash};
use super::plans::*;

/// A formed cluster of `n`, and one more bare host.
fn with_room_for_one(n: usize) -> Model {
    let mut model = cluster(n);
    let spec = member_spec(n + 1);
    let bare = Model::bare(&[(spec.host.clone(), spec)].into());
    model.hosts.extend(bare.hosts);
    model
}

fn change(change: ClusterChange, through: &[HostName]) -> Action {
    Action::ChangeCluster {
        change,
        cluster_id: None,
        through: through.to_vec(),
    }
}

fn add(number: usize, learner: bool, through: &[HostName]) -> PlannedAction {
    let spec = member_spec(number);
    let peer_urls = vec![spec.peer_url()];
    let undo = change(
        ClusterChange::RemoveMember {
            name: spec.name.clone(),
            id: None,
            peer_urls: peer_urls.clone(),
        },
        through,
    );
    let add = ClusterChange::AddMember {
        name: spec.name,
        peer_urls,
        learner,
    };
    action(change(add, through), vec![undo])
}

fn one(host: HostName, actions: Vec<PlannedAction>) -> Vec<HostWork> {
    vec![HostWork { host, actions }]
}

fn item(number: usize, title: &str, work: Vec<HostWork>) -> PlanItem {
    PlanItem::Step(Box::new(step(number, title, Strategy::Parallel, work)))
}

/// From `n` members to one more: added as a learner, started, promoted.
fn scale_up(n: usize) -> Plan {
    let (all, new) = (specs(n + 1), member_spec(n + 1));
    let through = members(&specs(n));
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
    let config = config_text(&new, &initial_cluster(&all), "first", "existing");
    let configure = vec![
        write("/etc/systemd/system/etcd.service", unit_text(&new)),
        write(&new.config, config),
    ];
    let start = action(
        service(ServiceState::Running),
        vec![service(ServiceState::Stopped)],
    );
    let promote = ClusterChange::PromoteMember {
        member: new.host.clone(),
        peer_urls: vec![new.peer_url()],
        lag: 10,
    };
    let mut promoted = step(
        4,
        "Promote",
        Strategy::Parallel,
        one(
            new.host.clone(),
            vec![action(change(promote, &through), vec![])],
        ),
    );
    promoted.ensures.push(healthy(&all, 60));
    let host = || new.host.clone();
    plan(
        &all,
        vec![
            item(1, "Add", one(host(), vec![add(n + 1, true, &through)])),
            item(2, "Configure", one(host(), configure)),
            item(3, "Start", one(host(), vec![start])),
            PlanItem::Step(Box::new(promoted)),
        ],
    )
}

fn listed(model: &Model, host: &HostName) -> Vec<(String, bool)> {
    let members = model.running_member(host).map(|m| m.members.clone());
    let shown = |m: Member| (m.name, m.is_learner);
    let mut list: Vec<_> = members.unwrap_or_default().into_iter().map(shown).collect();
    list.sort();
    list
}

fn voters(n: usize) -> Vec<(String, bool)> {
    (1..=n).map(|i| (format!("etcd{i}"), false)).collect()
}

#[test]
fn a_learner_is_added_started_and_promoted() {
    run(async {
        let world = SimWorld::new(with_room_for_one(3));
        let done = go(&world, &MemoryJournal::new(), &scale_up(3)).await;
        assert_eq!(done.unwrap().end, RunEnd::Done { changed: true });
        let after = world.model();
        for number in 1..=4 {
            assert_eq!(listed(&after, &host(number)), voters(4));
            let member = after.running_member(&host(number)).unwrap();
            assert_eq!(member.store.keys["colour"], "red");
        }
        assert_eq!(after.quorum_losses, []);
        assert_eq!(after.violations, Vec::<String>::new());
        no_locks(&after);
    });
}

/// A learner has nothing at first, and is not promoted before it has what the others have.
#[test]
fn a_learner_catches_up_before_it_has_a_vote() {
    run(async {
        let mut before = with_room_for_one(3);
        for key in 0..40 {
            assert!(before.put(&host(1), &format!("large/{key}"), &"7".repeat(100_000)));
        }
        let world = SimWorld::new(before);
        let plan = scale_up(3);
        let begun = tokio::time::Instant::now();
        world.at(
            runbook_sim::Moment::Ends(When {
                host: host(4),
                step: 3,
                undo: false,
            }),
            |model| {
                let id = model.running_member(&host(4)).unwrap().member_id;
                assert!(
                    model
                        .running_member(&host(4))
                        .unwrap()
                        .store
                        .keys
                        .is_empty()
                );
                assert_eq!(
                    model.member_promote(&host(1), id).unwrap_err().to_string(),
                    "etcdserver: can only promote a learner member which is in sync with leader"
                );
            },
        );
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        assert_eq!(listed(&world.model(), &host(1)), voters(4));
        assert!(begun.elapsed().as_millis() > 500, "{:?}", begun.elapsed());
    });
}

/// What an operator must not do: the first addition takes the quorum, the second is refused.
#[test]
fn two_voters_added_before_one_starts_cost_a_lone_member_its_quorum() {
    run(async {
        let mut before = with_room_for_one(1);
        let third = member_spec(3);
        let bare = Model::bare(&[(third.host.clone(), third)].into());
        before.hosts.extend(bare.hosts);
        let world = SimWorld::new(before);
        let through = [host(1)];
        let mut plan = plan(
            &specs(3),
            vec![
                item(1, "Add", one(host(2), vec![add(2, false, &through)])),
                item(2, "Add", one(host(3), vec![add(3, false, &through)])),
            ],
        );
        plan.on_failure = OnFailure::Pause;
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        let RunEnd::Failed { reason } = done.end else {
            panic!("{:?}", done.end)
        };
        assert!(reason.contains("`etcd1` knows no leader"), "{reason}");
        let mut after = world.model();
        let by: Vec<_> = after.quorum_losses.iter().map(|l| l.by.clone()).collect();
        assert_eq!(by.len(), 1);
        assert_eq!(by[0].as_ref().map(|d| d.step), Some(1), "the first does it");
        assert!(!after.put(&host(1), "colour", "blue"));
        let again = after.member_add(&host(1), &["http://198.18.0.9:2380".to_owned()], false);
        assert_eq!(
            again.unwrap_err().to_string(),
            "etcdserver: re-configuration failed due to not enough started members"
        );
    });
}

/// The same as learners costs nothing, and the second is refused.
#[test]
fn learners_do_not_count_for_quorum_and_there_is_one() {
    run(async {
        let world = SimWorld::new(cluster(1));
        world.edit(|model| {
            let add =
                |model: &mut Model, url: &str| model.member_add(&host(1), &[url.to_owned()], true);
            add(model, "http://198.18.0.8:2380").unwrap();
            assert_eq!(
                add(model, "http://198.18.0.9:2380")
                    .unwrap_err()
                    .to_string(),
                "etcdserver: too many learner members in cluster"
            );
            assert!(model.put(&host(1), "colour", "blue"));
            assert_eq!(model.quorum_losses, []);
        });
    });
}

fn remove(number: usize, through: &[HostName]) -> Plan {
    let spec = member_spec(number);
    let remove = ClusterChange::RemoveMember {
        name: spec.name.clone(),
        id: None,
        peer_urls: vec![spec.peer_url()],
    };
    let work = one(spec.host, vec![action(change(remove, through), vec![])]);
    let mut plan = plan(&specs(3), vec![item(1, "Remove", work)]);
    plan.on_failure = OnFailure::Pause;
    plan
}

#[test]
fn a_removed_leader_ends_and_another_leads() {
    run(async {
        let before = cluster(3);
        let leader = before.leaders.values().next().unwrap().clone();
        assert_eq!(leader, host(1));
        let world = SimWorld::new(before);
        let mut plan = remove(1, &[host(2), host(3)]);
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        let mut after = world.model();
        assert!(after.running_member(&host(1)).is_none());
        assert_ne!(after.leaders.values().next(), Some(&leader));
        assert_eq!(listed(&after, &host(2)), voters(3)[1..]);
        assert_eq!(after.quorum_losses, []);
        assert!(after.put(&host(2), "colour", "blue"));
        assert_eq!(
            after.start(&host(1), "etcd").unwrap_err(),
            "the member has been permanently removed from the cluster"
        );
        // Once more: it is so already.
        plan.run = "r2".to_owned();
        let world = SimWorld::new(after);
        let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: false });
    });
}

/// etcd refuses a removal that would leave too few of the living.
#[test]
fn a_removal_that_would_cost_quorum_is_refused() {
    run(async {
        let mut before = cluster(3);
        before.power_off(&host(3));
        let world = SimWorld::new(before);
        let done = go(&world, &MemoryJournal::new(), &{
            let mut plan = remove(2, &[host(1)]);
            if let PlanItem::Step(step) = &mut plan.items[0] {
                step.timeout_ms = 5_000;
                step.work[0].host = host(1);
            }
            plan.members.remove(&host(3));
            plan
        })
        .await
        .unwrap();
        let RunEnd::Failed { reason } = done.end else {
            panic!("{:?}", done.end)
        };
        assert!(reason.contains("etcdserver: unhealthy cluster"), "{reason}");
        assert_eq!(listed(&world.model(), &host(1)), voters(3));
    });
}

/// etcd's five seconds: who has just come cannot be built upon.
#[test]
fn a_change_waits_until_members_have_been_connected_for_five_seconds() {
    run(async {
        let world = SimWorld::new(cluster(3));
        world.edit(|model| {
            model.stop(&host(3), "etcd");
            model.start(&host(3), "etcd").unwrap();
        });
        let url = ["http://198.18.0.9:2380".to_owned()];
        let asked = |m: &mut Model| m.member_add(&host(1), &url, true);
        let refused = world.edit(asked).unwrap_err();
        assert_eq!(refused.to_string(), "etcdserver: unhealthy cluster");
        assert!(refused.is_transient());
        tokio::time::sleep(std::time::Duration::from_millis(4_900)).await;
        assert_eq!(world.edit(asked), Err(refused));
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let id = world.edit(asked).unwrap();
        // The id is made of the second.
        let again = world.edit(asked).unwrap_err();
        assert_eq!(again.to_string(), "etcdserver: member ID already exist");
        assert_eq!(world.edit(|m| m.member_remove(&host(1), id)), Ok(()));
        let gone = Refusal::Words("etcdserver: member not found");
        assert_eq!(world.edit(asked), Err(gone));
    });
}

/// What two ends have in common: all but the ids, which are made of the moment.
fn end(model: &Model) -> Vec<impl PartialEq + std::fmt::Debug + use<>> {
    let of = |(name, host): (&HostName, &runbook_sim::Host)| {
        let member = model.running_member(name);
        let member = member.map(|m| (m.cluster_id, m.store.clone(), m.db_size));
        (
            name.clone(),
            host.files.clone(),
            member,
            listed(model, name),
        )
    };
    model.hosts.iter().map(of).collect()
}

#[test]
fn a_scale_up_survives_the_death_of_its_controller_at_every_record() {
    let (before, plan) = (with_room_for_one(3), scale_up(3));
    let (wanted, records) = without_crash(&before, &plan);
    for room in 0..records {
        for keeps in [false, true] {
            run(async {
                let world = SimWorld::new(before.clone());
                let journal = killed_and_resumed(&world, &plan, room, keeps).await;
                let after = world.model();
                nothing_twice(&after);
                assert_eq!(end(&after), end(&wanted), "killed at {room}, {keeps}");
                assert_eq!(after.quorum_losses, []);
                let state = RunState::fold(&journal.records());
                assert_eq!(state.ended, Some(RunEnd::Done { changed: true }));
            });
        }
    }
}

/// Added, and then it does not start, or is not promoted: the list is what it was.
#[test]
fn an_addition_that_fails_half_way_is_taken_back() {
    for failing in 2..=4 {
        run(async {
            let before = with_room_for_one(3);
            let world = SimWorld::new(before.clone());
            let when = When {
                host: host(4),
                step: failing,
                undo: false,
            };
            world.inject(when, Fault::Fails { action: 0 });
            let plan = scale_up(3);
            let done = go(&world, &MemoryJournal::new(), &plan).await.unwrap();
            assert_eq!(done.end.exit_code(), 5, "{:?}", done.end);
            let after = world.model();
            assert_eq!(listed(&after, &host(1)), voters(3));
            assert!(after.running_member(&host(4)).is_none());
            assert_eq!(after.quorum_losses, []);
            as_before(&after, &before);
            no_locks(&after);
        });
    }
}

/// The answer to an addition is lost, before it and after it: there is one learner all the same.
#[test]
fn an_addition_whose_answer_is_lost_is_not_made_twice() {
    for fault in [Fault::LostBefore, Fault::LostDuring, Fault::LostAfter] {
        run(async {
            let world = SimWorld::new(with_room_for_one(3));
            for step in [1, 4] {
                let when = When {
                    host: host(4),
                    step,
                    undo: false,
                };
                world.inject(when, fault.clone());
            }
            let journal = MemoryJournal::new();
            let mut done = go(&world, &journal, &scale_up(3)).await.unwrap();
            let mut resumes = 0;
            while done.end != (RunEnd::Done { changed: true }) && resumes < 4 {
                done = go_on(&world, &journal).await.unwrap();
                resumes += 1;
            }
            assert_eq!(done.end, RunEnd::Done { changed: true }, "{fault:?}");
            let after = world.model();
            nothing_twice(&after);
            assert_eq!(listed(&after, &host(1)), voters(4));
            assert_eq!(after.quorum_losses, []);
        });
    }
}

/// A member without peer certificates cannot dial one that is listed under https; one that has them can, wherever it listens.
#[test]
fn a_member_that_others_cannot_reach_is_noted() {
    let moved = |model: &mut Model, url: String| {
        let id = model.running_member(&host(2)).unwrap().member_id;
        model.member_update(&host(1), id, &[url]).unwrap();
        model.out_of_reach.clone()
    };
    let plain = member_spec(2).peer_url();
    let over_https = plain.replace("http:", "https:");
    let noted = moved(&mut cluster(3), over_https.clone());
    let words = |n: usize| {
        format!("`etcd{n}` runs without peer certificates, and `etcd2` is listed at {over_https}")
    };
    assert_eq!(noted, [words(1), words(3)]);

    let mut secure = specs(3);
    for spec in secure.values_mut() {
        spec.peer_scheme = Some(Scheme::Https);
    }
    let mut model = Model::formed(&secure, &store());
    assert_eq!(moved(&mut model, plain), Vec::<String>::new());
}
