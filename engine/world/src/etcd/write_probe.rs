//! Proves that a cluster takes writes and that every member reads them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use runbook_model::host::MemberSpec;
use tokio::time::Instant;

use super::access::{Access, AccessError};
use super::connection::Connection;
use super::error::CallError;
use super::route::{Forward, Routes};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// For one try: etcd itself gives a request up after seven seconds.
const TRY_LIMIT: Duration = Duration::from_secs(8);
/// For taking the key away when time is up.
const DELETE_LIMIT: Duration = Duration::from_secs(2);

/// Why the probe did not pass.
#[derive(Debug, thiserror::Error)]
pub enum WriteProbeError {
    /// There is nothing to call a member with.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// There is nobody to ask.
    #[error("no member to write through")]
    NoMembers,
    /// A member did not do its part.
    #[error("{doing} through `{member}` failed: {source}")]
    Member {
        /// `write`, `read`, `delete`.
        doing: &'static str,
        /// The member.
        member: String,
        /// Why, in the member's own words where it answered.
        source: CallError,
    },
    /// A member reads something else than was written.
    #[error("`{member}` does not read what was written at revision {revision}: {found}")]
    Differs {
        /// The member.
        member: String,
        /// Of the write.
        revision: i64,
        /// What it reads.
        found: String,
    },
}

/// Writes a key of its own through the first member, reads it back through every other with quorum, deletes it. What etcd refuses
/// only for a while (`unhealthy cluster`, no leader yet) is tried again until the limit. Says what was seen.
pub async fn write_probe<F: Forward>(
    routes: &Routes<F>,
    members: &[(MemberSpec, Arc<Access>)],
    run: &str,
    limit: Duration,
) -> Result<String, WriteProbeError> {
    let deadline = Instant::now() + limit;
    let ((first, access), others) = members.split_first().ok_or(WriteProbeError::NoMembers)?;
    let written = Written {
        key: format!("runbook/probe/{run}"),
        value: format!("{run} {}", jiff::Timestamp::now()),
    };
    let writer = connect(routes, first, access, "write", deadline).await?;
    let seen = async {
        let revision = at("write", first, written.put(&writer, deadline)).await?;
        read_all(routes, others, &written, (revision, deadline)).await?;
        Ok(said(first, others, revision))
    }
    .await;
    // The key goes whatever was seen: a write that got no answer may have been carried out all the same.
    let to_delete = deadline.max(Instant::now() + DELETE_LIMIT);
    let deleted = at("delete", first, written.delete(&writer, to_delete)).await;
    seen.and_then(|seen| deleted.map(|()| seen))
}

fn said(first: &MemberSpec, others: &[(MemberSpec, Arc<Access>)], revision: i64) -> String {
    let names: Vec<_> = others
        .iter()
        .map(|(spec, _)| format!("`{}`", spec.name))
        .collect();
    let read = match &names[..] {
        [] => "no other member to read it back through".to_owned(),
        names => format!("read back through {}", names.join(", ")),
    };
    format!(
        "wrote through `{}` at revision {revision}, {read}, deleted",
        first.name
    )
}

async fn read_all<F: Forward>(
    routes: &Routes<F>,
    others: &[(MemberSpec, Arc<Access>)],
    written: &Written,
    (revision, deadline): (i64, Instant),
) -> Result<(), WriteProbeError> {
    for (spec, access) in others {
        let reader = connect(routes, spec, access, "read", deadline).await?;
        let found = at("read", spec, written.get(&reader, deadline)).await?;
        // A put that was tried again may have been carried out twice.
        let same = |(value, at): &(String, i64)| *value == written.value && *at >= revision;
        if !found.as_ref().is_some_and(same) {
            return Err(WriteProbeError::Differs {
                member: spec.name.clone(),
                revision,
                found: found.map_or_else(
                    || "the key is not there".to_owned(),
                    |(_, at)| format!("the key as of revision {at}"),
                ),
            });
        }
    }
    Ok(())
}

async fn connect<F: Forward>(
    routes: &Routes<F>,
    spec: &MemberSpec,
    access: &Arc<Access>,
    doing: &'static str,
    deadline: Instant,
) -> Result<Connection, WriteProbeError> {
    let connected = routes.connect(spec, access, within(deadline));
    at(doing, spec, async { Ok(connected.await?) }).await
}

async fn at<T>(
    doing: &'static str,
    spec: &MemberSpec,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, WriteProbeError> {
    call.await.map_err(|source| WriteProbeError::Member {
        doing,
        member: spec.name.clone(),
        source,
    })
}

/// What one try may take.
fn within(deadline: Instant) -> Duration {
    deadline
        .saturating_duration_since(Instant::now())
        .min(TRY_LIMIT)
}

struct Written {
    key: String,
    value: String,
}

impl Written {
    /// Putting the same value once more does no harm, so a put that timed out may be tried again.
    async fn put(&self, at: &Connection, deadline: Instant) -> Result<i64, CallError> {
        again(deadline, || async move {
            let mut client = at.client();
            let put = client.put(self.key.clone(), self.value.clone(), None);
            let answer = at.call("put", within(deadline), put).await?;
            Ok(answer.header().map_or(0, |h| h.revision()))
        })
        .await
    }

    async fn get(
        &self,
        at: &Connection,
        deadline: Instant,
    ) -> Result<Option<(String, i64)>, CallError> {
        again(deadline, || async move {
            let mut client = at.client();
            let get = client.get(self.key.clone(), None);
            let answer = at.call("get", within(deadline), get).await?;
            Ok(answer.kvs().first().map(|kv| {
                let value = String::from_utf8_lossy(kv.value()).into_owned();
                (value, kv.mod_revision())
            }))
        })
        .await
    }

    async fn delete(&self, at: &Connection, deadline: Instant) -> Result<(), CallError> {
        again(deadline, || async move {
            let mut client = at.client();
            let delete = client.delete(self.key.clone(), None);
            at.call("delete", within(deadline), delete)
                .await
                .map(|_| ())
        })
        .await
    }
}

/// Asks again while the member refuses only for a while; what it said last stands when time is up.
///
/// Not an `AsyncFnMut`: rustc cannot show that the future of one is `Send` where the world's traits want that.
pub(crate) async fn again<T, F: Future<Output = Result<T, CallError>>>(
    deadline: Instant,
    mut call: impl FnMut() -> F,
) -> Result<T, CallError> {
    loop {
        match call().await {
            Err(error) if error.is_transient() && Instant::now() + PAUSE < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
