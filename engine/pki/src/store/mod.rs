//! A cluster's certificates as files on the control host.
//!
//! [`plan`] reads, [`ensure`] writes. What the user brought (anything not issued here) is checked and used, never overwritten.

mod aside;
mod change;
mod error;
mod files;
mod rotate;
mod survey;

use std::path::Path;

use runbook_model::action::CertificateRequest;

use crate::authority::{Authority, Leaf};
use crate::fault::Fault;
use crate::key::Key;
use crate::layout::Pair;
use survey::{Finding, Survey};

pub use aside::reinstate;
pub use change::{Change, Item, What};
pub use error::PkiError;
pub use rotate::{plan_rotation, rotate};

/// What the certificates are to be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Directory on the control host.
    pub dir: &'a Path,
    /// The cluster's name, for the authority's common name.
    pub cluster: &'a str,
    /// Members to have server and peer certificates.
    pub members: &'a [CertificateRequest],
    /// Days that new leaves are valid.
    pub days: u32,
    /// Leaves that end within so many seconds are issued again; none: within a day.
    pub renew_s: Option<u64>,
    /// Directory for what is replaced, one for each run; none: it is not kept.
    pub aside: Option<&'a Path>,
}

/// What [`ensure`] would do and what it would keep, in the order of doing. Writes nothing.
pub fn plan(wanted: &Wanted<'_>, now: i64) -> Result<Vec<Change>, PkiError> {
    Ok(Survey::take(wanted, now)?.changes())
}

/// Makes what is missing, issues again what was issued here and no longer serves; returns what was changed (empty: nothing).
pub fn ensure(wanted: &Wanted<'_>, now: i64) -> Result<Vec<Change>, PkiError> {
    let survey = Survey::take(wanted, now)?;
    let mut done = Vec::new();
    let mut authority = survey.authority;
    for finding in survey.findings {
        if matches!(finding.change.what, What::Keep { .. }) {
            continue;
        }
        let key = key_of(&finding)?;
        match &finding.leaf {
            None => {
                let made = Authority::create(wanted.cluster, key.key, now)
                    .map_err(|fault| PkiError::of(&finding.pair.cert, fault))?;
                files::write_pair(&finding.pair, key.to_write.as_ref(), made.pem())?;
                authority = Some(made);
            }
            Some(leaf) => {
                let authority = authority.as_ref().ok_or_else(|| PkiError::NoAuthorityKey {
                    path: finding.pair.cert.clone(),
                })?;
                aside::keep_pair(wanted, &finding.pair)?;
                issue(authority, &finding.pair, leaf, &key, (wanted.days, now))?;
            }
        }
        done.push(finding.change);
    }
    Ok(done)
}

struct KeyToUse {
    key: Key,
    /// A key that stood there already is left as it is.
    to_write: Option<secrecy::SecretString>,
}

/// A key that stands without its certificate is one that a run made before it was cut off, or the user's: it is used, not replaced.
fn key_of(finding: &Finding) -> Result<KeyToUse, PkiError> {
    let standing = match &finding.change.what {
        What::Create => files::read(&finding.pair.key)?,
        _ => None,
    };
    let key = match &standing {
        Some(pem) => Key::from_pem(pem),
        None => Key::generate(),
    };
    let key = key.map_err(|fault| PkiError::of(&finding.pair.key, fault))?;
    let fresh = standing.is_none();
    let to_write = fresh.then(|| secrecy::SecretString::from(key.pem()));
    Ok(KeyToUse { key, to_write })
}

fn issue(
    authority: &Authority,
    pair: &Pair,
    leaf: &Leaf,
    key: &KeyToUse,
    (days, now): (u32, i64),
) -> Result<(), PkiError> {
    let at = |fault: Fault| PkiError::of(&pair.cert, fault);
    let pem = authority.issue(leaf, &key.key, days, now).map_err(at)?;
    // An authority of the user's may carry a name or constraints that forbid this leaf: find out before anything is written.
    survey::check_leaf(authority.trust(), &pem, leaf, now).map_err(at)?;
    files::write_pair(pair, key.to_write.as_ref(), &pem)
}
