//! Types of parameters and values.

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
