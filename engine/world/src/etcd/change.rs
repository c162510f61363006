//! Changes of a cluster through one member. etcd answers some of them only after it carried them out, and goes on where the caller
//! has gone: a [`CallError::Timeout`] here means that the outcome is unknown and must be read back, never that it failed.

use std::time::Duration;

use etcd_client::{AlarmAction, AlarmOptions, AlarmType, CompactionOptions, MemberAddOptions};
use tokio::time::Instant;

use super::connection::Connection;
use super::error::CallError;
use super::write_probe::again;

/// What is left until then.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// The changes of members are tried again within their limit while etcd refuses them only for a while: for five seconds after each
/// join it says `unhealthy cluster`, and a learner is not in sync until it is.
impl Connection {
    /// Adds a member by its peer URLs, as a learner unless `voter`; returns its id. It is not asked again after a timeout.
    ///
    /// # Errors
    /// etcd's refusal, or no answer: then look it up by its peer URL.
    pub async fn member_add(
        &self,
        peer_urls: &[String],
        voter: bool,
        limit: Duration,
    ) -> Result<u64, CallError> {
        let deadline = Instant::now() + limit;
        again(deadline, || async move {
            let mut client = self.client();
            let options = if voter {
                MemberAddOptions::new()
            } else {
                MemberAddOptions::new().with_is_learner()
            };
            let add = client.member_add(peer_urls, Some(options));
            let answer = self.call("member add", left(deadline), add).await?;
            Ok(answer.member().map_or(0, |m| m.id()))
        })
        .await
    }

    /// Makes a learner a voter, waiting until it is in sync.
    ///
    /// # Errors
    /// etcd's refusal, or no answer.
    pub async fn member_promote(&self, id: u64, limit: Duration) -> Result<(), CallError> {
        let deadline = Instant::now() + limit;
        again(deadline, || async move {
            let mut client = self.client();
            let promote = client.member_promote(id);
            self.call("member promote", left(deadline), promote)
                .await
                .map(|_| ())
        })
        .await
    }

    /// Removes a member. `member not found` after an own removal that got no answer means that it is done.
    ///
    /// # Errors
    /// etcd's refusal, or no answer.
    pub async fn member_remove(&self, id: u64, limit: Duration) -> Result<(), CallError> {
        let deadline = Instant::now() + limit;
        again(deadline, || async move {
            let mut client = self.client();
            let remove = client.member_remove(id);
            self.call("member remove", left(deadline), remove)
                .await
                .map(|_| ())
        })
        .await
    }

    /// Changes a voter's peer URLs. Never a learner's: up to 3.5.30 and 3.6.11 etcd lists it as a voter from then on, though it has no
    /// vote and can no longer be promoted. Remove the learner and add it again.
    ///
    /// # Errors
    /// etcd's refusal, or no answer.
    pub async fn member_update(
        &self,
        id: u64,
        peer_urls: &[String],
        limit: Duration,
    ) -> Result<(), CallError> {
        let deadline = Instant::now() + limit;
        again(deadline, || async move {
            let mut client = self.client();
            let update = client.member_update(id, peer_urls);
            self.call("member update", left(deadline), update)
                .await
                .map(|_| ())
        })
        .await
    }

    /// Hands leadership over; only the leader can be asked.
    ///
    /// # Errors
    /// etcd's refusal, or no answer.
    pub async fn move_leader(&self, to: u64, limit: Duration) -> Result<(), CallError> {
        let mut client = self.client();
        let moved = client.move_leader(to);
        self.call("move leader", limit, moved).await.map(|_| ())
    }

    /// Drops history before a revision and waits until the space is free for reuse.
    ///
    /// # Errors
    /// etcd's refusal, or no answer.
    pub async fn compact(&self, revision: i64, limit: Duration) -> Result<(), CallError> {
        let mut client = self.client();
        let options = CompactionOptions::new().with_physical();
        let compact = client.compact(revision, Some(options));
        self.call("compact", limit, compact).await.map(|_| ())
    }

    /// Rewrites this member's file without what is free in it. The member answers nothing meanwhile, and goes on after a timeout.
    ///
    /// # Errors
    /// etcd's refusal, or no answer.
    pub async fn defragment(&self, limit: Duration) -> Result<(), CallError> {
        let mut client = self.client();
        self.call("defragment", limit, client.defragment())
            .await
            .map(|_| ())
    }

    /// Takes a member's NOSPACE alarm back; never CORRUPT.
    ///
    /// # Errors
    /// etcd's refusal, or no answer.
    pub async fn disarm_nospace(&self, id: u64, limit: Duration) -> Result<(), CallError> {
        let mut client = self.client();
        let mut options = AlarmOptions::new();
        options.with_member(id);
        let disarm = client.alarm(AlarmAction::Deactivate, AlarmType::Nospace, Some(options));
        self.call("alarm disarm", limit, disarm).await.map(|_| ())
    }
}
