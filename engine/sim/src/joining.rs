//! What a member without data does when it starts: it makes a cluster with others, or joins one that is there.

use std::collections::BTreeMap;

use runbook_model::host::HostName;
use runbook_snapshot::ids;

use crate::cluster::{MemberData, Progress};
use crate::data::members_of;
use crate::model::Model;
use crate::store::Store;

/// Milliseconds for an empty store to be sent, and bytes that go in a further one.
const SYNC_MS: u64 = 120;
const SENT: u64 = 100_000;

/// A member's settings, by name.
pub(crate) type Settings = BTreeMap<String, String>;

fn setting<'a>(settings: &'a Settings, key: &str) -> &'a str {
    settings.get(key).map(String::as_str).unwrap_or_default()
}

impl Model {
    /// What a member whose data dir is empty begins with; or the words with which it dies.
    pub(crate) fn begin_member(
        &mut self,
        host: &HostName,
        settings: &Settings,
    ) -> Result<MemberData, String> {
        if setting(settings, "ETCD_INITIAL_CLUSTER_STATE") == "existing" {
            self.join(host, settings)
        } else {
            let fresh = self.bootstrap(host, settings)?;
            self.note_if_second(&fresh);
            Ok(fresh)
        }
    }

    /// A running member at one of the other peer URLs that a starting one was told.
    fn remote(&self, host: &HostName, settings: &Settings) -> Option<&MemberData> {
        if self.hosts.get(host)?.isolated {
            return None;
        }
        let own = setting(settings, "ETCD_NAME");
        let told = setting(settings, "ETCD_INITIAL_CLUSTER").split(',');
        let others: Vec<&str> = told
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| *name != own)
            .map(|(_, url)| url)
            .collect();
        let reached = self.hosts.iter().filter(|(_, h)| !h.isolated);
        reached
            .filter_map(|(name, _)| self.running_member(name))
            .find(|m| {
                let listed = m.listed(&m.members);
                listed.is_some_and(|l| l.peer_urls.iter().any(|u| others.contains(&u.as_str())))
            })
    }

    fn bootstrap(&self, host: &HostName, settings: &Settings) -> Result<MemberData, String> {
        let initial = setting(settings, "ETCD_INITIAL_CLUSTER");
        let token = setting(settings, "ETCD_INITIAL_CLUSTER_TOKEN");
        let peer_url = setting(settings, "ETCD_INITIAL_ADVERTISE_PEER_URLS");
        let name = setting(settings, "ETCD_NAME");
        let members = members_of(initial, token)?;
        let own = members
            .iter()
            .find(|m| m.name == name && m.peer_urls.iter().any(|u| u == peer_url))
            .ok_or("error validating initial cluster: own name or peer URL is not in it")?;
        let known = self.remote(host, settings).map(|m| &m.members);
        let known = known.and_then(|list| list.iter().find(|m| m.id == own.id));
        if known.is_some_and(|m| !m.client_urls.is_empty()) {
            return Err(format!("member {:x} has already been bootstrapped", own.id));
        }
        Ok(MemberData {
            cluster_id: ids::cluster_id(token, initial).map_err(|e| e.to_string())?,
            member_id: own.id,
            members: members.clone(),
            store: Store::empty(),
            ..MemberData::default()
        })
    }

    /// `state new` for a member that a running cluster knows: it will serve alone, and look healthy.
    fn note_if_second(&mut self, fresh: &MemberData) {
        let own = fresh.listed(&fresh.members);
        let url = own.and_then(|m| m.peer_urls.first());
        let known = |m: &MemberData| {
            let mut listed = m.members.iter().flat_map(|l| &l.peer_urls);
            m.cluster_id != fresh.cluster_id && listed.any(|u| Some(u) == url)
        };
        let mut formed = self.hosts.keys().filter_map(|h| self.running_member(h));
        if formed.any(known) {
            self.violations.push(format!(
                "cluster {:x} was bootstrapped beside a running one that knows `{}`",
                fresh.cluster_id,
                url.map_or("", String::as_str)
            ));
        }
    }

    /// Any running member tells the membership, quorum or not; the newcomer must have been told exactly that.
    fn join(&mut self, host: &HostName, settings: &Settings) -> Result<MemberData, String> {
        let told = members_of(setting(settings, "ETCD_INITIAL_CLUSTER"), "")?;
        let peer_url = setting(settings, "ETCD_INITIAL_ADVERTISE_PEER_URLS");
        let remote = self.remote(host, settings).ok_or(
            "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs",
        )?;
        if told.len() != remote.members.len() {
            return Err("error validating peerURLs: member count is unequal".to_owned());
        }
        let listed = |url: &String| remote.members.iter().find(|m| m.peer_urls.contains(url));
        let mut urls = told.iter().flat_map(|m| &m.peer_urls);
        let own = listed(&peer_url.to_owned());
        let own = own.filter(|_| urls.all(|url| listed(url).is_some()));
        let own =
            own.ok_or("error validating peerURLs: unmatched member while checking PeerURLs")?;
        let fresh = MemberData {
            cluster_id: remote.cluster_id,
            member_id: own.id,
            members: remote.members.clone(),
            store: Store::empty(),
            ..MemberData::default()
        };
        let takes = SYNC_MS + remote.in_use() / SENT;
        let due = self.now_ms.saturating_add_unsigned(takes);
        self.syncing.insert(fresh.key(), due);
        let nothing = Progress { term: 0, index: 0 };
        self.raft.insert(fresh.key(), nothing);
        Ok(fresh)
    }

    /// A removed member's data dir is of no use any more: the others tell it so, as long as there are any.
    pub(crate) fn check_not_removed(
        &self,
        host: &HostName,
        dir: &MemberData,
    ) -> Result<(), String> {
        let apart = self.hosts.get(host).is_none_or(|h| h.isolated);
        let up = self.connected(dir.cluster_id);
        let told = self.teller(&up).filter(|_| !apart);
        let unlisted = told.is_some_and(|m| dir.listed(&m.members).is_none());
        if unlisted && self.removed.contains(&dir.key()) {
            return Err("the member has been permanently removed from the cluster".to_owned());
        }
        Ok(())
    }
}
