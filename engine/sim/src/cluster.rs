//! etcd's rules: membership, quorum, leader, replication, joining.

use std::collections::{BTreeMap, BTreeSet};

use runbook_model::cluster::Member;
use runbook_model::host::HostName;
use runbook_model::quorum::quorum;
use sha2::{Digest, Sha256};

use crate::model::{Model, QuorumLoss};

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
}

/// Keys and values at a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Newest revision.
    pub revision: i64,
    /// Compacted up to here.
    pub compacted: i64,
    /// Live keys.
    pub keys: BTreeMap<String, String>,
}

impl Store {
    /// A fresh member's store.
    pub fn empty() -> Self {
        Self {
            revision: 1,
            ..Self::default()
        }
    }

    /// A hash over all of it.
    pub fn hash(&self) -> u32 {
        let mut hash = Sha256::new();
        hash.update(self.revision.to_be_bytes());
        hash.update(self.compacted.to_be_bytes());
        for (key, value) in &self.keys {
            hash.update(key);
            hash.update([0]);
            hash.update(value);
            hash.update([0]);
        }
        let sum = hash.finalize();
        u32::from_be_bytes([sum[0], sum[1], sum[2], sum[3]])
    }

    /// Writes a key.
    pub fn put(&mut self, key: &str, value: &str) {
        self.revision += 1;
        self.keys.insert(key.to_owned(), value.to_owned());
    }
}

impl Model {
    /// A running member on a host: its data.
    pub fn running_member(&self, host: &HostName) -> Option<&MemberData> {
        let host = self.hosts.get(host)?;
        let dir = host
            .services
            .values()
            .filter(|s| s.running)
            .find_map(|s| s.etcd.as_ref())?;
        host.data.get(&dir.data_dir)?.member.as_ref()
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

    fn running_member_mut(&mut self, host: &HostName) -> Option<&mut MemberData> {
        let host = self.hosts.get_mut(host)?;
        let dir = host
            .services
            .values()
            .filter(|s| s.running)
            .find_map(|s| s.etcd.as_ref())?;
        host.data.get_mut(&dir.data_dir)?.member.as_mut()
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

    /// Whether the connected members can commit.
    pub fn has_quorum(&self, cluster_id: u64) -> bool {
        let up = self.connected(cluster_id);
        let data = up.iter().filter_map(|h| self.running_member(h));
        let Some(newest) = data.clone().max_by_key(|m| m.store.revision) else {
            return false;
        };
        let voters: BTreeSet<_> = newest
            .members
            .iter()
            .filter(|m| !m.is_learner)
            .map(|m| m.id)
            .collect();
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

    /// Brings leaders, stores and memberships to where etcd would bring them, after anything changed.
    pub(crate) fn elect(&mut self) {
        let clusters: BTreeSet<u64> = self
            .hosts
            .keys()
            .filter_map(|h| self.running_member(h))
            .map(|m| m.cluster_id)
            .chain(self.with_quorum.iter().copied())
            .collect();
        for cluster in clusters {
            let up = self.connected(cluster);
            if !self.has_quorum(cluster) {
                self.leaders.remove(&cluster);
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
                continue;
            }
            self.with_quorum.insert(cluster);
            let newest = |h: &&HostName| {
                let member = self.running_member(h);
                member.map_or(0, |m| m.store.revision)
            };
            let leads = self.leaders.get(&cluster).filter(|l| up.contains(l));
            // Of equals the first: max_by_key would take the last.
            let Some(leader) = leads
                .or_else(|| up.iter().rev().max_by_key(newest))
                .cloned()
            else {
                continue;
            };
            let Some(log) = self.running_member(&leader).cloned() else {
                continue;
            };
            self.leaders.insert(cluster, leader);
            for host in up {
                if let Some(member) = self.running_member_mut(&host) {
                    // Most of the time there is nothing to copy.
                    if member.store != log.store {
                        member.store = log.store.clone();
                    }
                    if member.members != log.members {
                        member.members.clone_from(&log.members);
                    }
                }
            }
        }
    }

    /// Makes another running member lead.
    pub fn move_leader(&mut self, to: &HostName) {
        if let Some(cluster) = self.running_member(to).map(|m| m.cluster_id)
            && self.has_quorum(cluster)
        {
            self.leaders.insert(cluster, to.clone());
        }
    }

    /// Writes through a member; false: no quorum.
    pub fn put(&mut self, through: &HostName, key: &str, value: &str) -> bool {
        let Some(leader) = self.leader_of(through).cloned() else {
            return false;
        };
        if let Some(member) = self.running_member_mut(&leader) {
            member.store.put(key, value);
        }
        self.elect();
        true
    }

    /// Deletes through a member.
    pub fn delete(&mut self, through: &HostName, key: &str) -> bool {
        let Some(leader) = self.leader_of(through).cloned() else {
            return false;
        };
        if let Some(member) = self.running_member_mut(&leader) {
            member.store.revision += 1;
            member.store.keys.remove(key);
        }
        self.elect();
        true
    }
}
