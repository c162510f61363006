//! Changes of real clusters: members come and go, a full store is freed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../tests/support/etcd.rs"]
mod support;

use std::time::Duration;

use runbook_model::cluster::{MemberProbe, MemberQuery, MemberStatus};
use runbook_model::host::MemberSpec;
use runbook_world::etcd::{AccessFiles, CallError, Connection, Members, NoForward};
use support::{Cluster, Options, versions};

const LIMIT: Duration = Duration::from_secs(30);
const TRY: Duration = Duration::from_secs(10);

async fn connect(spec: &MemberSpec) -> Connection {
    let members = Members::new(NoForward, AccessFiles::default());
    let access = members.access(spec).unwrap();
    members
        .routes()
        .connect(spec, &access, LIMIT)
        .await
        .unwrap()
}

async fn status(spec: &MemberSpec) -> MemberStatus {
    let members = Members::new(NoForward, AccessFiles::default());
    let query = MemberQuery {
        hash_at: None,
        timeout_ms: 5000,
    };
    match members.probe(spec, query).await {
        MemberProbe::Serving(status) => *status,
        silent => panic!("{silent:?}"),
    }
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(outcome: Result<T, CallError>) -> String {
    match outcome.unwrap_err() {
        CallError::Refused { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_member_comes_and_leads_and_the_old_one_goes() {
    for version in versions() {
        let mut cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        let new = cluster.another();
        let spec = cluster.members[new].spec.clone();
        let old = connect(&cluster.specs()[0]).await;
        let first = status(&cluster.specs()[0]).await.member_id;
        let peer = [spec.peer_url()];
        let id = old.member_add(&peer, false, LIMIT).await.unwrap();
        let unstarted = old.member_promote(id, Duration::from_millis(400)).await;
        assert!(matches!(
            refusal(unstarted).as_str(),
            "etcdserver: can only promote a learner member which is in sync with leader"
                | "etcdserver: unhealthy cluster"
                | "etcdserver: rpc not supported for learner"
        ));
        cluster.run(new, "existing");
        // Straight away: it is waited until the learner is in sync and etcd's five seconds are over.
        old.member_promote(id, LIMIT).await.unwrap();
        // Until it has heard of that, it refuses to list members, as every learner does.
        cluster.wait_for(new, "/metrics", |m| m.contains("etcd_server_is_learner 0"));
        let listed = status(&spec).await.members.unwrap();
        assert!(listed.iter().all(|m| !m.is_learner && !m.name.is_empty()));

        // Of a voter: up to 3.5.30 this makes a voter of a learner.
        let both = [spec.peer_url(), "https://127.0.0.1:1".to_owned()];
        old.member_update(id, &both, LIMIT).await.unwrap();
        old.member_update(id, &peer, LIMIT).await.unwrap();

        // Right after another change raft may drop this one, and nobody answers.
        let mut missing = old.member_remove(12345, TRY).await;
        for _ in 0..3 {
            if matches!(missing, Err(CallError::Timeout { .. })) {
                missing = old.member_remove(12345, TRY).await;
            }
        }
        assert_eq!(refusal(missing), "etcdserver: member not found");
        old.move_leader(id, LIMIT).await.unwrap();
        assert_eq!(status(&spec).await.leader, id);
        let new_leader = connect(&spec).await;
        assert_eq!(
            refusal(old.move_leader(first, LIMIT).await),
            "etcdserver: not leader"
        );
        new_leader.member_remove(first, LIMIT).await.unwrap();
        assert_eq!(status(&spec).await.members.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_full_store_is_freed() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            flags: &["--quota-backend-bytes", "16777216"],
            ..Options::default()
        });
        let spec = cluster.specs().remove(0);
        let connection = connect(&spec).await;
        let mut kv = connection.client();
        while kv.put("big", vec![7_u8; 1_000_000], None).await.is_ok() {}
        let full = status(&spec).await;
        assert_eq!(full.alarms.len(), 1);

        connection.compact(full.revision, LIMIT).await.unwrap();
        assert_eq!(
            refusal(connection.compact(full.revision, LIMIT).await),
            "etcdserver: mvcc: required revision has been compacted"
        );
        let compacted = status(&spec).await;
        assert!(
            compacted.db_size >= full.db_size,
            "compaction alone frees nothing"
        );
        connection.defragment(LIMIT).await.unwrap();
        assert!(status(&spec).await.db_size < full.db_size / 4);
        connection
            .disarm_nospace(full.member_id, LIMIT)
            .await
            .unwrap();
        assert_eq!(status(&spec).await.alarms, []);
        kv.put("big", "small", None).await.unwrap();
    }
}
