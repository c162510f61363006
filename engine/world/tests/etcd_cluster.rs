//! Planned changes of real clusters: each converges, none is made on another cluster, what got no answer is read back.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../../tests/support/hosts.rs"]
mod hosts;
#[path = "../../../tests/support/etcd.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etcd_client::{AlarmAction, AlarmType};
use hosts::{Lab, done, failed, order};
use runbook_model::action::{Access, Action};
use runbook_model::change::ClusterChange;
use runbook_model::cluster::{MemberProbe, MemberQuery, MemberStatus};
use runbook_model::facts::HostError;
use runbook_model::host::{HostName, MemberSpec, Scheme};
use runbook_world::etcd::{AccessFiles, ChangeError, Cluster as Where, Members, NoForward};
use support::{Cluster, Options, free_port, versions};
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_secs(30);

/// A cluster as an order sees it.
struct Seen {
    specs: BTreeMap<HostName, MemberSpec>,
    through: Vec<HostName>,
    id: Option<String>,
}

impl Seen {
    /// Those with a process last: the others do not answer.
    fn of(cluster: &Cluster) -> Self {
        let (up, down): (Vec<_>, Vec<_>) =
            (cluster.members.iter()).partition(|m| m.process.is_some());
        Self {
            specs: cluster
                .specs()
                .into_iter()
                .map(|s| (s.host.clone(), s))
                .collect(),
            through: down
                .into_iter()
                .chain(up)
                .map(|m| m.spec.host.clone())
                .collect(),
            id: None,
        }
    }

    async fn change(&self, change: &ClusterChange, limit: Duration) -> Result<bool, ChangeError> {
        let at = Where {
            specs: &self.specs,
            id: self.id.as_deref(),
            through: &self.through,
            deadline: Instant::now() + limit,
        };
        let members = Members::new(NoForward, AccessFiles::default());
        members.change(at, change).await
    }

    async fn changed(&self, change: &ClusterChange) -> bool {
        let changed = self.change(change, LIMIT).await;
        changed.unwrap_or_else(|e| panic!("{change:?}: {e}"))
    }
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

fn add(spec: &MemberSpec) -> ClusterChange {
    ClusterChange::AddMember {
        name: spec.name.clone(),
        peer_urls: vec![spec.peer_url()],
        learner: true,
    }
}

fn remove(spec: &MemberSpec, id: Option<String>) -> ClusterChange {
    ClusterChange::RemoveMember {
        name: spec.name.clone(),
        id,
        peer_urls: vec![spec.peer_url()],
    }
}

fn promote(spec: &MemberSpec) -> ClusterChange {
    ClusterChange::PromoteMember {
        member: spec.host.clone(),
        peer_urls: vec![spec.peer_url()],
        lag: 100,
    }
}

async fn leader(seen: &Seen, cluster: &Cluster) -> MemberSpec {
    let lead = status(&cluster.specs()[0]).await.leader;
    let mut leader = None;
    for known in seen.specs.values() {
        if status(known).await.member_id == lead {
            leader = Some(known.clone());
        }
    }
    leader.unwrap()
}

/// The leader hands over; who does not lead has nothing to hand over.
async fn hands_over(seen: &Seen, cluster: &Cluster) {
    let lead = status(&cluster.specs()[0]).await.leader;
    let hand_over = ClusterChange::MoveLeader {
        from: leader(seen, cluster).await.host,
    };
    assert!(seen.changed(&hand_over).await);
    assert_ne!(status(&cluster.specs()[0]).await.leader, lead);
    assert!(!seen.changed(&hand_over).await);
}

#[tokio::test]
async fn a_member_joins_leads_and_leaves_once() {
    for version in versions() {
        let mut cluster = Cluster::start(&Options {
            version: &version,
            members: 3,
            ..Options::default()
        });
        let new = cluster.another();
        let spec = cluster.members[new].spec.clone();
        let mut seen = Seen::of(&cluster);
        assert_eq!(
            seen.through[0], spec.host,
            "whom nobody started is asked first"
        );

        seen.id = Some("beef".to_owned());
        let other = seen.change(&add(&spec), LIMIT).await.unwrap_err();
        assert!(matches!(&other, ChangeError::OtherCluster { expected, .. } if expected == "beef"));
        assert_eq!(cluster.etcdctl(0, &["member", "list"]).lines().count(), 3);

        seen.id = Some(format!(
            "{:x}",
            status(&cluster.specs()[0]).await.cluster_id
        ));
        assert!(seen.changed(&add(&spec)).await);
        assert!(!seen.changed(&add(&spec)).await, "it is listed");

        let early = seen.change(&promote(&spec), Duration::from_secs(1)).await;
        let early = early.unwrap_err().to_string();
        assert!(
            early.starts_with("`e4` is not to be promoted yet: "),
            "{early}"
        );
        let listed = status(&cluster.specs()[0]).await.members.unwrap();
        let own = listed
            .iter()
            .find(|m| m.peer_urls == [spec.peer_url()])
            .unwrap();
        let id = format!("{:x}", own.id);
        let update = |peer_urls| ClusterChange::UpdateMember {
            name: spec.name.clone(),
            id: id.clone(),
            peer_urls,
        };
        let other_url = vec!["https://127.0.0.1:1".to_owned()];
        let learner = seen.change(&update(other_url.clone()), LIMIT).await;
        assert!(
            matches!(learner, Err(ChangeError::Learner { .. })),
            "{learner:?}"
        );

        cluster.run(new, "existing");
        assert!(seen.changed(&promote(&spec)).await, "once it keeps up");
        assert!(!seen.changed(&promote(&spec)).await, "it votes");
        assert!(!seen.changed(&update(vec![spec.peer_url()])).await);
        assert!(
            seen.changed(&update(vec![spec.peer_url(), other_url[0].clone()]))
                .await
        );
        assert!(seen.changed(&update(vec![spec.peer_url()])).await);

        hands_over(&seen, &cluster).await;

        assert!(
            !seen.changed(&remove(&spec, Some("beef".to_owned()))).await,
            "another id"
        );
        assert!(seen.changed(&remove(&spec, None)).await);
        assert!(!seen.changed(&remove(&spec, Some(id))).await);
        assert!(!seen.changed(&remove(&spec, None)).await);
        assert_eq!(cluster.etcdctl(0, &["member", "list"]).lines().count(), 3);
        let missing = seen.change(&promote(&spec), LIMIT).await.unwrap_err();
        assert_eq!(missing.to_string(), "the cluster lists no member `e4`");
    }
}

#[tokio::test]
async fn what_is_dropped_and_freed_is_so_once() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        let spec = cluster.specs().remove(0);
        let seen = Seen::of(&cluster);
        let hand_over = ClusterChange::MoveLeader {
            from: spec.host.clone(),
        };
        assert!(!seen.changed(&hand_over).await, "an only voter");

        for _ in 0..20 {
            cluster.etcdctl(0, &["put", "key", &"x".repeat(100_000)]);
        }
        assert_eq!(status(&spec).await.revision, 21);
        assert!(
            !seen.changed(&ClusterChange::Compact { keep: 20 }).await,
            "nothing is older"
        );
        let compact = ClusterChange::Compact { keep: 5 };
        assert!(seen.changed(&compact).await);
        assert!(!seen.changed(&compact).await, "nothing was written since");
        cluster.etcdctl(0, &["get", "key", "--rev", "16"]);

        let defragment = |above| ClusterChange::Defragment {
            member: spec.host.clone(),
            above,
        };
        assert!(!seen.changed(&defragment(1 << 40)).await, "less is free");
        let before = status(&spec).await.db_size;
        assert!(seen.changed(&defragment(1)).await);
        assert!(status(&spec).await.db_size < before);
    }
}

/// The leader hands over before its file is rewritten, and keeps leading where nothing is.
#[tokio::test]
async fn a_leader_that_is_defragmented_leads_no_more() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            members: 3,
            ..Options::default()
        });
        let seen = Seen::of(&cluster);
        let leader = leader(&seen, &cluster).await;
        let defragment = |above| ClusterChange::Defragment {
            member: leader.host.clone(),
            above,
        };
        let leads = |s: &MemberStatus| s.leader == s.member_id;
        assert!(!seen.changed(&defragment(1 << 40)).await, "less is free");
        assert!(leads(&status(&leader).await), "nothing was rewritten");
        cluster.etcdctl(0, &["put", "key", &"x".repeat(100_000)]);
        cluster.etcdctl(0, &["del", "key"]);
        assert!(seen.changed(&ClusterChange::Compact { keep: 1 }).await);
        assert!(seen.changed(&defragment(1)).await);
        assert!(!leads(&status(&leader).await));
    }
}

#[tokio::test]
async fn only_nospace_is_disarmed() {
    for version in versions() {
        let cluster = Cluster::start(&Options {
            version: &version,
            ..Options::default()
        });
        let spec = cluster.specs().remove(0);
        let members = Members::new(NoForward, AccessFiles::default());
        let access = members.access(&spec).unwrap();
        let connection = members
            .routes()
            .connect(&spec, &access, LIMIT)
            .await
            .unwrap();
        let seen = Seen::of(&cluster);
        let disarm = ClusterChange::DisarmNospace {
            member: spec.host.clone(),
        };
        assert!(!seen.changed(&disarm).await);
        let mut client = connection.client();
        for alarm in [AlarmType::Nospace, AlarmType::Corrupt] {
            let id = status(&spec).await.member_id;
            let options = etcd_client::AlarmOptions::new();
            let mut options = options;
            options.with_member(id);
            client
                .alarm(AlarmAction::Activate, alarm, Some(options))
                .await
                .unwrap();
        }
        assert!(seen.changed(&disarm).await);
        let left: Vec<_> = (status(&spec).await.alarms.into_iter())
            .map(|a| a.kind)
            .collect();
        assert_eq!(left, ["CORRUPT"]);
        assert!(!seen.changed(&disarm).await);
    }
}

/// What a proxy does once it has seen the bytes.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// They reach the member, its answer is lost.
    LoseAnswer,
    /// They do not, and neither does anything after them.
    LoseAll,
}

/// Stands before a member, and works until a client sends these bytes.
fn proxy(target: (String, u16), needle: Vec<u8>, then: Then) -> u16 {
    let port = free_port(&target.0);
    let listener = TcpListener::bind((target.0.as_str(), port)).unwrap();
    let seen = Arc::new(AtomicBool::new(false));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if then == Then::LoseAll && seen.load(Ordering::SeqCst) {
                continue;
            }
            let server = TcpStream::connect((target.0.as_str(), target.1)).unwrap();
            let cut = Arc::new(AtomicBool::new(false));
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (needle, seen, cutting) = (needle.clone(), seen.clone(), cut.clone());
            std::thread::spawn(move || {
                let mut bytes = [0; 16_384];
                while let Ok(n @ 1..) = from.read(&mut bytes) {
                    let found = bytes[..n].windows(needle.len()).any(|w| w == needle);
                    if found && !seen.swap(true, Ordering::SeqCst) {
                        cutting.store(true, Ordering::SeqCst);
                        if then == Then::LoseAll {
                            break;
                        }
                    }
                    if to.write_all(&bytes[..n]).is_err() {
                        break;
                    }
                }
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            });
            let (mut from, mut to) = (server, client);
            std::thread::spawn(move || {
                let mut bytes = [0; 16_384];
                while let Ok(n @ 1..) = from.read(&mut bytes) {
                    // The answer to what was cut is more than an acknowledgement of frames.
                    if cut.load(Ordering::SeqCst) {
                        if n > 64 {
                            break;
                        }
                    } else if to.write_all(&bytes[..n]).is_err() {
                        break;
                    }
                }
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            });
        }
    });
    port
}

/// A number as protobuf writes it.
fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 0x80 {
        out.push(u8::try_from(n & 0x7f).unwrap() | 0x80);
        n >>= 7;
    }
    out.push(u8::try_from(n).unwrap());
    out
}

/// The first member behind a proxy, and nobody else to ask.
fn behind(cluster: &Cluster, needle: Vec<u8>, then: Then) -> Seen {
    let mut seen = Seen::of(cluster);
    let first = seen.specs.get_mut(&HostName::new("e1")).unwrap();
    first.client_port = proxy((first.address.clone(), first.client_port), needle, then);
    seen.through = vec![first.host.clone()];
    seen
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_read_back() {
    for version in versions() {
        let mut cluster = Cluster::start(&Options {
            version: &version,
            members: 3,
            scheme: Scheme::Http,
            ..Options::default()
        });
        let new = cluster.another();
        let spec = cluster.members[new].spec.clone();
        let url = spec.peer_url().into_bytes();
        let lost = behind(&cluster, url.clone(), Then::LoseAll);
        // Too short for a second try.
        let short = Duration::from_secs(11);
        let lost = lost.change(&add(&spec), short).await.unwrap_err();
        assert!(matches!(lost, ChangeError::Unknown { .. }), "{lost:?}");
        let said = lost.to_string();
        assert!(
            said.ends_with("; whether it was carried out is not known"),
            "{said}"
        );
        assert_eq!(cluster.etcdctl(0, &["member", "list"]).lines().count(), 3);

        let unheard = behind(&cluster, url, Then::LoseAnswer);
        assert!(unheard.changed(&add(&spec)).await);
        let listed = status(&cluster.specs()[0]).await.members.unwrap();
        let own = listed
            .iter()
            .find(|m| m.peer_urls == [spec.peer_url()])
            .unwrap();
        assert!(own.is_learner);
        let unheard = behind(&cluster, varint(own.id), Then::LoseAnswer);
        assert!(unheard.changed(&remove(&spec, None)).await);
        assert_eq!(cluster.etcdctl(0, &["member", "list"]).lines().count(), 3);
    }
}

#[tokio::test]
async fn an_order_changes_the_cluster_in_its_turn_and_behind_its_lock() {
    let mut cluster = Cluster::start(&Options {
        members: 3,
        ..Options::default()
    });
    let new = cluster.another();
    let spec = cluster.members[new].spec.clone();
    let seen = Seen::of(&cluster);
    let mut lab = Lab::local().locked("r1").await;
    lab.with(|settings| settings.members.clone_from(&seen.specs));
    let actions = |change| {
        let write = |name: &str| Action::WriteFile {
            path: lab.path(name),
            content: "x".to_owned(),
            access: Access::default(),
        };
        let change = Action::ChangeCluster {
            change,
            cluster_id: None,
            through: seen.through.clone(),
        };
        vec![write("before"), change, write("after")]
    };
    let count = || cluster.etcdctl(0, &["member", "list"]).lines().count();

    let mut alone = order("r2", actions(add(&spec))[1..].to_vec());
    let fenced = lab.apply(alone.clone()).await;
    assert!(
        matches!(fenced, Err(HostError::Fenced { lock: Some(_), .. })),
        "{fenced:?}"
    );
    assert_eq!(count(), 3);
    assert!(!std::path::Path::new(&lab.path("after")).exists());

    let whole = lab.apply(order("r1", actions(add(&spec)))).await.unwrap();
    assert_eq!(whole, [done(true), done(true), done(true)]);
    assert_eq!(count(), 4);
    alone.run = "r1".to_owned();
    alone.attempt = 2;
    assert_eq!(lab.apply(alone).await.unwrap(), [done(false), done(false)]);

    // What fails ends the order there.
    let mut next = order("r1", actions(promote(&spec)));
    (next.step, next.timeout_ms) = (2, 2_000);
    let ended = lab.apply(next).await.unwrap();
    assert!(
        failed(&ended[1])
            .1
            .starts_with("`e4` is not to be promoted yet: ")
    );
    assert_eq!(ended[2], runbook_model::action::Outcome::NotStarted);
}
