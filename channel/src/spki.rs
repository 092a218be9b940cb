//! A TLS public key as certificates carry it: the DER of a
//! `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7). Two certificates with one SPKI
//! belong to one key, whatever else they say.

use rustls::{pki_types::CertificateDer, server::ParsedCertificate};
use synod_crypto::{Digest, sha256};

/// What stands before the point in the SPKI of every P-256 key (RFC 5480).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const P256_POINT_LENGTH: usize = 65;
const UNCOMPRESSED: u8 = 0x04;

/// The bytes are not an X.509 certificate. Whoever sent them is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 version 3 certificate")]
pub struct MalformedCertificate;

/// The DER of a `SubjectPublicKeyInfo`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spki(Vec<u8>);

impl Spki {
    /// Takes DER that was found in a checked statement. Bytes that are no key
    /// match no certificate.
    pub fn from_der(der: impl Into<Vec<u8>>) -> Self {
        Self(der.into())
    }

    /// The key of a certificate, of any algorithm. Nothing else in the
    /// certificate is checked.
    pub fn of_certificate(certificate: &[u8]) -> Result<Self, MalformedCertificate> {
        let certificate = CertificateDer::from(certificate);
        let parsed = ParsedCertificate::try_from(&certificate).map_err(|_| MalformedCertificate)?;
        Ok(Self(parsed.subject_public_key_info().to_vec()))
    }

    /// The DER.
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the DER: how users and members name their TLS keys.
    pub fn fingerprint(&self) -> Digest {
        sha256(&[&self.0])
    }

    /// The SPKI of the P-256 key with this uncompressed SEC1 point.
    pub(crate) fn of_p256_point(point: &[u8]) -> Self {
        Self([&P256_PREFIX, point].concat())
    }

    /// The uncompressed SEC1 point, if this is a P-256 key.
    pub(crate) fn p256_point(&self) -> Option<&[u8]> {
        let point = self.0.strip_prefix(&P256_PREFIX)?;
        (point.len() == P256_POINT_LENGTH && point[0] == UNCOMPRESSED).then_some(point)
    }
}

impl std::fmt::Debug for Spki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spki({})", self.fingerprint())
    }
}
