//! Issues the certificates and revocation lists of simulated vendors (RFC 5280).

use std::{str::FromStr, time::Duration};

use synod_crypto::ecdsa::{P256SigningKey, P384SigningKey};
use x509_cert::{
    Certificate, TbsCertificate, Version,
    crl::{CertificateList, RevokedCert, TbsCertList},
    der::{
        Decode, Encode,
        asn1::{Any, BitString, GeneralizedTime, ObjectIdentifier, OctetString, UtcTime},
    },
    ext::{
        Extension,
        pkix::{BasicConstraints, CrlNumber, KeyUsage, KeyUsages},
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::{Time, Validity},
};

use crate::{attester::AttesterError, simulated::keys::RsaKey};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");

/// `RSASSA-PSS` with SHA-384 for hash and mask and a salt of 48 bytes
/// (RFC 4055 §3.1).
const RSA_PSS_SHA384: &str = "304106092a864886f70d01010a3034a00f300d06096086480165030402020500\
                              a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130";

const ENCODING: AttesterError = AttesterError::Encoding("a certificate");

/// A private key that signs certificates.
pub(crate) enum IssuerKey<'a> {
    RsaPss(&'a RsaKey),
    P256(&'a P256SigningKey),
    P384(&'a P384SigningKey),
}

/// An authority: its name and its key.
pub(crate) struct Issuer<'a> {
    pub(crate) name: Name,
    pub(crate) key: IssuerKey<'a>,
}

/// The subject's public key, a SEC1 point.
#[derive(Clone, Copy)]
pub(crate) enum SubjectKey<'a> {
    P256(&'a [u8]),
    P384(&'a [u8]),
}

/// What a certificate says.
pub(crate) struct Profile<'a> {
    pub(crate) common_name: &'a str,
    pub(crate) key: SubjectKey<'a>,
    pub(crate) serial: u32,
    pub(crate) from_s: u64,
    pub(crate) until_s: u64,
    /// For an authority, how many authorities may stand below it.
    pub(crate) authority: Option<u8>,
    pub(crate) extensions: Vec<(ObjectIdentifier, Vec<u8>)>,
}

/// The name of a simulated subject.
pub(crate) fn name(common_name: &str) -> Result<Name, AttesterError> {
    Name::from_str(&format!(
        "CN={common_name},O=Synod simulation\\, no hardware"
    ))
    .map_err(|_| ENCODING)
}

/// The subject of a DER certificate.
pub(crate) fn subject(der: &[u8]) -> Result<Name, AttesterError> {
    Certificate::from_der(der)
        .map(|certificate| certificate.tbs_certificate.subject)
        .map_err(|_| ENCODING)
}

impl Issuer<'_> {
    /// Issues a certificate, in DER.
    pub(crate) fn issue(&self, profile: &Profile<'_>) -> Result<Vec<u8>, AttesterError> {
        let signature = self.algorithm()?;
        let tbs_certificate = TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::from(profile.serial),
            signature: signature.clone(),
            issuer: self.name.clone(),
            validity: Validity {
                not_before: time(profile.from_s)?,
                not_after: time(profile.until_s)?,
            },
            subject: name(profile.common_name)?,
            subject_public_key_info: profile.key.info()?,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(extensions(profile)?),
        };
        let signed = tbs_certificate.to_der().map_err(|_| ENCODING)?;
        Certificate {
            signature: self.sign(&signed)?,
            signature_algorithm: signature,
            tbs_certificate,
        }
        .to_der()
        .map_err(|_| ENCODING)
    }

    /// Issues a list that revokes certificates by their serial numbers, in DER.
    pub(crate) fn revoke(
        &self,
        serials: &[u32],
        from_s: u64,
        until_s: u64,
    ) -> Result<Vec<u8>, AttesterError> {
        let signature = self.algorithm()?;
        let number = CrlNumber(x509_cert::der::asn1::Uint::new(&[1]).map_err(|_| ENCODING)?);
        let tbs_cert_list = TbsCertList {
            version: Version::V2,
            signature: signature.clone(),
            issuer: self.name.clone(),
            this_update: time(from_s)?,
            next_update: Some(time(until_s)?),
            revoked_certificates: revoked(serials, from_s)?,
            crl_extensions: Some(vec![extension(CRL_NUMBER, false, &number)?]),
        };
        let signed = tbs_cert_list.to_der().map_err(|_| ENCODING)?;
        CertificateList {
            signature: self.sign(&signed)?,
            signature_algorithm: signature,
            tbs_cert_list,
        }
        .to_der()
        .map_err(|_| ENCODING)
    }

    /// Issues a certificate once more, after a change.
    #[cfg(test)]
    pub(crate) fn reissue(&self, der: &[u8], change: impl FnOnce(&mut TbsCertificate)) -> Vec<u8> {
        let mut certificate = Certificate::from_der(der).expect("a certificate");
        change(&mut certificate.tbs_certificate);
        let signed = certificate.tbs_certificate.to_der().expect("DER");
        certificate.signature = self.sign(&signed).expect("a signature");
        certificate.to_der().expect("DER")
    }

    /// Issues a revocation list once more, after a change.
    #[cfg(test)]
    pub(crate) fn reissue_list(
        &self,
        der: &[u8],
        change: impl FnOnce(&mut TbsCertList),
    ) -> Vec<u8> {
        let mut list = CertificateList::from_der(der).expect("a list");
        change(&mut list.tbs_cert_list);
        let signed = list.tbs_cert_list.to_der().expect("DER");
        list.signature = self.sign(&signed).expect("a signature");
        list.to_der().expect("DER")
    }

    fn algorithm(&self) -> Result<AlgorithmIdentifierOwned, AttesterError> {
        let ecdsa = |oid| AlgorithmIdentifierOwned {
            oid,
            parameters: None,
        };
        match self.key {
            IssuerKey::P256(_) => Ok(ecdsa(ECDSA_SHA256)),
            IssuerKey::P384(_) => Ok(ecdsa(ECDSA_SHA384)),
            IssuerKey::RsaPss(_) => {
                let der = hex::decode(RSA_PSS_SHA384).map_err(|_| ENCODING)?;
                AlgorithmIdentifierOwned::from_der(&der).map_err(|_| ENCODING)
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Result<BitString, AttesterError> {
        let signature = match self.key {
            IssuerKey::P256(key) => key.sign_der(message),
            IssuerKey::P384(key) => key.sign_der(message),
            IssuerKey::RsaPss(key) => key.sign(message)?,
        };
        BitString::from_bytes(&signature).map_err(|_| ENCODING)
    }
}

impl SubjectKey<'_> {
    fn info(self) -> Result<SubjectPublicKeyInfoOwned, AttesterError> {
        let (curve, point) = match self {
            Self::P256(point) => (SECP256R1, point),
            Self::P384(point) => (SECP384R1, point),
        };
        Ok(SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: EC_PUBLIC_KEY,
                parameters: Some(Any::encode_from(&curve).map_err(|_| ENCODING)?),
            },
            subject_public_key: BitString::from_bytes(point).map_err(|_| ENCODING)?,
        })
    }
}

/// An extension that no vendor has: that a certificate is for servers. It is
/// critical, so whoever does not know it must refuse.
#[cfg(test)]
pub(crate) fn unknown_critical() -> Extension {
    let oid = ObjectIdentifier::new_unwrap("2.5.29.37");
    raw_extension(oid, true, &[0x30, 0]).expect("an extension")
}

fn extensions(profile: &Profile<'_>) -> Result<Vec<Extension>, AttesterError> {
    let usage = match profile.authority {
        Some(_) => KeyUsages::KeyCertSign | KeyUsages::CRLSign,
        None => KeyUsages::DigitalSignature.into(),
    };
    let constraints = BasicConstraints {
        ca: profile.authority.is_some(),
        path_len_constraint: profile.authority,
    };
    let mut extensions = vec![
        extension(KEY_USAGE, true, &KeyUsage(usage))?,
        extension(BASIC_CONSTRAINTS, true, &constraints)?,
    ];
    for (oid, value) in &profile.extensions {
        extensions.push(raw_extension(*oid, false, value)?);
    }
    Ok(extensions)
}

fn extension(
    oid: ObjectIdentifier,
    critical: bool,
    value: &impl Encode,
) -> Result<Extension, AttesterError> {
    raw_extension(oid, critical, &value.to_der().map_err(|_| ENCODING)?)
}

fn raw_extension(
    oid: ObjectIdentifier,
    critical: bool,
    value: &[u8],
) -> Result<Extension, AttesterError> {
    Ok(Extension {
        extn_id: oid,
        critical,
        extn_value: OctetString::new(value).map_err(|_| ENCODING)?,
    })
}

/// The entries of a list; an empty list has none (RFC 5280 §5.1.2.6).
fn revoked(serials: &[u32], at_s: u64) -> Result<Option<Vec<RevokedCert>>, AttesterError> {
    let entries: Vec<_> = serials
        .iter()
        .map(|serial| {
            Ok(RevokedCert {
                serial_number: SerialNumber::from(*serial),
                revocation_date: time(at_s)?,
                crl_entry_extensions: None,
            })
        })
        .collect::<Result<_, AttesterError>>()?;
    Ok((!entries.is_empty()).then_some(entries))
}

/// `UTCTime` until 2049, then `GeneralizedTime` (RFC 5280 §4.1.2.5).
fn time(seconds: u64) -> Result<Time, AttesterError> {
    let since_1970 = Duration::from_secs(seconds);
    let out_of_range = |_| AttesterError::Time(seconds.saturating_mul(1000));
    UtcTime::from_unix_duration(since_1970)
        .map(Time::UtcTime)
        .or_else(|_| GeneralizedTime::from_unix_duration(since_1970).map(Time::GeneralTime))
        .map_err(out_of_range)
}
