//! A planned change of the cluster, carried out as the real world carries it out: a member that can answer for the cluster is looked
//! for, asked, asked again while etcd refuses only for a while, and what came of it is read back.

use std::time::Duration;

use runbook_model::action::Outcome;
use runbook_model::change::ClusterChange;
use runbook_model::cluster::{Member, MemberProbe, MemberQuery, MemberStatus};
use runbook_model::host::HostName;
use tokio::time::{Instant, sleep};

use crate::calls::Refusal;
use crate::model::{Doing, Model};
use crate::upkeep::COMPACTED;
use crate::world::{SimWorld, failed};

/// Between two tries, and between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// For a member to answer.
const ASK_MS: u64 = 3_000;
/// For reading back what came of a change that got no answer.
const READ_BACK: Duration = Duration::from_secs(10);

/// Why a change was not made, or is not known to be.
enum ChangeFault {
    Failed(String),
    Unknown(String),
}

type Changed = Result<bool, ChangeFault>;

/// A change, and where it is to be made.
pub(crate) struct Site<'a> {
    pub world: &'a SimWorld,
    pub doing: &'a Doing,
    pub cluster_id: Option<&'a str>,
    pub through: &'a [HostName],
    pub deadline: Instant,
}

/// A voter that knows a leader, and what it said.
struct Teller {
    host: HostName,
    status: MemberStatus,
    members: Vec<Member>,
}

fn refused(call: &str, refusal: Refusal) -> ChangeFault {
    ChangeFault::Failed(format!("{call}: {refusal}"))
}

fn unknown(call: &str, refusal: Refusal) -> ChangeFault {
    ChangeFault::Unknown(format!(
        "{call}: {refusal}; whether it was carried out is not known"
    ))
}

fn not_listed(name: impl std::fmt::Display) -> ChangeFault {
    ChangeFault::Failed(format!("the cluster lists no member `{name}`"))
}

fn by_urls<'m>(members: &'m [Member], peer_urls: &[String]) -> Option<&'m Member> {
    members
        .iter()
        .find(|m| m.peer_urls.iter().any(|url| peer_urls.contains(url)))
}

/// Carries out one change.
pub(crate) async fn carry_out(site: &Site<'_>, change: &ClusterChange) -> Outcome {
    let came = match change {
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
    };
    match came {
        Ok(changed) => Outcome::Done { changed },
        Err(ChangeFault::Failed(reason)) => failed(reason),
        Err(ChangeFault::Unknown(reason)) => Outcome::Unknown { reason },
    }
}

impl Site<'_> {
    /// What a member says of itself, if it belongs to the cluster that was planned for.
    async fn status(&self, host: &HostName) -> Result<Result<MemberStatus, String>, ChangeFault> {
        let query = MemberQuery {
            hash_at: None,
            timeout_ms: ASK_MS,
        };
        let probe = self.world.with(|m| m.probe_host(host, None, query));
        let status = match probe {
            MemberProbe::Serving(status) => *status,
            MemberProbe::Silent { detail, .. } => {
                sleep(Duration::from_millis(ASK_MS)).await;
                return Ok(Err(detail));
            }
        };
        sleep(Duration::from_millis(1)).await;
        let found = format!("{:x}", status.cluster_id);
        match self.cluster_id {
            Some(expected) if found != expected => Err(ChangeFault::Failed(format!(
                "`{host}` belongs to cluster {found}, planned was {expected}"
            ))),
            _ => Ok(Ok(status)),
        }
    }

    async fn serving(&self, host: &HostName) -> Result<MemberStatus, ChangeFault> {
        self.status(host).await?.map_err(|detail| {
            ChangeFault::Failed(format!(
                "no member can answer for the cluster: `{host}`: {detail}"
            ))
        })
    }

    async fn teller(&self) -> Result<Teller, ChangeFault> {
        let mut why = Vec::new();
        for host in self.through {
            let status = match self.status(host).await? {
                Ok(status) => status,
                Err(detail) => {
                    why.push(format!("`{host}`: {detail}"));
                    continue;
                }
            };
            if status.leader == 0 {
                why.push(format!("`{host}` knows no leader"));
                continue;
            }
            match status.members.clone() {
                Some(members) if !status.is_learner => {
                    return Ok(Teller {
                        host: host.clone(),
                        status,
                        members,
                    });
                }
                _ => why.push(format!("`{host}` does not tell the members")),
            }
        }
        Err(ChangeFault::Failed(format!(
            "no member can answer for the cluster: {}",
            why.join("; ")
        )))
    }

    /// Asks again while etcd refuses only for a while; what goes unanswered is waited for until time is up.
    async fn again<T>(
        &self,
        mut call: impl FnMut(&mut Model) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        loop {
            match self.world.edit_for(self.doing, &mut call) {
                Err(refusal)
                    if refusal.is_transient() && Instant::now() + PAUSE < self.deadline =>
                {
                    sleep(PAUSE).await;
                }
                Err(Refusal::Unanswered) => {
                    tokio::time::sleep_until(self.deadline).await;
                    return Err(Refusal::Unanswered);
                }
                outcome => return outcome,
            }
        }
    }

    /// After a change that was refused or got no answer: what the cluster lists now.
    async fn read_back(
        &self,
        call: &str,
        refusal: Refusal,
        came: impl Fn(&[Member]) -> bool,
    ) -> Changed {
        if let Refusal::Words(_) = refusal {
            return match self.teller().await {
                Ok(teller) if came(&teller.members) => Ok(true),
                _ => Err(refused(call, refusal)),
            };
        }
        let limit = Instant::now() + READ_BACK;
        loop {
            match self.teller().await {
                Ok(teller) if came(&teller.members) => return Ok(true),
                _ if Instant::now() + PAUSE >= limit => return Err(unknown(call, refusal)),
                _ => sleep(PAUSE).await,
            }
        }
    }

    async fn add(&self, peer_urls: &[String], learner: bool) -> Changed {
        let teller = self.teller().await?;
        if by_urls(&teller.members, peer_urls).is_some() {
            return Ok(false);
        }
        let asked = |m: &mut Model| m.member_add(&teller.host, peer_urls, learner);
        match self.again(asked).await {
            Ok(_) => Ok(true),
            Err(refusal) => {
                let came = |list: &[Member]| by_urls(list, peer_urls).is_some();
                self.read_back("member add", refusal, came).await
            }
        }
    }

    async fn promote(&self, host: &HostName, peer_urls: &[String], lag: u64) -> Changed {
        let voter = |list: &[Member]| by_urls(list, peer_urls).is_some_and(|m| !m.is_learner);
        loop {
            let teller = self.teller().await?;
            let own = by_urls(&teller.members, peer_urls).ok_or_else(|| not_listed(host))?;
            if !own.is_learner {
                return Ok(false);
            }
            let why = match self.status(host).await? {
                Ok(status) => behind(&status, &teller.status, lag),
                Err(detail) => Some(detail),
            };
            match why {
                None => {
                    let asked = |m: &mut Model| m.member_promote(&teller.host, own.id);
                    return match self.again(asked).await {
                        Ok(()) => Ok(true),
                        Err(refusal) => self.read_back("member promote", refusal, voter).await,
                    };
                }
                Some(why) if Instant::now() + PAUSE >= self.deadline => {
                    return Err(ChangeFault::Failed(format!(
                        "`{host}` is not to be promoted yet: {why}"
                    )));
                }
                Some(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn remove(&self, id: Option<&str>, peer_urls: &[String]) -> Changed {
        let leaves = |m: &&Member| match id {
            Some(id) => format!("{:x}", m.id) == id,
            None => m.peer_urls == peer_urls,
        };
        let teller = self.teller().await?;
        let Some(own) = teller.members.iter().find(leaves) else {
            return Ok(false);
        };
        match self.again(|m| m.member_remove(&teller.host, own.id)).await {
            Ok(()) => Ok(true),
            Err(refusal) => {
                let gone = |list: &[Member]| !list.iter().any(|m| leaves(&m));
                self.read_back("member remove", refusal, gone).await
            }
        }
    }

    async fn update(&self, name: &str, id: &str, peer_urls: &[String]) -> Changed {
        let named = |list: &[Member]| list.iter().find(|m| format!("{:x}", m.id) == id).cloned();
        let teller = self.teller().await?;
        let own = named(&teller.members).ok_or_else(|| not_listed(name))?;
        if own.is_learner {
            return Err(ChangeFault::Failed(format!(
                "`{name}` is a learner: etcd up to 3.5.30 makes a voter of it when its URLs are changed; remove it and add it again"
            )));
        }
        if own.peer_urls == peer_urls {
            return Ok(false);
        }
        let asked = |m: &mut Model| m.member_update(&teller.host, own.id, peer_urls);
        match self.again(asked).await {
            Ok(()) => Ok(true),
            Err(refusal) => {
                let came = |list: &[Member]| named(list).is_some_and(|m| m.peer_urls == peer_urls);
                self.read_back("member update", refusal, came).await
            }
        }
    }

    async fn move_leader(&self, from: &HostName) -> Changed {
        let leads = |s: &MemberStatus| s.leader != 0 && s.leader == s.member_id;
        // Who does not answer leads nobody.
        let Ok(leader) = self.status(from).await? else {
            return Ok(false);
        };
        let voters = leader.members.iter().flatten().filter(|m| !m.is_learner);
        // An only voter has nobody to hand over to.
        if !leads(&leader) || voters.count() == 1 {
            return Ok(false);
        }
        let mut best: Option<MemberStatus> = None;
        for host in self.through.iter().filter(|h| *h != from) {
            let Ok(status) = self.status(host).await? else {
                continue;
            };
            let follows = !status.is_learner && status.leader == leader.member_id;
            let ahead = |b: &MemberStatus| status.raft_applied_index > b.raft_applied_index;
            if follows && best.as_ref().is_none_or(ahead) {
                best = Some(status);
            }
        }
        let to = best.ok_or_else(|| {
            ChangeFault::Failed("no other voter serves that could lead".to_owned())
        })?;
        let asked = self.again(|m| m.transfer_leader(from, to.member_id)).await;
        match asked {
            Ok(()) => Ok(true),
            // It may have lost the lead by itself meanwhile.
            Err(refusal) => match (self.status(from).await?, refusal) {
                (Ok(status), _) if !leads(&status) => Ok(true),
                (_, Refusal::Words(_)) => Err(refused("move-leader", refusal)),
                _ => Err(unknown("move-leader", refusal)),
            },
        }
    }

    async fn compact(&self, keep: u64) -> Changed {
        let teller = self.teller().await?;
        let to = teller.status.revision.checked_sub_unsigned(keep);
        let Some(to) = to.filter(|revision| *revision > 1) else {
            return Ok(false);
        };
        match self.again(|m| m.compact(&teller.host, to)).await {
            Ok(()) => Ok(true),
            Err(COMPACTED) => Ok(false),
            Err(refusal @ Refusal::Words(_)) => Err(refused("compaction", refusal)),
            Err(refusal) => Err(unknown("compaction", refusal)),
        }
    }

    async fn defragment(&self, host: &HostName, above: u64) -> Changed {
        let status = self.serving(host).await?;
        if status.is_learner {
            return Err(ChangeFault::Failed(format!(
                "`{host}` is a learner: defragmenting one that is still given the store can damage it"
            )));
        }
        let free = u64::try_from(status.db_size - status.db_size_in_use).unwrap_or(0);
        if free == 0 || free < above {
            return Ok(false);
        }
        self.move_leader(host).await?;
        match self.again(|m| m.defragment(host)).await {
            Ok(takes) => {
                sleep(Duration::from_millis(takes)).await;
                Ok(true)
            }
            Err(refusal @ Refusal::Words(_)) => Err(refused("defrag", refusal)),
            Err(refusal) => Err(unknown("defrag", refusal)),
        }
    }

    async fn disarm(&self, host: &HostName) -> Changed {
        let status = self.serving(host).await?;
        let armed = |s: &MemberStatus| {
            let mut alarms = s.alarms.iter();
            alarms.any(|a| a.member_id == s.member_id && a.kind == "NOSPACE")
        };
        if !armed(&status) {
            return Ok(false);
        }
        match self
            .again(|m| m.disarm_nospace(host, status.member_id))
            .await
        {
            Ok(()) => Ok(true),
            Err(refusal @ Refusal::Words(_)) => Err(refused("alarm disarm", refusal)),
            Err(refusal) => match self.serving(host).await {
                Ok(status) if !armed(&status) => Ok(true),
                _ => Err(unknown("alarm disarm", refusal)),
            },
        }
    }
}

/// Why a learner is not to be promoted yet; none: it keeps up.
fn behind(learner: &MemberStatus, teller: &MemberStatus, lag: u64) -> Option<String> {
    if learner.leader == 0 {
        return Some("it knows no leader".to_owned());
    }
    let behind = teller.raft_index.saturating_sub(learner.raft_applied_index);
    (behind > lag).then(|| format!("{behind} entries behind, {lag} are allowed"))
}
