//! Data dirs and plain processes, with etcd's real tools.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../../../tests/support/etcd.rs"]
mod etcd;
#[path = "../../../tests/support/hosts.rs"]
mod hosts;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use hosts::{Lab, done, failed, order, whoami};
use runbook_model::action::{Access, Action, Outcome, ProcessSpec, ServiceState};
use runbook_model::facts::{
    COMPARED_SETTINGS, DataDirOrigin, HostFacts, ProbeRequest, ServiceQuery,
};
use runbook_model::host::ServiceManager;
use runbook_run::world::{Observe, Order};

fn tool(name: &str) -> String {
    etcd::bin_dir("3.4.23").join(name).display().to_string()
}

/// A real snapshot in the lab's directory.
fn snapshot(lab: &Lab) -> String {
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/snapshots/3.4.23/plain.db.gz"
    );
    let path = lab.path("snapshot.db");
    let out = std::fs::File::create(&path).unwrap();
    let unpacked = Command::new("gzip")
        .args(["-dc", fixture])
        .stdout(Stdio::from(out))
        .status()
        .unwrap();
    assert!(unpacked.success());
    path
}

fn origin(run: &str) -> DataDirOrigin {
    DataDirOrigin {
        run: run.into(),
        snapshot_sha256: "ab".into(),
        token: "t'1".into(),
        cluster_id: "cd".into(),
        revision: 7,
    }
}

fn restore(lab: &Lab, dir: &str, run: &str) -> Action {
    Action::RestoreDataDir {
        tool: tool("etcdctl"),
        snapshot: lab.path("snapshot.db"),
        data_dir: dir.into(),
        name: "e1".into(),
        initial_cluster: "e1=http://127.0.0.1:2380".into(),
        token: "t1".into(),
        peer_url: "http://127.0.0.1:2380".into(),
        bump: None,
        owner: whoami(),
        skip_hash_check: false,
        origin: origin(run),
    }
}

fn trial(lab: &Lab, scratch: &str) -> Action {
    Action::TrialRestore {
        tool: tool("etcdctl"),
        snapshot: lab.path("snapshot.db"),
        scratch: scratch.into(),
        name: "e1".into(),
        skip_hash_check: false,
    }
}

fn archive(dir: &str, aside: &str) -> Action {
    Action::ArchiveDataDir {
        data_dir: dir.into(),
        aside: aside.into(),
    }
}

fn reinstate(dir: &str) -> Action {
    Action::ReinstateDataDir {
        data_dir: dir.into(),
        aside: format!("{dir}.r1"),
        failed: format!("{dir}.r1.failed"),
    }
}

fn step(step: usize, actions: Vec<Action>) -> Order {
    Order {
        step,
        ..order("r1", actions)
    }
}

async fn look(lab: &Lab, dir: &str) -> HostFacts {
    let request = ProbeRequest {
        data_dirs: vec![dir.into()],
        tools: true,
        bin_dirs: vec![etcd::bin_dir("3.4.23").display().to_string()],
        ..ProbeRequest::default()
    };
    lab.world.probe(&lab.host, &request).await.unwrap()
}

#[tokio::test]
async fn a_trial_leaves_nothing_whether_it_passes_or_not() {
    let lab = Lab::local().locked("r1").await;
    let scratch = lab.path("etcd.trial-r1");
    snapshot(&lab);
    assert_eq!(
        lab.apply(step(1, vec![trial(&lab, &scratch)]))
            .await
            .unwrap(),
        [done(false)]
    );
    assert!(!Path::new(&scratch).exists());
    let mut bytes = std::fs::read(lab.path("snapshot.db")).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(lab.path("snapshot.db"), bytes).unwrap();
    let outcomes = lab
        .apply(step(2, vec![trial(&lab, &scratch)]))
        .await
        .unwrap();
    let (_, reason, output) = failed(&outcomes[0]);
    assert!(
        reason.contains("does not restore on this host") && output.contains("sha256"),
        "{reason}: {output}"
    );
    assert!(!Path::new(&scratch).exists());
    std::fs::create_dir(&scratch).unwrap();
    let outcomes = lab
        .apply(step(3, vec![trial(&lab, &scratch)]))
        .await
        .unwrap();
    assert!(failed(&outcomes[0]).1.contains("was not made by a trial"));
}

/// A directory of its own, and one that is a link to elsewhere (as a mount point, it cannot be renamed).
#[tokio::test]
async fn data_is_set_aside_restored_and_reinstated() {
    for linked in [false, true] {
        let lab = Lab::local().locked("r1").await;
        snapshot(&lab);
        let dir = lab.path("etcd");
        if linked {
            std::fs::create_dir(lab.path("disk")).unwrap();
            std::os::unix::fs::symlink(lab.path("disk"), &dir).unwrap();
        }
        std::fs::create_dir_all(format!("{dir}/member/old")).unwrap();
        let old = || Path::new(&format!("{dir}/member/old")).exists();
        let aside = format!("{dir}.r1");

        let outcomes = lab
            .apply(step(1, vec![restore(&lab, &dir, "r1")]))
            .await
            .unwrap();
        assert!(
            failed(&outcomes[0]).1.contains("is not empty"),
            "{outcomes:?}"
        );
        assert!(old());

        assert_eq!(
            lab.apply(step(
                2,
                vec![archive(&dir, &aside), restore(&lab, &dir, "r1")]
            ))
            .await
            .unwrap(),
            [done(true), done(true)]
        );
        let facts = look(&lab, &dir).await;
        let data_dir = &facts.data_dirs[&dir];
        assert!(
            data_dir.exists && data_dir.has_member && !data_dir.empty && !old(),
            "{data_dir:?}"
        );
        assert_eq!(data_dir.mount_point, linked);
        assert_eq!(data_dir.origin, Some(origin("r1")));
        assert_eq!(data_dir.aside.len(), 1, "{data_dir:?}");
        assert!(data_dir.bytes > 10_000, "{data_dir:?}");
        assert!(
            !Path::new(&format!("{dir}.runbook-new")).exists()
                && !Path::new(&format!("{dir}/.runbook-new")).exists()
        );

        a_second_restore_changes_nothing(&lab, &dir).await;
        assert_eq!(
            lab.apply(step(4, vec![reinstate(&dir)])).await.unwrap(),
            [done(true)]
        );
        assert!(old(), "linked: {linked}");
        let facts = look(&lab, &dir).await;
        assert_eq!(facts.data_dirs[&dir].origin, None);
        assert_eq!(
            facts.data_dirs[&dir].aside.len(),
            1,
            "what the failed run made lies aside"
        );
        assert_eq!(
            lab.apply(step(5, vec![reinstate(&dir)])).await.unwrap(),
            [done(false)]
        );
    }
}

async fn a_second_restore_changes_nothing(lab: &Lab, dir: &str) {
    let again = Order {
        attempt: 2,
        ..step(2, vec![restore(lab, dir, "r1")])
    };
    assert_eq!(lab.apply(again).await.unwrap(), [done(false)]);
    let outcomes = lab
        .apply(step(3, vec![restore(lab, dir, "r2")]))
        .await
        .unwrap();
    assert!(
        failed(&outcomes[0]).1.contains("is not empty"),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn f36_what_no_run_may_touch_is_refused_on_the_host() {
    let lab = Lab::local().locked("r1").await;
    let link = lab.path("link");
    std::os::unix::fs::symlink("/etc", &link).unwrap();
    let inner = lab.path("inner");
    std::os::unix::fs::symlink("/", &inner).unwrap();
    let home = std::env::var("HOME").unwrap();
    let bad = [
        "/",
        "/etc",
        "/etc/ssh",
        "/usr/bin",
        "/var/lib",
        "/home",
        "/tmp",
        &home,
        &link,
        &format!("{inner}/etc"),
        "/proc/1",
        "//var//lib//",
    ];
    for (at, dir) in bad.into_iter().enumerate() {
        let outcomes = lab
            .apply(step(at, vec![archive(dir, &lab.path("aside"))]))
            .await
            .unwrap();
        let (_, reason, _) = failed(&outcomes[0]);
        assert!(
            reason.contains("no run may touch") || reason.contains("home directory"),
            "{dir}: {reason}"
        );
        let outcomes = lab
            .apply(step(100 + at, vec![trial(&lab, dir)]))
            .await
            .unwrap();
        assert!(
            matches!(outcomes[..], [Outcome::Failed { .. }]),
            "{dir}: {outcomes:?}"
        );
    }
}

/// Starts a member as a plain process on the data dir; the environment file has what etcd needs and what it must not run.
fn member(lab: &Lab, address: &str, dir: &str) -> (Action, Action, Action) {
    let config = format!(
        "# a comment\nETCD_NAME=e1\nETCD_DATA_DIR=\"{dir}\"\nETCD_LISTEN_CLIENT_URLS=http://{address}:2379\nETCD_ADVERTISE_CLIENT_URLS=http://{address}:2379\n\
         ETCD_LISTEN_PEER_URLS=http://{address}:2380\nETCD_INITIAL_ADVERTISE_PEER_URLS='http://{address}:2380'\nETCD_INITIAL_CLUSTER=e1=http://{address}:2380\n\
         UNUSED=\"\\$(touch {0}) \\\\ \\\"q\\\" $(touch {0})\"\nnot a line\n",
        lab.path("canary")
    );
    let write = Action::WriteFile {
        path: lab.path("etcd.conf"),
        content: config,
        access: Access::default(),
    };
    let service = |state| Action::Service {
        unit: "e1".into(),
        manager: ServiceManager::Process,
        process: Some(ProcessSpec {
            binary: tool("etcd"),
            config: lab.path("etcd.conf"),
            run_dir: lab.path("run"),
        }),
        state,
        enabled: None,
        wait_s: 10,
    };
    (
        write,
        service(ServiceState::Running),
        service(ServiceState::Stopped),
    )
}

fn about_e1(lab: &Lab) -> ProbeRequest {
    let query = ServiceQuery {
        unit: "e1".into(),
        manager: ServiceManager::Process,
        run_dir: Some(lab.path("run")),
    };
    ProbeRequest {
        services: vec![query],
        ports: vec![2379],
        tools: true,
        bin_dirs: vec![etcd::bin_dir("3.4.23").display().to_string()],
        ..ProbeRequest::default()
    }
}

/// The second probe is told from the first what the tools are, since their files are the same.
#[tokio::test]
async fn tools_are_found_with_what_they_can_do() {
    let lab = Lab::local();
    for _ in 0..2 {
        let facts = lab.world.probe(&lab.host, &about_e1(&lab)).await.unwrap();
        let tools: Vec<_> = facts
            .tools
            .iter()
            .map(|t| {
                (
                    t.name.as_str(),
                    t.version.as_str(),
                    t.can_restore,
                    t.restore_bump,
                )
            })
            .collect();
        assert_eq!(
            tools[..2],
            [
                ("etcd", "3.4.23", false, false),
                ("etcdctl", "3.4.23", true, false)
            ]
        );
    }
}

/// The next command takes the word of the one before for a tool whose file is the same; where it is, only the host's word counts.
#[tokio::test]
async fn tools_are_remembered_until_their_file_changes() {
    let mut lab = Lab::local();
    let (file, dir) = (lab.path("tools.json"), lab.path("bin"));
    std::fs::create_dir(&dir).unwrap();
    let tool = format!("{dir}/etcd");
    let install = |version: &str| {
        std::fs::write(&tool, format!("#!/bin/sh\necho etcd Version: {version}\n")).unwrap();
        std::process::Command::new("chmod")
            .args(["755", &tool])
            .status()
            .unwrap();
    };
    install("3.5.1");
    lab.with(|settings| settings.tools_file = Some(file.clone().into()));
    let request = ProbeRequest {
        tools: true,
        bin_dirs: vec![dir],
        ..ProbeRequest::default()
    };
    let found = async |lab: &Lab| {
        let facts = lab.world.probe(&lab.host, &request).await.unwrap();
        let tool = facts.tools.into_iter().find(|t| t.name == "etcd").unwrap();
        (tool.version, tool.path)
    };
    assert_eq!(found(&lab).await, ("3.5.1".to_owned(), tool.clone()));
    lab.with(|_| ());
    let text = std::fs::read_to_string(&file).unwrap();
    let altered = text.replace("\"3.5.1\"", "\"remembered\"").replace(
        &format!("\"path\":\"{tool}\""),
        "\"path\":\"/elsewhere/etcd\"",
    );
    assert!(altered.contains("/elsewhere/etcd"));
    std::fs::write(&file, altered).unwrap();
    lab.with(|_| ());
    assert_eq!(found(&lab).await, ("remembered".to_owned(), tool.clone()));
    install("3.5.16");
    assert_eq!(found(&lab).await, ("3.5.16".to_owned(), tool.clone()));
    std::fs::write(&file, "{ no JSON").unwrap();
    lab.with(|_| ());
    assert_eq!(found(&lab).await, ("3.5.16".to_owned(), tool));
}

/// etcdctl is not asked beside an etcdutl that restores. Of what was not asked nothing is remembered: alone, it is.
#[tokio::test]
async fn a_tool_that_was_not_asked_is_asked_when_it_is_needed() {
    let mut lab = Lab::local();
    let (file, dir, ran) = (lab.path("tools.json"), lab.path("bin"), lab.path("ran"));
    std::fs::create_dir(&dir).unwrap();
    for tool in ["etcdutl", "etcdctl"] {
        let path = format!("{dir}/{tool}");
        let text = format!(
            "#!/bin/sh\necho {tool} >>{ran}\necho --initial-cluster-token --bump-revision --mark-compacted\n"
        );
        std::fs::write(&path, text).unwrap();
        let made = std::process::Command::new("chmod")
            .args(["755", &path])
            .status();
        assert!(made.unwrap().success());
    }
    lab.with(|settings| settings.tools_file = Some(file.into()));
    let request = ProbeRequest {
        tools: true,
        bin_dirs: vec![dir.clone()],
        ..ProbeRequest::default()
    };
    let restores = async |lab: &Lab| {
        let facts = lab.world.probe(&lab.host, &request).await.unwrap();
        let able = facts.tools.into_iter().filter(|t| t.can_restore);
        able.map(|t| t.path).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(restores(&lab).await, [format!("{dir}/etcdutl")]);
        // The old world remembers as it goes, which is after the new one has begun; the one after that knows.
        lab.with(|_| ());
        lab.with(|_| ());
    }
    assert_eq!(std::fs::read_to_string(&ran).unwrap(), "etcdutl\n");
    std::fs::remove_file(format!("{dir}/etcdutl")).unwrap();
    assert_eq!(restores(&lab).await, [format!("{dir}/etcdctl")]);
}

#[tokio::test]
async fn a_plain_process_runs_is_seen_and_stops() {
    let lab = Lab::local().locked("r1").await;
    let (address, dir) = (etcd::own_address(), lab.path("a dir"));
    let (write, start, stop) = member(&lab, &address, &dir);
    assert_eq!(
        lab.apply(step(1, vec![write, start.clone()]))
            .await
            .unwrap(),
        [done(true), done(true)]
    );
    let request = about_e1(&lab);
    let facts = lab.world.probe(&lab.host, &request).await.unwrap();
    let service = &facts.services["e1"];
    assert!(
        service.exists && service.is_running() && service.pid > 0,
        "{service:?}"
    );
    let process = facts
        .etcd_processes
        .iter()
        .find(|p| p.pid == service.pid)
        .unwrap();
    assert_eq!(process.data_dir.as_deref(), Some(dir.as_str()));
    let environ = std::fs::read(format!("/proc/{}/environ", service.pid)).unwrap();
    // Of its environment nothing is told but what is compared with its file.
    let started = String::from_utf8_lossy(&environ).into_owned();
    let named = started.split('\0').filter_map(|l| l.split_once('='));
    let compared = named.filter(|(name, _)| COMPARED_SETTINGS.contains(name));
    let compared: BTreeMap<_, _> = compared
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    assert!(compared.contains_key("ETCD_LISTEN_PEER_URLS"), "{started}");
    assert_eq!(process.settings, compared);
    let expected = format!(
        "UNUSED=$(touch {0}) \\ \"q\" $(touch {0})\0",
        lab.path("canary")
    );
    assert!(
        String::from_utf8_lossy(&environ).contains(&expected),
        "{}",
        String::from_utf8_lossy(&environ)
    );
    assert!(!Path::new(&lab.path("canary")).exists());
    assert_eq!(
        lab.apply(step(2, vec![start])).await.unwrap(),
        [done(false)]
    );
    let outcomes = lab
        .apply(step(3, vec![archive(&dir, &lab.path("aside"))]))
        .await
        .unwrap();
    assert!(
        failed(&outcomes[0]).1.contains("still uses"),
        "{outcomes:?}"
    );
    assert_eq!(
        lab.apply(step(
            4,
            vec![stop.clone(), archive(&dir, &lab.path("aside"))]
        ))
        .await
        .unwrap(),
        [done(true), done(true)]
    );
    let facts = lab.world.probe(&lab.host, &request).await.unwrap();
    assert!(!facts.services["e1"].is_running());
    assert_eq!(lab.apply(step(5, vec![stop])).await.unwrap(), [done(false)]);
}

#[tokio::test]
async fn a_process_that_got_the_number_of_an_old_one_is_not_ended() {
    let lab = Lab::local().locked("r1").await;
    let (_, _, stop) = member(&lab, "127.0.0.1", &lab.path("d"));
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    std::fs::create_dir(lab.path("run")).unwrap();
    std::fs::write(lab.path("run/e1.pid"), format!("{} 12345\n", other.id())).unwrap();
    assert_eq!(lab.apply(step(1, vec![stop])).await.unwrap(), [done(false)]);
    assert_eq!(other.try_wait().unwrap(), None);
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn a_process_that_ends_at_once_is_a_failure_with_its_log() {
    let lab = Lab::local().locked("r1").await;
    let (_, start, _) = member(&lab, "127.0.0.1", &lab.path("d"));
    std::fs::write(lab.path("etcd.conf"), "ETCD_LISTEN_CLIENT_URLS=nonsense\n").unwrap();
    let outcomes = lab.apply(step(1, vec![start])).await.unwrap();
    let (_, reason, output) = failed(&outcomes[0]);
    assert!(
        reason.contains("ended right after its start") && output.contains("nonsense"),
        "{reason}: {output}"
    );
}
