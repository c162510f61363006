//! The only way to a [`VerifiedSnapshot`].

use std::path::{Path, PathBuf};

use crate::damage::{Damage, Place, Reason};
use crate::inspect::{Options, ReadError, inspect};
use crate::report::{Database, Report, Verdict};

/// What the operator accepts knowingly.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allow {
    /// A database without the trailing hash, such as a copied `member/snap/db`.
    pub missing_hash: bool,
}

/// A snapshot that passed: only [`verify`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedSnapshot {
    path: PathBuf,
    report: Report,
    database: Database,
}

impl VerifiedSnapshot {
    /// The file that was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that is known of it, warnings included.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What it holds.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// SHA-256 of the file that was read, in hex. Whoever copies the file compares this: it can change afterwards.
    pub fn sha256(&self) -> &str {
        &self.report.sha256
    }

    /// Whether it carries its hash; without one a restore needs `--skip-hash-check`.
    pub fn has_trailing_hash(&self) -> bool {
        !matches!(self.report.verdict, Verdict::NoTrailingHash { .. })
    }
}

/// Why a file is not to be restored.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It could not be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// It was read and found wanting.
    #[error("the snapshot is refused: {}", first(reasons))]
    Rejected {
        /// All that is known of it.
        report: Box<Report>,
        /// What speaks against it, the deciding reason first.
        reasons: Vec<Reason>,
    },
}

fn first(reasons: &[Reason]) -> String {
    match reasons {
        [] => String::new(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first}; and {} more", rest.len()),
    }
}

impl Refused {
    /// What the operator can do.
    pub fn help(&self) -> &'static str {
        match self {
            Refused::Unreadable(error) => error.help(),
            Refused::Rejected { reasons, .. } => help(reasons.first().map(|reason| &reason.damage)),
        }
    }

    /// The report, where the file could be read.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Refused::Unreadable(_) => None,
            Refused::Rejected { report, .. } => Some(report),
        }
    }

    /// What speaks against the file.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Refused::Unreadable(_) => &[],
            Refused::Rejected { reasons, .. } => reasons,
        }
    }
}

fn help(damage: Option<&Damage>) -> &'static str {
    match damage {
        Some(Damage::MissingTrailer { streamed: true }) => {
            "the file was not copied whole: copy it again, or take another snapshot; if it is all there is, allow the missing hash explicitly"
        }
        Some(Damage::MissingTrailer { streamed: false }) => {
            "take a snapshot with `runbook snapshot save`; a copied database file lacks what is still in the WAL: if it is all there is, allow the missing hash explicitly"
        }
        Some(Damage::Digest { .. }) => {
            "check that this is the file that was meant, and its checksum"
        }
        Some(Damage::Appended { .. }) => {
            "something wrote behind the snapshot's end: copy the file again from where it was saved"
        }
        Some(
            Damage::Empty | Damage::TooSmall { .. } | Damage::Short { .. } | Damage::Length { .. },
        ) => "the file was not copied whole: copy it again, or take another snapshot",
        _ => "use another snapshot: nothing in this file can be trusted",
    }
}

/// Reads the file whole and lets it pass only if its content is sound. `expected` is the SHA-256 of the file.
///
/// # Errors
/// [`Refused`], with the reasons; warnings alone do not refuse.
pub fn verify(
    path: &Path,
    expected: Option<&[u8; 32]>,
    allow: Allow,
) -> Result<VerifiedSnapshot, Refused> {
    let report = inspect(path, &Options::default())?;
    let mut reasons = Vec::new();
    if let Some(expected) = expected.map(hex::encode)
        && expected != report.sha256
    {
        let found = report.sha256.clone();
        reasons.push(Reason {
            damage: Damage::Digest { expected, found },
            place: Place::default(),
        });
    }
    let sound = match &report.verdict {
        Verdict::Valid | Verdict::Suspect { .. } => true,
        Verdict::NoTrailingHash { .. } => allow.missing_hash,
        Verdict::Invalid { .. } => false,
    };
    if !sound {
        reasons.extend_from_slice(report.verdict.reasons());
    }
    match (&report.database, reasons.is_empty() && sound) {
        (Some(database), true) => Ok(VerifiedSnapshot {
            path: path.to_owned(),
            database: database.clone(),
            report,
        }),
        _ => Err(Refused::Rejected {
            report: Box::new(report),
            reasons,
        }),
    }
}

/// Text that is no SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SHA-256 of 64 hex digits")]
pub struct BadSha256 {
    /// The text.
    pub text: String,
}

/// Reads 64 hex digits, as `sha256sum` prints them.
///
/// # Errors
/// Where they are not.
pub fn parse_sha256(text: &str) -> Result<[u8; 32], BadSha256> {
    let mut sum = [0; 32];
    hex::decode_to_slice(text.trim(), &mut sum).map_err(|_| BadSha256 {
        text: text.to_owned(),
    })?;
    Ok(sum)
}
