//! Disks are timed and then judged, by a step without verbs; static pods go and come back.

use runbook_model::action::{Action, ServiceState};
use runbook_model::event::{Event, RunEnd};
use runbook_model::guard::Guard;
use runbook_model::host::HostName;
use runbook_model::plan::{Plan, PlanItem, Strategy};
use runbook_sim::{MemoryJournal, Model, SimWorld, run};

use super::plans::*;

const MANIFEST: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";

/// Times every disk, then judges: `overridden` as by an operator.
fn timing(overridden: Option<&str>) -> Plan {
    let specs = specs(3);
    let work = on_each(&specs, |spec| {
        let data_dir = spec.data_dir.clone();
        vec![reads(Action::MeasureDisk { data_dir })]
    });
    let time = step(1, "Time", Strategy::Parallel, work);
    let mut judge = step(2, "Judge", Strategy::Parallel, vec![]);
    let mut fast = guard(
        "fsync-within(members, 10ms)",
        Guard::FsyncWithin {
            members: members(&specs),
            limit_ms: 10,
            run: RUN.to_owned(),
        },
        None,
    );
    fast.overridden = overridden.map(str::to_owned);
    judge.requires.push(fast);
    let items = [time, judge].map(|step| PlanItem::Step(Box::new(step)));
    plan(&specs, items.into())
}

fn with_slow_disk(us: u64) -> Model {
    let mut model = cluster(3);
    model.hosts.get_mut(&host(2)).unwrap().fsync_us = us;
    model
}

async fn end_of(model: Model, plan: &Plan) -> RunEnd {
    let world = SimWorld::new(model.clone());
    let done = go(&world, &MemoryJournal::new(), plan).await.unwrap();
    as_before(&world.model(), &model);
    no_locks(&world.model());
    done.end
}

#[test]
fn a_step_without_verbs_asks_what_it_requires() {
    run(async {
        let done = RunEnd::Done { changed: false };
        assert_eq!(end_of(with_slow_disk(10_000), &timing(None)).await, done);
        let RunEnd::Refused { reason } = end_of(with_slow_disk(10_010), &timing(None)).await else {
            panic!("a slow disk passes");
        };
        assert!(reason.contains("`etcd2`: fsync p99 10.01 ms"), "{reason}");
        assert!(!reason.contains('\n'), "{reason}");
        let overridden = timing(Some("a test bed"));
        assert_eq!(end_of(with_slow_disk(10_010), &overridden).await, done);
    });
}

#[test]
fn what_was_not_measured_is_never_fast_enough() {
    run(async {
        let mut unmeasured = timing(None);
        unmeasured.items.remove(0);
        let end = end_of(with_slow_disk(1), &unmeasured).await;
        assert!(matches!(end, RunEnd::Refused { .. }), "{end:?}");
    });
}

fn pod(state: ServiceState) -> Action {
    Action::StaticPod {
        name: "kube-apiserver".to_owned(),
        manifest: MANIFEST.to_owned(),
        aside: "/etc/kubernetes/manifests.runbook-r1".to_owned(),
        state,
        wait_s: 10,
    }
}

fn manifests(model: &Model, host: &HostName) -> Vec<String> {
    let files = model.hosts[host].files.keys();
    files
        .filter(|path| path.starts_with("/etc/kubernetes/"))
        .cloned()
        .collect()
}

#[test]
fn a_failure_brings_every_static_pod_back() {
    run(async {
        let specs = specs(3);
        let mut model = cluster(3);
        let some_file = model.hosts[&host(1)]
            .files
            .values()
            .next()
            .cloned()
            .unwrap();
        for host in model.hosts.values_mut() {
            host.files.insert(MANIFEST.to_owned(), some_file.clone());
        }
        let stop = on_each(&specs, |_| {
            vec![action(
                pod(ServiceState::Stopped),
                vec![pod(ServiceState::Running)],
            )]
        });
        // Nothing was uploaded, so that no archive can be unpacked.
        let fail = on_each(&specs, |_| {
            let archive = Action::InstallArchive {
                archive: "/none".to_owned(),
                sha256: "ab".to_owned(),
                bin_dir: "/usr/local/bin".to_owned(),
            };
            vec![action(archive, vec![])]
        });
        let stop = PlanItem::Step(Box::new(step(
            1,
            "Stop API servers",
            Strategy::Parallel,
            stop,
        )));
        let alone = plan(&specs, vec![stop.clone()]);
        let world = SimWorld::new(model.clone());
        go(&world, &MemoryJournal::new(), &alone).await.unwrap();
        let kept = "/etc/kubernetes/manifests.runbook-r1/kube-apiserver.yaml";
        assert_eq!(manifests(&world.model(), &host(2)), [kept]);

        let fail = PlanItem::Step(Box::new(step(2, "Fail", Strategy::Parallel, fail)));
        let world = SimWorld::new(model.clone());
        let both = plan(&specs, vec![stop, fail]);
        let done = go(&world, &MemoryJournal::new(), &both).await.unwrap();
        assert!(
            matches!(done.end, RunEnd::RolledBack { .. }),
            "{:?}",
            done.end
        );
        as_before(&world.model(), &model);
        nothing_twice(&world.model());
    });
}

#[test]
fn a_path_that_is_dropped_one_way_refuses_the_run() {
    run(async {
        let specs = specs(3);
        let mut paths = plan(&specs, vec![]);
        let members = members(&specs);
        let open = guard(
            "peers-reachable(members)",
            Guard::PeersReachable { members },
            None,
        );
        paths.requires.push(open);
        let done = RunEnd::Done { changed: false };
        assert_eq!(end_of(cluster(3), &paths).await, done);
        // Nobody listens anywhere: what is refused got there.
        let bare = Model::bare(&specs);
        assert_eq!(end_of(bare.clone(), &paths).await, done);
        let mut dropping = bare;
        let own = dropping.hosts.get_mut(&host(1)).unwrap();
        own.dropped_by.insert(host(3));
        let RunEnd::Refused { reason } = end_of(dropping, &paths).await else {
            panic!("a dropped path passes");
        };
        assert!(
            reason.contains("from `etcd1` to `etcd3` at 198.18.0.3:2380: no answer"),
            "{reason}"
        );
        assert_eq!(reason.matches("from `").count(), 1, "{reason}");
    });
}

#[test]
fn a_step_that_only_warns_refuses_nothing() {
    run(async {
        let specs = specs(3);
        let mut compare = step(1, "Compare the API servers", Strategy::Parallel, vec![]);
        let mut matching = guard(
            "etcd-servers-match(apis, members)",
            Guard::EtcdServersMatch {
                apis: vec![host(1)],
                members: members(&specs),
            },
            None,
        );
        matching.warn_only = true;
        compare.requires.push(matching);
        let compare = plan(&specs, vec![PlanItem::Step(Box::new(compare))]);
        let url = |n: usize| format!("http://198.18.0.{n}:2379");
        for (given, wanted) in [
            (Some(vec![url(1), url(2), url(3)]), "holds"),
            (Some(vec![url(1), url(2)]), "violated"),
            (None, "unknown"),
        ] {
            let mut model = cluster(3);
            model.hosts.get_mut(&host(1)).unwrap().etcd_servers = given;
            let (world, journal) = (SimWorld::new(model), MemoryJournal::new());
            let done = go(&world, &journal, &compare).await.unwrap();
            assert_eq!(done.end, RunEnd::Done { changed: false });
            let verdicts: Vec<_> = journal
                .records()
                .into_iter()
                .filter_map(|r| match r.event {
                    Event::GuardChecked {
                        step: Some(1),
                        verdict,
                        ..
                    } => Some(verdict),
                    _ => None,
                })
                .collect();
            assert_eq!(verdicts.len(), 1, "{verdicts:?}");
            let word = serde_json::to_value(&verdicts[0]).unwrap()["verdict"].clone();
            assert_eq!(word, wanted, "{verdicts:?}");
        }
    });
}
