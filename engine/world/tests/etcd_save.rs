//! Snapshots of real members, saved and refused.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../tests/support/etcd.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runbook_model::cluster::{MemberProbe, MemberQuery, SilentCause};
use runbook_model::host::{MemberSpec, Scheme};
use runbook_world::etcd::{
    Access, AccessFiles, Destination, Manifest, Members, NoForward, Routes, SaveError, Saved,
    save_snapshot, write_probe,
};
use support::{Cluster, Options, versions};

fn access(spec: &MemberSpec) -> Arc<Access> {
    Arc::new(Access::load(spec, &AccessFiles::default()).unwrap())
}

fn destination(path: &Path) -> Destination<'_> {
    Destination {
        path,
        run: "r1",
        replace: false,
        idle: Duration::from_secs(10),
    }
}

async fn save(spec: &MemberSpec, destination: Destination<'_>) -> Result<Saved, SaveError> {
    let routes = Routes::new(NoForward);
    save_snapshot(&routes, spec, &access(spec), destination, &mut |_, _| {}).await
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn fill(cluster: &Cluster) {
    for i in 0..40 {
        cluster.etcdctl(0, &["put", &format!("key-{i}"), &"v".repeat(10_000)]);
    }
    cluster.etcdctl(0, &["del", "key-7"]);
}

#[tokio::test]
async fn saved_verified_and_as_etcd_sees_it() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        fill(&cluster);
        let spec = cluster.specs().remove(0);
        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("backup.db");
        let mut seen = Vec::new();
        let saved = save_snapshot(
            &Routes::new(NoForward),
            &spec,
            &access(&spec),
            destination(&file),
            &mut |done, total| seen.push((done, total)),
        )
        .await
        .unwrap();

        assert_eq!(names(out.path()), ["backup.db", "backup.db.json"]);
        for name in names(out.path()) {
            let mode = fs::metadata(out.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let manifest = saved.manifest;
        assert_eq!(Manifest::load(&file).as_ref(), Some(&manifest));
        assert_eq!(manifest.size, fs::metadata(&file).unwrap().len());
        assert_eq!(seen.last(), Some(&(manifest.size, manifest.size)));
        assert!(seen.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!(manifest.revision, 42);
        assert_eq!(manifest.proven_by_member, Some(true));
        assert!(manifest.version == version || version == "sid");
        let status = cluster.etcdctl(0, &["snapshot", "status", file.to_str().unwrap()]);
        let fields: Vec<_> = status.trim().split(", ").collect();
        assert_eq!(
            fields[..3],
            [
                manifest.hash.as_str(),
                &manifest.revision.to_string(),
                &manifest.total_keys.to_string()
            ]
        );
        let sum = Command::new("sha256sum")
            .arg(&file)
            .output()
            .unwrap()
            .stdout;
        assert!(
            String::from_utf8(sum)
                .unwrap()
                .starts_with(&manifest.sha256)
        );
    }
}

#[tokio::test]
async fn under_writes_it_is_a_moment_of_the_store() {
    let cluster = Cluster::start(&Options {
        scheme: Scheme::Http,
        ..Options::default()
    });
    fill(&cluster);
    let spec = cluster.specs().remove(0);
    let connection = Routes::new(NoForward)
        .connect(&spec, &access(&spec), Duration::from_secs(5))
        .await
        .unwrap();
    let mut writer = connection.client();
    let load = tokio::spawn(async move {
        for n in 0_u64.. {
            writer
                .put(format!("load-{}", n % 50), n.to_string(), None)
                .await
                .unwrap();
        }
    });
    let out = tempfile::tempdir().unwrap();
    let mut last = 0;
    for n in 0..3 {
        let file = out.path().join(format!("{n}.db"));
        let saved = save(&spec, destination(&file)).await.unwrap();
        assert_eq!(saved.manifest.proven_by_member, Some(true));
        assert!(saved.manifest.revision > last, "the load goes on");
        last = saved.manifest.revision;
    }
    load.abort();
}

#[tokio::test]
async fn another_file_of_the_name_stays() {
    let cluster = Cluster::start(&Options::default());
    let spec = cluster.specs().remove(0);
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("backup.db");
    fs::write(&file, "mine").unwrap();
    let error = save(&spec, destination(&file)).await.unwrap_err();
    assert!(matches!(&error, SaveError::Exists { path } if *path == file));
    assert_eq!(
        error.help(),
        "name another file, or move that one away first"
    );
    assert_eq!(names(out.path()), ["backup.db"]);
    assert_eq!(fs::read(&file).unwrap(), b"mine");

    let replace = Destination {
        replace: true,
        ..destination(&file)
    };
    let first = save(&spec, replace).await.unwrap();
    assert_eq!(first.manifest.revision, 0, "an empty store has no record");
    cluster.etcdctl(0, &["put", "a", "1"]);
    let second = save(&spec, replace).await.unwrap();
    assert_eq!(second.manifest.revision, 2);
    assert_eq!(Manifest::load(&file), Some(second.manifest));

    let other = out.path().join("other.db");
    fs::write(out.path().join("other.db.json"), "notes of mine").unwrap();
    fs::write(
        out.path().join("other.db.part"),
        "left by a run that was killed",
    )
    .unwrap();
    let error = save(&spec, destination(&other)).await.unwrap_err();
    assert!(matches!(error, SaveError::Exists { .. }));
    assert_eq!(
        names(out.path()),
        ["backup.db", "backup.db.json", "other.db.json"]
    );
}

/// 3.5 answers HashKV at the revision that it compacted to from memory, as of before: that is no difference.
#[tokio::test]
async fn right_after_a_compaction_to_the_head() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        let spec = cluster.specs().remove(0);
        for value in ["1", "2", "3"] {
            cluster.etcdctl(0, &["put", "a", value]);
        }
        cluster.etcdctl(0, &["compact", "--physical", "4"]);
        let out = tempfile::tempdir().unwrap();
        let head = out.path().join("head.db");
        let saved = save(&spec, destination(&head)).await.unwrap();
        assert_eq!(
            (saved.manifest.revision, saved.manifest.proven_by_member),
            (4, None)
        );
        cluster.etcdctl(0, &["put", "a", "4"]);
        let later = out.path().join("later.db");
        let saved = save(&spec, destination(&later)).await.unwrap();
        assert_eq!(
            (saved.manifest.revision, saved.manifest.proven_by_member),
            (5, Some(true))
        );
    }
}

/// A run that was killed after the file had its name asks again when it is resumed.
#[tokio::test]
async fn the_same_run_finds_its_own_file() {
    let cluster = Cluster::start(&Options::default());
    let spec = cluster.specs().remove(0);
    let members = Members::new(NoForward, AccessFiles::default());
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("backup.db");
    let to = destination(&file);
    let first = members
        .save_snapshot(&spec, to, &mut |_, _| {})
        .await
        .unwrap();
    assert!(first.changed);
    cluster.etcdctl(0, &["put", "a", "1"]);
    let again = members
        .save_snapshot(&spec, to, &mut |_, _| {})
        .await
        .unwrap();
    assert!(!again.changed);
    assert_eq!(again.manifest, first.manifest);

    let other = Destination { run: "r2", ..to };
    let refused = members
        .save_snapshot(&spec, other, &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(matches!(refused, SaveError::Exists { .. }), "{refused}");
    let mut bytes = fs::read(&file).unwrap();
    bytes[5000] ^= 1;
    fs::write(&file, bytes).unwrap();
    let damaged = members
        .save_snapshot(&spec, to, &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(matches!(damaged, SaveError::Exists { .. }), "{damaged}");
}

#[tokio::test]
async fn without_certificates_nobody_is_asked() {
    let cluster = Cluster::prepare(&Options::default());
    let spec = cluster.specs().remove(0);
    let members = Members::new(NoForward, AccessFiles::default());
    let query = MemberQuery::default();
    let MemberProbe::Silent { cause, detail } = members.probe(&spec, query).await else {
        panic!("silent");
    };
    assert_eq!(cause, SilentCause::NotAsked);
    assert!(
        detail.contains("ca.crt`: No such file") && detail.contains("pki_dir"),
        "{detail}"
    );
    let limit = Duration::from_secs(1);
    let error = members.write_probe(&[spec], limit).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot read `"), "{error}");
}

#[tokio::test]
async fn a_stream_that_stands_still_is_given_up() {
    let cluster = Cluster::start(&Options {
        scheme: Scheme::Http,
        ..Options::default()
    });
    // More than fits in the windows and buffers between here and there.
    let spec = cluster.specs().remove(0);
    let connection = Routes::new(NoForward)
        .connect(&spec, &access(&spec), Duration::from_secs(5))
        .await
        .unwrap();
    for n in 0..60 {
        let mut kv = connection.client();
        kv.put(format!("big-{n}"), vec![7_u8; 1_000_000], None)
            .await
            .unwrap();
    }
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("backup.db");
    let mut stopped = false;
    let error = save_snapshot(
        &Routes::new(NoForward),
        &spec,
        &access(&spec),
        Destination {
            idle: Duration::from_millis(600),
            ..destination(&file)
        },
        &mut |_, _| {
            if !stopped {
                stopped = true;
                cluster.signal(0, "STOP");
            }
        },
    )
    .await
    .unwrap_err();
    cluster.signal(0, "CONT");
    assert!(matches!(error, SaveError::Stalled { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("the snapshot of `e1` stood still for 600 ms after "),
        "{error}"
    );
    assert_eq!(names(out.path()), [""; 0]);
}

#[tokio::test]
async fn without_a_directory_and_without_a_member() {
    let mut cluster = Cluster::start(&Options::default());
    let spec = cluster.specs().remove(0);
    let out = tempfile::tempdir().unwrap();
    let nowhere = out.path().join("no/backup.db");
    let error = save(&spec, destination(&nowhere)).await.unwrap_err();
    assert!(
        matches!(
            error,
            SaveError::File {
                doing: "create",
                ..
            }
        ),
        "{error}"
    );
    cluster.kill(0);
    let file = out.path().join("backup.db");
    let error = save(&spec, destination(&file)).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`e1` gave no snapshot: nothing listens on `127."),
        "{error}"
    );
    assert_eq!(names(out.path()), [""; 0]);
}

#[tokio::test]
async fn from_a_member_without_quorum() {
    for version in versions() {
        let mut cluster = Cluster::start(&Options {
            version: &version,
            members: 3,
            ..Options::default()
        });
        cluster.etcdctl(0, &["put", "a", "1"]);
        let members: Vec<_> = cluster
            .specs()
            .into_iter()
            .map(|s| (s.clone(), access(&s)))
            .collect();
        let routes = Routes::new(NoForward);
        let limit = Duration::from_secs(20);
        let seen = write_probe(&routes, &members, "r1", limit).await.unwrap();
        assert_eq!(
            seen,
            "wrote through `e1` at revision 3, read back through `e2`, `e3`, deleted"
        );
        assert_eq!(
            cluster
                .etcdctl(2, &["get", "--prefix", "", "--keys-only"])
                .trim(),
            "a"
        );

        cluster.kill(1);
        let error = write_probe(&routes, &members, "r2", limit)
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("read through `e2` failed: nothing listens on `127."),
            "{error}"
        );
        assert_eq!(
            cluster
                .etcdctl(2, &["get", "--prefix", "", "--keys-only"])
                .trim(),
            "a"
        );

        cluster.kill(0);
        cluster.wait_for(2, "/metrics", |m| m.contains("etcd_server_has_leader 0"));
        let alone = &members[2..];
        let begun = Instant::now();
        let error = write_probe(&routes, alone, "r3", Duration::from_secs(1))
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("write through `e3` failed: "), "{text}");
        let said = [
            "no answer to put within ",
            "context deadline exceeded",
            "etcdserver: ",
        ];
        assert!(said.iter().any(|s| text.contains(s)), "{text}");
        assert!(
            begun.elapsed() < Duration::from_secs(8),
            "{:?}",
            begun.elapsed()
        );

        let out = tempfile::tempdir().unwrap();
        let file = out.path().join("last.db");
        let saved = save(&members[2].0, destination(&file)).await.unwrap();
        assert!(saved.manifest.revision >= 4);
    }
}

#[tokio::test]
async fn a_probe_without_members() {
    let none = write_probe(&Routes::new(NoForward), &[], "r", Duration::from_secs(1)).await;
    assert_eq!(none.unwrap_err().to_string(), "no member to write through");
}
