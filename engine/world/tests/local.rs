//! The real world with a shell right here: actions, probes, receipts and locks.

#[path = "../../../tests/support/hosts.rs"]
mod hosts;

use hosts::{Lab, done, failed, lock_of, order};
use runbook_model::action::{Access, Action, Outcome};
use runbook_model::facts::{FileKind, FileQuery, HostError, ProbeRequest};
use runbook_run::world::{Observe, Progress, World};

#[tokio::test]
async fn a_probe_brings_what_was_asked_in_one_answer() {
    let lab = Lab::local();
    let file = lab.path("a 'b' $(c)\"é");
    std::fs::write(&file, "text\n").unwrap();
    let dir = lab.path("etcd");
    std::fs::create_dir_all(format!("{dir}/member/snap")).unwrap();
    std::fs::create_dir_all(format!("{dir}.old-1")).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let request = ProbeRequest {
        files: vec![
            FileQuery {
                path: file.clone(),
                content_limit: 100,
            },
            FileQuery {
                path: file.clone(),
                content_limit: 3,
            },
            FileQuery {
                path: lab.path("none"),
                content_limit: 10,
            },
        ],
        dirs: vec![dir.clone(), lab.path("none")],
        disks: vec![lab.path("deep/er/none")],
        ports: vec![port, 1],
        users: vec!["root".into(), "nobody-of-that-name".into()],
        data_dirs: vec![dir.clone(), lab.path("none")],
        cluster: Some("c".into()),
        packages: vec!["coreutils".into(), "no-such-package".into()],
        ..ProbeRequest::default()
    };
    let facts = lab.world.probe(&lab.host, &request).await.unwrap();
    assert!(
        !facts.boot_id.is_empty() && facts.cores > 0 && facts.memory_bytes > 1 << 20,
        "{facts:?}"
    );
    assert!(
        facts.clock_offset_ms.abs() < 1000,
        "{}",
        facts.clock_offset_ms
    );
    assert_eq!(facts.files[&file].kind, FileKind::File);
    assert_eq!(
        facts.files[&file].content, None,
        "the last query of the same path wins: its limit is too small"
    );
    assert_eq!(facts.files[&file].sha256.as_deref().map(str::len), Some(64));
    assert_eq!(facts.files[&lab.path("none")].kind, FileKind::Absent);
    assert_eq!(facts.dirs[&dir].entries, ["member"]);
    assert!(!facts.dirs[&lab.path("none")].exists);
    assert!(facts.disks[&lab.path("deep/er/none")].available > 0);
    assert!(
        facts.ports[&port].is_some() && facts.ports[&1].is_none(),
        "{:?}",
        facts.ports
    );
    assert_eq!(
        (facts.users["root"], facts.users["nobody-of-that-name"]),
        (true, false)
    );
    let data_dir = &facts.data_dirs[&dir];
    assert!(
        data_dir.exists && data_dir.has_member && !data_dir.empty && !data_dir.mount_point,
        "{data_dir:?}"
    );
    assert_eq!(data_dir.aside, [format!("{dir}.old-1")]);
    assert!(!facts.data_dirs[&lab.path("none")].exists);
    assert_eq!(facts.lock, None);
    assert!(facts.packages["coreutils"].is_some() && facts.packages["no-such-package"].is_none());
}

#[tokio::test]
async fn an_order_needs_the_lock_of_its_run() {
    let lab = Lab::local();
    let write = || {
        vec![Action::WriteFile {
            path: lab.path("x"),
            content: "x".into(),
            access: Access::default(),
        }]
    };
    let refused = lab.apply(order("r1", write())).await;
    assert!(
        matches!(refused, Err(HostError::Fenced { lock: None, .. })),
        "{refused:?}"
    );
    assert_eq!(
        lab.world
            .lock(&lab.host, "c", &lock_of("r1"))
            .await
            .unwrap(),
        Ok(())
    );
    assert_eq!(
        lab.world
            .lock(&lab.host, "c", &lock_of("r1"))
            .await
            .unwrap(),
        Ok(())
    );
    assert_eq!(
        lab.world
            .lock(&lab.host, "c", &lock_of("r2"))
            .await
            .unwrap(),
        Err(lock_of("r1"))
    );
    let refused = lab.apply(order("r2", write())).await;
    assert!(
        matches!(refused, Err(HostError::Fenced { lock: Some(held), .. }) if held == lock_of("r1"))
    );
    assert!(!std::path::Path::new(&lab.path("x")).exists());
    assert_eq!(lab.apply(order("r1", write())).await.unwrap(), [done(true)]);
    lab.world.unlock(&lab.host, "c", "r2").await.unwrap();
    let facts = lab
        .world
        .probe(
            &lab.host,
            &ProbeRequest {
                cluster: Some("c".into()),
                ..ProbeRequest::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(facts.lock, Some(lock_of("r1")));
    lab.world.unlock(&lab.host, "c", "r1").await.unwrap();
    assert_eq!(
        lab.world
            .lock(&lab.host, "c", &lock_of("r2"))
            .await
            .unwrap(),
        Ok(())
    );
}

#[tokio::test]
async fn files_and_directories_converge() {
    let lab = Lab::local().locked("r1").await;
    let dir = lab.path("a/b c/'d'");
    let access = Access {
        mode: 0o750,
        owner: Some("root".into()),
        group: None,
    };
    let actions = || {
        vec![
            Action::Directory {
                path: dir.clone(),
                access: access.clone(),
            },
            Action::WriteFile {
                path: format!("{dir}/f"),
                content: "no newline $(id) 'x'\\n".into(),
                access: Access {
                    mode: 0o600,
                    ..Access::default()
                },
            },
        ]
    };
    assert_eq!(
        lab.apply(order("r1", actions())).await.unwrap(),
        [done(true), done(true)]
    );
    assert_eq!(
        std::fs::read_to_string(format!("{dir}/f")).unwrap(),
        "no newline $(id) 'x'\\n"
    );
    let mut again = order("r1", actions());
    again.attempt = 2;
    assert_eq!(lab.apply(again).await.unwrap(), [done(false), done(false)]);
    let mut undo = order(
        "r1",
        vec![
            Action::RemoveCreated {
                path: format!("{dir}/f"),
                directory: false,
            },
            Action::RemoveCreated {
                path: dir.clone(),
                directory: true,
            },
            Action::RemoveCreated {
                path: lab.root(),
                directory: true,
            },
        ],
    );
    undo.undo = true;
    assert_eq!(
        lab.apply(undo).await.unwrap(),
        [done(true), done(true), done(false)]
    );
}

#[tokio::test]
async fn the_same_order_is_carried_out_once() {
    let lab = Lab::local().locked("r1").await;
    let count = lab.path("count");
    let shell = || {
        vec![Action::Shell {
            script: format!("echo x >>{count}"),
            env: vec![],
            creates: None,
            read_only: false,
        }]
    };
    for _ in 0..3 {
        assert_eq!(lab.apply(order("r1", shell())).await.unwrap(), [done(true)]);
    }
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
    let both = tokio::join!(
        lab.apply(attempt(2, shell())),
        lab.apply(attempt(2, shell()))
    );
    assert_eq!(
        (both.0.unwrap(), both.1.unwrap()),
        (vec![done(true)], vec![done(true)])
    );
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\nx\n");
}

fn attempt(attempt: u32, actions: Vec<Action>) -> runbook_run::world::Order {
    runbook_run::world::Order {
        attempt,
        ..order("r1", actions)
    }
}

#[tokio::test]
async fn a_failure_ends_the_order_and_tells_why() {
    let lab = Lab::local().locked("r1").await;
    let shell = |script: &str| Action::Shell {
        script: script.into(),
        env: vec![("V".into(), "'; $(id)\n\"".into())],
        creates: None,
        read_only: true,
    };
    let (outcomes, progress) = lab
        .apply_watched(order(
            "r1",
            vec![
                shell("printf '%s' \"$V\""),
                shell("echo oops >&2; exit 7"),
                shell("true"),
            ],
        ))
        .await;
    let outcomes = outcomes.unwrap();
    assert_eq!(outcomes[0], done(false));
    assert_eq!(
        failed(&outcomes[1]),
        (Some(7), "the script ended with status 7", "oops\n")
    );
    assert_eq!(outcomes[2], Outcome::NotStarted);
    assert!(progress.contains(&Progress::Started(1)), "{progress:?}");
}

#[tokio::test]
async fn an_upload_arrives_whole_and_is_not_sent_twice() {
    let lab = Lab::local().locked("r1").await;
    let source = lab.path("source");
    let big: Vec<u8> = (0..3_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    std::fs::write(&source, &big).unwrap();
    std::fs::write(lab.path("small"), b"\0\xff\n").unwrap();
    let upload = |source: String, dest: String| Action::Upload {
        source,
        dest,
        sha256: None,
        size: None,
        access: Access {
            mode: 0o600,
            ..Access::default()
        },
        secret: true,
    };
    let actions = || {
        vec![
            upload(lab.path("small"), lab.path("up/s")),
            upload(source.clone(), lab.path("up/b")),
            upload(lab.path("small"), lab.path("up/t")),
        ]
    };
    let (outcomes, progress) = lab.apply_watched(order("r1", actions())).await;
    assert_eq!(outcomes.unwrap(), [done(true), done(true), done(true)]);
    assert!(
        progress.contains(&Progress::Transfer(3_000_000, 3_000_000)),
        "{progress:?}"
    );
    assert_eq!(std::fs::read(lab.path("up/b")).unwrap(), big);
    assert_eq!(std::fs::read(lab.path("up/t")).unwrap(), b"\0\xff\n");
    // The receipt answers; a new attempt finds it all there.
    assert_eq!(
        lab.apply(order("r1", actions())).await.unwrap(),
        [done(true), done(true), done(true)]
    );
    let (outcomes, progress) = lab.apply_watched(attempt(2, actions())).await;
    assert_eq!(outcomes.unwrap(), [done(false), done(false), done(false)]);
    assert!(
        !progress.iter().any(|p| matches!(p, Progress::Transfer(..))),
        "{progress:?}"
    );
    let remove = attempt(
        3,
        vec![
            Action::RemoveUpload {
                path: lab.path("up/b"),
            },
            Action::RemoveUpload {
                path: source.clone(),
            },
        ],
    );
    let outcomes = lab.apply(remove).await.unwrap();
    assert_eq!(outcomes[0], done(true));
    assert!(
        failed(&outcomes[1])
            .1
            .contains("not in a directory that this run made"),
        "{outcomes:?}"
    );
}
