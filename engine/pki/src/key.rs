//! Private keys.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
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

    /// Reads a PKCS #8 key (`BEGIN PRIVATE KEY`), the only form that certificates are issued with here.
    pub fn from_pem(pem: &str) -> Result<Self, Fault> {
        if pem.contains("ENCRYPTED") {
            return Err(Fault::EncryptedKey);
        }
        if !pem.contains("PRIVATE KEY-----") {
            return Err(Fault::NoKey);
        }
        // The crate's own error says no more than that it failed, and must not quote the key.
        let pair = KeyPair::from_pem(pem).map_err(|_| {
            Fault::Malformed(
                "not a PKCS #8 key of EC P-256, P-384, RSA or Ed25519 (`openssl pkcs8 -topk8 -nocrypt` converts)".to_owned(),
            )
        })?;
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
