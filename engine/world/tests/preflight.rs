//! What a host is made of, the timing of its disk, and static pods, with a shell right here.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../../../tests/support/hosts.rs"]
mod hosts;

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use hosts::{Lab, done, failed, order};
use runbook_model::action::{Action, Outcome, ServiceState};
use runbook_model::facts::{
    Connect, Endpoint, EtcdServers, EtcdServersUntold, HostFacts, ProbeRequest,
};
use runbook_run::world::{Observe, Order};

async fn facts(lab: &Lab, request: ProbeRequest) -> HostFacts {
    let request = ProbeRequest {
        cluster: Some("c".into()),
        ..request
    };
    lab.world.probe(&lab.host, &request).await.unwrap()
}

fn of_run(run: &str) -> ProbeRequest {
    ProbeRequest {
        measured_by: Some(run.into()),
        ..ProbeRequest::default()
    }
}

fn names(dir: &str) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_disk_is_timed_and_nothing_is_left() {
    let lab = Lab::local().locked("r1").await;
    std::fs::create_dir(lab.path("data")).unwrap();
    let before = names(&lab.path("data"));
    assert_eq!(facts(&lab, of_run("r1")).await.fsync, None);
    // The data dir, and the one above it, need not exist yet.
    let measure = Action::MeasureDisk {
        data_dir: lab.path("data/deep/er/etcd"),
    };
    let outcomes = lab.apply(order("r1", vec![measure.clone()])).await.unwrap();
    assert_eq!(outcomes, [done(false)]);
    let seen = facts(&lab, of_run("r1")).await.fsync.unwrap();
    assert_eq!(seen.dir, lab.path("data"));
    assert!(seen.count >= 1 && seen.count <= 500, "{seen:?}");
    assert!(0 < seen.p99_us && seen.p99_us <= seen.max_us, "{seen:?}");
    assert_eq!(names(&lab.path("data")), before);
    // What another run measured is not this run's word.
    assert_eq!(facts(&lab, of_run("r2")).await.fsync, None);
    let again = Order {
        step: 2,
        ..order("r1", vec![measure])
    };
    assert_eq!(lab.apply(again).await.unwrap(), [done(false)]);
}

#[tokio::test]
async fn what_cannot_be_written_to_is_a_failure_and_no_measurement() {
    let lab = Lab::local().locked("r1").await;
    let measure = Action::MeasureDisk {
        data_dir: "/proc/nothing/etcd".into(),
    };
    let outcomes = lab.apply(order("r1", vec![measure])).await.unwrap();
    let (_, reason, _) = failed(&outcomes[0]);
    assert_eq!(reason, "`/proc` cannot be written to");
    assert_eq!(facts(&lab, of_run("r1")).await.fsync, None);
}

#[tokio::test]
async fn a_measurement_that_is_cut_off_leaves_nothing() {
    let lab = Lab::local().locked("r1").await;
    std::fs::create_dir(lab.path("data")).unwrap();
    let measure = Action::MeasureDisk {
        data_dir: lab.path("data/etcd"),
    };
    let cut = Order {
        timeout_ms: 40,
        ..order("r1", vec![measure])
    };
    let outcomes = lab.apply(cut).await.unwrap();
    assert!(!matches!(outcomes[0], Outcome::Done { .. }), "{outcomes:?}");
    assert_eq!(names(&lab.path("data")), [""; 0]);
    assert_eq!(facts(&lab, of_run("r1")).await.fsync, None);
}

#[tokio::test]
async fn a_probe_tells_disk_and_network_or_nothing() {
    let lab = Lab::local();
    let request = ProbeRequest {
        media: vec![lab.path("not/there"), "/proc".into()],
        links: vec!["127.0.0.1".into(), "192.0.2.7".into(), "-x".into()],
        ..ProbeRequest::default()
    };
    let seen = facts(&lab, request).await;
    // Whatever this machine is, the kernel's own lists agree.
    for device in seen.media.get(&lab.path("not/there")).into_iter().flatten() {
        let path = format!("/sys/block/{}/queue/rotational", device.name);
        let said = std::fs::read_to_string(&path).unwrap();
        assert_eq!(device.rotational, Some(said.trim() == "1"), "{path}");
    }
    assert!(
        seen.media.get("/proc").is_none_or(Vec::is_empty),
        "{:?}",
        seen.media
    );
    if let Some(link) = seen.links.get("127.0.0.1") {
        assert_eq!((link.interface.as_str(), link.mbit), ("lo", None));
    }
    assert!(!seen.links.contains_key("192.0.2.7") && !seen.links.contains_key("-x"));
}

/// Stands in for the kubelet: runs a process of the pod's name while the manifest is there. Ends with the test.
struct Kubelet(Child);

impl Kubelet {
    fn of(lab: &Lab) -> Self {
        let program = lab.path("rb-pod-test");
        std::fs::copy("/bin/sleep", &program).unwrap();
        let manifest = lab.path("manifests/rb-pod-test.yaml");
        let script = format!(
            "trap 'kill $p 2>/dev/null; exit' TERM; p=; while :; do \
             if [ -e {manifest} ]; then [ -n \"$p\" ] || {{ {program} 300 & p=$!; }}; \
             elif [ -n \"$p\" ]; then kill $p; wait $p; p=; fi; sleep 0.05; done"
        );
        let child = Command::new("/bin/sh")
            .args(["-c", &script])
            .process_group(0)
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn pod(lab: &Lab, state: ServiceState, run: &str, wait_s: u64) -> Action {
    Action::StaticPod {
        name: "rb-pod-test".into(),
        manifest: lab.path("manifests/rb-pod-test.yaml"),
        aside: lab.path(&format!("manifests.runbook-{run}")),
        state,
        wait_s,
    }
}

#[tokio::test]
async fn a_static_pod_is_stopped_by_its_manifest_and_started_again() {
    use ServiceState::{Running, Stopped};
    let lab = Lab::local().locked("r1").await;
    std::fs::create_dir(lab.path("manifests")).unwrap();
    let manifest = lab.path("manifests/rb-pod-test.yaml");
    let text = "kind: Pod\n# '\"$(x)\u{e9}\n";
    std::fs::write(&manifest, text).unwrap();
    let inode = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&manifest).unwrap());
    let first = inode();
    let step = |step, action| Order {
        step,
        ..order("r1", vec![action])
    };
    // Without a kubelet nothing follows, and that is told.
    let alone = lab
        .apply(step(1, pod(&lab, Running, "r1", 1)))
        .await
        .unwrap();
    assert!(
        failed(&alone[0]).1.contains("does the kubelet run?"),
        "{alone:?}"
    );

    let kubelet = Kubelet::of(&lab);
    let runs = lab
        .apply(step(2, pod(&lab, Running, "r1", 10)))
        .await
        .unwrap();
    assert_eq!(runs, [done(false)]);
    let stop = |n| lab.apply(step(n, pod(&lab, Stopped, "r1", 10)));
    assert_eq!(stop(3).await.unwrap(), [done(true)]);
    assert!(!std::path::Path::new(&manifest).exists());
    assert_eq!(
        names(&lab.path("manifests.runbook-r1")),
        ["rb-pod-test.yaml"]
    );
    assert_eq!(stop(4).await.unwrap(), [done(false)]);
    // Another run, whose own directory is not there, finds it.
    let start = lab
        .apply(step(5, pod(&lab, Running, "r9", 10)))
        .await
        .unwrap();
    assert_eq!(start, [done(true)]);
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), text);
    assert_eq!(inode(), first);
    assert!(!names(&lab.root()).iter().any(|n| n.contains("runbook-")));
    let again = lab
        .apply(step(6, pod(&lab, Running, "r9", 10)))
        .await
        .unwrap();
    assert_eq!(again, [done(false)]);
    drop(kubelet);
}

#[tokio::test]
async fn two_manifests_of_one_pod_are_nobodys_to_choose_from() {
    let lab = Lab::local().locked("r1").await;
    for dir in ["manifests", "manifests.runbook-r1"] {
        std::fs::create_dir(lab.path(dir)).unwrap();
        std::fs::write(lab.path(&format!("{dir}/rb-pod-test.yaml")), dir).unwrap();
    }
    let stop = pod(&lab, ServiceState::Stopped, "r1", 1);
    let outcomes = lab.apply(order("r1", vec![stop])).await.unwrap();
    assert!(failed(&outcomes[0]).1.contains("by hand"), "{outcomes:?}");
    assert_eq!(
        std::fs::read_to_string(lab.path("manifests/rb-pod-test.yaml")).unwrap(),
        "manifests"
    );
}

fn end(address: &str, port: u16) -> Endpoint {
    Endpoint {
        address: address.to_owned(),
        port,
    }
}

#[tokio::test]
async fn a_path_is_proven_by_a_listener_and_by_a_reset() {
    let lab = Lab::local();
    let listens = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listens.local_addr().unwrap().port();
    // Nobody listens on a port that was just given back.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let shut = closed.local_addr().unwrap().port();
    drop(closed);
    let canary = lab.path("canary");
    let hostile = [
        format!("$(touch {canary})"),
        format!("x;touch {canary}"),
        format!("`touch {canary}`"),
        "-c".to_owned(),
        "127.0.0.1/22".to_owned(),
        "a b".to_owned(),
        "x\n".to_owned(),
        String::new(),
    ];
    let mut asked = vec![
        end("127.0.0.1", open),
        end("127.0.0.1", shut),
        end("localhost", open),
    ];
    asked.push(end("nobody.invalid", open));
    asked.extend(hostile.iter().map(|address| end(address, open)));
    let began = std::time::Instant::now();
    let seen = facts(
        &lab,
        ProbeRequest {
            endpoints: asked.clone(),
            ..ProbeRequest::default()
        },
    )
    .await
    .endpoints;
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    let of = |at: usize| &seen[&asked[at].to_string()];
    assert_eq!(
        (of(0), of(1), of(2)),
        (&Connect::Accepted, &Connect::Refused, &Connect::Accepted)
    );
    // A machine without a name server may also wait for one.
    assert!(
        matches!(of(3), Connect::Failed { why } if why.contains("ame"))
            || matches!(of(3), Connect::Silent { limit_s: 2 }),
        "{:?}",
        of(3)
    );
    for end in &asked[4..] {
        let seen = &seen[&end.to_string()];
        assert!(matches!(seen, Connect::NotTried { .. }), "{end}: {seen:?}");
    }
    assert!(!std::path::Path::new(&canary).exists());
    assert_eq!(seen.len(), asked.len());
}

#[tokio::test]
async fn addresses_of_ipv6_are_reached_too() {
    let Ok(listens) = std::net::TcpListener::bind("[::1]:0") else {
        eprintln!("this machine has no IPv6");
        return;
    };
    let open = end("::1", listens.local_addr().unwrap().port());
    let request = ProbeRequest {
        endpoints: vec![open.clone()],
        ..ProbeRequest::default()
    };
    let seen = facts(&Lab::local(), request).await.endpoints;
    assert_eq!(seen[&format!("[::1]:{}", open.port)], Connect::Accepted);
}

#[tokio::test]
async fn what_an_api_server_is_told_comes_from_its_manifest() {
    let lab = Lab::local();
    let manifest = lab.path("rb-no-such-unit.yaml");
    let asked = || ProbeRequest {
        api_server: Some(manifest.clone()),
        ..ProbeRequest::default()
    };
    let told = async || facts(&lab, asked()).await.api_server.unwrap();
    let source = manifest.clone();
    let absent = EtcdServers {
        source: source.clone(),
        endpoints: Err(EtcdServersUntold::Absent),
    };
    assert_eq!(told().await, absent);
    let text = "spec:\n  containers:\n  - name: kube-apiserver\n    command:\n    - kube-apiserver\n    \
                - --etcd-servers=https://10.0.0.1:2379,$ESC$(id)\n";
    std::fs::write(
        &manifest,
        text.replace("$ESC$(id)", "https://10.0.0.2:2379"),
    )
    .unwrap();
    let both = ["https://10.0.0.1:2379", "https://10.0.0.2:2379"].map(str::to_owned);
    assert_eq!(
        told().await,
        EtcdServers {
            source,
            endpoints: Ok(both.to_vec())
        }
    );
    std::fs::write(&manifest, text).unwrap();
    assert_eq!(told().await.endpoints, Err(EtcdServersUntold::Variables));
    std::fs::write(&manifest, "#".repeat(70_000)).unwrap();
    assert!(matches!(
        told().await.endpoints,
        Err(EtcdServersUntold::TooLong { .. })
    ));
    std::fs::remove_file(&manifest).unwrap();
    std::fs::create_dir(&manifest).unwrap();
    assert_eq!(told().await.endpoints, Err(EtcdServersUntold::Unreadable));
}
