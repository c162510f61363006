//! Reads a file once: its hash on one thread, its tree on another.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::compaction::Compaction;
use crate::content::Content;
use crate::damage::{Damage, Findings, Place, Severity};
use crate::digest::{Sum, digest};
use crate::fit::ServerFit;
use crate::hash_kv::{HashKv, HashKvError, hash_image};
use crate::image::{self, Image, LEAST_BYTES, MOST_BYTES, body, check_length, has_trailer};
use crate::layout::TRAILER;
use crate::live::{LiveKeys, Seed};
use crate::live_count::count;
use crate::pages::check_free;
use crate::records::Records;
use crate::report::{Database, Report, Verdict};
use crate::source::ReadAt;
use crate::tree::Walk;

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Reasons listed at most; the rest is counted.
    pub most_reasons: usize,
    /// Whether to compute HashKV at the file's last revision too: two more walks over the keys.
    pub hash_kv: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            most_reasons: 20,
            hash_kv: false,
        }
    }
}

/// Why a file could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It could not be opened.
    #[error("cannot open `{}`: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A directory, a pipe or a device.
    #[error("`{}` is not a regular file", path.display())]
    NotAFile {
        /// It.
        path: PathBuf,
    },
    /// Reading failed, or the file shrank meanwhile.
    #[error("cannot read the snapshot: {source}")]
    Read {
        /// The system's word.
        #[from]
        source: io::Error,
    },
    /// Larger than any etcd database.
    #[error("the file has {size} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Bytes in the file.
        size: u64,
        /// Bytes that are read at most.
        limit: u64,
    },
}

impl ReadError {
    /// What the operator can do.
    pub fn help(&self) -> &'static str {
        match self {
            ReadError::Open { .. } => "check the path and that you may read it",
            ReadError::NotAFile { .. } => {
                "name the file that `runbook snapshot save` or `etcdctl snapshot save` wrote"
            }
            ReadError::Read { .. } => {
                "the disk or another program is changing or failing the file: copy it, then try the copy"
            }
            ReadError::TooLarge { .. } => "no etcd database is that large: check the path",
        }
    }
}

/// Reads the file at `path` and judges it.
///
/// # Errors
/// Where the file cannot be read. A damaged file is no error: its report says so.
pub fn inspect(path: &Path, options: &Options) -> Result<Report, ReadError> {
    inspect_source(&open(path)?, options)
}

/// Opens a regular file, and nothing that could block or act.
pub(crate) fn open(path: &Path) -> Result<File, ReadError> {
    let failed = |source| ReadError::Open {
        path: path.to_owned(),
        source,
    };
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        let path = path.to_owned();
        return Err(ReadError::NotAFile { path });
    }
    File::open(path).map_err(failed)
}

/// Like [`inspect`], for bytes from anywhere.
///
/// # Errors
/// Where the bytes cannot be read.
pub fn inspect_source(source: &dyn ReadAt, options: &Options) -> Result<Report, ReadError> {
    let size = source.size()?;
    if size > MOST_BYTES {
        let limit = MOST_BYTES;
        return Err(ReadError::TooLarge { size, limit });
    }
    let mut findings = Findings::new(options.most_reasons);
    let image = image::open(source, size, &mut findings)?;
    let marks = Marks::new(image.as_ref(), size);
    let (sums, database) = std::thread::scope(|scope| {
        let hashing = scope.spawn(|| digest(source, size, &marks.at));
        let database = image
            .as_ref()
            .map(|image| read(image, options, &mut findings))
            .transpose();
        // INVARIANT: the hashing thread does not panic; if it did, that panic goes on here.
        let sums = hashing
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (sums, database)
    });
    let ((sums, whole), database) = (sums?, database?);
    if let Some(image) = &image {
        check_length(image, size, &mut findings);
    }
    marks.check(source, size, &sums, &mut findings)?;
    Ok(Report {
        verdict: verdict(&mut findings),
        unlisted_reasons: findings.unlisted,
        size,
        sha256: hex::encode(whole),
        image_sha256: hex::encode(marks.image_sum(&sums).unwrap_or(whole)),
        database,
    })
}

/// Where digests are wanted: at the trailer, and where the meta page puts the end.
struct Marks {
    at: Vec<u64>,
    trailer: Option<u64>,
    high_water: Option<u64>,
}

impl Marks {
    fn new(image: Option<&Image<'_>>, size: u64) -> Marks {
        let trailer = (has_trailer(size) && size >= LEAST_BYTES).then(|| body(size));
        let high_water = image
            .and_then(Image::high_water)
            .filter(|end| size.checked_sub(TRAILER).is_some_and(|most| *end <= most));
        let mut at: Vec<u64> = [trailer, high_water].into_iter().flatten().collect();
        at.sort_unstable();
        Marks {
            at,
            trailer,
            high_water,
        }
    }

    fn sum_at(&self, sums: &[Sum], mark: Option<u64>) -> Option<Sum> {
        let index = self.at.iter().position(|at| Some(*at) == mark)?;
        sums.get(index).copied()
    }

    fn image_sum(&self, sums: &[Sum]) -> Option<Sum> {
        self.sum_at(sums, self.trailer)
    }

    /// Compares the trailer; a hash that fits further forward means that bytes were appended.
    fn check(
        &self,
        source: &dyn ReadAt,
        size: u64,
        sums: &[Sum],
        findings: &mut Findings,
    ) -> io::Result<()> {
        let fits = |mark: Option<u64>| match (mark, self.sum_at(sums, mark)) {
            (Some(mark), Some(sum)) => {
                let mut stored = Sum::default();
                source.read_exact_at(&mut stored, mark)?;
                io::Result::Ok(Some(stored == sum))
            }
            _ => Ok(None),
        };
        let trailer = fits(self.trailer)?;
        if trailer == Some(true) {
            return Ok(());
        }
        if let (Some(true), Some(end)) = (fits(self.high_water)?, self.high_water) {
            let extra = size - end - TRAILER;
            let place = offset(end + TRAILER);
            findings.add(Damage::Appended { extra }, place);
        } else if let Some(mark) = self.trailer {
            findings.add(Damage::Trailer, offset(mark));
        }
        Ok(())
    }
}

fn offset(offset: u64) -> Place {
    Place {
        offset: Some(offset),
        ..Place::default()
    }
}

/// Walks the tree, then what the walk left open.
fn read(image: &Image<'_>, options: &Options, findings: &mut Findings) -> io::Result<Database> {
    let seed = Seed::default();
    let compaction = Compaction::read(image)?;
    let records = Records::new(LiveKeys::tried(), compaction.revision(), seed);
    let mut content = Content::new(records);
    let mut used = Walk::new(image, &mut content, findings).run()?;
    // What hangs below a broken page would only be told again as missing.
    if findings.worst() < Some(Severity::Invalid) {
        check_free(image, &mut used, findings)?;
        content.check_buckets(findings);
    }
    let sound = findings.worst() < Some(Severity::Invalid);
    let total_key_36 = match content.records.live.total(sound && compaction.is_over()) {
        Some(total) => total,
        None => count(image, seed, LiveKeys::first())?,
    };
    let mut database = describe(image, content, total_key_36, used.count());
    if options.hash_kv && sound {
        database.hash_kv = hash_of(image, &database)?;
    }
    Ok(database)
}

fn hash_of(image: &Image<'_>, database: &Database) -> io::Result<Option<HashKv>> {
    let compact_revision = database.compact_revision;
    // A server that finds no record after its compaction goes on from there.
    let revision = database.revision.max(compact_revision);
    match hash_image(image, revision, compact_revision) {
        Ok(hash) => Ok(Some(HashKv {
            hash,
            revision,
            compact_revision,
        })),
        Err(HashKvError::Read(ReadError::Read { source })) => Err(source),
        // INVARIANT: the last revision is within the file's history, and the walk before found no damage.
        Err(_) => Ok(None),
    }
}

fn describe(image: &Image<'_>, content: Content, total_key_36: u64, used: u64) -> Database {
    let entries = content.entries;
    Database {
        hash: content.crc,
        revision: content.records.revision,
        total_key: content.total_key,
        total_key_36,
        total_size: image.high_water().unwrap_or(u64::MAX),
        version: entries.meta.storage_version.clone().unwrap_or_default(),
        page_size: image.meta.page_size,
        pages: image.meta.pages,
        free_pages: image.meta.pages.saturating_sub(used),
        txid: image.meta.txid,
        compact_revision: entries.meta.compact_revision(),
        server_fit: ServerFit::of(&entries),
        meta: entries.meta,
        keys: content.records.statistics,
        members: entries.members,
        members_removed: entries.removed,
        cluster_version: entries.cluster_version,
        downgrade: entries.downgrade,
        auth: entries.auth,
        leases: entries.leases,
        alarms: entries.alarms,
        buckets: content.buckets,
        hash_kv: None,
    }
}

/// The heaviest finding decides.
fn verdict(findings: &mut Findings) -> Verdict {
    let mut reasons = std::mem::take(&mut findings.reasons);
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.damage.severity()));
    match findings.worst() {
        None => Verdict::Valid,
        Some(Severity::Suspect) => Verdict::Suspect { reasons },
        Some(Severity::Hashless) => Verdict::NoTrailingHash { reasons },
        Some(Severity::Invalid) => Verdict::Invalid { reasons },
    }
}
