//! Saves one member's snapshot on the control host: streamed, verified, named, with a manifest beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcd_client::SnapshotStreaming;
use runbook_model::host::MemberSpec;
use runbook_snapshot::{Allow, Database, Refused, VerifiedSnapshot};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncWriteExt, BufWriter};

use super::access::{Access, AccessError};
use super::connection::Connection;
use super::error::{CallError, Seconds, Silence};
use super::manifest::Manifest;
use super::part::Part;
use super::route::{Forward, Routes};

/// How long a member may take to connect, and to answer anything but the stream.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// HashKV reads the whole store.
const HASH_LIMIT: Duration = Duration::from_secs(60);
const BUFFER: usize = 1 << 20;

/// Where a snapshot goes.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The file on the control host; `.part` is put behind its name until it is complete.
    pub path: &'a Path,
    /// The run that saves it: its own file is recognised when it asks again after a crash.
    pub run: &'a str,
    /// A file of that name may be replaced.
    pub replace: bool,
    /// How long the stream may stand still.
    pub idle: Duration,
}

/// Bytes done and bytes in all, after each part of the stream.
pub type Bytes<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// A snapshot that was saved and verified.
#[derive(Clone, Debug)]
pub struct Saved {
    /// What stands beside it too.
    pub manifest: Manifest,
    /// The file as verification saw it.
    pub snapshot: VerifiedSnapshot,
    /// False where this run had saved it before.
    pub changed: bool,
}

/// Why there is no snapshot. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// There is nothing to call the member with.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A file of that name is there.
    #[error("`{}` is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The member would not give it.
    #[error("`{member}` gave no snapshot: {source}")]
    Call {
        /// The member.
        member: String,
        /// Why.
        source: CallError,
    },
    /// The stream stood still.
    #[error("the snapshot of `{member}` stood still for {} after {done} of {total} bytes", Seconds(*idle))]
    Stalled {
        /// The member.
        member: String,
        /// How long was waited.
        idle: Duration,
        /// Bytes that came.
        done: u64,
        /// Bytes announced; zero: none were.
        total: u64,
    },
    /// A file could not be written.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    File {
        /// `create`, `write`, `rename`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// What came is no sound snapshot.
    #[error("what `{member}` gave is no sound snapshot: {source}")]
    Unsound {
        /// The member.
        member: String,
        /// What is wrong with it.
        source: Box<Refused>,
    },
    /// It ends before what the member had when asked.
    #[error("the snapshot of `{member}` ends at revision {found}, the member was at {expected}")]
    Stale {
        /// The member.
        member: String,
        /// The file's.
        found: i64,
        /// The member's, before.
        expected: i64,
    },
    /// Its content is not what the member says it holds.
    #[error(
        "the snapshot of `{member}` does not hold what the member holds: HashKV {found:08x} and {expected:08x} at revision {revision}"
    )]
    HashDiffers {
        /// The member.
        member: String,
        /// The file's HashKV.
        found: u32,
        /// The member's.
        expected: u32,
        /// At which revision.
        revision: i64,
    },
}

impl SaveError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            SaveError::Access(error) => error.help(),
            SaveError::Exists { .. } => "name another file, or move that one away first",
            SaveError::Call { .. } => "ask another member: any that answers will do, a learner too",
            SaveError::Stalled { .. } => {
                "ask another member, or see why this one or the network between is so slow"
            }
            SaveError::File { .. } => "see that the directory is there, is yours and has room",
            SaveError::Unsound { source, .. } => source.help(),
            SaveError::Stale { .. } | SaveError::HashDiffers { .. } => {
                "ask another member, and look into this one's disk and log"
            }
        }
    }
}

/// Streams a member's snapshot to a file, verifies it there and gives it its name only then. Works without quorum, under NOSPACE
/// and from a learner.
pub async fn save_snapshot<F: Forward>(
    routes: &Routes<F>,
    spec: &MemberSpec,
    access: &Arc<Access>,
    destination: Destination<'_>,
    progress: Bytes<'_>,
) -> Result<Saved, SaveError> {
    if destination.path.exists() && !destination.replace {
        return standing(destination).await;
    }
    let failed = |source: CallError| SaveError::Call {
        member: spec.name.clone(),
        source,
    };
    let silent = |silence: Silence| failed(silence.into());
    let connection = routes
        .connect(spec, access, CALL_LIMIT)
        .await
        .map_err(silent)?;
    let mut client = connection.client();
    let status = connection
        .call("status", CALL_LIMIT, client.status())
        .await
        .map_err(failed)?;
    let part = Part::create(destination.path)?;
    let sha256 = receive(&connection, spec, &part, destination.idle, progress).await?;
    let taken_at = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();

    let snapshot = verify(spec, part.path(), sha256).await?;
    let database = snapshot.database();
    let expected = status.header().map_or(0, |h| h.revision());
    // A store that was never written to is at revision 1 and has no record of it.
    if database.revision.max(1) < expected {
        return Err(SaveError::Stale {
            member: spec.name.clone(),
            found: database.revision,
            expected,
        });
    }
    let proven = compare(&connection, spec, part.path(), database).await?;
    let manifest = Manifest {
        format: Manifest::format(),
        run: destination.run.to_owned(),
        cluster: spec.cluster.clone(),
        cluster_id: format!("{:x}", status.header().map_or(0, |h| h.cluster_id())),
        member: spec.name.clone(),
        member_id: format!("{:x}", status.header().map_or(0, |h| h.member_id())),
        version: status.version().to_owned(),
        taken_at,
        sha256: snapshot.sha256().to_owned(),
        size: snapshot.report().size,
        revision: database.revision,
        hash: format!("{:x}", database.hash),
        total_keys: database.total_key,
        auth_enabled: database.auth.enabled,
        proven_by_member: proven,
    };
    part.finish(destination.path, destination.replace, &manifest)?;
    Ok(Saved {
        manifest,
        snapshot,
        changed: true,
    })
}

/// The file that is there already, if it is this run's own and still whole.
async fn standing(destination: Destination<'_>) -> Result<Saved, SaveError> {
    let path = destination.path.to_owned();
    let exists = || SaveError::Exists {
        path: destination.path.to_owned(),
    };
    let manifest = Manifest::load(&path)
        .filter(|manifest| manifest.run == destination.run)
        .ok_or_else(exists)?;
    let sha256 = runbook_snapshot::parse_sha256(&manifest.sha256).map_err(|_| exists())?;
    let snapshot = blocking(destination.path, move || {
        runbook_snapshot::verify(&path, Some(&sha256), Allow::default())
    })
    .await?
    .map_err(|_| exists())?;
    Ok(Saved {
        manifest,
        snapshot,
        changed: false,
    })
}

/// Takes the stream into the file and returns its SHA-256.
async fn receive(
    connection: &Connection,
    spec: &MemberSpec,
    part: &Part,
    idle: Duration,
    progress: Bytes<'_>,
) -> Result<[u8; 32], SaveError> {
    let failed = |source: CallError| SaveError::Call {
        member: spec.name.clone(),
        source,
    };
    let written = |source: std::io::Error| part.failed("write", source);
    let mut client = connection.client();
    let mut stream: SnapshotStreaming = connection
        .call("snapshot", idle, client.snapshot())
        .await
        .map_err(failed)?;
    let file = tokio::fs::File::from_std(part.file().map_err(written)?);
    let mut file = BufWriter::with_capacity(BUFFER, file);
    let mut hash = Sha256::new();
    let (mut done, mut total) = (0_u64, 0_u64);
    loop {
        // The client's own timeouts do not cover a stream.
        let message = match tokio::time::timeout(idle, stream.message()).await {
            Ok(message) => message.map_err(|e| failed(connection.explain(e)))?,
            Err(_) => {
                return Err(SaveError::Stalled {
                    member: spec.name.clone(),
                    idle,
                    done,
                    total,
                });
            }
        };
        let Some(message) = message else { break };
        hash.update(message.blob());
        file.write_all(message.blob()).await.map_err(written)?;
        done += message.blob().len() as u64;
        total = done + message.remaining_bytes();
        progress(done, total);
    }
    file.flush().await.map_err(written)?;
    file.get_ref().sync_all().await.map_err(written)?;
    Ok(hash.finalize().into())
}

async fn verify(
    spec: &MemberSpec,
    part: &Path,
    sha256: [u8; 32],
) -> Result<VerifiedSnapshot, SaveError> {
    let path = part.to_owned();
    let verified = blocking(part, move || {
        runbook_snapshot::verify(&path, Some(&sha256), Allow::default())
    });
    verified.await?.map_err(|source| SaveError::Unsound {
        member: spec.name.clone(),
        source: Box::new(source),
    })
}

/// Whether the member holds at that revision what the file holds; none where it will not say or the answers cannot be compared.
async fn compare(
    connection: &Connection,
    spec: &MemberSpec,
    part: &Path,
    database: &Database,
) -> Result<Option<bool>, SaveError> {
    let revision = database.revision;
    let mut client = connection.client();
    let answer = connection
        .call("hashkv", HASH_LIMIT, client.hash_kv(revision))
        .await;
    let Ok(answer) = answer else {
        return Ok(None);
    };
    let compacted = answer.compact_version();
    if compacted >= revision {
        return Ok(None);
    }
    let path = part.to_owned();
    let own = blocking(part, move || {
        runbook_snapshot::hash_kv(&path, revision, compacted)
    })
    .await?;
    let Ok(found) = own else {
        return Ok(None);
    };
    if found != answer.hash() {
        return Err(SaveError::HashDiffers {
            member: spec.name.clone(),
            found,
            expected: answer.hash(),
            revision,
        });
    }
    Ok(Some(true))
}

/// Work on a file, off the threads that serve connections.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SaveError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| SaveError::File {
            doing: "read",
            path: path.to_owned(),
            source: std::io::Error::other(e),
        })
}
