//! Replaces the authority by another. Three states, each reached by itself and told apart by the files alone, so that a run that was
//! cut off goes on where it was:
//!
//! - added: `ca.crt` holds old and new, `ca.key` is the old one's, `ca.next.key` the new one's;
//! - switched: `ca.crt` holds new and old, `ca.key` is the new one's;
//! - dropped: `ca.crt` holds the new one.

use runbook_model::action::Rotation;
use secrecy::{ExposeSecret, SecretString};

use super::error::PkiError;
use super::survey::{self, is_ours};
use super::{Wanted, aside, files};
use crate::authority::{Authority, blocks, issuer_of};
use crate::inspect::{CertificateInfo, inspect};
use crate::key::Key;
use crate::layout::Layout;
use crate::trust::Trust;

/// What [`rotate`] would do, in words; none: it is so already. Writes nothing.
///
/// # Errors
/// Why the authority is not replaced.
pub fn plan_rotation(
    wanted: &Wanted<'_>,
    to: Rotation,
    now: i64,
) -> Result<Option<String>, PkiError> {
    let standing = Standing::read(wanted)?;
    let told = standing.next(wanted, to, now)?.map(|doing| match doing {
        Doing::Add => format!("a new authority beside `{}`", standing.issuer().subject),
        Doing::Switch { .. } => "the new authority issues from here on".to_owned(),
        Doing::Drop { .. } => format!("`{}` alone", standing.issuer().subject),
    });
    Ok(told)
}

/// Brings the authority to a state; false: it was there already.
///
/// # Errors
/// Why it is not.
pub fn rotate(wanted: &Wanted<'_>, to: Rotation, now: i64) -> Result<bool, PkiError> {
    let standing = Standing::read(wanted)?;
    let Some(doing) = standing.next(wanted, to, now)? else {
        return Ok(false);
    };
    let ca = standing.layout.ca();
    let next = standing.layout.next_key();
    aside::keep(wanted, &ca.cert)?;
    match doing {
        Doing::Add => {
            let key = match &standing.next {
                Some(pem) => Key::from_pem(pem.expose_secret()),
                None => Key::generate(),
            };
            let key = key.map_err(|fault| PkiError::of(&next, fault))?;
            if standing.next.is_none() {
                files::write(&next, key.pem(), 0o600)?;
            }
            let made = Authority::succeed(wanted.cluster, key, now)
                .map_err(|fault| PkiError::of(&ca.cert, fault))?;
            let mut all = standing.blocks;
            all.push(made.pem().to_owned());
            files::write(&ca.cert, &all.concat(), 0o644)?;
        }
        Doing::Switch { key, bundle } => {
            aside::keep(wanted, &ca.key)?;
            files::write(&ca.key, key.expose_secret(), 0o600)?;
            files::write(&ca.cert, &bundle, 0o644)?;
            files::remove(&next)?;
        }
        Doing::Drop { bundle } => files::write(&ca.cert, &bundle, 0o644)?,
    }
    Ok(true)
}

enum Doing {
    Add,
    Switch { key: SecretString, bundle: String },
    Drop { bundle: String },
}

/// What stands of the authority and its successor.
struct Standing {
    layout: Layout,
    blocks: Vec<String>,
    infos: Vec<CertificateInfo>,
    /// The certificate that `ca.key` belongs to.
    at: usize,
    next: Option<SecretString>,
}

impl Standing {
    fn read(wanted: &Wanted<'_>) -> Result<Self, PkiError> {
        let layout = Layout::new(wanted.dir);
        let ca = layout.ca();
        let absent = || PkiError::NoAuthorityYet {
            path: ca.cert.clone(),
        };
        let cert = files::read(&ca.cert)?.ok_or_else(absent)?;
        let blocks = blocks(&cert);
        let at = |fault| PkiError::of(&ca.cert, fault);
        let infos = blocks
            .iter()
            .map(|b| inspect(b))
            .collect::<Result<Vec<_>, _>>()
            .map_err(at)?;
        let first = infos.first().ok_or_else(absent)?;
        let Some(key) = files::read(&ca.key)? else {
            return Err(if is_ours(first) {
                PkiError::NoKey { path: ca.cert }
            } else {
                PkiError::OwnAuthority { path: ca.cert }
            });
        };
        let at = issuer_of(&blocks, &key).map_err(at)?;
        if !is_ours(&infos[at]) {
            return Err(PkiError::OwnAuthority { path: ca.cert });
        }
        let next = files::read(&layout.next_key())?.map(SecretString::from);
        Ok(Self {
            layout,
            blocks,
            infos,
            at,
            next,
        })
    }

    fn issuer(&self) -> &CertificateInfo {
        &self.infos[self.at]
    }

    /// Where the successor's certificate stands.
    fn successor(&self) -> Option<usize> {
        issuer_of(&self.blocks, self.next.as_ref()?.expose_secret()).ok()
    }

    /// Another authority that was made here and is trusted still.
    fn has_former(&self) -> bool {
        let mut others = self.infos.iter().enumerate();
        others.any(|(i, info)| i != self.at && is_ours(info))
    }

    fn next(&self, wanted: &Wanted<'_>, to: Rotation, now: i64) -> Result<Option<Doing>, PkiError> {
        let ca = || self.layout.ca().cert;
        match (to, &self.next, self.successor()) {
            (Rotation::Add, Some(_), Some(_)) => Ok(None),
            // It is under way already, and further.
            (Rotation::Add, None, _) if self.has_former() => Ok(None),
            (Rotation::Add, _, None) | (Rotation::Add, None, Some(_)) => {
                survey::all_ours(&self.layout, wanted)?;
                Ok(Some(Doing::Add))
            }
            (Rotation::Switch, Some(key), Some(new)) => Ok(Some(Doing::Switch {
                key: key.clone(),
                bundle: self.with_first(new),
            })),
            (Rotation::Switch, None, _) if self.has_former() => Ok(None),
            (Rotation::Switch, ..) => Err(PkiError::NoSuccessor { path: ca() }),
            (Rotation::Drop, Some(_), _) => Err(PkiError::NotSwitched { path: ca() }),
            (Rotation::Drop, None, _) if !self.has_former() => Ok(None),
            (Rotation::Drop, None, _) => {
                let bundle = self.without_former();
                let trust = Trust::from_pem(&bundle).map_err(|f| PkiError::of(&ca(), f))?;
                survey::all_of(&self.layout, wanted, &trust, now)?;
                Ok(Some(Doing::Drop { bundle }))
            }
        }
    }

    /// Tools that read one certificate read the first.
    fn with_first(&self, first: usize) -> String {
        let others = self.blocks.iter().enumerate().filter(|(i, _)| *i != first);
        let others = others.map(|(_, block)| block.as_str());
        std::iter::once(self.blocks[first].as_str())
            .chain(others)
            .collect()
    }

    /// The issuer, and what the user put beside it.
    fn without_former(&self) -> String {
        let both = self.blocks.iter().zip(&self.infos).enumerate();
        both.filter(|(i, (_, info))| *i == self.at || !is_ours(info))
            .map(|(_, (block, _))| block.as_str())
            .collect()
    }
}
