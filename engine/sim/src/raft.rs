//! What raft brings about among a cluster's members: who leads, what is replicated to whom, and who must go.

use std::collections::BTreeSet;

use runbook_model::cluster::Member;
use runbook_model::host::HostName;

use crate::calls::Refusal;
use crate::cluster::{MemberData, Progress};
use crate::model::{Model, QuorumLoss};

/// Milliseconds of unbroken connection that etcd wants of all voters before it changes the membership.
const HEALTH_MS: i64 = 5_000;

impl Model {
    /// Brings leaders, stores and memberships to where etcd would bring them, after anything changed.
    pub(crate) fn elect(&mut self) {
        loop {
            self.note_links();
            let clusters: BTreeSet<u64> = self
                .hosts
                .keys()
                .filter_map(|h| self.running_member(h))
                .map(|m| m.cluster_id)
                .chain(self.with_quorum.iter().copied())
                .collect();
            let mut gone = false;
            for cluster in clusters {
                let up = self.connected(cluster);
                self.settle(cluster, &up);
                gone |= self.end_removed(&up);
            }
            // Who is gone may have led.
            if !gone {
                return;
            }
        }
    }

    /// Since when each member has been connected, unbroken.
    fn note_links(&mut self) {
        let now = self.now_ms;
        let mut links = std::mem::take(&mut self.links);
        let linked = |name: &HostName| {
            let connected = self.hosts.get(name).is_some_and(|h| !h.isolated);
            self.run_of(name).filter(|_| connected)
        };
        links.retain(|name, (run, _)| linked(name).as_ref() == Some(run));
        for name in self.hosts.keys() {
            if let Some(run) = linked(name) {
                links.entry(name.clone()).or_insert((run, now));
            }
        }
        self.links = links;
    }

    /// Which run of its process serves on a host: boot and start.
    pub(crate) fn run_of(&self, name: &HostName) -> Option<(u32, u32)> {
        let host = self.hosts.get(name)?;
        let mut services = host.services.values();
        let service = services.find(|s| s.running && s.etcd.is_some())?;
        Some((host.boot, service.starts))
    }

    /// Whether a member serves clients: once it has told its name through a leader, and from then on.
    pub(crate) fn is_ready(&self, name: &HostName) -> bool {
        let ready = self.ready.get(name);
        ready.is_some() && ready == self.run_of(name).as_ref()
    }

    /// Of what began connected it is taken that it has long been.
    pub(crate) fn has_long_been_so(&mut self) {
        for (_, since) in self.links.values_mut() {
            *since = i64::MIN / 2;
        }
    }

    /// Whether two members have been connected for as long as etcd wants.
    pub(crate) fn linked_long(&self, one: &HostName, other: &HostName) -> bool {
        let since = |h| self.links.get(h).map(|(_, since)| *since);
        match (since(one), since(other)) {
            (Some(a), Some(b)) => one == other || a.max(b) + HEALTH_MS < self.now_ms,
            _ => false,
        }
    }

    /// Where a member of a cluster runs, connected.
    pub(crate) fn host_of(&self, cluster: u64, member: u64) -> Option<HostName> {
        let mut up = self.connected(cluster).into_iter();
        up.find(|h| {
            self.running_member(h)
                .is_some_and(|m| m.member_id == member)
        })
    }

    /// Lets a member lead, in a new term.
    pub(crate) fn lead(&mut self, cluster: u64, leader: HostName) {
        if self.leaders.get(&cluster) == Some(&leader) {
            return;
        }
        let up = self.connected(cluster);
        let data = up.iter().filter_map(|h| self.running_member(h));
        let term = data.map(|m| self.progress(m).term).max().unwrap_or(1) + 1;
        self.leaders.insert(cluster, leader.clone());
        // What the others have it has to find out anew.
        self.matched.retain(|(c, _), _| *c != cluster);
        if let Some(member) = self.running_member(&leader) {
            let key = member.key();
            let index = self.progress(member).index + 1;
            self.raft.insert(key, Progress { term, index });
        }
    }

    fn lose_quorum(&mut self, cluster: u64) {
        self.leaders.remove(&cluster);
        self.matched.retain(|(c, _), _| *c != cluster);
        if self.with_quorum.remove(&cluster) {
            let by = self.acting.clone();
            let struck = self.struck_ms;
            let unforeseen = by.as_ref().is_some_and(|b| struck >= Some(b.since_ms));
            self.quorum_losses.push(QuorumLoss {
                cluster,
                by,
                unforeseen,
            });
        }
    }

    fn settle(&mut self, cluster: u64, up: &[HostName]) {
        if !self.is_quorum(up) {
            self.lose_quorum(cluster);
            return;
        }
        self.with_quorum.insert(cluster);
        let Some(leader) = self.successor(cluster, up) else {
            return;
        };
        self.lead(cluster, leader.clone());
        self.publish_names(&leader, up);
        self.spread(&leader);
    }

    /// Sends the others what the leader has.
    fn spread(&mut self, leader: &HostName) {
        let Some(log) = self.running_member(leader) else {
            return;
        };
        let up = self.connected(log.cluster_id);
        let progress = self.progress(log);
        let same = |m: &MemberData| {
            m.store == log.store && m.members == log.members && m.alarms == log.alarms
        };
        let differs = |h: &&HostName| self.running_member(h).is_some_and(|m| !same(m));
        // Most of the time there is nothing to copy.
        let behind: Vec<_> = up.iter().filter(differs).cloned().collect();
        let copy = (!behind.is_empty()).then(|| log.clone());
        for host in &up {
            self.replicate(
                host,
                copy.as_ref().filter(|_| behind.contains(host)),
                progress,
            );
        }
    }

    /// Who leads, or will: a voter that has all.
    fn successor(&self, cluster: u64, up: &[HostName]) -> Option<HostName> {
        let voters = &self.newest_of(up)?.members;
        let can = |h: &&HostName| {
            let member = self.running_member(h).filter(|m| !self.is_syncing(m));
            let own = member.and_then(|m| m.listed(voters));
            let votes = member.is_some_and(|m| !self.voteless.contains(&m.key()));
            votes && own.is_some_and(|m| !m.is_learner)
        };
        let leads = self.leaders.get(&cluster).filter(|l| up.contains(l));
        let come = |h: &&HostName| {
            let member = self.running_member(h);
            member.map(|m| (self.progress(m), m.store.revision))
        };
        // Of equals the first: max_by_key would take the last.
        let next = up.iter().filter(can).rev().max_by_key(come);
        leads.filter(can).or(next).cloned()
    }

    /// A member that has all tells its name, by which it counts as started.
    fn publish_names(&mut self, leader: &HostName, up: &[HostName]) {
        for host in up {
            let Some(etcd) = self.running_etcd(host) else {
                continue;
            };
            let Some(member) = self.running_member(host).filter(|m| !self.is_syncing(m)) else {
                continue;
            };
            let id = member.member_id;
            let told =
                |m: &Member| m.name == etcd.name && m.client_urls == [etcd.client_url.as_str()];
            let log = self.running_member(leader);
            let own = log.and_then(|log| member.listed(&log.members));
            if own.is_none_or(told) {
                continue;
            }
            let (name, urls) = (etcd.name.clone(), vec![etcd.client_url.clone()]);
            let log = self.running_member_mut(leader);
            let mut own = log.into_iter().flat_map(|log| &mut log.members);
            if let Some(own) = own.find(|m| m.id == id) {
                own.name = name;
                own.client_urls = urls;
                self.log_entry(leader);
            }
        }
    }

    /// One more entry of a leader's log.
    fn log_entry(&mut self, leader: &HostName) {
        if let Some(member) = self.running_member(leader) {
            let key = member.key();
            let progress = self.progress(member);
            let index = progress.index + 1;
            self.raft.insert(key, Progress { index, ..progress });
        }
    }

    fn replicate(&mut self, host: &HostName, log: Option<&MemberData>, progress: Progress) {
        let Some(member) = self.running_member(host) else {
            return;
        };
        let key = member.key();
        if self.is_syncing(member) {
            let term = progress.term;
            self.raft.insert(key, Progress { term, index: 0 });
            return;
        }
        self.syncing.remove(&key);
        self.raft.insert(key, progress);
        self.matched.insert(key, progress.index);
        if let Some(run) = self.run_of(host) {
            self.ready.insert(host.clone(), run);
        }
        let Some(member) = self.running_member_mut(host) else {
            return;
        };
        let Some(log) = log else { return };
        member.store = log.store.clone();
        member.members.clone_from(&log.members);
        member.alarms.clone_from(&log.alarms);
        member.db_size = member.size();
    }

    /// Whether a member that joined is still being sent what the others have.
    pub(crate) fn is_syncing(&self, member: &MemberData) -> bool {
        let due = self.syncing.get(&member.key());
        due.is_some_and(|due| self.now_ms < *due)
    }

    /// Whether somebody has been sent everything since the last look.
    pub(crate) fn is_due(&self) -> bool {
        self.syncing.values().any(|due| *due <= self.now_ms)
    }

    /// Of these the member whose word on the membership counts: the furthest that is itself listed.
    pub(crate) fn teller(&self, up: &[HostName]) -> Option<&MemberData> {
        let data = up.iter().filter_map(|h| self.running_member(h));
        let listed = data.filter(|m| m.listed(&m.members).is_some());
        listed.max_by_key(|m| (self.progress(m), m.store.revision))
    }

    /// Members that the others no longer list end: false where there are none.
    fn end_removed(&mut self, up: &[HostName]) -> bool {
        let Some(newest) = self.teller(up).filter(|_| !self.removed.is_empty()) else {
            return false;
        };
        let listed: BTreeSet<u64> = newest.members.iter().map(|m| m.id).collect();
        let mut gone = false;
        for host in up {
            let member = self.running_member(host);
            let stays =
                |m: &MemberData| listed.contains(&m.member_id) || !self.removed.contains(&m.key());
            if member.is_none_or(stays) {
                continue;
            }
            gone = true;
            let services = self.hosts.get_mut(host).into_iter();
            for service in services.flat_map(|h| h.services.values_mut()) {
                if service.running && service.etcd.is_some() {
                    service.running = false;
                    service.active = false;
                    // A unit with `Restart=always` is tried again and again, to no avail.
                    service.failed = true;
                }
            }
        }
        gone
    }

    /// Proposes a change through a member: it is committed and applied everywhere.
    pub(crate) fn commit<T>(
        &mut self,
        through: &HostName,
        change: impl FnOnce(&mut MemberData) -> T,
    ) -> Result<T, Refusal> {
        let leader = self.leader_of(through).cloned();
        let leader = leader.ok_or(Refusal::Unanswered)?;
        let data = self.running_member_mut(&leader);
        let data = data.ok_or(Refusal::Unanswered)?;
        data.db_size = data.size();
        let came = change(data);
        data.db_size = data.size();
        self.log_entry(&leader);
        // It is everywhere before anybody acts on it: who is removed may lead.
        self.spread(&leader);
        self.elect();
        Ok(came)
    }
}
