//! etcd's calls that change the membership, with the checks of `--strict-reconfig-check`, in the order in which etcd makes them.

use std::fmt;

use runbook_model::cluster::Member;
use runbook_model::host::HostName;
use runbook_model::quorum::quorum;
use runbook_snapshot::ids;

use crate::cluster::MemberData;
use crate::model::Model;

/// Why a member did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody listens.
    Silent,
    /// It waits for quorum, or is busy with itself.
    Unanswered,
    /// etcd's words.
    Words(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Silent => "connection refused",
            Refusal::Unanswered => "no answer",
            Refusal::Words(words) => words,
        })
    }
}

impl Refusal {
    /// Whether etcd says so only for a while.
    pub fn is_transient(self) -> bool {
        matches!(self, UNHEALTHY | NOT_IN_SYNC)
    }
}

pub(crate) const NOT_ENOUGH_STARTED: Refusal =
    Refusal::Words("etcdserver: re-configuration failed due to not enough started members");
pub(crate) const UNHEALTHY: Refusal = Refusal::Words("etcdserver: unhealthy cluster");
pub(crate) const ID_EXISTS: Refusal = Refusal::Words("etcdserver: member ID already exist");
pub(crate) const TOO_MANY_LEARNERS: Refusal =
    Refusal::Words("etcdserver: too many learner members in cluster");
pub(crate) const URL_EXISTS: Refusal = Refusal::Words("etcdserver: Peer URLs already exists");
pub(crate) const NOT_IN_SYNC: Refusal =
    Refusal::Words("etcdserver: can only promote a learner member which is in sync with leader");
pub(crate) const NO_LEARNER: Refusal =
    Refusal::Words("etcdserver: can only promote a learner member");
pub(crate) const NOT_FOUND: Refusal = Refusal::Words("etcdserver: member not found");
pub(crate) const FOR_VOTERS: Refusal = Refusal::Words("etcdserver: rpc not supported for learner");
pub(crate) const NOT_LEADER: Refusal = Refusal::Words("etcdserver: not leader");
pub(crate) const BAD_TRANSFEREE: Refusal = Refusal::Words("etcdserver: bad leader transferee");

/// Learners that a cluster may have.
const LEARNERS: usize = 1;

/// Voters but one, and how many of those have started.
fn voters_but(members: &[Member], id: Option<u64>) -> (usize, usize) {
    let voters = members.iter().filter(|m| !m.is_learner && Some(m.id) != id);
    let started = voters.clone().filter(|m| !m.name.is_empty()).count();
    (voters.count(), started)
}

impl Model {
    /// Who is asked, if it answers at all.
    pub(crate) fn asked(&self, host: &HostName) -> Result<&MemberData, Refusal> {
        let member = self.running_member(host).ok_or(Refusal::Silent)?;
        if self.is_paused(host) || !self.is_ready(host) {
            return Err(Refusal::Unanswered);
        }
        Ok(member)
    }

    /// Who is asked, if it is one that answers such calls.
    pub(crate) fn asked_voter(&self, host: &HostName) -> Result<&MemberData, Refusal> {
        let member = self.asked(host)?;
        if member.is_learner() {
            return Err(FOR_VOTERS);
        }
        Ok(member)
    }

    /// A version as numbers.
    pub(crate) fn version_of(&self, host: &HostName) -> Vec<u32> {
        let version = self.running_etcd(host).map(|e| e.version.as_str());
        let parts = version.unwrap_or_default().split('.');
        parts.map(|p| p.parse().unwrap_or(0)).collect()
    }

    /// Voters with which a member has been connected for as long as etcd wants, itself among them.
    fn voters_linked(&self, own: &HostName, data: &MemberData) -> usize {
        let voters = data.members.iter().filter(|m| !m.is_learner);
        voters
            .filter(|m| {
                let host = self.host_of(data.cluster_id, m.id);
                m.id == data.member_id || host.is_some_and(|h| self.linked_long(own, &h))
            })
            .count()
    }

    /// `member add`: the new member's id.
    ///
    /// # Errors
    /// etcd's refusal.
    pub fn member_add(
        &mut self,
        through: &HostName,
        peer_urls: &[String],
        learner: bool,
    ) -> Result<u64, Refusal> {
        let data = self.asked_voter(through)?;
        let (voters, started) = voters_but(&data.members, None);
        // A lone member may have a second one that has not started: etcd lets it, at the price of its quorum.
        let lone = voters == 1 && started == 1;
        if !learner && !lone && started < quorum(voters + 1) {
            return Err(NOT_ENOUGH_STARTED);
        }
        let wanted = if self.version_of(through) >= vec![3, 5, 30] {
            quorum(voters + 1).min(voters)
        } else {
            voters
        };
        if self.voters_linked(through, data) < wanted {
            return Err(UNHEALTHY);
        }
        if self.leader_of(through).is_none() {
            return Err(Refusal::Unanswered);
        }
        // etcd makes the id from the URLs and the second.
        let second = self.now_ms / 1_000;
        let token = format!("{:x} {second}", data.cluster_id);
        let id = ids::member_id(peer_urls, &token).unwrap_or_default();
        self.may_be_new(data, id, peer_urls, learner)?;
        self.commit(through, |data| {
            data.members.push(Member {
                id,
                name: String::new(),
                peer_urls: peer_urls.to_vec(),
                client_urls: Vec::new(),
                is_learner: learner,
            });
            id
        })
    }

    fn may_be_new(
        &self,
        data: &MemberData,
        id: u64,
        peer_urls: &[String],
        learner: bool,
    ) -> Result<(), Refusal> {
        if self.removed.contains(&(data.cluster_id, id)) {
            return Err(NOT_FOUND);
        }
        if data.members.iter().any(|m| m.id == id) {
            return Err(ID_EXISTS);
        }
        let mut used = data.members.iter().flat_map(|m| &m.peer_urls);
        if used.any(|url| peer_urls.contains(url)) {
            return Err(URL_EXISTS);
        }
        let learners = data.members.iter().filter(|m| m.is_learner).count();
        if learner && learners >= LEARNERS {
            return Err(TOO_MANY_LEARNERS);
        }
        Ok(())
    }

    /// `member promote`.
    ///
    /// # Errors
    /// etcd's refusal.
    pub fn member_promote(&mut self, through: &HostName, id: u64) -> Result<(), Refusal> {
        let data = self.asked_voter(through)?;
        let leader = self.leader_of(through).ok_or(Refusal::Unanswered)?;
        let log = self.running_member(leader).ok_or(Refusal::Unanswered)?;
        let own = data.members.iter().find(|m| m.id == id);
        let matched = self.matched.get(&(data.cluster_id, id)).copied();
        // In sync: nine tenths of the leader's log, however long it is.
        let behind = matched.unwrap_or(0) * 10 < self.progress(log).index * 9;
        if own.is_some() && behind {
            return Err(NOT_IN_SYNC);
        }
        let (voters, started) = voters_but(&data.members, None);
        if started + 1 < quorum(voters + 1) {
            return Err(NOT_ENOUGH_STARTED);
        }
        match own {
            None => return Err(NOT_FOUND),
            Some(own) if !own.is_learner => return Err(NO_LEARNER),
            Some(_) => {}
        }
        self.commit(through, |data| {
            let own = data.members.iter_mut().filter(|m| m.id == id);
            own.for_each(|m| m.is_learner = false);
        })
    }

    /// `member remove`.
    ///
    /// # Errors
    /// etcd's refusal.
    pub fn member_remove(&mut self, through: &HostName, id: u64) -> Result<(), Refusal> {
        let data = self.asked_voter(through)?;
        let own = data.members.iter().find(|m| m.id == id);
        if !own.is_some_and(|m| m.is_learner) {
            self.may_remove(through, data, id)?;
        }
        if self.leader_of(through).is_none() {
            return Err(Refusal::Unanswered);
        }
        if own.is_none() {
            return Err(NOT_FOUND);
        }
        let key = (data.cluster_id, id);
        self.removed.insert(key);
        self.commit(through, |data| data.members.retain(|m| m.id != id))
    }

    fn may_remove(&self, through: &HostName, data: &MemberData, id: u64) -> Result<(), Refusal> {
        let (stay, started) = voters_but(&data.members, Some(id));
        if started < quorum(stay) {
            return Err(NOT_ENOUGH_STARTED);
        }
        // Who is not connected does not count for quorum now: it may go.
        if id != data.member_id && self.host_of(data.cluster_id, id).is_none() {
            return Ok(());
        }
        let voters = data.members.iter().filter(|m| !m.is_learner).count();
        if self.voters_linked(through, data).saturating_sub(1) < quorum(voters.saturating_sub(1)) {
            return Err(UNHEALTHY);
        }
        Ok(())
    }

    /// `member update`.
    ///
    /// # Errors
    /// etcd's refusal.
    pub fn member_update(
        &mut self,
        through: &HostName,
        id: u64,
        peer_urls: &[String],
    ) -> Result<(), Refusal> {
        let data = self.asked_voter(through)?;
        if self.leader_of(through).is_none() {
            return Err(Refusal::Unanswered);
        }
        if !data.members.iter().any(|m| m.id == id) {
            return Err(NOT_FOUND);
        }
        let others = data.members.iter().filter(|m| m.id != id);
        let mut used = others.flat_map(|m| &m.peer_urls);
        if used.any(|url| peer_urls.contains(url)) {
            return Err(URL_EXISTS);
        }
        let mends_learners = self.version_of(through) >= vec![3, 5, 31];
        let own = data.members.iter().find(|m| m.id == id);
        let (key, learner) = ((data.cluster_id, id), own.is_some_and(|m| m.is_learner));
        if learner && !mends_learners {
            self.voteless.insert(key);
        }
        self.commit(through, |data| {
            for own in data.members.iter_mut().filter(|m| m.id == id) {
                own.peer_urls = peer_urls.to_vec();
                // etcd's own mistake: what is updated is listed as a voter, without a vote.
                own.is_learner &= mends_learners;
            }
        })?;
        self.note_out_of_reach();
        Ok(())
    }

    /// A member that was started without peer certificates reaches nobody over https: requests about leases that it takes wait for
    /// a leader there for ever.
    pub(crate) fn note_out_of_reach(&mut self) {
        let without = self.hosts.keys().filter(|name| {
            let etcd = self.running_etcd(name);
            etcd.is_some_and(|e| !e.settings.contains_key("ETCD_PEER_TRUSTED_CA_FILE"))
        });
        let found = without.filter_map(|name| {
            let own = self.running_member(name)?;
            let mut others = own.members.iter().filter(|m| m.id != own.member_id);
            let over_https = |m: &&Member| m.peer_urls.iter().any(|u| u.starts_with("https://"));
            let other = others.find(over_https)?;
            Some(format!(
                "`{name}` runs without peer certificates, and `{}` is listed at {}",
                other.name,
                other.peer_urls.join(",")
            ))
        });
        let found: Vec<String> = found.collect();
        for text in found {
            if !self.out_of_reach.contains(&text) {
                self.out_of_reach.push(text);
            }
        }
    }

    /// `move-leader`, asked of the leader.
    ///
    /// # Errors
    /// etcd's refusal.
    pub fn transfer_leader(&mut self, through: &HostName, to: u64) -> Result<(), Refusal> {
        let data = self.asked_voter(through)?;
        if self.leader_of(through) != Some(through) {
            return Err(NOT_LEADER);
        }
        match data.members.iter().find(|m| m.id == to) {
            Some(member) if !member.is_learner => {}
            _ => return Err(BAD_TRANSFEREE),
        }
        // To one that does not answer it waits until it is told to stop.
        let host = self
            .host_of(data.cluster_id, to)
            .ok_or(Refusal::Unanswered)?;
        let cluster = data.cluster_id;
        self.lead(cluster, host);
        self.elect();
        Ok(())
    }
}
