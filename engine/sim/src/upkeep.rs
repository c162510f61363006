//! etcd's calls about history, files and space.

use runbook_model::host::HostName;

use crate::calls::Refusal;
use crate::model::Model;
use crate::store::NoRevision;

pub(crate) const COMPACTED: Refusal =
    Refusal::Words("etcdserver: mvcc: required revision has been compacted");
pub(crate) const FUTURE: Refusal =
    Refusal::Words("etcdserver: mvcc: required revision is a future revision");
pub(crate) const NO_SPACE: Refusal = Refusal::Words("etcdserver: mvcc: database space exceeded");

/// etcd's default quota.
const QUOTA: u64 = 2 << 30;
/// Bytes that etcd takes for a request besides its key and value.
const COST: u64 = 256;
/// Bytes that a member rewrites in a millisecond.
const REWRITES: u64 = 80_000;

impl From<NoRevision> for Refusal {
    fn from(none: NoRevision) -> Self {
        match none {
            NoRevision::Compacted => COMPACTED,
            NoRevision::Future => FUTURE,
        }
    }
}

impl Model {
    fn quota(&self, host: &HostName) -> u64 {
        let quota = self.running_etcd(host).map_or(0, |e| e.quota_bytes);
        if quota == 0 { QUOTA } else { quota }
    }

    /// Whether a member has room for a write; where it has none it raises its alarm.
    pub(crate) fn room_for(
        &mut self,
        through: &HostName,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), Refusal> {
        let data = self.asked_voter(through)?;
        // Deleting is how room is made.
        let Some(value) = value else { return Ok(()) };
        let cost = COST + (key.len() + value.len()) as u64;
        let (id, full) = (data.member_id, data.size() + cost >= self.quota(through));
        let alarm = !data.alarms.is_empty();
        if full && !data.alarms.contains(&id) {
            self.commit(through, |data| data.alarms.insert(id))?;
        }
        if full || alarm {
            return Err(NO_SPACE);
        }
        Ok(())
    }

    /// Every member sees for itself that its file is full.
    pub(crate) fn raise_where_full(&mut self, cluster: u64) {
        for host in self.connected(cluster) {
            let Some(data) = self.running_member(&host) else {
                continue;
            };
            let (id, full) = (data.member_id, data.size() >= self.quota(&host));
            if full && !data.alarms.contains(&id) {
                // Without quorum there was no write.
                let _ = self.commit(&host, |data| data.alarms.insert(id));
            }
        }
    }

    /// `compaction`, physical.
    ///
    /// # Errors
    /// etcd's refusal.
    pub fn compact(&mut self, through: &HostName, revision: i64) -> Result<(), Refusal> {
        self.asked_voter(through)?;
        let before = self.asked(through)?;
        let (cluster, hash) = (before.cluster_id, before.store.hash_up_to(revision));
        self.commit(through, |data| data.store.compact(revision))??;
        for host in self.connected(cluster) {
            if let Some(run) = self.run_of(&host) {
                self.compactions.insert(host, (run, revision, hash));
            }
        }
        Ok(())
    }

    /// `defrag`: the milliseconds for which the member answers nothing.
    ///
    /// # Errors
    /// etcd's refusal.
    pub fn defragment(&mut self, host: &HostName) -> Result<u64, Refusal> {
        self.asked_voter(host)?;
        let now = self.now_ms;
        let Some(member) = self.running_member_mut(host) else {
            return Err(Refusal::Silent);
        };
        let takes = member.size() / REWRITES;
        member.db_size = 0;
        member.db_size = member.size();
        let until = now.saturating_add_unsigned(takes);
        self.paused.insert(host.clone(), until);
        Ok(takes)
    }

    /// Whether a member is rewriting its file.
    pub(crate) fn is_paused(&self, host: &HostName) -> bool {
        let until = self.paused.get(host);
        until.is_some_and(|until| self.now_ms < *until)
    }

    /// `alarm disarm` of one member's NOSPACE.
    ///
    /// # Errors
    /// etcd's refusal.
    pub fn disarm_nospace(&mut self, through: &HostName, id: u64) -> Result<(), Refusal> {
        self.asked_voter(through)?;
        self.commit(through, |data| {
            data.alarms.remove(&id);
        })
    }
}
