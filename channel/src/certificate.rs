//! X.509 certificates (RFC 5280) that this crate makes.

use std::time::Duration;

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use synod_attestation::{Credential, CredentialError};
use synod_crypto::sha256;

use crate::{key::TlsKey, spki::Spki};

/// The longest life of a certificate that the service issues: a day, in
/// milliseconds.
pub const LIFETIME_MAX_MS: u64 = 24 * 60 * 60 * 1000;

/// The end of the year 9999, where X.509 ends.
const LAST_MS: u64 = 253_402_300_799_000;
const COMMON_NAME_MAX: usize = 64;

/// A certificate of a known key.
#[derive(Debug, Clone)]
pub struct Certificate {
    der: CertificateDer<'static>,
    spki: Spki,
    from_ms: u64,
    until_ms: u64,
}

impl Certificate {
    /// A certificate that `key` makes for itself, as server and as client.
    /// Nobody trusts it for its signature; it carries the key.
    pub fn self_signed(
        key: &TlsKey,
        name: &str,
        from_ms: u64,
        until_ms: u64,
    ) -> Result<Self, CertificateError> {
        let params = leaf_params(name, key.spki(), from_ms, until_ms)?;
        Self::signed_by_itself(key, params, from_ms, until_ms)
    }

    /// The same with evidence for `key` in it, and endorsements if they fit.
    /// Who cannot read them takes it for an ordinary certificate.
    pub fn attested(
        key: &TlsKey,
        name: &str,
        from_ms: u64,
        until_ms: u64,
        credential: &Credential,
    ) -> Result<Self, CertificateError> {
        if credential.statement.tls != key.spki().as_der() {
            return Err(CertificateError::AnotherKey);
        }
        let mut params = leaf_params(name, key.spki(), from_ms, until_ms)?;
        for extension in credential.extensions()? {
            let custom = CustomExtension::from_oid_content(extension.oid, extension.value);
            params.custom_extensions.push(custom);
        }
        Self::signed_by_itself(key, params, from_ms, until_ms)
    }

    fn signed_by_itself(
        key: &TlsKey,
        mut params: CertificateParams,
        from_ms: u64,
        until_ms: u64,
    ) -> Result<Self, CertificateError> {
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
        params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth);
        let made = params
            .self_signed(key)
            .map_err(|_| CertificateError::Unencodable)?;
        Ok(Self::made(&made, key.spki(), from_ms, until_ms))
    }

    /// The certificate in DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate in PEM (RFC 7468).
    pub fn pem(&self) -> String {
        pem_text("CERTIFICATE", &self.der)
    }

    /// The key that it is for.
    pub fn spki(&self) -> &Spki {
        &self.spki
    }

    /// When it expires, in Unix milliseconds.
    pub fn until_ms(&self) -> u64 {
        self.until_ms
    }

    /// When to ask for the next one, in Unix milliseconds: after two thirds of
    /// its life.
    pub fn reissue_at_ms(&self) -> u64 {
        self.until_ms - (self.until_ms - self.from_ms) / 3
    }

    pub(crate) fn made(
        made: &rcgen::Certificate,
        spki: &Spki,
        from_ms: u64,
        until_ms: u64,
    ) -> Self {
        Self {
            der: made.der().clone(),
            spki: spki.clone(),
            from_ms,
            until_ms,
        }
    }
}

/// Why no certificate is made. The caller is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Issued certificates live for [`LIFETIME_MAX_MS`] at most.
    #[error("certificate is valid for more than 24 hours")]
    LifetimeTooLong,
    /// It would end before it begins, or after the year 9999.
    #[error("certificate has no valid time span")]
    NoTimeSpan,
    /// A server certificate names at least one host.
    #[error("server certificate has no names")]
    NoNames,
    /// Neither an IP address nor a DNS name.
    #[error("`{0}` is neither an IP address nor a DNS name")]
    BadName(String),
    /// A common name has 1 to 64 printable ASCII characters.
    #[error("common name must have 1 to 64 printable ASCII characters")]
    BadCommonName,
    /// Certificates are issued to P-256 keys.
    #[error("public key is not a P-256 key")]
    NotP256,
    /// The evidence names another TLS key.
    #[error("evidence is for a different key than the certificate")]
    AnotherKey,
    /// The evidence cannot be put into a certificate.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The library refused the fields.
    #[error("certificate cannot be encoded")]
    Unencodable,
}

/// What all leaf certificates have in common.
pub(crate) fn leaf_params(
    common_name: &str,
    key: &Spki,
    from_ms: u64,
    until_ms: u64,
) -> Result<CertificateParams, CertificateError> {
    let mut params = dated_params(common_name, from_ms, until_ms)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // RFC 5280 §4.1.2.2: no serial twice by one issuer. The key and the time
    // of issue are such a pair.
    let digest = sha256(&[key.as_der(), &from_ms.to_be_bytes()]);
    let mut serial = [0; 16];
    serial.copy_from_slice(&digest.as_bytes()[..16]);
    serial[0] = serial[0] & 0x3f | 0x40; // positive, of fixed length
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

/// Parameters with a subject and a time span, no more.
pub(crate) fn dated_params(
    common_name: &str,
    from_ms: u64,
    until_ms: u64,
) -> Result<CertificateParams, CertificateError> {
    let printable = common_name.bytes().all(|c| (0x20..0x7f).contains(&c));
    if !printable || common_name.is_empty() || common_name.len() > COMMON_NAME_MAX {
        return Err(CertificateError::BadCommonName);
    }
    if from_ms >= until_ms || until_ms > LAST_MS {
        return Err(CertificateError::NoTimeSpan);
    }
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.not_before = epoch + Duration::from_millis(from_ms);
    params.not_after = epoch + Duration::from_millis(until_ms);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    Ok(params)
}

/// DER in the text form of RFC 7468.
pub(crate) fn pem_text(label: &str, der: &[u8]) -> String {
    pem_rfc7468::encode_string(label, pem_rfc7468::LineEnding::LF, der)
        .expect("labels here are constants, and DER is never empty")
}
