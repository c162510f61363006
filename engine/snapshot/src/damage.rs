//! What can be wrong with a snapshot, and where.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::layout::{MetaFault, PageKind};

/// One fact against a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// No byte at all.
    #[error("the file is empty")]
    Empty,
    /// Too few bytes for two meta pages.
    #[error("the file has {size} bytes, too few for a database")]
    TooSmall {
        /// Bytes in the file.
        size: u64,
    },
    /// A whole number of sectors: a copied database file, or a trailer cut off.
    #[error("the file ends without the SHA-256 that `etcdctl snapshot save` appends: {}", hashless(*.streamed))]
    MissingTrailer {
        /// Whether its meta pages are those of a snapshot.
        streamed: bool,
    },
    /// The last 32 bytes are not the SHA-256 of those before.
    #[error("the trailing SHA-256 does not fit the bytes before it")]
    Trailer,
    /// Bytes were added behind a snapshot that is whole.
    #[error("{extra} bytes were appended to a whole snapshot")]
    Appended {
        /// Bytes too many.
        extra: u64,
    },
    /// Neither a snapshot's nor a database's length.
    #[error("the file has {size} bytes where its meta page calls for {expected}")]
    Length {
        /// Bytes in the file.
        size: u64,
        /// Bytes of a snapshot of that many pages, trailer included.
        expected: u64,
    },
    /// The file ends before its high-water mark.
    #[error("the file is cut short: its meta page counts {pages} pages, it holds {held}")]
    Short {
        /// Pages by the meta page.
        pages: u64,
        /// Whole pages in the file.
        held: u64,
    },
    /// Bytes between the high-water mark and the end.
    #[error("{bytes} bytes lie behind the last page in use")]
    Slack {
        /// How many.
        bytes: u64,
    },
    /// A meta page is broken.
    #[error("meta page {index} is not valid: {fault}")]
    Meta {
        /// 0 or 1.
        index: u64,
        /// Why.
        fault: MetaFault,
    },
    /// Neither meta page is valid.
    #[error("neither meta page is valid: the tree cannot be found")]
    NoMeta,
    /// Both meta pages are valid but not what a stream writes.
    #[error(
        "the meta pages are not those of a streamed snapshot (transactions {first} and {second})"
    )]
    MetaPair {
        /// Transaction of meta page 0.
        first: u64,
        /// Transaction of meta page 1.
        second: u64,
    },
    /// A page number at or above the high-water mark, or below 2.
    #[error("page {page} is named but lies outside the database of {pages} pages")]
    OutOfRange {
        /// The number.
        page: u64,
        /// The high-water mark.
        pages: u64,
    },
    /// A page is reached twice.
    #[error("page {page} is used twice")]
    UsedTwice {
        /// The page.
        page: u64,
    },
    /// A page that is neither reached nor free.
    #[error("page {page} is neither in use nor free")]
    Unreachable {
        /// The page.
        page: u64,
    },
    /// A page that is both reached and free.
    #[error("page {page} is in use and on the freelist")]
    FreedInUse {
        /// The page.
        page: u64,
    },
    /// The header names another page.
    #[error("page {page} says that it is page {says}")]
    PageId {
        /// Where it lies.
        page: u64,
        /// What it says.
        says: u64,
    },
    /// A page of no kind, or of another than its place calls for.
    #[error("page {page} has flags {flags:#x} where {wanted} is expected")]
    PageFlags {
        /// The page.
        page: u64,
        /// Its flags.
        flags: u16,
        /// The kinds that fit there.
        wanted: &'static str,
    },
    /// The overflow count does not fit the content or the file.
    #[error(
        "page {page} claims {overflow} overflow pages, which its content does not need or the file does not have"
    )]
    Overflow {
        /// The page.
        page: u64,
        /// Its overflow count.
        overflow: u32,
    },
    /// More elements than fit, or none where some must be.
    #[error("page {page} counts {count} elements, which cannot be")]
    Count {
        /// The page.
        page: u64,
        /// Its count.
        count: u16,
    },
    /// A key or value is not where bbolt puts it, or reaches past its page.
    #[error("element {element} of {kind:?} page {page} does not lie where it must")]
    Element {
        /// The page.
        page: u64,
        /// Its kind.
        kind: PageKind,
        /// Index of the element.
        element: u16,
    },
    /// Keys are not in strictly ascending order.
    #[error("element {element} of page {page} breaks the order of keys")]
    Order {
        /// The page.
        page: u64,
        /// Index of the element.
        element: u16,
    },
    /// The tree is deeper than any that bbolt builds.
    #[error("the tree is deeper than {limit} pages")]
    Depth {
        /// The limit.
        limit: usize,
    },
    /// The freelist's numbers are out of order or range.
    #[error("the freelist on page {page} is not valid")]
    Freelist {
        /// The page.
        page: u64,
    },
    /// An entry at the top that is no bucket.
    #[error("`{name}` is not a bucket")]
    NotABucket {
        /// Its key.
        name: String,
    },
    /// A bucket within a bucket, or element flags that do not exist.
    #[error("an entry is marked as a bucket or carries unknown flags ({flags:#x})")]
    ElementFlags {
        /// The flags.
        flags: u32,
    },
    /// A bucket's root page or its inline page is not valid.
    #[error("the bucket's header is not valid")]
    BucketHeader,
    /// A bucket's sequence number, which etcd never uses, is set.
    #[error("the bucket's sequence is {sequence}, which etcd never sets")]
    Sequence {
        /// The number.
        sequence: u64,
    },
    /// A bucket that every etcd makes is not there.
    #[error("there is no bucket `{name}`")]
    MissingBucket {
        /// Its name.
        name: &'static str,
    },
    /// A bucket that no known etcd makes.
    #[error("no known etcd has a bucket `{name}`")]
    UnknownBucket {
        /// Its name.
        name: String,
    },
    /// A key of bucket `key` that is no revision.
    #[error("a key is not a revision")]
    RevisionKey,
    /// A value of bucket `key` that is no `mvccpb.KeyValue`, or contradicts its revision.
    #[error("the record is not valid: {what}")]
    Record {
        /// What is wrong with it.
        what: &'static str,
    },
    /// An entry of another bucket that etcd would not understand.
    #[error("the entry is not valid: {what}")]
    Entry {
        /// What is wrong with it.
        what: &'static str,
    },
    /// An entry that no known etcd writes there.
    #[error("no known etcd has an entry `{name}` here")]
    UnknownEntry {
        /// Its key.
        name: String,
    },
    /// The file is not the one that was meant.
    #[error("the file's SHA-256 is `{found}`, not `{expected}`")]
    Digest {
        /// What was asked for, in hex.
        expected: String,
        /// What the file has, in hex.
        found: String,
    },
}

fn hashless(streamed: bool) -> &'static str {
    if streamed {
        "a snapshot that lost its last bytes"
    } else {
        "a copied database file"
    }
}

/// How much a fact weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a warning: the content is whole.
    Suspect,
    /// Only that the trailing hash is missing.
    Hashless,
    /// Not to be restored.
    Invalid,
}

impl Damage {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Damage::Empty => "empty",
            Damage::TooSmall { .. } => "too-small",
            Damage::MissingTrailer { .. } => "missing-trailer",
            Damage::Trailer => "trailer",
            Damage::Appended { .. } => "appended",
            Damage::Length { .. } => "length",
            Damage::Short { .. } => "short",
            Damage::Slack { .. } => "slack",
            Damage::Meta { .. } => "meta",
            Damage::NoMeta => "no-meta",
            Damage::MetaPair { .. } => "meta-pair",
            Damage::OutOfRange { .. } => "page-out-of-range",
            Damage::UsedTwice { .. } => "page-used-twice",
            Damage::Unreachable { .. } => "page-unreachable",
            Damage::FreedInUse { .. } => "page-freed-in-use",
            Damage::PageId { .. } => "page-id",
            Damage::PageFlags { .. } => "page-flags",
            Damage::Overflow { .. } => "page-overflow",
            Damage::Count { .. } => "page-count",
            Damage::Element { .. } => "element",
            Damage::Order { .. } => "key-order",
            Damage::Depth { .. } => "depth",
            Damage::Freelist { .. } => "freelist",
            Damage::NotABucket { .. } => "not-a-bucket",
            Damage::ElementFlags { .. } => "element-flags",
            Damage::BucketHeader => "bucket-header",
            Damage::Sequence { .. } => "bucket-sequence",
            Damage::MissingBucket { .. } => "missing-bucket",
            Damage::UnknownBucket { .. } => "unknown-bucket",
            Damage::RevisionKey => "revision-key",
            Damage::Record { .. } => "record",
            Damage::Entry { .. } => "entry",
            Damage::UnknownEntry { .. } => "unknown-entry",
            Damage::Digest { .. } => "digest",
        }
    }

    /// How much it weighs.
    pub fn severity(&self) -> Severity {
        match self {
            Damage::MissingTrailer { .. } => Severity::Hashless,
            Damage::Slack { .. }
            | Damage::Meta { .. }
            | Damage::MetaPair { .. }
            | Damage::Sequence { .. }
            | Damage::UnknownBucket { .. }
            | Damage::UnknownEntry { .. } => Severity::Suspect,
            Damage::MissingBucket { name } if *name != "key" => Severity::Suspect,
            _ => Severity::Invalid,
        }
    }
}

/// Where in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Byte offset in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Page number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    /// Bucket's name, its bytes escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut separator = "";
        if let Some(bucket) = &self.bucket {
            write!(f, "bucket `{bucket}`")?;
            separator = ", ";
        }
        if let Some(page) = self.page {
            write!(f, "{separator}page {page}")?;
            separator = ", ";
        }
        if let Some(offset) = self.offset {
            write!(f, "{separator}byte {offset}")?;
        }
        Ok(())
    }
}

/// A fact and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What is wrong.
    pub damage: Damage,
    /// Where.
    pub place: Place,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = self.place.to_string();
        if place.is_empty() {
            write!(f, "{}", self.damage)
        } else {
            write!(f, "{} ({place})", self.damage)
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut reason = serializer.serialize_struct("Reason", 4)?;
        reason.serialize_field("code", self.damage.code())?;
        reason.serialize_field("severity", &self.damage.severity())?;
        reason.serialize_field("what", &self.damage.to_string())?;
        reason.serialize_field("where", &self.place)?;
        reason.end()
    }
}

/// Collects reasons up to a number; counts the rest.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) unlisted: u64,
    most: usize,
    worst: Option<Severity>,
}

impl Findings {
    pub(crate) fn new(most: usize) -> Findings {
        Findings {
            reasons: Vec::new(),
            unlisted: 0,
            most,
            worst: None,
        }
    }

    pub(crate) fn add(&mut self, damage: Damage, place: Place) {
        let severity = damage.severity();
        // A refusal never goes without its reason, however many warnings came first.
        let first_of_its_weight = self.worst < Some(severity);
        self.worst = self.worst.max(Some(severity));
        if self.reasons.len() < self.most || first_of_its_weight {
            self.reasons.push(Reason { damage, place });
        } else {
            self.unlisted += 1;
        }
    }

    /// The heaviest fact so far.
    pub(crate) fn worst(&self) -> Option<Severity> {
        self.worst
    }
}

/// Bytes of a name as text that is safe to show, cut at 64 bytes.
pub(crate) fn printable(name: &[u8]) -> String {
    let shown = &name[..name.len().min(64)];
    let mut text = shown.escape_ascii().to_string();
    if shown.len() < name.len() {
        text.push('…');
    }
    text
}
