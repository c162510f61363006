//! The real world over ssh: connections, and what becomes of an order when one is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../../../tests/support/hosts.rs"]
mod hosts;
#[path = "../../../tests/support/sshd.rs"]
mod sshd;

use std::time::{Duration, Instant};

use hosts::{Lab, done, order};
use runbook_model::action::{Access, Action, Outcome};
use runbook_model::facts::{HostError, ProbeRequest};
use runbook_run::world::{Observe, Order, World};
use sshd::{Proxy, Sshd, free_port};

fn count_to(file: &str) -> Action {
    Action::Shell {
        script: format!("echo x >>{file}"),
        env: vec![],
        creates: None,
        read_only: false,
    }
}

fn lines(file: &str) -> usize {
    std::fs::read_to_string(file).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn one_connection_serves_probes_and_orders_and_the_next_command() {
    let sshd = Sshd::start("");
    let lab = Lab::of(sshd.connection(sshd.port)).locked("r1").await;
    let facts = lab
        .world
        .probe(&lab.host, &ProbeRequest::default())
        .await
        .unwrap();
    assert!(!facts.boot_id.is_empty());
    let count = lab.path("count");
    assert_eq!(
        lab.apply(order("r1", vec![count_to(&count)]))
            .await
            .unwrap(),
        [done(true)]
    );
    // Another world of the same settings: another command of the same operator.
    let next = lab.another();
    next.probe(&lab.host, &ProbeRequest::default())
        .await
        .unwrap();
    assert_eq!(
        sshd.log().matches("Accepted publickey").count(),
        1,
        "{}",
        sshd.log()
    );
    lab.world.disconnect().await;
    let socket_left = std::fs::read_dir(lab.path("c"))
        .unwrap()
        .flatten()
        .any(|e| !e.file_name().to_string_lossy().contains('.'));
    assert!(!socket_left, "the master has not ended");
}

/// An sshd that takes another one alone, and a connection that chooses its own, are reached all the same.
#[tokio::test]
async fn a_preferred_cipher_is_no_demand() {
    let sshd = Sshd::start("Ciphers aes256-ctr");
    let mut own = sshd.connection(sshd.port);
    own.ssh_args
        .extend(["-o".to_owned(), "Ciphers=aes256-ctr".to_owned()]);
    for connection in [sshd.connection(sshd.port), own] {
        let mut lab = Lab::of(connection);
        lab.with(|settings| settings.ciphers = Some("^aes128-gcm@openssh.com"));
        let facts = lab.world.probe(&lab.host, &ProbeRequest::default()).await;
        assert!(!facts.unwrap().boot_id.is_empty());
    }
}

#[tokio::test]
async fn noise_around_the_answer_does_no_harm() {
    let noise = "ForceCommand printf '\\033[2JWelcome!\\n'; echo to stderr >&2; eval \"$SSH_ORIGINAL_COMMAND\"; echo bye";
    let sshd = Sshd::start(noise);
    let lab = Lab::of(sshd.connection(sshd.port)).locked("r1").await;
    lab.world
        .probe(&lab.host, &ProbeRequest::default())
        .await
        .unwrap();
    assert_eq!(
        lab.apply(order("r1", vec![count_to(&lab.path("count"))]))
            .await
            .unwrap(),
        [done(true)]
    );
    lab.world.disconnect().await;
}

#[tokio::test]
async fn a_login_without_a_shell_is_told_with_its_words() {
    let sshd = Sshd::start("ForceCommand echo This account is not available; exit 1");
    let lab = Lab::of(sshd.connection(sshd.port));
    let Err(HostError::Garbled { detail, .. }) =
        lab.world.probe(&lab.host, &ProbeRequest::default()).await
    else {
        panic!()
    };
    assert!(detail.contains("This account is not available"), "{detail}");
    let began = Instant::now();
    let refused = lab
        .apply(order("r1", vec![count_to(&lab.path("count"))]))
        .await;
    assert!(
        matches!(refused, Err(HostError::Garbled { .. })),
        "{refused:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
    lab.world.disconnect().await;
}

#[tokio::test]
async fn f33_a_changed_host_key_is_refused_with_both_fingerprints() {
    let sshd = Sshd::start("");
    sshd.know_host("other", sshd.port);
    let lab = Lab::of(sshd.connection(sshd.port));
    let Err(HostError::HostKey { detail, .. }) =
        lab.world.probe(&lab.host, &ProbeRequest::default()).await
    else {
        panic!()
    };
    assert_eq!(detail.matches("SHA256:").count(), 2, "{detail}");
    assert!(!sshd.log().contains("Accepted"), "{}", sshd.log());
    std::fs::remove_file(sshd.known_hosts()).unwrap();
    let unknown = lab.world.probe(&lab.host, &ProbeRequest::default()).await;
    assert!(
        matches!(unknown, Err(HostError::HostKey { .. })),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn a_refused_login_and_a_closed_port_are_told_apart() {
    let sshd = Sshd::start("");
    let mut connection = sshd.connection(sshd.port);
    connection.private_key_file = connection
        .private_key_file
        .map(|key| key.replace("/user", "/other"));
    connection.user = Some("root".into());
    let lab = Lab::of(connection);
    let refused = lab.world.probe(&lab.host, &ProbeRequest::default()).await;
    assert!(
        matches!(&refused, Err(HostError::LoginRefused { user, .. }) if user == "root"),
        "{refused:?}"
    );
    let lab = Lab::of(sshd.connection(free_port()));
    let unreachable = lab.world.probe(&lab.host, &ProbeRequest::default()).await;
    assert!(
        matches!(&unreachable, Err(HostError::Unreachable { detail, .. }) if detail.contains("refused")),
        "{unreachable:?}"
    );
}

#[tokio::test]
async fn an_sshd_that_takes_few_connections_at_once_is_asked_again() {
    let sshd = Sshd::start("MaxStartups 1");
    let labs: Vec<Lab> = (0..4)
        .map(|_| Lab::of(sshd.connection(sshd.port)))
        .collect();
    let mut set = tokio::task::JoinSet::new();
    for lab in &labs {
        let (world, host) = (lab.world.clone(), lab.host.clone());
        set.spawn(async move {
            world
                .probe(&host, &ProbeRequest::default())
                .await
                .map(|_| ())
        });
    }
    assert_eq!(set.join_all().await, [Ok(()), Ok(()), Ok(()), Ok(())]);
    for lab in &labs {
        lab.world.disconnect().await;
    }
}

/// F01, F02, F03: wherever the connection is cut, the order is carried out once, and its outcome is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_f02_f03_a_cut_connection_neither_loses_nor_repeats_an_order() {
    let sshd = Sshd::start("");
    let proxy = Proxy::start(sshd.port).await;
    sshd.know_host("host", proxy.port);
    let lab = Lab::of(sshd.connection(proxy.port)).locked("r1").await;
    let two = |file: &str| vec![count_to(file), count_to(file)];
    // How many bytes an order takes when nothing is cut.
    const PLENTY: i64 = 1 << 40;
    proxy.cut_after(PLENTY, false);
    assert_eq!(
        lab.apply(Order {
            step: 99,
            ..order("r1", two(&lab.path("count")))
        })
        .await,
        Ok(vec![done(true), done(true)])
    );
    let whole = PLENTY - proxy.left();
    let mut cuts = 0;
    for part in 0..14 {
        let (count, budget) = (lab.path(&format!("count{part}")), whole * part / 13);
        proxy.cut_after(budget, false);
        let outcomes = lab
            .apply(Order {
                step: usize::try_from(part).unwrap(),
                ..order("r1", two(&count))
            })
            .await;
        cuts += usize::from(proxy.left() < 0);
        proxy.mend();
        assert_eq!(
            outcomes,
            Ok(vec![done(true), done(true)]),
            "cut after {budget} of {whole} bytes"
        );
        assert_eq!(lines(&count), 2, "cut after {budget} of {whole} bytes");
    }
    assert!(cuts >= 12, "the cuts missed the orders: {cuts}");
    lab.world.disconnect().await;
}

/// F02: cut for good while it runs; the truth is asked later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f02_what_ran_on_alone_is_found_by_its_receipt() {
    let sshd = Sshd::start("");
    let proxy = Proxy::start(sshd.port).await;
    sshd.know_host("host", proxy.port);
    let mut lab = Lab::of(sshd.connection(proxy.port)).locked("r1").await;
    lab.with(|settings| settings.reconnect_s = 1);
    let (count, go) = (lab.path("count"), lab.path("go"));
    let script = format!("echo x >>{count}; while [ ! -e {go} ]; do sleep 0.02; done");
    let slow = || {
        order(
            "r1",
            vec![Action::Shell {
                script: script.clone(),
                env: vec![],
                creates: None,
                read_only: false,
            }],
        )
    };
    let cutter = async {
        while lines(&count) == 0 {
            tokio::task::yield_now().await;
        }
        proxy.cut_after(0, true);
    };
    let (outcomes, ()) = tokio::join!(lab.apply(slow()), cutter);
    assert!(
        matches!(&outcomes.unwrap()[..], [Outcome::Unknown { reason }] if reason.contains("connection was lost"))
    );
    std::fs::write(&go, "").unwrap();
    proxy.mend();
    assert_eq!(lab.apply(slow()).await, Ok(vec![done(true)]));
    assert_eq!(lines(&count), 1);
    lab.world.disconnect().await;
}

/// F04: nothing closes, nothing comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f04_a_frozen_connection_is_found_in_time() {
    let sshd = Sshd::start("");
    let proxy = Proxy::start(sshd.port).await;
    sshd.know_host("host", proxy.port);
    let mut lab = Lab::of(sshd.connection(proxy.port)).locked("r1").await;
    lab.world.disconnect().await;
    lab.with(|settings| (settings.reconnect_s, settings.alive_interval_s) = (1, 1));
    lab.world
        .probe(&lab.host, &ProbeRequest::default())
        .await
        .unwrap();
    proxy.freeze();
    let began = Instant::now();
    let order = Order {
        timeout_ms: 60_000,
        ..order("r1", vec![count_to(&lab.path("count"))])
    };
    let outcomes = lab.apply(order).await;
    assert!(
        !matches!(&outcomes, Ok(o) if o.iter().any(|o| matches!(o, Outcome::Done { .. }))),
        "{outcomes:?}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    lab.world.disconnect().await;
}

/// An upload that breaks off is continued, not begun again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_breaks_off_is_continued() {
    let sshd = Sshd::start("");
    let proxy = Proxy::start(sshd.port).await;
    sshd.know_host("host", proxy.port);
    let lab = Lab::of(sshd.connection(proxy.port)).locked("r1").await;
    let source = lab.path("source");
    let big: Vec<u8> = (0..8_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    std::fs::write(&source, &big).unwrap();
    proxy.cut_after(5_000_000, false);
    let upload = Action::Upload {
        source,
        dest: lab.path("dest"),
        sha256: None,
        size: None,
        access: Access::default(),
        secret: false,
    };
    let before = proxy.passed();
    assert_eq!(
        lab.apply(order("r1", vec![upload])).await,
        Ok(vec![done(true)])
    );
    assert_eq!(std::fs::read(lab.path("dest")).unwrap(), big);
    assert!(proxy.left() < 0, "nothing was cut");
    let passed = proxy.passed() - before;
    assert!(
        passed < 12_000_000,
        "{passed} bytes for a file of 8,000,000"
    );
    lab.world.disconnect().await;
}

#[tokio::test]
async fn f34_hostile_connections_are_refused_before_anything_starts() {
    let lab = Lab::of(runbook_model::host::Connection {
        address: "-oProxyCommand=touch${IFS}/tmp/x".into(),
        ..Default::default()
    });
    let refused = lab.world.probe(&lab.host, &ProbeRequest::default()).await;
    assert!(
        matches!(&refused, Err(HostError::Unreachable { detail, .. }) if detail.contains("plain word")),
        "{refused:?}"
    );
    let refused = lab.world.lock(&lab.host, "c", &hosts::lock_of("r")).await;
    assert!(refused.is_err());
}
