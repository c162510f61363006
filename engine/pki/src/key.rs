//! Private keys.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};

use crate::fault::Fault;

/// A private key that certificates are issued for or with. Its `Debug` shows nothing of it.
pub struct Key {
    pair: KeyPair,
    pem: SecretString,
}

impl Key {
    /// A new P-256 key: the one place where randomness enters.
    pub fn generate() -> Result<Self, Fault> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map_err(|e| Fault::Refused(e.to_string()))?;
        let pem = SecretString::from(pair.serialize_pem());
        Ok(Self { pair, pem })
    }

    /// Reads a key as OpenSSL, cfssl and kubeadm write them: PKCS #8, SEC 1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`).
    pub fn from_pem(pem: &str) -> Result<Self, Fault> {
        if pem.contains("ENCRYPTED") {
            return Err(Fault::EncryptedKey);
        }
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| Fault::NoKey)?;
        let forms = match &der {
            PrivateKeyDer::Pkcs8(key) => vec![key.secret_pkcs8_der().to_vec()],
            PrivateKeyDer::Sec1(key) => EC_CURVES
                .map(|curve| pkcs8(&[EC_PUBLIC_KEY, curve], key.secret_sec1_der()))
                .to_vec(),
            PrivateKeyDer::Pkcs1(key) => vec![pkcs8(&[RSA, NULL], key.secret_pkcs1_der())],
            _ => Vec::new(),
        };
        // The crate's own errors say no more than that it failed, and nothing may quote the key.
        let pair = forms
            .iter()
            .find_map(|form| KeyPair::try_from(form.as_slice()).ok())
            .ok_or(Fault::UnusableKey)?;
        Ok(Self {
            pair,
            pem: SecretString::from(pem),
        })
    }

    /// PEM, for writing to a file of mode 0600.
    pub fn pem(&self) -> &str {
        self.pem.expose_secret()
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    pub(crate) fn into_pair(self) -> KeyPair {
        self.pair
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

// Object identifiers in DER, as an AlgorithmIdentifier holds them (RFC 5480, RFC 8017).
const EC_PUBLIC_KEY: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 0x22];
const EC_CURVES: [&[u8]; 2] = [P256, P384];
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const NULL: &[u8] = &[5, 0];

/// PKCS #8 (RFC 5208) around a key of an older form: version 0, algorithm, the key as an octet string.
fn pkcs8(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    let version: &[u8] = &[2, 1, 0];
    let algorithm = der(0x30, &algorithm.concat());
    der(0x30, &[version, &algorithm, &der(4, key)].concat())
}

/// Tag, length, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        out.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let skip = bytes.iter().take_while(|b| **b == 0).count();
        out.push(0x80 | u8::try_from(bytes.len() - skip).unwrap_or(0));
        out.extend_from_slice(&bytes[skip..]);
    }
    out.extend_from_slice(content);
    out
}
