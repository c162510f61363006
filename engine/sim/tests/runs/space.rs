//! History, files and space, and who leads meanwhile.

use runbook_model::action::Action;
use runbook_model::change::ClusterChange;
use runbook_model::cluster::{MemberProbe, MemberQuery, MemberStatus, SilentCause};
use runbook_model::event::RunEnd;
use runbook_model::host::HostName;
use runbook_model::plan::{HostWork, Plan, PlanItem, Strategy};
use runbook_run::world::Observe;
use runbook_sim::{MemoryJournal, Model, SimWorld, member_spec, run};

use super::plans::*;

const QUOTA: u64 = 16 << 20;

fn planned(number: usize, change: ClusterChange, on: &HostName) -> PlanItem {
    let through = members(&specs(3));
    let change = Action::ChangeCluster {
        change,
        cluster_id: None,
        through,
    };
    let work = vec![HostWork {
        host: on.clone(),
        actions: vec![action(change, vec![])],
    }];
    PlanItem::Step(Box::new(step(number, "Change", Strategy::Parallel, work)))
}

fn full() -> Model {
    let mut specs = specs(3);
    for spec in specs.values_mut() {
        spec.quota_bytes = Some(QUOTA);
    }
    let mut model = Model::formed(&specs, &store());
    let large = "7".repeat(1_000_000);
    while model.put(&host(1), "large", &large) {}
    model
}

async fn status(world: &SimWorld, number: usize) -> Result<MemberStatus, SilentCause> {
    let query = MemberQuery::default();
    match world.member(&member_spec(number), query).await {
        MemberProbe::Serving(status) => Ok(*status),
        MemberProbe::Silent { cause, .. } => Err(cause),
    }
}

/// Compacted, defragmented one by one, the leader last, which hands over by itself, disarmed.
fn upkeep() -> Plan {
    let compact = ClusterChange::Compact { keep: 1 };
    let mut items = vec![planned(1, compact, &host(1))];
    for (at, number) in [2, 3, 1].into_iter().enumerate() {
        let member = host(number);
        let defragment = ClusterChange::Defragment {
            member: member.clone(),
            above: 1 << 20,
        };
        items.push(planned(2 + at, defragment, &member));
    }
    for number in 1..=3 {
        let member = host(number);
        let disarm = ClusterChange::DisarmNospace {
            member: member.clone(),
        };
        items.push(planned(4 + number, disarm, &member));
    }
    plan(&specs(3), items)
}

#[test]
fn a_full_cluster_is_freed() {
    run(async {
        let world = SimWorld::new(full());
        let before = status(&world, 1).await.unwrap();
        assert!(!before.alarms.is_empty());
        world.edit(|model| {
            let refused = model.write(&host(2), "a", Some("small")).unwrap_err();
            assert_eq!(
                refused.to_string(),
                "etcdserver: mvcc: database space exceeded"
            );
            model.write(&host(2), "colour", None).unwrap();
        });
        let done = go(&world, &MemoryJournal::new(), &upkeep()).await.unwrap();
        assert_eq!(done.end, RunEnd::Done { changed: true });
        for number in 1..=3 {
            let after = status(&world, number).await.unwrap();
            assert!(after.db_size < before.db_size / 4, "{}", after.db_size);
            assert_eq!(after.alarms, []);
            assert!(after.raft_term > before.raft_term, "another leads");
        }
        world.edit(|model| {
            assert_ne!(model.leaders.values().next(), Some(&host(1)));
            model.write(&host(2), "a", Some("small")).unwrap();
            assert_eq!(model.quorum_losses, []);
        });
    });
}

/// Compaction alone frees nothing of a file, and an alarm that is disarmed too early comes back.
#[test]
fn only_defragmentation_makes_a_file_smaller() {
    run(async {
        let world = SimWorld::new(full());
        let before = status(&world, 1).await.unwrap();
        world.edit(|model| model.compact(&host(1), before.revision).unwrap());
        let compacted = status(&world, 1).await.unwrap();
        assert_eq!(compacted.db_size, before.db_size);
        assert!(compacted.db_size_in_use < before.db_size / 4);
        let large = "7".repeat(1_000_000);
        world.edit(|model| {
            model.disarm_nospace(&host(1), before.member_id).unwrap();
            model.write(&host(1), "a", Some(&large)).unwrap_err();
        });
        assert_eq!(status(&world, 1).await.unwrap().alarms.len(), 1);
    });
}

#[test]
fn a_member_that_is_defragmented_answers_nothing_meanwhile() {
    run(async {
        let world = SimWorld::new(full());
        let takes = world.edit(|model| model.defragment(&host(2)).unwrap());
        assert_eq!(status(&world, 2).await.unwrap_err(), SilentCause::Timeout);
        assert!(status(&world, 1).await.is_ok());
        tokio::time::sleep(std::time::Duration::from_millis(takes)).await;
        assert!(status(&world, 2).await.is_ok());
    });
}
