//! Carries a planned change of the cluster out: finds a member that can answer for the cluster, changes, reads back.
//!
//! Every change converges, so that one whose answer was lost can be asked for again; what cannot be read back is told as unknown.

use std::collections::BTreeMap;
use std::time::Duration;

use runbook_model::change::ClusterChange;
use runbook_model::cluster::{Member, MemberProbe, MemberQuery, MemberStatus};
use runbook_model::host::{HostName, MemberSpec};
use tokio::time::{Instant, sleep};

use super::access::AccessError;
use super::connection::Connection;
use super::error::CallError;
use super::members::Members;
use super::route::Forward;

/// For one member to say whether it can answer for the cluster.
const ASK_MS: u64 = 3_000;
/// Between two looks at a learner.
const PAUSE: Duration = Duration::from_millis(250);
/// For one try at changing the members.
const TRY: Duration = Duration::from_secs(12);
/// For reading back what came of a change that got no answer.
const READ_BACK: Duration = Duration::from_secs(10);

/// Where a change is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// The inventory's members.
    pub specs: &'a BTreeMap<HostName, MemberSpec>,
    /// Hexadecimal; any other cluster is left alone.
    pub id: Option<&'a str>,
    /// Whom to ask, in this order.
    pub through: &'a [HostName],
    /// Until when.
    pub deadline: Instant,
}

/// Why a change was not made, or is not known to be.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is nothing to call a member with.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Nobody can answer for the cluster.
    #[error("no member can answer for the cluster: {}", why.join("; "))]
    Nobody {
        /// Member by member.
        why: Vec<String>,
    },
    /// Its members belong to a cluster that was not planned for.
    #[error("`{member}` belongs to cluster {found}, planned was {expected}")]
    OtherCluster {
        /// Who was asked.
        member: String,
        /// Hexadecimal.
        found: String,
        /// Hexadecimal.
        expected: String,
    },
    /// The inventory has no such member.
    #[error("`{host}` carries no member")]
    NoMember {
        /// The host.
        host: HostName,
    },
    /// The cluster does not list it.
    #[error("the cluster lists no member `{name}`")]
    NotListed {
        /// The member.
        name: String,
    },
    /// The other kind of member is wanted.
    #[error("`{name}` is a learner: {why}")]
    Learner {
        /// The member.
        name: String,
        /// What would become of it.
        why: &'static str,
    },
    /// A learner that did not catch up in time.
    #[error("`{name}` is not to be promoted yet: {why}")]
    Behind {
        /// The member.
        name: String,
        /// What it or the leader says.
        why: String,
    },
    /// No other voter may lead.
    #[error("no other voter serves that could lead")]
    NoSuccessor,
    /// etcd refused.
    #[error("{call}: {source}")]
    Refused {
        /// As `member add`.
        call: &'static str,
        /// Its words.
        source: CallError,
    },
    /// Whether it was carried out is not known.
    #[error("{call}: {source}; whether it was carried out is not known")]
    Unknown {
        /// As `member remove`.
        call: &'static str,
        /// What was heard instead of an answer.
        source: CallError,
    },
}

/// A voter that knows a leader, and what it said.
struct Teller {
    connection: Connection,
    status: MemberStatus,
    members: Vec<Member>,
}

/// Carries out one change; false: it was so already.
pub(super) async fn carry_out<F: Forward>(
    members: &Members<F>,
    cluster: Cluster<'_>,
    change: &ClusterChange,
) -> Result<bool, ChangeError> {
    let site = Site { members, cluster };
    let mut asked = false;
    loop {
        match once(&site, change).await {
            // raft drops a change of members that is proposed while another is under way, and nobody is told: it is asked for again, after
            // a look at whether it came.
            Err(ChangeError::Unknown { call, .. })
                if call.starts_with("member") && site.left() > TRY =>
            {
                asked = true;
            }
            // For a while after each join etcd refuses the next change.
            Err(ChangeError::Refused { source, .. })
                if source.is_transient() && site.left() > TRY => {}
            // What an earlier try asked for has come meanwhile.
            Ok(changed) => return Ok(changed || asked),
            refused => return refused,
        }
    }
}

async fn once<F: Forward>(site: &Site<'_, F>, change: &ClusterChange) -> Result<bool, ChangeError> {
    match change {
        ClusterChange::AddMember {
            peer_urls, learner, ..
        } => site.add(peer_urls, *learner).await,
        ClusterChange::PromoteMember {
            member,
            peer_urls,
            lag,
        } => site.promote(member, peer_urls, *lag).await,
        ClusterChange::RemoveMember { id, peer_urls, .. } => {
            site.remove(id.as_deref(), peer_urls).await
        }
        ClusterChange::UpdateMember {
            name,
            id,
            peer_urls,
        } => site.update(name, id, peer_urls).await,
        ClusterChange::MoveLeader { from } => site.move_leader(from).await,
        ClusterChange::Compact { keep } => site.compact(*keep).await,
        ClusterChange::Defragment { member, above } => site.defragment(member, *above).await,
        ClusterChange::DisarmNospace { member } => site.disarm(member).await,
    }
}

struct Site<'a, F> {
    members: &'a Members<F>,
    cluster: Cluster<'a>,
}

impl<F: Forward> Site<'_, F> {
    fn left(&self) -> Duration {
        self.cluster
            .deadline
            .saturating_duration_since(Instant::now())
    }

    /// For one try at changing the members: etcd itself gives a request up after seven seconds.
    fn one_try(&self) -> Duration {
        self.left().min(TRY)
    }

    fn spec(&self, host: &HostName) -> Result<&MemberSpec, ChangeError> {
        let found = self.cluster.specs.get(host);
        found.ok_or_else(|| ChangeError::NoMember { host: host.clone() })
    }

    /// What a member says of itself, if it belongs to the cluster that was planned for.
    async fn status(&self, spec: &MemberSpec) -> Result<Result<MemberStatus, String>, ChangeError> {
        let query = MemberQuery {
            hash_at: None,
            timeout_ms: ASK_MS,
        };
        let status = match self.members.probe(spec, query).await {
            MemberProbe::Serving(status) => *status,
            MemberProbe::Silent { detail, .. } => return Ok(Err(detail)),
        };
        let found = format!("{:x}", status.cluster_id);
        match self.cluster.id {
            Some(expected) if found != expected => Err(ChangeError::OtherCluster {
                member: spec.name.clone(),
                found,
                expected: expected.to_owned(),
            }),
            _ => Ok(Ok(status)),
        }
    }

    async fn connect(&self, spec: &MemberSpec) -> Result<Connection, ChangeError> {
        let access = self.members.access(spec)?;
        let limit = Duration::from_millis(ASK_MS);
        let connected = self.members.routes().connect(spec, &access, limit).await;
        connected.map_err(|silence| ChangeError::Nobody {
            why: vec![silence.to_string()],
        })
    }

    async fn teller(&self) -> Result<Teller, ChangeError> {
        let mut why = Vec::new();
        for host in self.cluster.through {
            let spec = self.spec(host)?;
            let status = match self.status(spec).await? {
                Ok(status) => status,
                Err(detail) => {
                    why.push(format!("`{}`: {detail}", spec.name));
                    continue;
                }
            };
            let members = match (&status.members, status.leader, status.is_learner) {
                (_, 0, _) => {
                    why.push(format!("`{}` knows no leader", spec.name));
                    continue;
                }
                (Some(members), _, false) => members.clone(),
                _ => {
                    why.push(format!("`{}` does not tell the members", spec.name));
                    continue;
                }
            };
            let connection = self.connect(spec).await?;
            return Ok(Teller {
                connection,
                status,
                members,
            });
        }
        Err(ChangeError::Nobody { why })
    }

    /// After a change that got no answer: what the cluster lists now.
    async fn read_back(
        &self,
        call: &'static str,
        source: CallError,
        came: impl Fn(&[Member]) -> bool,
    ) -> Result<bool, ChangeError> {
        if let CallError::Refused { .. } = source {
            // An earlier try, whose answer was lost, may be what it is refused for.
            return match self.teller().await {
                Ok(teller) if came(&teller.members) => Ok(true),
                _ => Err(ChangeError::Refused { call, source }),
            };
        }
        let limit = Instant::now() + READ_BACK;
        loop {
            match self.teller().await {
                Ok(teller) if came(&teller.members) => return Ok(true),
                Err(error @ ChangeError::OtherCluster { .. }) => return Err(error),
                _ if Instant::now() + PAUSE >= limit => {
                    return Err(ChangeError::Unknown { call, source });
                }
                _ => sleep(PAUSE).await,
            }
        }
    }

    async fn add(&self, peer_urls: &[String], learner: bool) -> Result<bool, ChangeError> {
        let teller = self.teller().await?;
        if by_urls(&teller.members, peer_urls).is_some() {
            return Ok(false);
        }
        let connection = teller.connection;
        match connection
            .member_add(peer_urls, !learner, self.one_try())
            .await
        {
            Ok(_) => Ok(true),
            Err(error) => {
                let came = |list: &[Member]| by_urls(list, peer_urls).is_some();
                self.read_back("member add", error, came).await
            }
        }
    }

    async fn promote(
        &self,
        host: &HostName,
        peer_urls: &[String],
        lag: u64,
    ) -> Result<bool, ChangeError> {
        let spec = self.spec(host)?;
        let voter = |list: &[Member]| by_urls(list, peer_urls).is_some_and(|m| !m.is_learner);
        loop {
            let teller = self.teller().await?;
            let listed = by_urls(&teller.members, peer_urls);
            let own = listed.ok_or_else(|| ChangeError::NotListed {
                name: spec.name.clone(),
            })?;
            if !own.is_learner {
                return Ok(false);
            }
            let why = match self.status(spec).await? {
                Ok(status) => behind(&status, &teller.status, lag),
                Err(detail) => Some(detail),
            };
            match why {
                None => {
                    let promoting = teller.connection.member_promote(own.id, self.one_try());
                    return match promoting.await {
                        Ok(()) => Ok(true),
                        Err(error) => self.read_back("member promote", error, voter).await,
                    };
                }
                Some(why) if self.left() <= PAUSE => {
                    let name = spec.name.clone();
                    return Err(ChangeError::Behind { name, why });
                }
                Some(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn remove(&self, id: Option<&str>, peer_urls: &[String]) -> Result<bool, ChangeError> {
        let leaves = |m: &&Member| match id {
            Some(id) => format!("{:x}", m.id) == id,
            None => m.peer_urls == peer_urls,
        };
        let teller = self.teller().await?;
        let Some(own) = teller.members.iter().find(leaves) else {
            return Ok(false);
        };
        let removing = teller.connection.member_remove(own.id, self.one_try());
        match removing.await {
            Ok(()) => Ok(true),
            Err(error) => {
                let gone = |list: &[Member]| !list.iter().any(|m| leaves(&m));
                self.read_back("member remove", error, gone).await
            }
        }
    }

    async fn update(
        &self,
        name: &str,
        id: &str,
        peer_urls: &[String],
    ) -> Result<bool, ChangeError> {
        let named = |list: &[Member]| list.iter().find(|m| format!("{:x}", m.id) == id).cloned();
        let teller = self.teller().await?;
        let own = named(&teller.members).ok_or_else(|| ChangeError::NotListed {
            name: name.to_owned(),
        })?;
        if own.is_learner {
            return Err(ChangeError::Learner {
                name: name.to_owned(),
                why: "etcd up to 3.5.30 makes a voter of it when its URLs are changed; remove it and add it again",
            });
        }
        if own.peer_urls == peer_urls {
            return Ok(false);
        }
        let updating = teller
            .connection
            .member_update(own.id, peer_urls, self.one_try());
        match updating.await {
            Ok(()) => Ok(true),
            Err(error) => {
                let came = |list: &[Member]| named(list).is_some_and(|m| m.peer_urls == peer_urls);
                self.read_back("member update", error, came).await
            }
        }
    }

    async fn move_leader(&self, from: &HostName) -> Result<bool, ChangeError> {
        const CALL: &str = "move-leader";
        let spec = self.spec(from)?;
        let leads = |s: &MemberStatus| s.leader != 0 && s.leader == s.member_id;
        // Who does not answer leads nobody.
        let Ok(status) = self.status(spec).await? else {
            return Ok(false);
        };
        let voters = status.members.iter().flatten().filter(|m| !m.is_learner);
        // An only voter has nobody to hand over to.
        if !leads(&status) || voters.count() == 1 {
            return Ok(false);
        }
        let connection = self.connect(spec).await?;
        let to = self.successor(from, &status).await?;
        match connection.move_leader(to, self.left()).await {
            Ok(()) => Ok(true),
            // It may have lost the lead by itself meanwhile.
            Err(source) => match (self.status(spec).await?, source) {
                (Ok(status), _) if !leads(&status) => Ok(true),
                (_, source @ CallError::Refused { .. }) => {
                    Err(ChangeError::Refused { call: CALL, source })
                }
                (_, source) => Err(ChangeError::Unknown { call: CALL, source }),
            },
        }
    }

    /// The voter that is furthest ahead, of those that follow this leader.
    async fn successor(&self, from: &HostName, leader: &MemberStatus) -> Result<u64, ChangeError> {
        let mut best: Option<MemberStatus> = None;
        for host in self.cluster.through.iter().filter(|h| *h != from) {
            let Ok(status) = self.status(self.spec(host)?).await? else {
                continue;
            };
            let follows = !status.is_learner && status.leader == leader.member_id;
            let ahead = best
                .as_ref()
                .is_none_or(|b| status.raft_applied_index > b.raft_applied_index);
            if follows && ahead {
                best = Some(status);
            }
        }
        best.map(|s| s.member_id).ok_or(ChangeError::NoSuccessor)
    }

    async fn compact(&self, keep: u64) -> Result<bool, ChangeError> {
        const CALL: &str = "compaction";
        let teller = self.teller().await?;
        let Some(revision) = teller
            .status
            .revision
            .checked_sub_unsigned(keep)
            .filter(|revision| *revision > 1)
        else {
            return Ok(false);
        };
        match teller.connection.compact(revision, self.left()).await {
            Ok(()) => Ok(true),
            Err(CallError::Refused { message, .. }) if message.contains("has been compacted") => {
                Ok(false)
            }
            Err(source @ CallError::Refused { .. }) => {
                Err(ChangeError::Refused { call: CALL, source })
            }
            Err(source) => Err(ChangeError::Unknown { call: CALL, source }),
        }
    }

    async fn defragment(&self, host: &HostName, above: u64) -> Result<bool, ChangeError> {
        const CALL: &str = "defrag";
        let spec = self.spec(host)?;
        let status = self.serving(spec).await?;
        if status.is_learner {
            return Err(ChangeError::Learner {
                name: spec.name.clone(),
                why: "defragmenting one that is still given the store can damage it",
            });
        }
        let free = u64::try_from(status.db_size - status.db_size_in_use).unwrap_or(0);
        if free == 0 || free < above {
            return Ok(false);
        }
        // While the leader's file is rewritten no write is taken anywhere.
        self.move_leader(host).await?;
        let connection = self.connect(spec).await?;
        match connection.defragment(self.left()).await {
            Ok(()) => Ok(true),
            Err(source @ CallError::Refused { .. }) => {
                Err(ChangeError::Refused { call: CALL, source })
            }
            // The member goes on with it.
            Err(source) => Err(ChangeError::Unknown { call: CALL, source }),
        }
    }

    async fn disarm(&self, host: &HostName) -> Result<bool, ChangeError> {
        const CALL: &str = "alarm disarm";
        let spec = self.spec(host)?;
        let status = self.serving(spec).await?;
        let armed = |s: &MemberStatus| {
            s.alarms
                .iter()
                .any(|a| a.member_id == s.member_id && a.kind == "NOSPACE")
        };
        if !armed(&status) {
            return Ok(false);
        }
        let connection = self.connect(spec).await?;
        let disarming = connection.disarm_nospace(status.member_id, self.left());
        match disarming.await {
            Ok(()) => Ok(true),
            Err(source @ CallError::Refused { .. }) => {
                Err(ChangeError::Refused { call: CALL, source })
            }
            Err(source) => match self.serving(spec).await {
                Ok(status) if !armed(&status) => Ok(true),
                _ => Err(ChangeError::Unknown { call: CALL, source }),
            },
        }
    }

    async fn serving(&self, spec: &MemberSpec) -> Result<MemberStatus, ChangeError> {
        let status = self.status(spec).await?;
        status.map_err(|detail| ChangeError::Nobody {
            why: vec![format!("`{}`: {detail}", spec.name)],
        })
    }
}

fn by_urls<'a>(members: &'a [Member], peer_urls: &[String]) -> Option<&'a Member> {
    members
        .iter()
        .find(|m| m.peer_urls.iter().any(|url| peer_urls.contains(url)))
}

/// Why a learner is not to be promoted yet; none: it keeps up.
fn behind(learner: &MemberStatus, teller: &MemberStatus, lag: u64) -> Option<String> {
    if learner.leader == 0 {
        return Some("it knows no leader".to_owned());
    }
    let behind = teller.raft_index.saturating_sub(learner.raft_applied_index);
    (behind > lag).then(|| format!("{behind} entries behind, {lag} are allowed"))
}
