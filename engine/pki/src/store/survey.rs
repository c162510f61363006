//! Looks at what stands in the directory and decides, item by item. Writes nothing.

use std::net::IpAddr;

use crate::authority::{AUTHORITY_DAYS, Authority, DAY_S, Leaf, ORGANIZATION, Use};
use crate::fault::Fault;
use crate::inspect::{CertificateInfo, inspect, names};
use crate::key::Key;
use crate::layout::{Layout, Pair};
use crate::trust::{Trust, certificates, key_matches};

use super::change::{Change, Item, What};
use super::error::PkiError;
use super::{Wanted, aside, files};

/// A leaf of ours with less than this left is issued again: it would run out during the work.
const RENEW_S: i64 = 24 * 60 * 60;

/// Common name of the client's certificate: where etcd's authentication is on (a restored snapshot brings it back), the user of
/// that name is who calls, and only `root` may maintain.
const CLIENT: &str = "root";

/// What was found of one item.
pub(super) struct Finding {
    pub(super) change: Change,
    pub(super) pair: Pair,
    /// None: the authority.
    pub(super) leaf: Option<Leaf>,
}

/// All items, the authority first.
pub(super) struct Survey {
    pub(super) findings: Vec<Finding>,
    /// Where its key is here.
    pub(super) authority: Option<Authority>,
}

impl Survey {
    pub(super) fn take(wanted: &Wanted<'_>, now: i64) -> Result<Self, PkiError> {
        let layout = Layout::new(wanted.dir);
        let (ca, standing) = authority(layout.ca(), now)?;
        let judge = Judge {
            wanted,
            can_issue: matches!(standing, Standing::Absent | Standing::Whole(..)),
            trust: match &standing {
                Standing::Absent => None,
                Standing::Whole(_, trust) | Standing::CertificateOnly(trust) => Some(trust),
            },
            issuer: match &standing {
                Standing::Whole(authority, _) => Some(authority.trust()),
                _ => None,
            },
            now,
        };
        let mut findings = vec![ca];
        for (item, pair, leaf) in leaves(&layout, wanted)? {
            let what = judge.leaf(&pair, &leaf)?;
            findings.push(Finding {
                change: Change { item, what },
                pair,
                leaf: Some(leaf),
            });
        }
        let authority = match standing {
            Standing::Whole(authority, _) => Some(*authority),
            _ => None,
        };
        Ok(Self {
            findings,
            authority,
        })
    }

    pub(super) fn changes(self) -> Vec<Change> {
        self.findings.into_iter().map(|f| f.change).collect()
    }
}

/// What there is of the authority.
enum Standing {
    /// Nothing, or a key whose certificate is still to be made.
    Absent,
    CertificateOnly(Trust),
    /// With all that `ca.crt` trusts: more than the issuer while authorities are rotated.
    Whole(Box<Authority>, Trust),
}

fn authority(pair: Pair, now: i64) -> Result<(Finding, Standing), PkiError> {
    let at = |fault| PkiError::of(&pair.cert, fault);
    let (what, standing) = match (files::read(&pair.cert)?, files::read(&pair.key)?) {
        (None, key) => {
            usable(&pair, key.as_deref())?;
            (What::Create, Standing::Absent)
        }
        (Some(cert), key) => {
            let trust = Trust::from_pem(&cert).map_err(at)?;
            trust.in_force(now).map_err(at)?;
            let info = inspect(&cert).map_err(at)?;
            let standing = match key {
                None => Standing::CertificateOnly(trust),
                Some(key) => {
                    let authority = Authority::load(&cert, &key);
                    let authority = authority.map_err(|f| of_pair(&pair, f))?;
                    Standing::Whole(Box::new(authority), trust)
                }
            };
            (keep(&info), standing)
        }
    };
    let finding = Finding {
        change: Change {
            item: Item::Ca,
            what,
        },
        pair,
        leaf: None,
    };
    Ok((finding, standing))
}

fn leaves(layout: &Layout, wanted: &Wanted<'_>) -> Result<Vec<(Item, Pair, Leaf)>, PkiError> {
    let client = Leaf {
        usage: Use::Client,
        common_name: CLIENT.to_owned(),
        sans: Vec::new(),
    };
    let mut all = Vec::new();
    // Where clients come without certificates, so does this machine.
    let nobody_asks = !wanted.members.is_empty() && wanted.members.iter().all(|m| !m.server);
    if !nobody_asks {
        all.push((Item::Client, layout.client(), client));
    }
    for member in wanted.members {
        let name = &member.name;
        if !is_plain(name) {
            return Err(PkiError::BadName { name: name.clone() });
        }
        let mut sans: Vec<String> = member.dns.iter().chain(&member.ips).cloned().collect();
        // etcd checks that a calling peer's address is among its names, and what is sent to any loopback address comes from this one.
        if member.ips.iter().any(|ip| is_loopback(ip)) && !sans.iter().any(|s| s == "127.0.0.1") {
            sans.push("127.0.0.1".to_owned());
        }
        let peer = Leaf {
            usage: Use::Peer,
            common_name: name.clone(),
            sans: sans.clone(),
        };
        for local in ["localhost", "127.0.0.1", "::1"] {
            if !sans.iter().any(|s| s == local) {
                sans.push(local.to_owned());
            }
        }
        let server = Leaf {
            usage: Use::Server,
            common_name: name.clone(),
            sans,
        };
        if member.server {
            all.push((Item::Server(name.clone()), layout.server(name), server));
        }
        if member.peer {
            all.push((Item::Peer(name.clone()), layout.peer(name), peer));
        }
    }
    Ok(all)
}

fn is_loopback(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A name becomes a directory: it must stay inside.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.len() <= 128
        && name
            .chars()
            .all(|c| !c.is_control() && !matches!(c, '/' | '\\'))
}

/// What leaves are judged by.
struct Judge<'a> {
    wanted: &'a Wanted<'a>,
    can_issue: bool,
    /// All that is trusted.
    trust: Option<&'a Trust>,
    /// The one that issues.
    issuer: Option<&'a Trust>,
    now: i64,
}

impl Judge<'_> {
    fn leaf(&self, pair: &Pair, leaf: &Leaf) -> Result<What, PkiError> {
        let path = || pair.cert.clone();
        let Some(cert) = files::read(&pair.cert)? else {
            if !self.can_issue {
                return Err(PkiError::NoAuthorityKey { path: path() });
            }
            usable(pair, files::read(&pair.key)?.as_deref())?;
            return Ok(What::Create);
        };
        let trust = self
            .trust
            .ok_or_else(|| PkiError::NoAuthority { path: path() })?;
        let info = inspect(&cert).map_err(|fault| PkiError::of(&pair.cert, fault))?;
        let replaceable = is_ours(&info) && self.can_issue;
        // What was issued here is to be of the authority that issues now; what the user brought, of any that is trusted.
        let trust = self.issuer.filter(|_| replaceable).unwrap_or(trust);
        let fault = match files::read(&pair.key)? {
            None if replaceable => Err(Fault::NoKey),
            None => return Err(PkiError::NoKey { path: path() }),
            Some(key) => {
                key_matches(&cert, &key).and_then(|()| check_leaf(trust, &cert, leaf, self.now))
            }
        };
        match fault {
            Ok(()) if self.is_due(pair, &cert, &info)? => self.due(pair, &info, replaceable),
            Ok(()) => Ok(keep(&info)),
            Err(why) if replaceable => Ok(What::Reissue { why }),
            Err(fault) => Err(of_pair(pair, fault)),
        }
    }

    fn is_due(&self, pair: &Pair, cert: &str, info: &CertificateInfo) -> Result<bool, PkiError> {
        let asked = self.wanted.renew_s.and_then(|s| i64::try_from(s).ok());
        let within = asked.unwrap_or(RENEW_S).max(RENEW_S);
        let near = info.not_after.saturating_sub(self.now) < within;
        Ok(near && !aside::was_replaced(self.wanted, &pair.cert, cert)?)
    }

    fn due(
        &self,
        pair: &Pair,
        info: &CertificateInfo,
        replaceable: bool,
    ) -> Result<What, PkiError> {
        let not_after = info.not_after;
        match (replaceable, self.wanted.renew_s) {
            (true, Some(_)) if self.gains_nothing(info) => Err(PkiError::AuthorityEnds {
                path: Layout::new(self.wanted.dir).ca().cert,
                not_after,
            }),
            (true, _) => Ok(What::Renew { not_after }),
            (false, None) => Ok(keep(info)),
            (false, Some(_)) => Err(PkiError::NotOursToRenew {
                path: pair.cert.clone(),
                own: !is_ours(info),
                not_after,
            }),
        }
    }

    /// Whether a leaf that is to be renewed ends with its authority already. Where all are to be renewed, whenever they end, it is for
    /// new keys.
    fn gains_nothing(&self, info: &CertificateInfo) -> bool {
        let within = self.wanted.renew_s.and_then(|s| i64::try_from(s).ok());
        let all = within.is_none_or(|s| s >= AUTHORITY_DAYS * DAY_S);
        let issuer = self.issuer.and_then(|trust| trust.authorities().first());
        !all && issuer.is_some_and(|ca| info.not_after >= ca.not_after)
    }
}

/// Whether every leaf that stands was issued here: a rotation issues all of them again.
pub(super) fn all_ours(layout: &Layout, wanted: &Wanted<'_>) -> Result<(), PkiError> {
    for (_, pair, _) in leaves(layout, wanted)? {
        let Some(cert) = files::read(&pair.cert)? else {
            continue;
        };
        let info = inspect(&cert).map_err(|fault| PkiError::of(&pair.cert, fault))?;
        if !is_ours(&info) {
            return Err(PkiError::OwnLeaf { path: pair.cert });
        }
    }
    Ok(())
}

/// Whether every leaf serves where only these authorities are trusted.
pub(super) fn all_of(
    layout: &Layout,
    wanted: &Wanted<'_>,
    trust: &Trust,
    now: i64,
) -> Result<(), PkiError> {
    for (_, pair, leaf) in leaves(layout, wanted)? {
        let path = || pair.cert.clone();
        let cert = files::read(&pair.cert)?.ok_or_else(|| PkiError::OldInUse {
            path: path(),
            fault: Fault::NoCertificate,
        })?;
        check_leaf(trust, &cert, &leaf, now).map_err(|fault| PkiError::OldInUse {
            path: path(),
            fault,
        })?;
    }
    Ok(())
}

/// What is wrong with a pair is said of the file that it is wrong with.
fn of_pair(pair: &Pair, fault: Fault) -> PkiError {
    match fault {
        Fault::NoKey | Fault::EncryptedKey | Fault::UnusableKey => PkiError::of(&pair.key, fault),
        fault => PkiError::of(&pair.cert, fault),
    }
}

/// A key without its certificate will have one made for it: it must be of a kind that can.
fn usable(pair: &Pair, key: Option<&str>) -> Result<(), PkiError> {
    match key.map(Key::from_pem) {
        Some(Err(fault)) => Err(PkiError::of(&pair.key, fault)),
        _ => Ok(()),
    }
}

/// Whether a certificate serves as this leaf, to this authority, now.
pub(super) fn check_leaf(trust: &Trust, pem: &str, leaf: &Leaf, now: i64) -> Result<(), Fault> {
    let chain = certificates(pem)?;
    let info = inspect(pem)?;
    // Every one of them logs in somewhere: peers call peers, the gateway calls the member.
    trust.verify_client(&chain, now)?;
    if !leaf.usage.serves() {
        return Ok(());
    }
    let missing: Vec<String> = names(&info, &leaf.sans).cloned().collect();
    if !missing.is_empty() {
        return Err(Fault::WrongName {
            missing,
            present: info.sans,
        });
    }
    match leaf.sans.first() {
        Some(name) => trust.verify_server(&chain, name, now),
        None => Ok(()),
    }
}

fn keep(info: &CertificateInfo) -> What {
    What::Keep {
        own: !is_ours(info),
        not_after: info.not_after,
    }
}

pub(super) fn is_ours(info: &CertificateInfo) -> bool {
    info.organization.as_deref() == Some(ORGANIZATION)
}
