//! The real world on a real host with systemd and sudo. Run by the lab, not by `cargo test` alone:
//!
//!     tests/lab/lab up 1 --etcd 3.5.16 --packages 3.4.23
//!     tests/lab/lab run cargo test --offline -p runbook-world --test lab_world -- --test-threads=1
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../../../tests/support/hosts.rs"]
mod hosts;

use std::process::Command;
use std::time::{Duration, Instant};

use hosts::{Lab, done, failed, lock_of, order};
use runbook_model::action::{Access, Action, Outcome, ServiceState};
use runbook_model::cluster::{MemberProbe, MemberQuery};
use runbook_model::facts::{HostError, ProbeRequest, ServiceQuery};
use runbook_model::host::{
    Become, Connection, HostName, Install, MemberSpec, Scheme, ServiceManager,
};
use runbook_run::world::{Observe, Order, World};

/// Runs a command of the lab and gives what it printed.
fn lab(arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/lab/lab");
    let out = Command::new(script).args(arguments).output().unwrap();
    assert!(
        out.status.success(),
        "lab {arguments:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn connection(user: &str) -> Connection {
    let known = lab(&["path", "known_hosts"]);
    let option = |o: String| ["-o".to_owned(), o];
    Connection {
        address: "198.18.0.11".into(),
        user: Some(user.into()),
        private_key_file: Some(lab(&["path", "key"])),
        ssh_args: ["-F".to_owned(), "/dev/null".to_owned()]
            .into_iter()
            .chain(option(format!("UserKnownHostsFile={known}")))
            .chain(option("IdentitiesOnly=yes".to_owned()))
            .collect(),
        r#become: Some(Become {
            user: "root".into(),
            flags: vec![],
        }),
        ..Connection::default()
    }
}

/// A root directory of the run's state on the host that no other test uses.
fn host(user: &str, name: &str) -> Lab {
    let mut lab = Lab::of(connection(user));
    let root = format!("/var/tmp/state-{name}-{}", std::process::id());
    lab.with(|settings| settings.host_state_root = Some(root));
    lab
}

async fn root(name: &str) -> Lab {
    host("ops", name).locked("r1").await
}

fn step(step: usize, actions: Vec<Action>) -> Order {
    Order {
        step,
        timeout_ms: 120_000,
        ..order("r1", actions)
    }
}

fn unit(name: &str, text: &str) -> Action {
    let content = format!("[Service]\n{text}\n[Install]\nWantedBy=multi-user.target\n");
    Action::WriteFile {
        path: format!("/etc/systemd/system/{name}.service"),
        content,
        access: Access::default(),
    }
}

fn service(name: &str, state: ServiceState, enabled: Option<bool>) -> Action {
    Action::Service {
        unit: name.into(),
        manager: ServiceManager::Systemd,
        process: None,
        state,
        enabled,
        wait_s: 20,
    }
}

async fn facts_of(lab: &Lab, name: &str) -> runbook_model::facts::ServiceFacts {
    let query = ServiceQuery {
        unit: name.into(),
        manager: ServiceManager::Systemd,
        run_dir: None,
    };
    let request = ProbeRequest {
        services: vec![query],
        ..ProbeRequest::default()
    };
    lab.world.probe(&lab.host, &request).await.unwrap().services[name].clone()
}

#[tokio::test]
async fn f13_sudo_that_wants_a_password_is_found_at_once() {
    let lab = host("nopass", "sudo");
    let began = Instant::now();
    let refused = lab.world.probe(&lab.host, &ProbeRequest::default()).await;
    assert!(
        matches!(refused, Err(HostError::SudoPassword { .. })),
        "{refused:?}"
    );
    let refused = lab.world.lock(&lab.host, "c", &lock_of("r1")).await;
    assert!(
        matches!(refused, Err(HostError::SudoPassword { .. })),
        "{refused:?}"
    );
    let refused = lab.apply(step(1, vec![Action::DaemonReload])).await;
    assert!(
        matches!(refused, Err(HostError::SudoPassword { .. })),
        "{refused:?}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_password_for_sudo_travels_on_stdin_only() {
    let mut lab = host("nopass", "password");
    lab.with(|settings| settings.become_password = Some("lab-password".to_owned().into()));
    let lab = lab.locked("r1").await;
    let facts = lab
        .world
        .probe(&lab.host, &ProbeRequest::default())
        .await
        .unwrap();
    assert_eq!(facts.user, "root");
    let look = "! cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -q 'lab-pass[w]ord'";
    let look = Action::Shell {
        script: look.into(),
        env: vec![],
        creates: None,
        read_only: true,
    };
    assert_eq!(lab.apply(step(1, vec![look])).await.unwrap(), [done(false)]);
}

#[tokio::test]
async fn a_wrong_password_is_told_and_sent_once() {
    let mut lab = host("nopass", "wrong");
    lab.with(|settings| settings.become_password = Some("wrong".to_owned().into()));
    let refused = lab.world.probe(&lab.host, &ProbeRequest::default()).await;
    assert!(
        matches!(&refused, Err(HostError::Sudo { detail, .. }) if detail.contains("wrong")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_unit_is_enabled_started_restarted_stopped_and_disabled() {
    let lab = root("unit").await;
    let start = || service("rb-a", ServiceState::Running, Some(true));
    let actions = vec![
        unit("rb-a", "ExecStart=/bin/sleep inf"),
        Action::DaemonReload,
        start(),
    ];
    let outcomes = lab.apply(step(1, actions)).await.unwrap();
    // systemd had not read the new unit's file.
    assert_eq!(
        outcomes,
        [done(true), done(true), done(true)],
        "{outcomes:?}"
    );
    let facts = facts_of(&lab, "rb-a").await;
    assert!(
        facts.exists && facts.enabled && facts.is_running() && facts.pid > 0,
        "{facts:?}"
    );
    assert_eq!(facts.sources, ["/etc/systemd/system/rb-a.service"]);
    assert_eq!(
        lab.apply(step(2, vec![start()])).await.unwrap(),
        [done(false)]
    );
    assert_eq!(
        lab.apply(step(
            3,
            vec![service("rb-a", ServiceState::Restarted, None)]
        ))
        .await
        .unwrap(),
        [done(true)]
    );
    assert_ne!(facts_of(&lab, "rb-a").await.pid, facts.pid);
    let stop = || service("rb-a", ServiceState::Stopped, Some(false));
    assert_eq!(
        lab.apply(step(4, vec![stop()])).await.unwrap(),
        [done(true)]
    );
    let facts = facts_of(&lab, "rb-a").await;
    assert!(
        facts.exists && !facts.enabled && !facts.is_running(),
        "{facts:?}"
    );
    assert_eq!(
        lab.apply(step(
            5,
            vec![stop(), service("rb-none", ServiceState::Stopped, None)]
        ))
        .await
        .unwrap(),
        [done(false), done(false)]
    );
    let outcomes = lab
        .apply(step(
            6,
            vec![service("rb-none", ServiceState::Running, None)],
        ))
        .await
        .unwrap();
    assert!(
        failed(&outcomes[0]).1.contains("there is no unit"),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn f43_a_service_that_crashes_is_no_running_service() {
    let lab = root("crash").await;
    let units = [
        (
            "rb-loop",
            "ExecStart=/bin/sh -c 'echo cannot open the data; exit 1'\nRestart=always\nRestartSec=0.2",
        ),
        (
            "rb-late",
            "ExecStart=/bin/sh -c 'sleep 0.4; echo cannot open the data; exit 1'\nRestart=always\nRestartSec=0.1",
        ),
        (
            "rb-notify",
            "Type=notify\nExecStart=/bin/sh -c 'echo cannot open the data; exit 1'\nRestart=always\nRestartSec=0.2",
        ),
        (
            "rb-hangs",
            "Type=notify\nExecStart=/bin/sh -c 'echo cannot open the data; exec sleep inf'",
        ),
    ];
    for (at, (name, text)) in units.into_iter().enumerate() {
        let mut start = service(name, ServiceState::Running, None);
        if let Action::Service { wait_s, .. } = &mut start {
            *wait_s = 3;
        }
        let outcomes = lab
            .apply(step(
                at,
                vec![unit(name, text), Action::DaemonReload, start],
            ))
            .await
            .unwrap();
        let (_, reason, output) = failed(&outcomes[2]);
        assert!(
            reason.contains(name) && output.contains("cannot open the data"),
            "{name}: {reason}: {output}"
        );
        let stop = lab
            .apply(step(
                100 + at,
                vec![service(name, ServiceState::Stopped, None)],
            ))
            .await
            .unwrap();
        assert!(
            matches!(stop[..], [Outcome::Done { .. }]),
            "{name}: {stop:?}"
        );
        assert!(!facts_of(&lab, name).await.is_running(), "{name}");
    }
}

#[tokio::test]
async fn packages_come_without_their_service() {
    let lab = root("packages").await;
    let install = || Action::InstallPackages {
        packages: vec![("etcd-server".into(), None), ("etcd-client".into(), None)],
    };
    let outcomes = lab.apply(step(1, vec![install()])).await.unwrap();
    assert!(
        matches!(outcomes[..], [Outcome::Done { .. }]),
        "{outcomes:?}"
    );
    let facts = facts_of(&lab, "etcd").await;
    assert!(
        facts.exists && !facts.enabled && !facts.is_running(),
        "{facts:?}"
    );
    assert_eq!(
        lab.apply(step(2, vec![install()])).await.unwrap(),
        [done(false)]
    );
    let policy = Action::Shell {
        script: "[ ! -e /usr/sbin/policy-rc.d ]".into(),
        env: vec![],
        creates: None,
        read_only: true,
    };
    assert_eq!(
        lab.apply(step(3, vec![policy])).await.unwrap(),
        [done(false)]
    );
    let none = Action::InstallPackages {
        packages: vec![("no-such-package-at-all".into(), None)],
    };
    let outcomes = lab.apply(step(4, vec![none])).await.unwrap();
    assert!(
        failed(&outcomes[0]).2.contains("Unable to locate package"),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn users_and_owners_are_made_once() {
    let lab = root("user").await;
    let user = || Action::User {
        name: "rbuser".into(),
        home: "/var/lib/rbuser".into(),
    };
    let access = || Access {
        mode: 0o700,
        owner: Some("rbuser".into()),
        group: None,
    };
    let dir = || Action::Directory {
        path: "/var/lib/rbuser/a".into(),
        access: access(),
    };
    let actions = || vec![user(), dir()];
    assert!(matches!(
        lab.apply(step(1, actions())).await.unwrap()[..],
        [Outcome::Done { .. }, Outcome::Done { .. }]
    ));
    assert_eq!(
        lab.apply(step(2, actions())).await.unwrap(),
        [done(false), done(false)]
    );
    let request = ProbeRequest {
        dirs: vec!["/var/lib/rbuser/a".into()],
        users: vec!["rbuser".into()],
        ..ProbeRequest::default()
    };
    let facts = lab.world.probe(&lab.host, &request).await.unwrap();
    let found = &facts.dirs["/var/lib/rbuser/a"];
    assert_eq!(
        (found.mode, found.owner.as_str(), found.group.as_str()),
        (0o700, "rbuser", "rbuser")
    );
    assert!(
        facts.users["rbuser"] && facts.has_systemd && facts.user == "root",
        "{facts:?}"
    );
    assert_eq!(facts.os, "debian 12");
}

/// F02 under sudo, whose pseudo-terminal goes with the connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_an_order_under_sudo_outlives_its_connection() {
    let lab = root("detached").await;
    let dir = format!("/var/tmp/detached-{}", std::process::id());
    let script =
        format!("mkdir {dir}; while [ ! -e {dir}/go ]; do sleep 0.02; done; echo x >>{dir}/count");
    let slow = Action::Shell {
        script,
        env: vec![],
        creates: None,
        read_only: false,
    };
    let cutter = async {
        while Command::new("true").status().is_ok() && super_exec(&["test", "-d", &dir]).is_err() {
            tokio::task::yield_now().await;
        }
        lab.another().disconnect().await;
        super_exec(&["touch", &format!("{dir}/go")]).unwrap();
    };
    let (outcomes, ()) = tokio::join!(lab.apply(step(1, vec![slow])), cutter);
    assert_eq!(outcomes.unwrap(), [done(true)]);
    assert_eq!(super_exec(&["cat", &format!("{dir}/count")]).unwrap(), "x");
}

/// Runs a command as root on the host, past the network.
fn super_exec(command: &[&str]) -> Result<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/lab/lab");
    let out = Command::new(script)
        .args(["exec", "etcd1"])
        .args(command)
        .output()
        .unwrap();
    match out.status.success() {
        true => Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
    }
}

/// F05: after a power cut nobody claims to know, and nothing is done twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f05_a_power_cut_leaves_an_unknown_that_is_not_repeated() {
    let mut lab = root("power").await;
    lab.with(|settings| (settings.reconnect_s, settings.alive_interval_s) = (1, 1));
    lab.world.disconnect().await;
    let dir = format!("/var/tmp/power-{}", std::process::id());
    let script = format!(
        "mkdir -p {dir}; echo x >>{dir}/count; sync {dir}/count; while :; do sleep 0.1; done"
    );
    let endless = || Action::Shell {
        script: script.clone(),
        env: vec![],
        creates: None,
        read_only: false,
    };
    let power = async {
        while super_exec(&["test", "-s", &format!("{dir}/count")]).is_err() {
            tokio::task::yield_now().await;
        }
        crate::lab(&["kill", "etcd1"]);
    };
    let (outcomes, ()) = tokio::join!(lab.apply(step(1, vec![endless()])), power);
    assert!(matches!(outcomes.unwrap()[..], [Outcome::Unknown { .. }]));
    crate::lab(&["boot", "etcd1"]);
    let outcomes = lab.apply(step(1, vec![endless()])).await.unwrap();
    assert!(
        matches!(&outcomes[..], [Outcome::Unknown { reason }] if reason.contains("interrupted on the host")),
        "{outcomes:?}"
    );
    assert_eq!(super_exec(&["cat", &format!("{dir}/count")]).unwrap(), "x");
}

/// A member that listens on its host's loopback is reached through the host's connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_behind_ssh_is_asked_through_it() {
    let mut lab = root("forward").await;
    let text =
        "Type=notify\nExecStart=/usr/local/bin/etcd --name etcd1 --data-dir /var/tmp/rb-forward";
    let actions = vec![
        unit("rb-etcd", text),
        Action::DaemonReload,
        service("rb-etcd", ServiceState::Running, None),
    ];
    let outcomes = lab.apply(step(1, actions)).await.unwrap();
    assert!(matches!(outcomes[2], Outcome::Done { .. }), "{outcomes:?}");
    let spec = loopback_member();
    lab.with(|settings| settings.members.insert(spec.host.clone(), spec.clone()));
    for _ in 0..2 {
        let probe = lab
            .world
            .member(
                &spec,
                MemberQuery {
                    hash_at: None,
                    timeout_ms: 5000,
                },
            )
            .await;
        assert!(
            matches!(&probe, MemberProbe::Serving(status) if status.version == "3.5.16"),
            "{probe:?}"
        );
        // The connection's master ends: the next question makes another.
        lab.another().disconnect().await;
    }
    let written = lab.world.write_probe(std::slice::from_ref(&spec)).await;
    assert!(written.is_ok(), "{written:?}");
    let dest = lab.path("saved.db");
    let save = Action::SaveSnapshot {
        member: spec.host.clone(),
        dest: dest.clone(),
    };
    assert_eq!(lab.apply(step(2, vec![save])).await.unwrap(), [done(true)]);
    let facts = lab.world.snapshot(&dest, None).await;
    assert!(
        facts.refused.is_empty() && facts.has_hash && facts.size > 0,
        "{facts:?}"
    );
    let stop = service("rb-etcd", ServiceState::Stopped, None);
    assert_eq!(lab.apply(step(3, vec![stop])).await.unwrap(), [done(true)]);
}

fn loopback_member() -> MemberSpec {
    MemberSpec {
        host: HostName::new("h1"),
        name: "etcd1".into(),
        cluster: "c".into(),
        address: "127.0.0.1".into(),
        scheme: Scheme::Http,
        peer_scheme: None,
        client_port: 2379,
        peer_port: 2380,
        data_dir: "/var/tmp/rb-forward".into(),
        pki_dir: "/etc/etcd/pki".into(),
        config: "/etc/etcd/etcd.conf".into(),
        unit: "rb-etcd".into(),
        manager: ServiceManager::Systemd,
        bin_dir: None,
        user: "root".into(),
        install: Install::Present,
        quota_bytes: None,
        extra: vec![],
        control_pki_dir: "/nonexistent".into(),
    }
}
