//! The checks that X.509 chains of TEE vendors need (RFC 5280), no more.
//!
//! A chain is given in order; nothing is searched for. Invariants:
//! - a certificate is DER to the last byte;
//! - a critical extension that is not understood refuses the certificate;
//! - time is an argument.

use synod_crypto::{Digest, ecdsa, rsa, sha256};
use x509_cert::{
    der::{
        Decode, Encode,
        asn1::{BitString, ObjectIdentifier},
    },
    ext::pkix::{BasicConstraints, KeyUsage, KeyUsages},
    name::Name,
    spki::AlgorithmIdentifierOwned,
    time::Time,
};

const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// What is wrong with a certificate or a revocation list. The fault is its
/// sender's, or the clock's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not DER, or not in its canonical form, or bytes follow.
    #[error("is malformed")]
    Malformed,
    /// Not valid yet at the time of verification (Unix seconds).
    #[error("is valid from {from_s} on, and it is {now_s} (Unix seconds)")]
    NotYetValid {
        /// When it becomes valid.
        from_s: u64,
        /// The time of verification.
        now_s: u64,
    },
    /// Not valid any more at the time of verification (Unix seconds).
    #[error("was valid until {until_s}, and it is {now_s} (Unix seconds)")]
    Expired {
        /// When it ran out.
        until_s: u64,
        /// The time of verification.
        now_s: u64,
    },
    /// Its issuer's name is not the subject of the certificate above.
    #[error("names another issuer than the certificate above it")]
    WrongIssuer,
    /// The certificate above did not sign it.
    #[error("is not signed by the certificate above it")]
    BadSignature,
    /// It is signed in a way, or holds a key of a kind, that the vendor does
    /// not use.
    #[error("uses an algorithm that its vendor does not use")]
    Algorithm,
    /// The certificate above may not issue certificates or lists.
    #[error("is issued by a certificate that may not issue it")]
    IssuerMayNotSign,
    /// The certificate above may not stand so far from the end.
    #[error("stands in a longer chain than its issuer allows")]
    PathTooLong,
    /// A critical extension is not understood.
    #[error("has the unknown critical extension {0}")]
    UnknownCriticalExtension(String),
    /// It has been revoked.
    #[error("is revoked")]
    Revoked,
}

/// A parsed certificate.
pub(crate) struct Certificate {
    inner: x509_cert::Certificate,
    digest: Digest,
}

impl Certificate {
    /// Parses strict DER.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let inner =
            x509_cert::Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        if inner.to_der().ok().as_deref() != Some(der) {
            return Err(CertificateError::Malformed);
        }
        Ok(Self {
            inner,
            digest: sha256(&[der]),
        })
    }

    /// SHA-256 of the DER.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// The last common name of the subject.
    pub(crate) fn common_name(&self) -> Option<String> {
        common_name(&self.inner.tbs_certificate.subject)
    }

    /// The public key, as a SEC1 point on P-384.
    pub(crate) fn p384_key(&self) -> Result<&[u8], CertificateError> {
        let spki = &self.inner.tbs_certificate.subject_public_key_info;
        let curve = spki
            .algorithm
            .parameters
            .as_ref()
            .and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
        if spki.algorithm.oid != EC_PUBLIC_KEY || curve != Some(SECP384R1) {
            return Err(CertificateError::Algorithm);
        }
        spki.subject_public_key
            .as_bytes()
            .ok_or(CertificateError::Malformed)
    }

    /// The value of an extension; an error if it stands there twice.
    pub(crate) fn extension(
        &self,
        oid: ObjectIdentifier,
    ) -> Result<Option<&[u8]>, CertificateError> {
        let mut found = self
            .extensions()
            .filter(|extension| extension.extn_id == oid);
        let first = found.next().map(|e| e.extn_value.as_bytes());
        match found.next() {
            None => Ok(first),
            Some(_) => Err(CertificateError::Malformed),
        }
    }

    /// The end of its validity, in Unix milliseconds.
    pub(crate) fn expires_ms(&self) -> u64 {
        seconds(self.inner.tbs_certificate.validity.not_after).saturating_mul(1000)
    }

    /// Checks that it is valid at `now_s` and has no unknown critical extension.
    pub(crate) fn check_itself(&self, now_s: u64) -> Result<(), CertificateError> {
        let validity = &self.inner.tbs_certificate.validity;
        check_window(
            seconds(validity.not_before),
            seconds(validity.not_after),
            now_s,
        )?;
        self.extensions()
            .filter(|e| e.critical && ![BASIC_CONSTRAINTS, KEY_USAGE].contains(&e.extn_id))
            .map(|e| e.extn_id.to_string())
            .next()
            .map_or(Ok(()), |oid| {
                Err(CertificateError::UnknownCriticalExtension(oid))
            })
    }

    /// Checks that `issuer` issued it; `below` authorities stand between it
    /// and the end of the chain, itself included if it is one.
    pub(crate) fn check_issued_by(
        &self,
        issuer: &Self,
        below: usize,
    ) -> Result<(), CertificateError> {
        let tbs = &self.inner.tbs_certificate;
        if tbs.issuer != issuer.inner.tbs_certificate.subject {
            return Err(CertificateError::WrongIssuer);
        }
        issuer.check_authority(KeyUsages::KeyCertSign, below)?;
        if tbs.signature != self.inner.signature_algorithm {
            return Err(CertificateError::Algorithm);
        }
        let signed = tbs.to_der().map_err(|_| CertificateError::Malformed)?;
        issuer.verify(&tbs.signature, &signed, &self.inner.signature)
    }

    fn check_authority(&self, usage: KeyUsages, below: usize) -> Result<(), CertificateError> {
        let constraints: BasicConstraints = self.decoded(BASIC_CONSTRAINTS)?;
        let usages: KeyUsage = self.decoded(KEY_USAGE)?;
        if !constraints.ca || !usages.0.contains(usage) {
            return Err(CertificateError::IssuerMayNotSign);
        }
        match constraints.path_len_constraint {
            Some(most) if below > usize::from(most) => Err(CertificateError::PathTooLong),
            _ => Ok(()),
        }
    }

    /// Decodes an extension that an authority must have.
    fn decoded<'a, T: Decode<'a>>(&'a self, oid: ObjectIdentifier) -> Result<T, CertificateError> {
        let value = self
            .extension(oid)?
            .ok_or(CertificateError::IssuerMayNotSign)?;
        T::from_der(value).map_err(|_| CertificateError::Malformed)
    }

    fn extensions(&self) -> impl Iterator<Item = &x509_cert::ext::Extension> {
        self.inner.tbs_certificate.extensions.iter().flatten()
    }

    fn verify(
        &self,
        algorithm: &AlgorithmIdentifierOwned,
        signed: &[u8],
        signature: &BitString,
    ) -> Result<(), CertificateError> {
        let signature = signature.as_bytes().ok_or(CertificateError::Malformed)?;
        let verified = match algorithm.oid {
            RSASSA_PSS => rsa::verify_pss_sha384(self.rsa_key()?, signed, signature).is_ok(),
            ECDSA_SHA384 => {
                ecdsa::verify_p384_sha384_der(self.p384_key()?, signed, signature).is_ok()
            }
            _ => return Err(CertificateError::Algorithm),
        };
        verified.then_some(()).ok_or(CertificateError::BadSignature)
    }

    fn rsa_key(&self) -> Result<&[u8], CertificateError> {
        let spki = &self.inner.tbs_certificate.subject_public_key_info;
        if spki.algorithm.oid != RSA_ENCRYPTION {
            return Err(CertificateError::Algorithm);
        }
        spki.subject_public_key
            .as_bytes()
            .ok_or(CertificateError::Malformed)
    }
}

/// A parsed revocation list.
pub(crate) struct RevocationList(x509_cert::crl::CertificateList);

impl RevocationList {
    /// Parses strict DER.
    pub(crate) fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        x509_cert::crl::CertificateList::from_der(der)
            .map(Self)
            .map_err(|_| CertificateError::Malformed)
    }

    /// Checks that `issuer` issued the list and that it is current.
    pub(crate) fn check_issued_by(
        &self,
        issuer: &Certificate,
        now_s: u64,
    ) -> Result<(), CertificateError> {
        let tbs = &self.0.tbs_cert_list;
        if tbs.issuer != issuer.inner.tbs_certificate.subject {
            return Err(CertificateError::WrongIssuer);
        }
        issuer.check_authority(KeyUsages::CRLSign, 0)?;
        let next = tbs.next_update.ok_or(CertificateError::Malformed)?;
        check_window(seconds(tbs.this_update), seconds(next), now_s)?;
        if tbs.signature != self.0.signature_algorithm {
            return Err(CertificateError::Algorithm);
        }
        let signed = tbs.to_der().map_err(|_| CertificateError::Malformed)?;
        issuer.verify(&tbs.signature, &signed, &self.0.signature)
    }

    /// Checks that `certificate`, of the same issuer, is not on the list.
    pub(crate) fn check_not_revoked(
        &self,
        certificate: &Certificate,
    ) -> Result<(), CertificateError> {
        let serial = &certificate.inner.tbs_certificate.serial_number;
        let revoked = self.0.tbs_cert_list.revoked_certificates.iter().flatten();
        if revoked.clone().any(|entry| entry.serial_number == *serial) {
            return Err(CertificateError::Revoked);
        }
        Ok(())
    }
}

fn check_window(from_s: u64, until_s: u64, now_s: u64) -> Result<(), CertificateError> {
    if now_s < from_s {
        return Err(CertificateError::NotYetValid { from_s, now_s });
    }
    if now_s > until_s {
        return Err(CertificateError::Expired { until_s, now_s });
    }
    Ok(())
}

fn seconds(time: Time) -> u64 {
    time.to_unix_duration().as_secs()
}

fn common_name(name: &Name) -> Option<String> {
    name.0
        .iter()
        .flat_map(|set| set.0.iter())
        .filter(|attribute| attribute.oid == COMMON_NAME)
        .filter_map(|attribute| std::str::from_utf8(attribute.value.value()).ok())
        .map(str::to_owned)
        .next_back()
}
