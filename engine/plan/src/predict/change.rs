//! Changes of the cluster, predicted: the members' list, who leads, what a file holds.

use runbook_model::change::ClusterChange;
use runbook_model::cluster::{Member, MemberProbe, MemberStatus, SilentCause};
use runbook_model::guard::listed;
use runbook_model::host::{HostName, MemberSpec};
use runbook_snapshot::ids;

use super::Prediction;

/// Stands for what nobody knows before etcd says it: bytes in use after a compaction.
pub(super) const NOT_KNOWN: i64 = -1;

impl Prediction {
    pub(super) fn change(&mut self, change: &ClusterChange) {
        match change {
            ClusterChange::AddMember {
                peer_urls, learner, ..
            } => self.list(peer_urls, *learner),
            ClusterChange::PromoteMember {
                member, peer_urls, ..
            } => {
                self.each_list(|list| {
                    let own = |m: &&mut Member| m.peer_urls == *peer_urls;
                    list.iter_mut()
                        .filter(own)
                        .for_each(|m| m.is_learner = false);
                });
                self.status_of(member, |s| s.is_learner = false);
                self.disturbed = true;
            }
            ClusterChange::RemoveMember { id, peer_urls, .. } => {
                self.unlist(id.as_deref(), peer_urls);
            }
            ClusterChange::UpdateMember { id, peer_urls, .. } => self.each_list(|list| {
                let own = |m: &&mut Member| format!("{:x}", m.id) == *id;
                let own = list.iter_mut().filter(own);
                own.for_each(|m| m.peer_urls.clone_from(peer_urls));
            }),
            ClusterChange::MoveLeader { from } => self.move_leader(from),
            ClusterChange::Compact { .. } => {
                self.each_status(|s| s.db_size_in_use = NOT_KNOWN);
            }
            ClusterChange::Defragment { member, above } => self.defragment(member, *above),
            ClusterChange::DisarmNospace { member } => self.disarm(member),
        }
    }

    /// etcd makes the id from the URLs and the moment: here it is made from the URLs alone, to tell members apart.
    fn list(&mut self, peer_urls: &[String], learner: bool) {
        let member = Member {
            id: ids::member_id(peer_urls, "").unwrap_or(0),
            name: String::new(),
            peer_urls: peer_urls.to_vec(),
            client_urls: Vec::new(),
            is_learner: learner,
        };
        self.each_list(|list| {
            if !list.iter().any(|m| m.peer_urls == member.peer_urls) {
                list.push(member.clone());
            }
        });
        self.disturbed = true;
    }

    fn unlist(&mut self, id: Option<&str>, peer_urls: &[String]) {
        let leaves = |m: &Member| match id {
            Some(id) => format!("{:x}", m.id) == id,
            None => m.peer_urls == peer_urls,
        };
        let membership = self.view.cluster.membership();
        let gone = membership.and_then(|list| list.iter().find(|m| leaves(m)).map(|m| m.id));
        self.each_list(|list| list.retain(|m| !leaves(m)));
        let Some(gone) = gone else { return };
        for probe in self.view.cluster.members.values_mut() {
            if matches!(probe, MemberProbe::Serving(s) if s.member_id == gone) {
                *probe = MemberProbe::Silent {
                    cause: SilentCause::Refused,
                    detail: "removed from the cluster by this run".to_owned(),
                };
            }
        }
        self.before.retain(|_, s| s.member_id != gone);
        self.disturbed = true;
    }

    fn move_leader(&mut self, from: &HostName) {
        let Some(old) = self.status(from).map(|s| s.member_id) else {
            return;
        };
        let next = self
            .view
            .cluster
            .serving()
            .filter(|(_, s)| !s.is_learner && s.member_id != old && s.leader == old)
            .max_by_key(|(_, s)| s.raft_applied_index)
            .map(|(_, s)| s.member_id);
        if let Some(next) = next {
            self.each_status(|s| {
                if s.leader == old {
                    s.leader = next;
                }
            });
        }
    }

    fn defragment(&mut self, member: &HostName, above: u64) {
        let Some((size, in_use)) = self.status(member).map(|s| (s.db_size, s.db_size_in_use))
        else {
            return;
        };
        // What is not known is taken for what is done.
        let free = u64::try_from(size - in_use).unwrap_or(0);
        if in_use >= 0 && (free == 0 || free < above) {
            return;
        }
        if self.status(member).is_some_and(|s| s.leader == s.member_id) {
            self.move_leader(member);
        }
        self.status_of(member, |s| {
            if s.db_size_in_use >= 0 {
                s.db_size = s.db_size_in_use;
            }
        });
    }

    fn disarm(&mut self, member: &HostName) {
        let Some(own) = self.status(member).map(|s| s.member_id) else {
            return;
        };
        self.each_status(|s| {
            s.alarms
                .retain(|a| a.member_id != own || a.kind != "NOSPACE");
            if s.member_id == own {
                s.errors.retain(|e| !e.contains("NOSPACE"));
            }
        });
    }

    /// A member that joined: it has the cluster's keys, under the id that it was listed with.
    pub(super) fn joined(&self, spec: &MemberSpec, version: String) -> Option<MemberStatus> {
        let teller = self
            .view
            .cluster
            .serving()
            .max_by_key(|(_, s)| (s.raft_term, s.raft_index))?
            .1;
        let own = listed(&spec.host, &self.view)?;
        Some(MemberStatus {
            member_id: own.id,
            is_learner: own.is_learner,
            version,
            members: None,
            certificate_not_after: None,
            certificate_serial: None,
            certificate_issued: None,
            ..teller.clone()
        })
    }

    /// A member tells its name and its client URL when it starts.
    pub(super) fn named(&mut self, spec: &MemberSpec) {
        self.each_list(|list| {
            let own = |m: &&mut Member| m.peer_urls.contains(&spec.peer_url());
            for member in list.iter_mut().filter(own) {
                member.name.clone_from(&spec.name);
                member.client_urls = vec![spec.client_url()];
            }
        });
    }

    fn each_list(&mut self, change: impl Fn(&mut Vec<Member>)) {
        self.each_status(|s| {
            if let Some(list) = &mut s.members {
                change(list);
            }
        });
    }

    fn each_status(&mut self, change: impl Fn(&mut MemberStatus)) {
        for probe in self.view.cluster.members.values_mut() {
            if let MemberProbe::Serving(status) = probe {
                change(status);
            }
        }
    }

    fn status_of(&mut self, host: &HostName, change: impl FnOnce(&mut MemberStatus)) {
        if let Some(MemberProbe::Serving(status)) = self.view.cluster.members.get_mut(host) {
            change(status);
        }
    }
}
