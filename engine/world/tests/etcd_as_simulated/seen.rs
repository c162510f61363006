//! What can be seen of a cluster from outside, in names instead of ids.

use std::collections::BTreeMap;

use runbook_model::cluster::{MemberProbe, MemberStatus, SilentCause};
use runbook_model::host::MemberSpec;

use crate::operations::LARGE;

/// What all members say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(pub Vec<SeenMember>);

impl Seen {
    pub fn leave_in_use_out(&mut self) {
        for member in &mut self.0 {
            if let SeenMember::Serving(serving) = member {
                serving.large.1 = false;
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenMember {
    Silent(SilentCause),
    Serving(Box<Serving>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// A function of the token and the initial cluster: the same in both worlds.
    pub cluster_id: u64,
    pub leader: Option<String>,
    pub learner: bool,
    pub revision: i64,
    pub version: String,
    pub list: Option<Vec<Listed>>,
    pub alarms: Vec<String>,
    pub errors: Vec<String>,
    /// The first member with the same hash, and the compacted revision.
    pub hash: Option<(usize, i64)>,
    /// The file; what is in use of it.
    pub large: (bool, bool),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub peer_urls: Vec<String>,
    pub name: String,
    pub learner: bool,
}

/// Ids and their names; learnt from the members, and kept when they are gone.
#[derive(Debug, Default)]
pub struct Names {
    names: BTreeMap<u64, String>,
    /// Of a member that was added again the newest.
    ids: BTreeMap<String, u64>,
}

impl Names {
    pub fn know(&mut self, name: &str, id: u64) {
        self.names.insert(id, name.to_owned());
        self.ids.insert(name.to_owned(), id);
    }

    /// A member's id; one that no member has where it was never known.
    pub fn id(&self, name: &str) -> u64 {
        self.ids.get(name).copied().unwrap_or(12_345)
    }

    pub fn named(&self, id: u64) -> String {
        self.names
            .get(&id)
            .cloned()
            .unwrap_or_else(|| "?".to_owned())
    }

    /// Learns from what the members say: of themselves, and of each other by their peer URLs.
    pub fn learn(&mut self, specs: &[MemberSpec], probes: &[MemberProbe]) {
        for (i, status) in statuses(probes) {
            self.names.insert(status.member_id, specs[i].name.clone());
        }
        let newest = statuses(probes).filter(|(_, s)| s.members.is_some());
        let newest = newest.max_by_key(|(_, s)| (s.raft_term, s.raft_index));
        for member in newest.iter().flat_map(|(_, s)| s.members.iter().flatten()) {
            let own = |s: &&MemberSpec| member.peer_urls.contains(&s.peer_url());
            if let Some(spec) = specs.iter().find(own) {
                self.know(&spec.name, member.id);
            }
        }
    }
}

pub fn statuses(probes: &[MemberProbe]) -> impl Iterator<Item = (usize, &MemberStatus)> {
    probes.iter().enumerate().filter_map(|(i, p)| match p {
        MemberProbe::Serving(status) => Some((i, status.as_ref())),
        MemberProbe::Silent { .. } => None,
    })
}

/// `since`: subtracted from every revision.
pub fn seen(names: &Names, probes: &[MemberProbe], since: i64) -> Seen {
    let named = |id| names.named(id);
    let mut first: BTreeMap<u32, usize> = BTreeMap::new();
    let members = probes.iter().enumerate().map(|(i, probe)| match probe {
        MemberProbe::Silent { cause, .. } => SeenMember::Silent(*cause),
        MemberProbe::Serving(status) => {
            let list = status.members.as_ref().map(|list| {
                let listed = list.iter().map(|m| Listed {
                    peer_urls: m.peer_urls.clone(),
                    name: m.name.clone(),
                    learner: m.is_learner,
                });
                let mut listed: Vec<_> = listed.collect();
                listed.sort();
                listed
            });
            let hash = status.hash.map(|h| {
                let compacted = match h.compact_revision {
                    -1 => -1,
                    revision => revision - since,
                };
                (*first.entry(h.hash).or_insert(i), compacted)
            });
            SeenMember::Serving(Box::new(Serving {
                cluster_id: status.cluster_id,
                leader: (status.leader != 0).then(|| named(status.leader)),
                learner: status.is_learner,
                revision: status.revision - since,
                version: status.version.clone(),
                list,
                alarms: status
                    .alarms
                    .iter()
                    .map(|a| format!("{} {}", named(a.member_id), a.kind))
                    .collect(),
                errors: status.errors.clone(),
                hash,
                large: (status.db_size > LARGE, status.db_size_in_use > LARGE),
            }))
        }
    });
    Seen(members.collect())
}
