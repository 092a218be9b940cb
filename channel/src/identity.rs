//! What one side of a connection shows: a certificate, and the key to it. And
//! the files in which users and members keep theirs.

use std::sync::Arc;

use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use synod_crypto::{Digest, Secret};
use zeroize::Zeroizing;

use crate::{
    certificate::{Certificate, CertificateError, pem_text},
    key::TlsKey,
    spki::Spki,
};

/// A certificate and the private key that belongs to it.
#[derive(Debug, Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    spki: Spki,
}

impl Identity {
    /// Joins a key and a certificate of it.
    pub fn new(key: &TlsKey, certificate: &Certificate) -> Result<Self, IdentityError> {
        if key.spki() != certificate.spki() {
            return Err(IdentityError::KeyMismatch);
        }
        let chain = vec![certificate.der().clone()];
        Ok(Self {
            certified: Arc::new(CertifiedKey::new(chain, key.signer())),
            spki: key.spki().clone(),
        })
    }

    /// Reads a certificate and a private key in PEM. The key may be of any
    /// algorithm that TLS 1.3 signs with; other blocks in the texts are
    /// skipped.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, IdentityError> {
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_| IdentityError::MalformedCertificate)?;
        let spki =
            Spki::of_certificate(&certificate).map_err(|_| IdentityError::MalformedCertificate)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| IdentityError::MalformedKey)?;
        let signer = any_supported_type(&key).map_err(|_| IdentityError::MalformedKey)?;
        let certified = CertifiedKey::new(vec![certificate], signer);
        certified
            .keys_match()
            .map_err(|_| IdentityError::KeyMismatch)?;
        Ok(Self {
            certified: Arc::new(certified),
            spki,
        })
    }

    /// The public key that it shows.
    pub fn spki(&self) -> &Spki {
        &self.spki
    }

    /// SHA-256 of the public key: how governance names users and members.
    pub fn fingerprint(&self) -> Digest {
        self.spki.fingerprint()
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }
}

/// Why certificate and key make no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No X.509 certificate in PEM.
    #[error("the PEM text contains no X.509 certificate")]
    MalformedCertificate,
    /// No private key in PEM that TLS 1.3 can sign with.
    #[error("the PEM text contains no private key that TLS 1.3 can use")]
    MalformedKey,
    /// The certificate is of another key.
    #[error("certificate and private key do not belong together")]
    KeyMismatch,
}

/// The pair of files of a user or member, as `curl --cert --key` takes them.
pub struct KeyFiles {
    /// A self-signed certificate in PEM.
    pub certificate: String,
    /// Its P-256 key, PKCS #8 in PEM.
    pub key: Zeroizing<String>,
    /// SHA-256 of the public key: what is registered with the service.
    pub fingerprint: Digest,
}

impl KeyFiles {
    /// Makes the pair that belongs to `seed`, under `name`.
    pub fn generate(
        seed: &Secret<32>,
        name: &str,
        from_ms: u64,
        until_ms: u64,
    ) -> Result<Self, CertificateError> {
        let key = TlsKey::from_seed(seed);
        let certificate = Certificate::self_signed(&key, name, from_ms, until_ms)?;
        Ok(Self {
            certificate: certificate.pem(),
            key: Zeroizing::new(pem_text("PRIVATE KEY", key.pkcs8())),
            fingerprint: key.spki().fingerprint(),
        })
    }

    /// The identity in the files.
    pub fn identity(&self) -> Result<Identity, IdentityError> {
        Identity::from_pem(&self.certificate, &self.key)
    }
}

impl std::fmt::Debug for KeyFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyFiles({})", self.fingerprint)
    }
}
