//! What a probe says of real members, well and sick.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../tests/support/etcd.rs"]
mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_client::{AlarmAction, AlarmOptions, AlarmType};
use runbook_model::cluster::{MemberProbe, MemberQuery, MemberStatus, SilentCause};
use runbook_model::facts::HostError;
use runbook_model::host::{HostName, MemberSpec, Scheme};
use runbook_world::etcd::{Access, AccessFiles, Forward, NoForward, Route, Routes, member_probe};
use support::{Cluster, Options, own_address, versions};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UnixListener};

fn query(timeout_ms: u64) -> MemberQuery {
    MemberQuery {
        hash_at: None,
        timeout_ms,
    }
}

fn access(spec: &MemberSpec) -> Arc<Access> {
    Arc::new(Access::load(spec, &AccessFiles::default()).unwrap())
}

async fn probe(spec: &MemberSpec, query: MemberQuery) -> MemberProbe {
    member_probe(&Routes::new(NoForward), spec, &access(spec), query).await
}

fn serving(probe: MemberProbe) -> MemberStatus {
    match probe {
        MemberProbe::Serving(status) => *status,
        silent => panic!("{silent:?}"),
    }
}

fn silent(probe: MemberProbe) -> (SilentCause, String) {
    match probe {
        MemberProbe::Silent { cause, detail } => (cause, detail),
        serving => panic!("{serving:?}"),
    }
}

/// A silence's cause and words, the member's address and the test's directory taken out.
async fn silence(spec: &MemberSpec, timeout_ms: u64) -> (SilentCause, String) {
    let (cause, detail) = silent(probe(spec, query(timeout_ms)).await);
    (cause, plain(spec, &detail))
}

fn plain(spec: &MemberSpec, detail: &str) -> String {
    detail
        .replace(&format!("{}:{}", spec.address, spec.client_port), "MEMBER")
        .replace(&format!("{}/", spec.control_pki_dir), "")
}

#[tokio::test]
async fn healthy_members_agree() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            members: 3,
            ..Options::default()
        });
        cluster.etcdctl(0, &["put", "a", "1"]);
        let mut all = Vec::new();
        for spec in cluster.specs() {
            let query = MemberQuery {
                hash_at: Some(2),
                timeout_ms: 5000,
            };
            all.push(serving(probe(&spec, query).await));
        }
        let first = &all[0];
        for status in &all {
            assert!(status.version == version || version == "sid");
            assert_eq!(status.cluster_id, first.cluster_id);
            assert_eq!(status.leader, first.leader);
            assert_ne!(status.leader, 0);
            assert_eq!(status.revision, 2);
            let hash = status.hash.unwrap();
            assert_eq!(hash.hash, first.hash.unwrap().hash);
            assert_eq!((hash.revision, hash.compact_revision), (2, -1));
            assert!(status.db_size > 0 && status.db_size_in_use > 0);
            assert!(status.raft_term > 0 && status.raft_index >= status.raft_applied_index);
            assert!(!status.is_learner);
            assert_eq!((&status.errors[..], &status.alarms[..]), (&[][..], &[][..]));
            let days = (status.certificate_not_after.unwrap() - support::now()) / 86_400;
            // Issued for thirty days, perhaps within this second.
            assert!((29..=30).contains(&days), "{days}");
            let mut names: Vec<_> = status
                .members
                .as_ref()
                .unwrap()
                .iter()
                .map(|m| m.name.as_str())
                .collect();
            names.sort_unstable();
            assert_eq!(names, ["e1", "e2", "e3"]);
            assert!(status.latency_us > 0);
        }
        // A revision that the member has not got, or no more, is unknown, no more. Later 3.5 keeps the hash that it took when it compacted.
        cluster.etcdctl(0, &["put", "a", "2"]);
        cluster.etcdctl(0, &["compact", "2"]);
        let forgets = version.starts_with("3.4") || version == "3.5.1";
        let kept = (!forgets).then_some((2, -1));
        let newest = Some((3, 2));
        for (revision, hash) in [(99, None), (1, None), (2, kept), (3, newest), (0, newest)] {
            let query = MemberQuery {
                hash_at: Some(revision),
                timeout_ms: 5000,
            };
            let found = serving(probe(&cluster.specs()[0], query).await).hash;
            assert_eq!(
                found.map(|h| (h.revision, h.compact_revision)),
                hash,
                "{revision}"
            );
        }
        // etcdctl's own view of the ids, which JSON gives in decimal.
        let json = cluster.etcdctl(0, &["endpoint", "status", "-w", "json"]);
        assert!(json.contains(&first.cluster_id.to_string()), "{json}");
        assert!(json.contains(&first.member_id.to_string()), "{json}");
    }
}

#[tokio::test]
async fn plain_text_works_too() {
    let cluster = Cluster::start(&Options {
        scheme: Scheme::Http,
        ..Options::default()
    });
    let mut spec = cluster.specs().remove(0);
    let status = serving(probe(&spec, query(5000)).await);
    assert_eq!(status.certificate_not_after, None);
    assert_eq!(status.leader, status.member_id);

    // Asked in TLS, it is said which scheme was wrong.
    cluster.issue(support::now());
    spec.scheme = Scheme::Https;
    let (cause, detail) = silence(&spec, 5000).await;
    assert_eq!(
        (cause, detail.as_str()),
        (
            SilentCause::Tls,
            "`MEMBER` ends the connection instead of speaking TLS: is its scheme http?"
        )
    );
}

#[tokio::test]
async fn tls_asked_in_plain_text() {
    let cluster = Cluster::start(&Options::default());
    let mut spec = cluster.specs().remove(0);
    spec.scheme = Scheme::Http;
    let (cause, detail) = silence(&spec, 5000).await;
    assert_eq!(
        (cause, detail.as_str()),
        (
            SilentCause::Error,
            "`MEMBER` ends the connection at once: does it want TLS?"
        )
    );
}

#[tokio::test]
async fn down_stopped_and_without_quorum() {
    for version in versions() {
        let mut cluster = Cluster::start(&Options {
            version: &version,
            members: 3,
            ..Options::default()
        });
        let specs = cluster.specs();
        let routes = Routes::new(NoForward);
        let ask = |i: usize, ms| {
            let (spec, routes) = (&specs[i], &routes);
            async move { member_probe(routes, spec, &access(spec), query(ms)).await }
        };
        serving(ask(1, 5000).await);

        cluster.kill(0);
        let (cause, detail) = silent(ask(0, 5000).await);
        assert_eq!(cause, SilentCause::Refused);
        assert_eq!(plain(&specs[0], &detail), "nothing listens on `MEMBER`");

        // The kernel still accepts for a stopped process.
        cluster.signal(1, "STOP");
        let begun = Instant::now();
        let (cause, detail) = silent(ask(1, 700).await);
        let took = begun.elapsed();
        cluster.signal(1, "CONT");
        assert_eq!(cause, SilentCause::Timeout);
        assert_eq!(
            plain(&specs[1], &detail),
            "`MEMBER` accepts connections and stays silent for 0.7 s: the process is stopped or hangs"
        );
        assert!(took < Duration::from_millis(1500), "{took:?}");

        cluster.kill(1);
        cluster.wait_for(2, "/metrics", |m| m.contains("etcd_server_has_leader 0"));
        let status = serving(ask(2, 3000).await);
        assert_eq!(status.leader, 0);
        assert_eq!(status.errors, ["etcdserver: no leader"]);
        // What it believes, asked of it alone: also where 3.5 would refuse a linearizable list.
        assert_eq!(status.members.map(|m| m.len()), Some(3));
    }
}

#[tokio::test]
async fn a_connection_that_was_open_when_the_process_stopped() {
    let cluster = Cluster::start(&Options {
        scheme: Scheme::Http,
        ..Options::default()
    });
    let spec = cluster.specs().remove(0);
    cluster.signal(0, "STOP");
    let begun = Instant::now();
    let (cause, detail) = silence(&spec, 700).await;
    cluster.signal(0, "CONT");
    assert!(begun.elapsed() < Duration::from_millis(1500));
    assert_eq!(
        (cause, detail.as_str()),
        (
            SilentCause::Timeout,
            "`MEMBER` took the question and stays silent: no answer within 700 ms"
        )
    );
}

#[tokio::test]
async fn the_alarm_of_a_full_store() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            flags: &["--quota-backend-bytes", "16777216"],
            ..Options::default()
        });
        let spec = cluster.specs().remove(0);
        let routes = Routes::new(NoForward);
        let connection = routes
            .connect(&spec, &access(&spec), Duration::from_secs(5))
            .await
            .unwrap();
        let mut kv = connection.client();
        let limit = Duration::from_secs(10);
        let full = loop {
            let put = kv.put("big", vec![7_u8; 1_000_000], None);
            if let Err(error) = connection.call("put", limit, put).await {
                break error;
            }
        };
        assert_eq!(
            full.to_string(),
            "etcdserver: mvcc: database space exceeded"
        );
        let status = serving(probe(&spec, query(5000)).await);
        assert_eq!(status.errors, [""; 0]);
        assert_eq!(status.alarms.len(), 1);
        assert_eq!(status.alarms[0].kind, "NOSPACE");
        assert_eq!(status.alarms[0].member_id, status.member_id);
    }
}

/// Under it etcd takes no writes; freeing room does not take it away.
#[tokio::test]
async fn the_alarm_of_a_corrupt_member() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        let spec = cluster.specs().remove(0);
        let limit = Duration::from_secs(5);
        let routes = Routes::new(NoForward);
        let connection = routes.connect(&spec, &access(&spec), limit).await.unwrap();
        let well = serving(probe(&spec, query(5000)).await);
        let mut options = AlarmOptions::new();
        options.with_member(well.member_id);
        let mut client = connection.client();
        client
            .alarm(AlarmAction::Activate, AlarmType::Corrupt, Some(options))
            .await
            .unwrap();
        let put = connection
            .call("put", limit, client.put("a", "b", None))
            .await;
        assert_eq!(put.unwrap_err().to_string(), "etcdserver: corrupt cluster");
        connection
            .disarm_nospace(well.member_id, limit)
            .await
            .unwrap();
        let status = serving(probe(&spec, query(5000)).await);
        assert_eq!(status.errors, [""; 0]);
        assert_eq!(status.alarms.len(), 1);
        assert_eq!(status.alarms[0].kind, "CORRUPT");
        assert_eq!(status.alarms[0].member_id, status.member_id);
    }
}

#[tokio::test]
async fn a_learner_says_so() {
    let mut cluster = Cluster::start(&Options::default());
    let new = cluster.another();
    let peer = format!("--peer-urls={}", cluster.members[new].spec.peer_url());
    cluster.etcdctl(0, &["member", "add", "e2", "--learner", &peer]);
    let before = serving(probe(&cluster.specs()[0], query(5000)).await);
    let unstarted = before.members.unwrap();
    assert!(unstarted.iter().any(|m| m.is_learner && m.name.is_empty()));
    cluster.run(new, "existing");
    cluster.wait_for(new, "/metrics", |m| m.contains("etcd_server_is_learner 1"));
    cluster.wait_for(new, "/metrics", |m| m.contains("etcd_server_has_leader 1"));
    let status = serving(probe(&cluster.specs()[new], query(5000)).await);
    assert!(status.is_learner);
    assert_eq!(status.members, None, "learners list no members");
    assert_eq!(status.leader, before.member_id);
}

/// Peers that are no etcd.
#[tokio::test]
async fn strangers_on_the_port() {
    let cluster = Cluster::prepare(&Options::default());
    cluster.issue(support::now());
    let mut spec = cluster.specs().remove(0);
    spec.address = own_address();
    for (answer, scheme, cause, detail) in [
        (
            None,
            Scheme::Https,
            SilentCause::Timeout,
            "`MEMBER` accepts connections and stays silent for 0.5 s: the process is stopped or hangs",
        ),
        (
            None,
            Scheme::Http,
            SilentCause::Timeout,
            "`MEMBER` took the question and stays silent: no answer within 500 ms",
        ),
        (
            Some(""),
            Scheme::Https,
            SilentCause::Tls,
            "`MEMBER` ends the connection instead of speaking TLS: is its scheme http?",
        ),
        (
            Some(""),
            Scheme::Http,
            SilentCause::Error,
            "`MEMBER` ends the connection at once: does it want TLS?",
        ),
        (
            Some("SSH-2.0-OpenSSH_9.2p1 Debian\r\n"),
            Scheme::Https,
            SilentCause::Tls,
            "`MEMBER` does not speak TLS: is its scheme http?",
        ),
        (
            Some("SSH-2.0-OpenSSH_9.2p1 Debian\r\n"),
            Scheme::Http,
            SilentCause::Error,
            "`MEMBER` answers, but not as etcd does: is it the client port?",
        ),
    ] {
        let listener = TcpListener::bind((spec.address.as_str(), 0)).await.unwrap();
        spec.client_port = listener.local_addr().unwrap().port();
        spec.scheme = scheme;
        let stranger = tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                match answer {
                    None => kept.push(stream),
                    Some("") => drop(stream),
                    Some(text) => {
                        stream.write_all(text.as_bytes()).await.unwrap();
                        kept.push(stream);
                    }
                }
            }
        });
        let begun = Instant::now();
        let seen = silence(&spec, 500).await;
        assert!(begun.elapsed() < Duration::from_millis(1500));
        assert_eq!(seen, (cause, detail.to_owned()), "{answer:?} {scheme}");
        stranger.abort();
    }
}

#[tokio::test]
async fn an_address_without_a_host() {
    let cluster = Cluster::prepare(&Options {
        scheme: Scheme::Http,
        ..Options::default()
    });
    let mut spec = cluster.specs().remove(0);
    spec.address = "no-such-host.invalid".to_owned();
    let (cause, detail) = silence(&spec, 5000).await;
    assert_eq!(cause, SilentCause::HostUnreachable);
    assert!(
        detail.starts_with("no connection to `MEMBER`: "),
        "{detail}"
    );
}

/// A full queue of connections: what comes further is dropped, as by a firewall.
#[tokio::test]
async fn a_network_that_drops() {
    let cluster = Cluster::prepare(&Options {
        scheme: Scheme::Http,
        ..Options::default()
    });
    let mut spec = cluster.specs().remove(0);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{}:0", spec.address).parse().unwrap())
        .unwrap();
    spec.client_port = socket.local_addr().unwrap().port();
    let _listener = socket.listen(1).unwrap();
    let target = (spec.address.as_str(), spec.client_port);
    let mut kept = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(
        Duration::from_millis(200),
        tokio::net::TcpStream::connect(target),
    )
    .await
    {
        kept.push(stream);
    }
    let (cause, detail) = silence(&spec, 500).await;
    assert_eq!(
        (cause, detail.as_str()),
        (
            SilentCause::Timeout,
            "no connection to `MEMBER` within 0.5 s: the host is down or the network drops packets"
        )
    );
}

/// A stand-in for an SSH connection: a Unix socket whose connections come out at the real port.
struct Pipe {
    dir: tempfile::TempDir,
    target: (String, u16),
}

impl Forward for Pipe {
    fn is_remote(&self, _: &HostName) -> bool {
        true
    }

    async fn forward(&self, _: &HostName, _: &str, _: u16) -> Result<PathBuf, HostError> {
        let path = self.dir.path().join("etcd.sock");
        let Ok(listener) = UnixListener::bind(&path) else {
            return Ok(path);
        };
        let target = self.target.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let target = target.clone();
                tokio::spawn(async move {
                    // As ssh does: the near side is accepted before the far side is tried.
                    if let Ok(mut far) = tokio::net::TcpStream::connect(target).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Ok(path)
    }
}

#[tokio::test]
async fn through_a_socket_where_the_port_is_out_of_reach() {
    let mut cluster = Cluster::start(&Options::default());
    let spec = cluster.specs().remove(0);
    let pipe = Pipe {
        dir: tempfile::tempdir().unwrap(),
        target: (spec.address.clone(), spec.client_port),
    };
    let routes = Routes::new(pipe);
    let status = serving(member_probe(&routes, &spec, &access(&spec), query(5000)).await);
    assert_eq!(status.version, "3.5.16");
    // A loopback address of another host is never taken for ours.
    assert!(matches!(routes.known(&spec.host), Some(Route::Socket(_))));
    serving(member_probe(&routes, &spec, &access(&spec), query(5000)).await);

    // Where nothing answers at 0.0.0.0 itself, the socket is found, and remembered.
    let mut elsewhere = spec.clone();
    elsewhere.host = HostName::new("elsewhere");
    elsewhere.address = "0.0.0.0".to_owned();
    let files = AccessFiles {
        server_name: Some("e1".to_owned()),
        ..AccessFiles::default()
    };
    let named = Arc::new(Access::load(&elsewhere, &files).unwrap());
    serving(member_probe(&routes, &elsewhere, &named, query(5000)).await);
    assert!(matches!(
        routes.known(&elsewhere.host),
        Some(Route::Socket(_))
    ));

    cluster.kill(0);
    let (cause, detail) = silent(member_probe(&routes, &spec, &access(&spec), query(5000)).await);
    assert_eq!(cause, SilentCause::Refused);
    assert_eq!(
        plain(&spec, &detail),
        "nothing answers on `MEMBER` behind the SSH connection"
    );
}
