//! The simulated vendor: keys, certificates, revocation lists.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension,
    DistinguishedName, DnType, Error, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, RevocationReason, RevokedCertParams, SerialNumber,
    SignatureAlgorithm, SigningKey,
};
use synod_crypto::ecdsa::P256SigningKey;
use time::OffsetDateTime;

/// The published key of the root that stands for Intel's.
const ROOT_KEY: &[u8] = include_bytes!("../../../attester/mock/intel-root.key.der");
/// A P-256 key in PKCS #8 (RFC 5958) up to its scalar.
const PKCS8_PREFIX: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01,
    0x01, 0x04, 0x20,
];
/// Intel's extension of PCK certificates.
pub(super) const SGX_EXTENSION: [u64; 7] = [1, 2, 840, 113_741, 1, 13, 1];
const ORGANIZATION: &str = "Synod simulation, no hardware";

/// A P-256 key.
pub(super) struct Key(P256SigningKey);

impl Key {
    /// The root's.
    pub(super) fn root() -> Self {
        Self(P256SigningKey::from_pkcs8(ROOT_KEY).expect("the published key is one"))
    }

    /// The key whose scalar has this in all its bytes.
    pub(super) fn numbered(number: u8) -> Self {
        let pkcs8 = [&PKCS8_PREFIX[..], &[number; 32]].concat();
        Self(P256SigningKey::from_pkcs8(&pkcs8).expect("the scalar is in range"))
    }

    /// The two coordinates.
    pub(super) fn point(&self) -> &[u8] {
        &self.0.public_sec1()[1..]
    }

    /// Signs as quotes and JSON documents are signed: `r || s`.
    pub(super) fn sign_fixed(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message)
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_sec1()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign_der(message))
    }
}

/// When something is valid, in Unix seconds, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from_s: u64,
    pub(super) until_s: u64,
}

/// What a certificate says.
pub(super) struct Profile<'a> {
    pub(super) common_name: &'a str,
    pub(super) key: &'a Key,
    pub(super) serial: u64,
    pub(super) valid: Span,
    pub(super) authority: bool,
    /// The value of Intel's extension.
    pub(super) sgx: Option<Vec<u8>>,
}

/// An entry of a revocation list.
pub(super) struct Entry {
    pub(super) serial: u64,
    pub(super) at_s: u64,
    pub(super) reason: Option<RevocationReason>,
}

/// Who issues certificates and lists.
pub(super) struct Authority<'a>(Issuer<'static, &'a Key>);

impl<'a> Authority<'a> {
    pub(super) fn new(common_name: &str, key: &'a Key) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(common_name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![0x1d; 20]);
        Self(Issuer::new(params, key))
    }

    /// Issues a certificate, in DER.
    pub(super) fn issue(&self, profile: Profile<'_>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name(profile.common_name);
        params.serial_number = Some(SerialNumber::from(profile.serial));
        params.not_before = moment(profile.valid.from_s);
        params.not_after = moment(profile.valid.until_s);
        params.key_identifier_method = KeyIdMethod::PreSpecified(vec![0x5d; 20]);
        (params.is_ca, params.key_usages) = if profile.authority {
            let usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            (IsCa::Ca(BasicConstraints::Constrained(0)), usages)
        } else {
            (IsCa::ExplicitNoCa, vec![KeyUsagePurpose::DigitalSignature])
        };
        let extension = |value| CustomExtension::from_oid_content(&SGX_EXTENSION, value);
        params.custom_extensions = profile.sgx.map(extension).into_iter().collect();
        let certificate = params.signed_by(profile.key, &self.0);
        certificate
            .expect("the certificate is sound")
            .der()
            .to_vec()
    }

    /// Issues a revocation list, in DER.
    pub(super) fn revoke(&self, entries: &[Entry], valid: Span) -> Vec<u8> {
        let revoked = |entry: &Entry| RevokedCertParams {
            serial_number: SerialNumber::from(entry.serial),
            revocation_time: moment(entry.at_s),
            reason_code: entry.reason,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: moment(valid.from_s),
            next_update: moment(valid.until_s),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: entries.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::PreSpecified(vec![0x1d; 20]),
        };
        let list = list.signed_by(&self.0).expect("the list is sound");
        list.der().to_vec()
    }
}

/// A name as the simulated vendor writes it.
fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name.push(DnType::OrganizationName, ORGANIZATION);
    name
}

fn moment(seconds: u64) -> OffsetDateTime {
    let seconds = i64::try_from(seconds).expect("the time is near");
    OffsetDateTime::from_unix_timestamp(seconds).expect("the time is near")
}

/// A time as Intel's JSON documents write it.
pub(super) fn date(seconds: u64) -> String {
    let moment = moment(seconds);
    let (year, month, day) = (moment.year(), u8::from(moment.month()), moment.day());
    let (hour, minute, second) = moment.to_hms();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
