//! The real world with a shell right here: actions, probes, receipts and locks.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "../../../tests/support/hosts.rs"]
mod hosts;

use hosts::{Lab, done, failed, lock_of, order};
use runbook_model::action::{Access, Action, Outcome};
use runbook_model::facts::{FileKind, FileQuery, HostError, HostFacts, ProbeRequest};
use runbook_run::world::{Observe, Order, Progress, World};

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
    let facts = probe_writes_nothing(&lab, &request).await;
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

async fn probe_writes_nothing(lab: &Lab, request: &ProbeRequest) -> HostFacts {
    let before = tree(&lab.root());
    let facts = lab.world.probe(&lab.host, request).await.unwrap();
    assert_eq!(tree(&lab.root()), before, "a probe writes nothing");
    facts
}

/// Everything below a directory: names, inodes, sizes, times of change.
fn tree(dir: &str) -> String {
    let find = std::process::Command::new("find")
        .args([dir, "-printf", "%p %i %s %C@ %m\n"])
        .output()
        .unwrap();
    String::from_utf8(find.stdout).unwrap()
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
        owner: Some(hosts::whoami()),
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
    // What was made on the way to the directory goes with it.
    assert!(!std::path::Path::new(&lab.path("a")).exists());
}

#[tokio::test]
async fn a_written_file_has_its_mode_whatever_that_is() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::local().locked("r1").await;
    for (step, mode) in [0o644, 0o640, 0o600, 0o755, 0o444, 0]
        .into_iter()
        .enumerate()
    {
        let path = lab.path(&format!("f{step}"));
        let access = Access {
            mode,
            owner: Some(hosts::whoami()),
            group: None,
        };
        let write = |content: &str| Action::WriteFile {
            path: path.clone(),
            content: content.into(),
            access: access.clone(),
        };
        let twice = vec![write("a"), write("bb"), write("bb")];
        let outcomes = lab
            .apply(Order {
                step,
                ..order("r1", twice)
            })
            .await;
        assert_eq!(outcomes.unwrap(), [done(true), done(true), done(false)]);
        let found = std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(found, if mode == 0 { 0o644 } else { mode });
    }
}

/// Files that stand one after the other in an order are written together, and each has its own end.
#[tokio::test]
async fn of_many_files_each_has_its_end() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::local().locked("r1").await;
    let write = |name: &str, content: &str, mode| Action::WriteFile {
        path: lab.path(name),
        content: content.into(),
        access: Access {
            mode,
            ..Access::default()
        },
    };
    let mode = |name: &str| {
        std::fs::metadata(lab.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    let put = |name: &str, mode| {
        std::fs::write(lab.path(name), "same").unwrap();
        std::fs::set_permissions(lab.path(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    put("as it is", 0o640);
    put("another\\mode", 0o640);
    put("other content", 0o644);
    std::os::unix::fs::symlink(lab.path("as it is"), lab.path("link")).unwrap();
    let order_of = |step, actions| Order {
        step,
        ..order("r1", actions)
    };
    let actions = vec![
        write("as it is", "same", 0o640),
        write("another\\mode", "same", 0o600),
        write("other content", "text", 0o644),
        write("link", "same", 0o644),
        write("new/deep", "", 0o644),
    ];
    let outcomes = lab.apply(order_of(1, actions)).await.unwrap();
    let changed = [false, true, true, true, true].map(done);
    assert_eq!(outcomes, changed);
    assert_eq!((mode("as it is"), mode("another\\mode")), (0o640, 0o600));
    assert_eq!(
        std::fs::read_to_string(lab.path("other content")).unwrap(),
        "text"
    );
    assert!(
        !std::fs::symlink_metadata(lab.path("link"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(std::fs::metadata(lab.path("new/deep")).unwrap().len(), 0);
    for dir in [".", "new"] {
        for entry in std::fs::read_dir(lab.path(dir)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(
                !name.starts_with(".runbook-"),
                "{dir}/{name} was left behind"
            );
        }
    }
}

/// After a file that cannot be written none is, and those before it stand.
#[tokio::test]
async fn of_many_files_the_first_that_fails_is_the_last() {
    let lab = Lab::local().locked("r1").await;
    let write = |name: &str| Action::WriteFile {
        path: lab.path(name),
        content: "x".into(),
        access: Access {
            mode: 0o644,
            ..Access::default()
        },
    };
    std::fs::create_dir(lab.path("in the way")).unwrap();
    let actions = vec![write("before"), write("in the way"), write("after")];
    let outcomes = lab.apply(order("r1", actions)).await.unwrap();
    let reason = format!("`{}` is a directory", lab.path("in the way"));
    assert_eq!(
        (&outcomes[0], &outcomes[2]),
        (&done(true), &Outcome::NotStarted)
    );
    assert_eq!(failed(&outcomes[1]).1, reason);
    assert!(std::path::Path::new(&lab.path("before")).exists());
    assert!(!std::path::Path::new(&lab.path("after")).exists());
}

/// One shell runs program after program; when it is gone, another takes its place and nobody notices.
#[tokio::test]
async fn a_shell_is_used_again_and_replaced_when_it_is_gone() {
    let lab = Lab::local().locked("r1").await;
    let shell_of = async |step: usize| {
        let file = lab.path(&format!("shell-{step}"));
        // Up from the script to the process whose parent is this test.
        let script = format!(
            "p=$$; while :; do read -r _ _ _ parent _ </proc/$p/stat; [ \"$parent\" = {} ] && break; p=$parent; done; echo $p >{file}",
            std::process::id()
        );
        let action = Action::Shell {
            script,
            env: vec![],
            creates: None,
            read_only: false,
        };
        let order = Order {
            step,
            ..order("r1", vec![action])
        };
        assert_eq!(lab.apply(order).await.unwrap(), [done(true)]);
        std::fs::read_to_string(&file).unwrap().trim().to_owned()
    };
    let first = shell_of(1).await;
    lab.world
        .probe(&lab.host, &ProbeRequest::default())
        .await
        .unwrap();
    assert_eq!(shell_of(2).await, first);
    let kill = |pid: &str| {
        let killed = std::process::Command::new("kill")
            .args(["-9", pid])
            .status();
        assert!(killed.unwrap().success());
    };
    kill(&first);
    let second = shell_of(3).await;
    assert_ne!(second, first);
    kill(&second);
    lab.world
        .probe(&lab.host, &ProbeRequest::default())
        .await
        .unwrap();
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

fn attempt(attempt: u32, actions: Vec<Action>) -> Order {
    Order {
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
    let written = || {
        std::fs::metadata(lab.path("up"))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = written();
    let (outcomes, progress) = lab.apply_watched(attempt(2, actions())).await;
    assert_eq!(outcomes.unwrap(), [done(false), done(false), done(false)]);
    assert_eq!(before, written(), "nothing was written beside the files");
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

#[tokio::test]
async fn an_uploaded_file_and_its_directory_go_each_by_its_own_action() {
    let lab = Lab::local().locked("r1").await;
    std::fs::write(lab.path("small"), b"x").unwrap();
    let upload = Action::Upload {
        source: lab.path("small"),
        dest: lab.path("up/s"),
        sha256: None,
        size: None,
        access: Access::default(),
        secret: false,
    };
    assert_eq!(
        lab.apply(order("r1", vec![upload])).await.unwrap(),
        [done(true)]
    );
    let gone = || {
        vec![
            Action::RemoveUpload {
                path: lab.path("up/s"),
            },
            Action::RemoveCreated {
                path: lab.path("up"),
                directory: true,
            },
        ]
    };
    let remove = lab.apply(attempt(2, gone())).await;
    assert_eq!(remove.unwrap(), [done(true), done(true)]);
    assert!(!std::path::Path::new(&lab.path("up")).exists());
    let again = lab.apply(attempt(3, gone())).await;
    assert_eq!(again.unwrap(), [done(false), done(false)]);
}

/// F12: neither the script nor what it started outlives the limit, and nobody claims to know what it did.
#[tokio::test]
async fn f12_a_command_that_never_ends_is_ended_and_unknown() {
    let lab = Lab::local().locked("r1").await;
    let pids = lab.path("pids");
    let script = format!(
        "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >>{pids}; while :; do sleep 0.1; done' & echo $$ >>{pids}; wait; while :; do sleep 0.1; done"
    );
    let endless = Action::Shell {
        script,
        env: vec![],
        creates: None,
        read_only: false,
    };
    let outcomes = lab
        .apply(Order {
            timeout_ms: 500,
            ..order("r1", vec![endless, Action::DaemonReload])
        })
        .await
        .unwrap();
    assert!(
        matches!(&outcomes[..], [Outcome::Unknown { reason }, Outcome::NotStarted] if reason.contains("time limit")),
        "{outcomes:?}"
    );
    let pids = std::fs::read_to_string(&pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(
            state.is_empty() || state.contains(") Z "),
            "process {pid} lives: {state}"
        );
    }
}

/// F38: output of any size costs a bounded amount of memory and disk; both ends are kept, the rest is counted.
#[tokio::test]
async fn f38_huge_output_is_bounded() {
    let lab = Lab::local().locked("r1").await;
    let script = "echo first; head -c 500000000 /dev/zero | tr '\\0' x; echo; echo last; exit 9";
    let huge = Action::Shell {
        script: script.into(),
        env: vec![],
        creates: None,
        read_only: false,
    };
    let before = peak_memory_kib();
    let outcomes = lab.apply(order("r1", vec![huge])).await.unwrap();
    let (status, _, output) = failed(&outcomes[0]);
    assert_eq!(status, Some(9));
    assert!(
        output.starts_with("first\nxxx") && output.contains("xxx\nlast\n"),
        "{}…{}",
        &output[..20],
        &output[output.len() - 80..]
    );
    assert!(
        output.len() < 20_000 && output.contains("bytes more were left out"),
        "{}",
        output.len()
    );
    assert!(
        peak_memory_kib() - before < 32 * 1024,
        "{} KiB",
        peak_memory_kib() - before
    );
    let kept: u64 = walk(&lab.path("state"))
        .iter()
        .filter_map(|p| p.metadata().ok())
        .map(|m| m.len())
        .sum();
    assert!(kept < 1 << 20, "{kept} bytes on the host");
}

fn peak_memory_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn walk(dir: &str) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => all.extend(walk(&entry.path().display().to_string())),
            false => all.push(entry.path()),
        }
    }
    all
}

/// F39, F40: all bytes, escapes, forged records.
#[tokio::test]
async fn f39_f40_hostile_output_is_shown_and_not_acted_upon() {
    let lab = Lab::local().locked("r1").await;
    std::fs::write(lab.path("bytes"), (0..=255).collect::<Vec<u8>>()).unwrap();
    let script = format!(
        "printf '\\033]0;title\\007\\033[2J'; cat {}; printf '\\n%s end 0 0\\n\\n%s end\\n' 0123456789abcdef0123456789abcdef $N; exit 5",
        lab.path("bytes")
    );
    let shell = Action::Shell {
        script,
        env: vec![],
        creates: None,
        read_only: false,
    };
    let (outcomes, progress) = lab.apply_watched(order("r1", vec![shell])).await;
    let outcomes = outcomes.unwrap();
    let (status, _, output) = failed(&outcomes[0]);
    assert_eq!(status, Some(5));
    assert!(
        output.starts_with("\\x1b]0;title\\x07\\x1b[2J\\x00\\x01"),
        "{output}"
    );
    assert!(
        output.contains("0123456789abcdef0123456789abcdef end 0 0\n"),
        "{output}"
    );
    let lines = progress.iter().filter_map(|p| match p {
        Progress::Line(line) => Some(line.as_str()),
        _ => None,
    });
    assert!(
        [output]
            .into_iter()
            .chain(lines)
            .all(|l| l.chars().all(|c| c == '\n' || !c.is_control()))
    );
}

/// F34: values are data wherever they go.
#[tokio::test]
async fn f34_hostile_values_stay_data() {
    let lab = Lab::local().locked("r1").await;
    let canary = lab.path("canary");
    for (step, hostile) in [
        format!("$(touch {canary})"),
        format!("'; touch {canary}; '"),
        format!("`touch {canary}`"),
        "-rf".into(),
        "a b*?".into(),
    ]
    .into_iter()
    .enumerate()
    {
        let dir = lab.path(&hostile.replace('/', "_"));
        let actions = vec![
            Action::Directory {
                path: dir.clone(),
                access: Access::default(),
            },
            Action::WriteFile {
                path: format!("{dir}/{}", hostile.replace('/', "_")),
                content: hostile.clone(),
                access: Access::default(),
            },
            Action::Shell {
                script: "[ \"$V\" = \"$(cat \"$F\")\" ]".into(),
                env: vec![
                    ("V".into(), hostile.clone()),
                    ("F".into(), format!("{dir}/{}", hostile.replace('/', "_"))),
                ],
                creates: None,
                read_only: true,
            },
        ];
        let outcomes = lab
            .apply(Order {
                step,
                ..order("r1", actions)
            })
            .await
            .unwrap();
        assert_eq!(outcomes, [done(true), done(true), done(false)], "{hostile}");
    }
    assert!(!std::path::Path::new(&canary).exists());
}

#[tokio::test]
async fn values_that_no_action_may_carry_stop_the_order_before_it_is_sent() {
    let lab = Lab::local().locked("r1").await;
    for (step, bad) in ["a\0b", "../etc", "/tmp/../etc/x", "/a\nb"]
        .into_iter()
        .enumerate()
    {
        let write = Action::WriteFile {
            path: bad.into(),
            content: String::new(),
            access: Access::default(),
        };
        let outcomes = lab
            .apply(Order {
                step: 100 + step,
                ..order("r1", vec![Action::DaemonReload, write])
            })
            .await
            .unwrap();
        assert!(
            matches!(&outcomes[..], [Outcome::NotStarted, Outcome::Failed { .. }]),
            "{bad:?}: {outcomes:?}"
        );
    }
}

#[tokio::test]
async fn names_of_cluster_run_and_host_stay_below_the_state_directory() {
    let lab = Lab::local();
    // The names of cluster, run and host are paths on the host.
    let named = Order {
        cluster: "../../c".into(),
        ..order("../r1", vec![])
    };
    let lock = runbook_model::facts::LockFacts {
        run: "../r1".into(),
        ..lock_of("r1")
    };
    assert_eq!(
        lab.world
            .lock(&lab.host, &named.cluster, &lock)
            .await
            .unwrap(),
        Ok(())
    );
    assert!(std::path::Path::new(&lab.path("state/%2e.%2f..%2fc/h1/lock")).exists());
}

#[path = "local/receipts.rs"]
mod receipts;
