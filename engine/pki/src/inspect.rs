//! Reads a certificate for people.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

use crate::fault::Fault;
use crate::trust::certificates;

/// What a certificate says of itself; nothing of it is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateInfo {
    /// Distinguished name, `CN=e1, O=...`.
    pub subject: String,
    /// The subject's organization, where it names one.
    pub organization: Option<String>,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// Serial number, lower-case hex.
    pub serial: String,
    /// DNS names and addresses among the subject alternative names, in the certificate's order.
    pub sans: Vec<String>,
    /// Seconds since the epoch.
    pub not_before: i64,
    /// Seconds since the epoch.
    pub not_after: i64,
    /// Extended key usages by their names in RFC 5280; empty: the extension is absent and any use is allowed.
    pub usages: Vec<String>,
    /// Basic constraints say that it may issue.
    pub is_ca: bool,
    /// SHA-256 of the DER, lower-case hex.
    pub fingerprint: String,
}

/// Reads the first certificate of a PEM text.
pub fn inspect(pem: &str) -> Result<CertificateInfo, Fault> {
    let all = certificates(pem)?;
    let first = all.first().ok_or(Fault::NoCertificate)?;
    inspect_der(first)
}

/// Reads one certificate from DER.
pub fn inspect_der(der: &[u8]) -> Result<CertificateInfo, Fault> {
    let (_, cert) =
        X509Certificate::from_der(der).map_err(|e| Fault::Malformed(printable(&e.to_string())))?;
    Ok(CertificateInfo {
        subject: printable(&cert.subject().to_string()),
        organization: cert
            .subject()
            .iter_organization()
            .next()
            .and_then(|o| o.as_str().ok())
            .map(printable),
        issuer: printable(&cert.issuer().to_string()),
        serial: hex::encode(cert.raw_serial()),
        sans: sans(&cert),
        not_before: cert.validity().not_before.timestamp(),
        not_after: cert.validity().not_after.timestamp(),
        usages: usages(&cert),
        is_ca: cert.is_ca(),
        fingerprint: hex::encode(Sha256::digest(der)),
    })
}

/// Of the names wanted, those that a certificate has not. Addresses are compared as addresses, DNS names without regard to case.
pub fn names<'a>(
    info: &'a CertificateInfo,
    wanted: &'a [String],
) -> impl Iterator<Item = &'a String> {
    wanted
        .iter()
        .filter(|w| !info.sans.iter().any(|have| same_name(have, w)))
}

fn same_name(a: &str, b: &str) -> bool {
    match (a.parse::<IpAddr>(), b.parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => a == b,
        (Err(_), Err(_)) => a.eq_ignore_ascii_case(b),
        _ => false,
    }
}

fn sans(cert: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = cert.subject_alternative_name() else {
        return Vec::new();
    };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(dns) => Some(printable(dns)),
            GeneralName::IPAddress(bytes) => address(bytes).map(|ip| ip.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

fn usages(cert: &X509Certificate<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for extension in cert.extensions() {
        let ParsedExtension::ExtendedKeyUsage(usage) = extension.parsed_extension() else {
            continue;
        };
        let known = [
            (usage.any, "anyExtendedKeyUsage"),
            (usage.server_auth, "serverAuth"),
            (usage.client_auth, "clientAuth"),
            (usage.code_signing, "codeSigning"),
            (usage.email_protection, "emailProtection"),
            (usage.time_stamping, "timeStamping"),
            (usage.ocsp_signing, "OCSPSigning"),
        ];
        found.extend(
            known
                .iter()
                .filter(|(set, _)| *set)
                .map(|(_, n)| (*n).to_owned()),
        );
        found.extend(usage.other.iter().map(ToString::to_string));
    }
    found
}

/// A served certificate is a stranger's text: control characters never reach a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
