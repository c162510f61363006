//! Issues certificates.

use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use crate::fault::{Day, Fault};
use crate::inspect::inspect;
use crate::key::Key;
use crate::trust::{Trust, certificates, key_matches};

/// Organization in the subject of all that is issued here: how a leaf that may be issued again is told from the user's own.
pub(crate) const ORGANIZATION: &str = "runbook";

/// Clocks of hosts differ by more than nothing: what is issued now was valid five minutes ago.
const BACKDATE_S: i64 = 5 * 60;
pub(crate) const DAY_S: i64 = 24 * 60 * 60;
/// Days that an authority lives.
pub(crate) const AUTHORITY_DAYS: i64 = 3653;

/// What a leaf is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// etcd's client port. Also `clientAuth`: etcd's own gateway logs in to the member with it.
    Server,
    /// etcd's peer port, which both calls and is called.
    Peer,
    /// Whoever calls the client port.
    Client,
}

impl Use {
    /// Whether peers see it as a server.
    pub fn serves(self) -> bool {
        self != Use::Client
    }
}

/// A leaf to issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// What for.
    pub usage: Use,
    /// Common name. Where etcd's authentication is on, a client's is the etcd user.
    pub common_name: String,
    /// DNS names and addresses.
    pub sans: Vec<String>,
}

/// A certificate authority with its key. Its `Debug` shows nothing of the key.
pub struct Authority {
    pem: String,
    trust: Trust,
    not_after: i64,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority for a cluster, ten years valid.
    pub fn create(cluster: &str, key: Key, now: i64) -> Result<Self, Fault> {
        Self::sign_itself(&format!("{cluster} etcd CA"), key, now)
    }

    /// A new authority to take another's place: its name tells the two apart.
    pub fn succeed(cluster: &str, key: Key, now: i64) -> Result<Self, Fault> {
        Self::sign_itself(&format!("{cluster} etcd CA {}", Day(now)), key, now)
    }

    fn sign_itself(common_name: &str, key: Key, now: i64) -> Result<Self, Fault> {
        let mut params = subject(common_name)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity(&mut params, now - BACKDATE_S, now + AUTHORITY_DAYS * DAY_S);
        let certificate = params.self_signed(key.pair()).map_err(refused)?;
        Self::new(certificate.pem(), key)
    }

    /// An authority from its files. Of several certificates the one that the key belongs to is it.
    pub fn load(cert_pem: &str, key_pem: &str) -> Result<Self, Fault> {
        let mut all = blocks(cert_pem);
        if all.is_empty() {
            return Err(Fault::NoCertificate);
        }
        let own = all.swap_remove(issuer_of(&all, key_pem)?);
        Self::new(own, Key::from_pem(key_pem)?)
    }

    fn new(pem: String, key: Key) -> Result<Self, Fault> {
        let trust = Trust::from_pem(&pem)?;
        let ders = certificates(&pem)?;
        let first = ders.first().ok_or(Fault::NoCertificate)?;
        Ok(Self {
            not_after: inspect(&pem)?.not_after,
            issuer: Issuer::from_ca_cert_der(first, key.into_pair()).map_err(refused)?,
            pem,
            trust,
        })
    }

    /// The CA certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// For checking what it issued.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Issues a leaf for a key, valid for `days` from now but no longer than the authority; returns PEM.
    pub fn issue(&self, leaf: &Leaf, key: &Key, days: u32, now: i64) -> Result<String, Fault> {
        let mut params = subject(&leaf.common_name)?;
        params.subject_alt_names = CertificateParams::new(leaf.sans.clone())
            .map_err(refused)?
            .subject_alt_names;
        // States CA:FALSE, and only so is the subject key identifier written.
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if leaf.usage.serves() {
            params
                .extended_key_usages
                .insert(0, ExtendedKeyUsagePurpose::ServerAuth);
        }
        let not_after = (now + i64::from(days) * DAY_S).min(self.not_after);
        validity(&mut params, now - BACKDATE_S, not_after);
        let issued: Certificate = params
            .signed_by(key.pair(), &self.issuer)
            .map_err(refused)?;
        Ok(issued.pem())
    }
}

/// The certificates of a PEM text, each as it is written there.
pub(crate) fn blocks(pem: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let parts = pem.split(BEGIN).skip(1);
    parts
        .filter_map(|part| part.split_once(END))
        .map(|(body, _)| format!("{BEGIN}{body}{END}\n"))
        .collect()
}

/// Which of these certificates a key belongs to; of none: what is wrong with the first.
pub(crate) fn issuer_of(blocks: &[String], key_pem: &str) -> Result<usize, Fault> {
    let mut first = None;
    for (i, block) in blocks.iter().enumerate() {
        match key_matches(block, key_pem) {
            Ok(()) => return Ok(i),
            Err(fault) => {
                first.get_or_insert(fault);
            }
        }
    }
    Err(first.unwrap_or(Fault::NoCertificate))
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("subject", &self.trust.subject())
            .finish_non_exhaustive()
    }
}

fn subject(common_name: &str) -> Result<CertificateParams, Fault> {
    let mut params = CertificateParams::new(Vec::new()).map_err(refused)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, ORGANIZATION);
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    Ok(params)
}

fn validity(params: &mut CertificateParams, not_before: i64, not_after: i64) {
    let at = |s: i64| {
        date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(s).unwrap_or_default())
    };
    params.not_before = at(not_before);
    params.not_after = at(not_after);
}

fn refused(error: rcgen::Error) -> Fault {
    Fault::Refused(error.to_string())
}
