//! Verbs: what each takes, does to the cluster, needs, and how it is undone.

use super::Argument;

/// A verb of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// `install etcd`
    Install,
    /// `user NAME home PATH`
    User,
    /// `directory PATH mode M owner U`
    Directory,
    /// `template NAME to PATH mode M owner U`
    Template,
    /// `upload FILE to PATH mode M owner U`
    Upload,
    /// `remove-upload PATH`
    RemoveUpload,
    /// `issue-certificates days N`
    IssueCertificates,
    /// `install-certificates`
    InstallCertificates,
    /// `configure member state new|existing`
    Configure,
    /// `service NAME running|stopped|restarted`
    Service,
    /// `trial-restore PATH`
    TrialRestore,
    /// `archive data-dir`
    Archive,
    /// `restore data-dir from PATH bump N`
    Restore,
    /// `save-snapshot to PATH`
    SaveSnapshot,
    /// `shell TEXT creates PATH | check TEXT | changes nothing`
    Shell,
}

/// What a verb does to the model of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Reads only.
    Reads,
    /// Changes files, packages or users on the host; members go on as they are.
    ChangesHost,
    /// A voter may stop.
    StopsVoter,
    /// A member starts.
    StartsMember,
    /// A data dir leaves its place.
    SetsDataAside,
    /// A data dir is replaced.
    ReplacesData,
    /// Files appear on the control host.
    WritesControlHost,
    /// Nothing is known.
    Opaque,
}

/// A verb's row.
#[derive(Clone, Copy, Debug)]
pub struct VerbRow {
    /// Which.
    pub verb: Verb,
    /// As written.
    pub name: &'static str,
    /// Arguments.
    pub arguments: &'static [Argument],
    /// Effects.
    pub effects: &'static [Effect],
    /// Whether it can be taken back without an author's `undo`, and how, in words.
    pub undo: Option<&'static str>,
    /// One sentence.
    pub doc: &'static str,
    /// Example.
    pub example: &'static str,
}
