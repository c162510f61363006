//! Reads an etcd snapshot natively: hash, b-tree, revision, keys.
//!
//! Knows: bbolt's file format, what etcd stores in it, how etcd's tools hash it, how etcd makes ids.
//! Must not know: clusters that run, hosts, the language, how a report is shown.
//!
//! Sources: etcd `etcdutl/snapshot`, `server/storage/schema`, `server/storage/mvcc`; bbolt `internal/common`, `tx_check.go`.

mod ahead;
mod census;
mod compaction;
mod content;
mod damage;
mod digest;
mod entries;
mod fit;
mod hash_kv;
pub mod ids;
mod image;
mod inspect;
mod key_value;
mod layout;
mod live;
mod live_count;
mod page;
mod pages;
mod protobuf;
mod records;
mod report;
mod source;
mod tree;
mod verify;

// The tests of the insides use what the tests of the whole use.
#[cfg(test)]
#[allow(dead_code)]
#[path = "../tests/snapshot/fixtures.rs"]
mod fixtures;
#[cfg(test)]
#[allow(dead_code)]
#[path = "../tests/snapshot/writer.rs"]
mod writer;

pub use census::{Census, CensusError, PrefixRoom, Room, census, census_source};
pub use content::BucketStatistics;
pub use damage::{Damage, Place, Reason, Severity};
pub use entries::{Alarm, Auth, Downgrade, LISTED, Member, RaftMeta, User};
pub use fit::{Fit, Minor, ServerFit};
pub use hash_kv::{HashKv, HashKvError, hash_kv, hash_kv_source};
pub use inspect::{Options, ReadError, inspect, inspect_source};
pub use layout::{MetaFault, PageKind};
pub use records::KeyStatistics;
pub use report::{Database, Report, Verdict, to_json};
pub use source::ReadAt;
pub use verify::{Allow, BadSha256, Refused, VerifiedSnapshot, parse_sha256, verify};
