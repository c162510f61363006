//! Types of parameters and values.

use std::fmt;

/// The type of a parameter or a `let`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true`, `false`.
    Bool,
    /// 64-bit signed.
    Int,
    /// With units, as `200MiB`.
    Bytes,
    /// `5m`.
    Duration,
    /// Text.
    Text,
    /// Path on the control host.
    Path,
    /// `https://...`.
    Url,
    /// A host of the inventory.
    Host,
    /// A host of this group of the inventory.
    HostOf(String),
    /// `3.5.16`.
    Version,
    /// 64 hex digits.
    Sha256,
    /// One of these words.
    Enum(Vec<String>),
    /// Several.
    List(Box<Type>),
    /// Never shown.
    Secret,
    /// May be unset.
    Optional(Box<Type>),
    /// Hosts.
    Target,
    /// What `snapshot.inspect` gives: fields size, revision, sha256, hash, total-keys.
    Snapshot,
}

/// A type's row: for `explain` and the reference.
#[derive(Clone, Copy, Debug)]
pub struct TypeRow {
    /// As written after `param NAME:`.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// A parameter of the type.
    pub example: &'static str,
}

/// Every type that a parameter can have.
pub static TYPES: &[TypeRow] = &[
    TypeRow {
        name: "bool",
        doc: "`true` or `false`",
        example: "param force: bool = false",
    },
    TypeRow {
        name: "int",
        doc: "a whole number of 64 bits; `_` between digits, octal after a leading 0",
        example: "param bump: int = 1_000_000_000",
    },
    TypeRow {
        name: "bytes",
        doc: "a size: a number and B, KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024)",
        example: "param room: bytes = 256MiB",
    },
    TypeRow {
        name: "duration",
        doc: "a time: numbers and ms, s, m, h, d, largest first",
        example: "param patience: duration = 1m30s",
    },
    TypeRow {
        name: "string",
        doc: "text",
        example: "param note: string = \"planned\"",
    },
    TypeRow {
        name: "path",
        doc: "a path on this machine",
        example: "param snapshot: path",
    },
    TypeRow {
        name: "url",
        doc: "an http or https URL",
        example: "param peer_url: url",
    },
    TypeRow {
        name: "host",
        doc: "a host of the inventory, by name; in parentheses the group that it has to be in",
        example: "param member: host(etcd)",
    },
    TypeRow {
        name: "version",
        doc: "a version, as 3.5.16",
        example: "param to: version",
    },
    TypeRow {
        name: "sha256",
        doc: "64 hexadecimal digits",
        example: "param sha256: sha256?",
    },
    TypeRow {
        name: "enum",
        doc: "one of the words named",
        example: "param size: enum(small, medium, large) = small",
    },
    TypeRow {
        name: "list",
        doc: "several values of one type, separated by commas on the command line",
        example: "param new: list(host(etcd))?",
    },
    TypeRow {
        name: "secret",
        doc: "text that is never shown: not in plans, logs, command lines or the journal",
        example: "param password: secret",
    },
];

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Bytes => f.write_str("bytes"),
            Type::Duration => f.write_str("duration"),
            Type::Text => f.write_str("string"),
            Type::Path => f.write_str("path"),
            Type::Url => f.write_str("url"),
            Type::Host => f.write_str("host"),
            Type::HostOf(group) => write!(f, "host({group})"),
            Type::Version => f.write_str("version"),
            Type::Sha256 => f.write_str("sha256"),
            Type::Enum(words) => write!(f, "enum({})", words.join(", ")),
            Type::List(of) => write!(f, "list({of})"),
            Type::Secret => f.write_str("secret"),
            Type::Optional(of) => write!(f, "{of}?"),
            Type::Target => f.write_str("target"),
            Type::Snapshot => f.write_str("snapshot"),
        }
    }
}
