//! Snapshots that real etcd wrote, against what real etcd says of them (`tests/fixtures/snapshots/make.sh`).

use crate::fixtures::{Fixture, VERSIONS, all, ids};
use runbook_snapshot::{
    Allow, Fit, HashKvError, Minor, Options, Verdict, hash_kv_source, ids::cluster_id,
    ids::member_id, inspect_source, verify,
};

fn options() -> Options {
    Options {
        hash_kv: true,
        ..Options::default()
    }
}

#[test]
fn status_is_what_etcd_prints() {
    for fixture in all() {
        let report = inspect_source(&fixture.bytes, &options()).unwrap();
        assert_eq!(report.verdict, Verdict::Valid, "{}", fixture.name);
        let database = report.database.unwrap();
        let ours = serde_json::json!({
            "hash": database.hash,
            "revision": database.revision,
            "totalKey": database.total_key,
            "totalSize": database.total_size,
        });
        let mut theirs = fixture.told["status"].clone();
        // From 3.5.17 on etcdutl prints the storage version too.
        if let Some(version) = theirs
            .as_object_mut()
            .and_then(|told| told.remove("version"))
        {
            assert_eq!(database.version, version, "{}", fixture.name);
        }
        assert_eq!(ours, theirs, "{}", fixture.name);
    }
}

#[test]
fn hash_kv_is_what_members_answer() {
    let mut compared = 0;
    for fixture in all() {
        for hash in fixture.hashes() {
            let ours = hash_kv_source(&fixture.bytes, hash.revision, hash.compact_revision);
            // Asked for the revision it was compacted at, 3.5 answers with the hash it took just before.
            if let Err(HashKvError::CompactedLater { file, .. }) = ours {
                assert_eq!(file, hash.revision, "{} at {hash:?}", fixture.name);
                continue;
            }
            assert_eq!(ours.unwrap(), hash.hash, "{} at {hash:?}", fixture.name);
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn a_snapshot_from_before_a_compaction_gives_the_hash_after_it() {
    for version in VERSIONS {
        let before = Fixture::read(version, "before");
        for later in ["compacted-at-tombstone", "compacted"] {
            for hash in Fixture::read(version, later).hashes() {
                let ours = hash_kv_source(&before.bytes, hash.revision, hash.compact_revision);
                assert_eq!(ours.unwrap(), hash.hash, "{version} {later} {hash:?}");
            }
        }
    }
}

#[test]
fn a_hash_outside_the_files_history_is_an_error() {
    let compacted = Fixture::read("3.5.30", "compacted");
    let hash = |revision, compact| hash_kv_source(&compacted.bytes, revision, compact);
    assert!(matches!(hash(27, 28), Err(HashKvError::Compacted { .. })));
    assert!(matches!(
        hash(32, 28),
        Err(HashKvError::Future { last: 31, .. })
    ));
    assert!(matches!(
        hash(31, 22),
        Err(HashKvError::CompactedLater { file: 28, .. })
    ));
}

#[test]
fn the_reports_own_hash_is_the_last_one_answered() {
    for fixture in all() {
        let report = inspect_source(&fixture.bytes, &options()).unwrap();
        let ours = report.database.unwrap().hash_kv.unwrap();
        let theirs = fixture.hashes().into_iter().rev().find(|hash| {
            hash.revision == ours.revision && hash.compact_revision == ours.compact_revision
        });
        if let Some(theirs) = theirs {
            assert_eq!(ours.hash, theirs.hash, "{}", fixture.name);
        }
    }
}

#[test]
fn ids_are_what_a_restore_gave() {
    for version in VERSIONS {
        let told = ids(version);
        let (token, cluster) = (told["token"].as_str(), told["cluster"].as_str());
        let id = cluster_id(token.unwrap(), cluster.unwrap()).unwrap();
        assert_eq!(told["cluster-id"], format!("{id:x}"), "{version}");
        let urls = ["http://127.0.0.1:2380"];
        let id = member_id(&urls, token.unwrap()).unwrap();
        assert_eq!(told["local-member-id"], format!("{id:x}"), "{version}");
    }
}

#[test]
fn members_learners_and_removed_ones() {
    for version in VERSIONS {
        let learner = Fixture::read(version, "learner");
        let database = inspect_source(&learner.bytes, &options())
            .unwrap()
            .database
            .unwrap();
        let mut told: Vec<(u64, bool)> = learner.told["members"]["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|member| (member["ID"].as_u64().unwrap(), member["isLearner"] == true))
            .collect();
        told.sort_unstable();
        let mut ours: Vec<(u64, bool)> = database
            .members
            .iter()
            .map(|member| (member.id, member.is_learner))
            .collect();
        ours.sort_unstable();
        assert_eq!(ours, told, "{version}");
        let newcomer = database
            .members
            .iter()
            .find(|member| member.is_learner)
            .unwrap();
        assert_eq!(newcomer.peer_urls, ["http://127.0.0.9:2380"]);

        let removed = Fixture::read(version, "removed");
        let database = inspect_source(&removed.bytes, &options())
            .unwrap()
            .database
            .unwrap();
        assert_eq!(database.members_removed, [newcomer.id], "{version}");
        assert_eq!(database.members.len(), 1, "{version}");
    }
}

#[test]
fn users_and_roles_without_any_password() {
    for version in VERSIONS {
        let auth = Fixture::read(version, "auth");
        let report = inspect_source(&auth.bytes, &options()).unwrap();
        let told = report.database.as_ref().unwrap().auth.clone();
        assert!(told.enabled, "{version}");
        let users: Vec<_> = told.users.iter().map(|user| user.name.as_str()).collect();
        assert_eq!(users, ["alice", "root"]);
        assert_eq!(told.users[0].roles, ["reader"]);
        assert!(told.roles.contains(&"reader".to_owned()));
        // bcrypt's prefix, as etcd stores it.
        let stored = auth.bytes.windows(4).any(|window| window == b"$2a$");
        assert!(stored, "the fixture holds a password hash");
        let shown = format!("{report:?} {}", runbook_snapshot::to_json(&report));
        assert!(!shown.contains("$2a$"), "{version}");
    }
}

#[test]
fn keys_alive_compactions_and_a_bumped_revision() {
    for version in VERSIONS {
        let read = |name| {
            let fixture = Fixture::read(version, name);
            inspect_source(&fixture.bytes, &options())
                .unwrap()
                .database
                .unwrap()
        };
        let before = read("before");
        assert_eq!((before.revision, before.compact_revision), (31, -1));
        assert_eq!(
            (before.total_key_36, before.keys.tombstones),
            (5, 10),
            "{version}"
        );
        let compacted = read("compacted");
        assert_eq!((compacted.revision, compacted.compact_revision), (31, 28));
        assert_eq!(compacted.total_key_36, 5, "{version}");
        assert_eq!((compacted.leases, compacted.keys.leased), (1, 1));
        assert_eq!(read("emptied").total_key_36, 0, "{version}");
    }
    let bumped = Fixture::read("3.5.30", "bumped");
    let database = inspect_source(&bumped.bytes, &options())
        .unwrap()
        .database
        .unwrap();
    assert_eq!(
        (database.revision, database.compact_revision),
        (1_000_032, 1_000_031)
    );
    assert_eq!(database.keys.placeholders, 1);
}

#[test]
fn which_servers_can_read_it() {
    let fit = |version| {
        let plain = Fixture::read(version, "plain");
        inspect_source(&plain.bytes, &options())
            .unwrap()
            .database
            .unwrap()
            .server_fit
    };
    assert_eq!(fit("3.4.23").least, Some(Minor(3, 4)));
    assert_eq!(fit("3.4.23").server(Minor(3, 5)), Fit::Reads);
    assert_eq!(fit("3.5.16").least, Some(Minor(3, 5)));
    assert_eq!(fit("3.5.16").server(Minor(3, 4)), Fit::Downgrade);
    assert_eq!(fit("3.5.30").server(Minor(3, 6)), Fit::Reads);
    assert_eq!(fit("3.4.23").server(Minor(3, 6)), Fit::SkipsAMinor);
}

#[test]
fn every_real_snapshot_passes_verification() {
    let dir = tempfile::tempdir().unwrap();
    for fixture in all() {
        let path = dir.path().join("backup.db");
        std::fs::write(&path, &fixture.bytes).unwrap();
        let verified = verify(&path, None, Allow::default()).unwrap();
        let sum = runbook_snapshot::parse_sha256(verified.sha256()).unwrap();
        verify(&path, Some(&sum), Allow::default()).unwrap();
        let refused = verify(&path, Some(&[7; 32]), Allow::default()).unwrap_err();
        assert_eq!(refused.reasons()[0].damage.code(), "digest");
    }
}
