//! What a member is: its data, who it is connected with, whether they are enough, and what they have in common.

use std::collections::BTreeSet;

use runbook_model::cluster::Member;
use runbook_model::host::HostName;
use runbook_model::quorum::quorum;

use crate::calls::Refusal;
use crate::model::{Model, RunningEtcd};
pub use crate::store::Store;

/// What a data dir holds of a member.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberData {
    /// The cluster.
    pub cluster_id: u64,
    /// The member.
    pub member_id: u64,
    /// The membership as last applied.
    pub members: Vec<Member>,
    /// The keys.
    pub store: Store,
    /// Members with a NOSPACE alarm.
    pub alarms: BTreeSet<u64>,
    /// Bytes of its file: it grows, and shrinks by defragmentation alone.
    pub db_size: u64,
}

/// What is in use of a fresh member's file.
const FRESH_IN_USE: u64 = 16_384;
const PAGE: u64 = 4_096;

impl MemberData {
    /// Bytes of its file that are in use.
    pub fn in_use(&self) -> u64 {
        FRESH_IN_USE + self.store.bytes().next_multiple_of(PAGE)
    }

    /// Bytes of its file; a page is always free.
    pub fn size(&self) -> u64 {
        self.db_size.max(self.in_use() + PAGE)
    }

    /// Its entry in a list.
    pub(crate) fn listed<'a>(&self, members: &'a [Member]) -> Option<&'a Member> {
        members.iter().find(|m| m.id == self.member_id)
    }

    /// As it knows itself.
    pub fn is_learner(&self) -> bool {
        self.listed(&self.members).is_some_and(|m| m.is_learner)
    }

    pub(crate) fn key(&self) -> (u64, u64) {
        (self.cluster_id, self.member_id)
    }
}

/// How far a member's log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Progress {
    pub term: u64,
    pub index: u64,
}

impl Model {
    /// The etcd that runs on a host.
    pub(crate) fn running_etcd(&self, host: &HostName) -> Option<&RunningEtcd> {
        let services = &self.hosts.get(host)?.services;
        services
            .values()
            .filter(|s| s.running)
            .find_map(|s| s.etcd.as_ref())
    }

    /// A running member on a host: its data.
    pub fn running_member(&self, host: &HostName) -> Option<&MemberData> {
        let dir = &self.running_etcd(host)?.data_dir;
        self.hosts.get(host)?.data.get(dir)?.member.as_ref()
    }

    /// Whether a running member's data was restored from a snapshot.
    pub(crate) fn restored(&self, host: &HostName) -> bool {
        let Some(host) = self.hosts.get(host) else {
            return false;
        };
        let running = host.services.values().filter(|s| s.running);
        running
            .filter_map(|s| host.data.get(&s.etcd.as_ref()?.data_dir))
            .any(|dir| dir.origin.is_some())
    }

    pub(crate) fn running_member_mut(&mut self, host: &HostName) -> Option<&mut MemberData> {
        let dir = self.running_etcd(host)?.data_dir.clone();
        self.hosts
            .get_mut(host)?
            .data
            .get_mut(&dir)?
            .member
            .as_mut()
    }

    /// Hosts of running members of a cluster that reach each other.
    pub fn connected(&self, cluster_id: u64) -> Vec<HostName> {
        self.hosts
            .iter()
            .filter(|(name, host)| {
                !host.isolated
                    && self
                        .running_member(name)
                        .is_some_and(|m| m.cluster_id == cluster_id)
            })
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// How far a member has come; one that was never heard of has its bootstrap's entries.
    pub(crate) fn progress(&self, member: &MemberData) -> Progress {
        let known = self.raft.get(&member.key()).copied();
        known.unwrap_or(Progress {
            term: 1,
            index: member.members.len() as u64,
        })
    }

    /// Of these, connected with each other, the one that has come furthest: its membership is what counts.
    pub(crate) fn newest_of(&self, up: &[HostName]) -> Option<&MemberData> {
        // Of equals the first: max_by_key would take the last.
        let data = up.iter().rev().filter_map(|h| self.running_member(h));
        data.max_by_key(|m| (self.progress(m), m.store.revision))
    }

    /// Whether the connected members can commit.
    pub fn has_quorum(&self, cluster_id: u64) -> bool {
        self.is_quorum(&self.connected(cluster_id))
    }

    /// Whether these, connected with each other, can commit.
    pub(crate) fn is_quorum(&self, up: &[HostName]) -> bool {
        let Some(newest) = self.newest_of(up) else {
            return false;
        };
        let voters = newest
            .members
            .iter()
            .filter(|m| !m.is_learner && !self.voteless.contains(&(newest.cluster_id, m.id)));
        let voters: BTreeSet<_> = voters.map(|m| m.id).collect();
        let data = up.iter().filter_map(|h| self.running_member(h));
        let healthy = data.filter(|m| voters.contains(&m.member_id)).count();
        !voters.is_empty() && healthy >= quorum(voters.len())
    }

    /// The leader as a member sees it; none: it knows no leader.
    pub fn leader_of(&self, host: &HostName) -> Option<&HostName> {
        let member = self.running_member(host)?;
        if self.hosts.get(host)?.isolated {
            return None;
        }
        self.leaders.get(&member.cluster_id)
    }

    /// Makes another running member lead.
    pub fn move_leader(&mut self, to: &HostName) {
        let Some(data) = self.running_member(to) else {
            return;
        };
        let (cluster, learner) = (data.cluster_id, data.is_learner());
        if !learner && self.has_quorum(cluster) {
            self.lead(cluster, to.clone());
            self.elect();
        }
    }

    /// Writes through a member; false: it was not written.
    pub fn put(&mut self, through: &HostName, key: &str, value: &str) -> bool {
        self.write(through, key, Some(value)).is_ok()
    }

    /// Deletes through a member.
    pub fn delete(&mut self, through: &HostName, key: &str) -> bool {
        self.write(through, key, None).is_ok()
    }

    /// Puts or deletes (none) through a member: the revision afterwards.
    ///
    /// # Errors
    /// etcd's refusal.
    pub fn write(
        &mut self,
        through: &HostName,
        key: &str,
        value: Option<&str>,
    ) -> Result<i64, Refusal> {
        self.room_for(through, key, value)?;
        let cluster = self.asked(through)?.cluster_id;
        let revision = self.commit(through, |data| {
            match value {
                Some(value) => data.store.put(key, value),
                None => {
                    data.store.delete(key);
                }
            }
            data.store.revision
        })?;
        self.raise_where_full(cluster);
        Ok(revision)
    }
}
