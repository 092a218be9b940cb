//! Only the checks that X.509 chains of TEE vendors need (RFC 5280).
//!
//! A chain is given in order; nothing is searched for. Invariants:
//! - a certificate is strict DER to the last byte, version 3, and has no
//!   extension twice; what was signed is checked as it stands, never encoded
//!   again;
//! - a critical extension that is not understood refuses the certificate or
//!   the list;
//! - names are equal when their bytes are;
//! - time is an argument.

use std::ops::Range;

use synod_crypto::{Digest, ecdsa, rsa, sha256};
use x509_cert::der::asn1::ObjectIdentifier;

use crate::{
    calendar,
    der::{Element, NotDer, Reader, tag},
};

/// Algorithm identifiers, as they stand in certificates (DER). Parameters of
/// `RSASSA-PSS` follow its identifier and are fixed by `rsa`.
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Bits of `KeyUsage` (RFC 5280, 4.2.1.3), in its first byte.
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_CERT_SIGN: u8 = 0x04;
const CRL_SIGN: u8 = 0x02;

/// No certificate of a vendor has more extensions.
const EXTENSIONS_MAX: usize = 32;

/// What is wrong with a certificate or a revocation list. The fault is its
/// sender's, or the clock's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not DER, or not in its canonical form, or bytes follow.
    #[error("is malformed")]
    Malformed,
    /// Not valid yet at the time of verification (Unix seconds).
    #[error("is valid only from {from_s}, and the time is {now_s} (Unix seconds)")]
    NotYetValid {
        /// When it becomes valid.
        from_s: u64,
        /// The time of verification.
        now_s: u64,
    },
    /// Not valid any more at the time of verification (Unix seconds).
    #[error("expired at {until_s}, and the time is {now_s} (Unix seconds)")]
    Expired {
        /// When it expired.
        until_s: u64,
        /// The time of verification.
        now_s: u64,
    },
    /// Its issuer's name is not the subject of the certificate above.
    #[error("names an issuer that is not the certificate above it")]
    WrongIssuer,
    /// The certificate above did not sign it.
    #[error("is not signed by the certificate above it")]
    BadSignature,
    /// It is signed in a way, or holds a key of a kind, that the vendor does
    /// not use.
    #[error("uses an algorithm that its vendor never uses")]
    Algorithm,
    /// The certificate above may not issue certificates or lists.
    #[error("is issued by a certificate that is not allowed to issue it")]
    IssuerMayNotSign,
    /// The certificate above is not allowed this far from the leaf.
    #[error("is in a longer chain than its issuer allows")]
    PathTooLong,
    /// A critical extension is not understood.
    #[error("has the unknown critical extension {0}")]
    UnknownCriticalExtension(String),
    /// It may issue certificates, where only a signer of other things belongs.
    #[error("is a CA certificate where none is allowed")]
    Authority,
    /// Its key may not sign anything but certificates.
    #[error("has a key that is not allowed to sign")]
    MayNotSign,
    /// It has been revoked.
    #[error("is revoked")]
    Revoked,
}

/// A parsed certificate. That it was parsed says nothing about who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    signed: Range<usize>,
    serial: Range<usize>,
    algorithm: Range<usize>,
    issuer: Range<usize>,
    from_s: u64,
    until_s: u64,
    subject: Range<usize>,
    /// Algorithm of the key, and the key.
    key: (Range<usize>, Range<usize>),
    extensions: Vec<Extension>,
    signature: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Extension {
    oid: Range<usize>,
    critical: bool,
    value: Range<usize>,
}

impl From<NotDer> for CertificateError {
    fn from(_: NotDer) -> Self {
        Self::Malformed
    }
}

impl Certificate {
    /// Parses strict DER.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let mut outer = Reader::new(der);
        let whole = outer.read(tag::SEQUENCE)?;
        outer.end()?;
        let mut parts = whole.inside();
        let signed = parts.read(tag::SEQUENCE)?;
        let algorithm = parts.read(tag::SEQUENCE)?;
        let signature = parts.read(tag::BIT_STRING)?;
        parts.end()?;
        signature.bits()?;
        let mut fields = signed.inside();
        // Version 3 is written as 2.
        if fields.read(tag::CONTEXT_0)?.content != [tag::INTEGER, 1, 2] {
            return Err(CertificateError::Malformed);
        }
        let serial = fields.read(tag::INTEGER)?;
        serial.unsigned()?;
        if fields.read(tag::SEQUENCE)?.whole != algorithm.whole {
            return Err(CertificateError::Algorithm);
        }
        let issuer = fields.read(tag::SEQUENCE)?;
        let mut validity = fields.read(tag::SEQUENCE)?.inside();
        let (from_s, until_s) = (time(&validity.any()?)?, time(&validity.any()?)?);
        validity.end()?;
        let subject = fields.read(tag::SEQUENCE)?;
        let key = key(&fields.read(tag::SEQUENCE)?)?;
        let extensions = match fields.optional(tag::CONTEXT_3)? {
            Some(element) => extensions(&element)?,
            None => Vec::new(),
        };
        fields.end()?;
        let certificate = Self {
            signed: signed.range(),
            serial: serial.content_range(),
            algorithm: algorithm.range(),
            issuer: issuer.range(),
            from_s,
            until_s,
            subject: subject.range(),
            key,
            extensions,
            signature: signature.content_range(),
            der: der.to_vec(),
        };
        certificate.check_no_duplicates()?;
        Ok(certificate)
    }

    /// The DER.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the DER.
    pub(crate) fn digest(&self) -> Digest {
        sha256(&[&self.der])
    }

    /// The last common name of the subject.
    pub(crate) fn common_name(&self) -> Option<String> {
        common_name(&self.der[self.subject.clone()]).ok().flatten()
    }

    /// The subject's name, in DER.
    pub(crate) fn subject(&self) -> &[u8] {
        &self.der[self.subject.clone()]
    }

    /// The public key, as a SEC1 point on P-256.
    pub(crate) fn p256_key(&self) -> Result<&[u8], CertificateError> {
        self.ec_key(SECP256R1)
    }

    /// The public key, as a SEC1 point on P-384.
    pub(crate) fn p384_key(&self) -> Result<&[u8], CertificateError> {
        self.ec_key(SECP384R1)
    }

    /// The value of an extension.
    pub(crate) fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        self.extensions
            .iter()
            .find(|extension| self.der[extension.oid.clone()] == *oid.as_bytes())
            .map(|extension| &self.der[extension.value.clone()])
    }

    /// The begin of its validity, in Unix milliseconds.
    pub(crate) fn valid_from_ms(&self) -> u64 {
        self.from_s.saturating_mul(1000)
    }

    /// The end of its validity, in Unix milliseconds.
    pub(crate) fn expires_ms(&self) -> u64 {
        self.until_s.saturating_mul(1000)
    }

    /// Checks that it is valid at `now_s` and has no unknown critical extension.
    pub(crate) fn check_itself(&self, now_s: u64) -> Result<(), CertificateError> {
        self.check_time(now_s)?;
        self.check_extensions()
    }

    /// Checks that it is valid at `now_s`.
    pub(crate) fn check_time(&self, now_s: u64) -> Result<(), CertificateError> {
        check_window(self.from_s, self.until_s, now_s)
    }

    /// Checks that it has no unknown critical extension.
    pub(crate) fn check_extensions(&self) -> Result<(), CertificateError> {
        let known = [BASIC_CONSTRAINTS, KEY_USAGE];
        for extension in self.extensions.iter().filter(|e| e.critical) {
            let oid = &self.der[extension.oid.clone()];
            if !known.iter().any(|known| known.as_bytes() == oid) {
                let name = ObjectIdentifier::from_bytes(oid)
                    .map_or_else(|_| hex::encode(oid), |oid| oid.to_string());
                return Err(CertificateError::UnknownCriticalExtension(name));
            }
        }
        Ok(())
    }

    /// Checks that it is not an authority, and that its key may sign.
    pub(crate) fn check_end_entity(&self) -> Result<(), CertificateError> {
        if self
            .constraints()?
            .is_some_and(|constraints| constraints.ca)
        {
            return Err(CertificateError::Authority);
        }
        match self.usage()? {
            Some(usage) if usage & DIGITAL_SIGNATURE == 0 => Err(CertificateError::MayNotSign),
            _ => Ok(()),
        }
    }

    /// Checks that `issuer` issued it; `below` authorities stand between it
    /// and the end of the chain, itself included if it is one.
    pub(crate) fn check_issued_by(
        &self,
        issuer: &Self,
        below: usize,
    ) -> Result<(), CertificateError> {
        if self.der[self.issuer.clone()] != *issuer.subject() {
            return Err(CertificateError::WrongIssuer);
        }
        issuer.check_authority(KEY_CERT_SIGN, below)?;
        issuer.verify(
            &self.der[self.algorithm.clone()],
            &self.der[self.signed.clone()],
            &self.der[self.signature.clone()][1..],
        )
    }

    fn check_authority(&self, usage: u8, below: usize) -> Result<(), CertificateError> {
        let constraints = self.constraints()?;
        let constraints = constraints.ok_or(CertificateError::IssuerMayNotSign)?;
        // Without the extension, the key may be used for anything (RFC 5280,
        // 6.1.4 (n)).
        let usages = self.usage()?.unwrap_or(0xff);
        if !constraints.ca || usages & usage == 0 {
            return Err(CertificateError::IssuerMayNotSign);
        }
        match constraints.path_length {
            Some(most) if below > most => Err(CertificateError::PathTooLong),
            _ => Ok(()),
        }
    }

    fn check_no_duplicates(&self) -> Result<(), CertificateError> {
        let oid = |extension: &Extension| &self.der[extension.oid.clone()];
        let twice = self.extensions.iter().enumerate().any(|(at, extension)| {
            let before = &self.extensions[..at];
            before.iter().any(|other| oid(other) == oid(extension))
        });
        if twice {
            return Err(CertificateError::Malformed);
        }
        Ok(())
    }

    /// `BasicConstraints` (RFC 5280, 4.2.1.9).
    fn constraints(&self) -> Result<Option<Constraints>, CertificateError> {
        let Some(value) = self.extension(BASIC_CONSTRAINTS) else {
            return Ok(None);
        };
        let mut outer = Reader::new(value);
        let mut fields = outer.read(tag::SEQUENCE)?.inside();
        outer.end()?;
        let ca = match fields.optional(tag::BOOLEAN)? {
            // The default is not written.
            Some(element) if element.boolean()? => true,
            Some(_) => return Err(CertificateError::Malformed),
            None => false,
        };
        let path_length = match fields.optional(tag::INTEGER)? {
            Some(element) => Some(small(&element)?),
            None => None,
        };
        fields.end()?;
        Ok(Some(Constraints { ca, path_length }))
    }

    /// `KeyUsage` (RFC 5280, 4.2.1.3): its first byte.
    fn usage(&self) -> Result<Option<u8>, CertificateError> {
        let Some(value) = self.extension(KEY_USAGE) else {
            return Ok(None);
        };
        let mut outer = Reader::new(value);
        let bits = outer.read(tag::BIT_STRING)?.content;
        outer.end()?;
        match bits {
            [unused @ 0..=7, usage] if usage.trailing_zeros() >= u32::from(*unused) => {
                Ok(Some(*usage))
            }
            // The ninth usage, `decipherOnly`, is not asked for.
            [0..=7, usage, _] => Ok(Some(*usage)),
            _ => Err(CertificateError::Malformed),
        }
    }

    fn verify(
        &self,
        algorithm: &[u8],
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), CertificateError> {
        let mut fields = Reader::new(algorithm).read(tag::SEQUENCE)?.inside();
        let oid = fields.read(tag::OBJECT_IDENTIFIER)?.content;
        let verified = if oid == RSASSA_PSS.as_bytes() {
            rsa::verify_pss_sha384(self.rsa_key()?, signed, signature).is_ok()
        } else if !fields.is_empty() {
            // ECDSA has no parameters (RFC 5758, 3.2).
            return Err(CertificateError::Algorithm);
        } else if oid == ECDSA_SHA384.as_bytes() {
            ecdsa::verify_p384_sha384_der(self.p384_key()?, signed, signature).is_ok()
        } else if oid == ECDSA_SHA256.as_bytes() {
            ecdsa::verify_p256_sha256_der(self.p256_key()?, signed, signature).is_ok()
        } else {
            return Err(CertificateError::Algorithm);
        };
        verified.then_some(()).ok_or(CertificateError::BadSignature)
    }

    fn ec_key(&self, curve: ObjectIdentifier) -> Result<&[u8], CertificateError> {
        let mut algorithm = self.key_algorithm()?;
        let kind = algorithm.read(tag::OBJECT_IDENTIFIER)?.content;
        if kind != EC_PUBLIC_KEY.as_bytes() {
            return Err(CertificateError::Algorithm);
        }
        let named = algorithm.read(tag::OBJECT_IDENTIFIER);
        if named.map(|named| named.content) != Ok(curve.as_bytes()) {
            return Err(CertificateError::Algorithm);
        }
        Ok(&self.der[self.key.1.clone()][1..])
    }

    fn rsa_key(&self) -> Result<&[u8], CertificateError> {
        let kind = self.key_algorithm()?.read(tag::OBJECT_IDENTIFIER)?.content;
        if kind != RSA_ENCRYPTION.as_bytes() {
            return Err(CertificateError::Algorithm);
        }
        Ok(&self.der[self.key.1.clone()][1..])
    }

    fn key_algorithm(&self) -> Result<Reader<'_>, CertificateError> {
        let algorithm = Reader::new(&self.der[self.key.0.clone()]).read(tag::SEQUENCE)?;
        Ok(algorithm.inside())
    }
}

struct Constraints {
    ca: bool,
    path_length: Option<usize>,
}

/// A parsed revocation list. That it was parsed says nothing about who signed
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    der: Vec<u8>,
    signed: Range<usize>,
    algorithm: Range<usize>,
    issuer: Range<usize>,
    this_update_s: u64,
    next_update_s: Option<u64>,
    /// The entries, one after the other.
    revoked: Range<usize>,
    signature: Range<usize>,
}

impl RevocationList {
    /// Parses strict DER (RFC 5280, 5.1).
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let mut outer = Reader::new(der);
        let whole = outer.read(tag::SEQUENCE)?;
        outer.end()?;
        let mut parts = whole.inside();
        let signed = parts.read(tag::SEQUENCE)?;
        let algorithm = parts.read(tag::SEQUENCE)?;
        let signature = parts.read(tag::BIT_STRING)?;
        parts.end()?;
        signature.bits()?;
        let mut fields = signed.inside();
        // Version 2 is written as 1.
        match fields.optional(tag::INTEGER)? {
            Some(version) if version.content != [1] => return Err(CertificateError::Malformed),
            _ => {}
        }
        if fields.read(tag::SEQUENCE)?.whole != algorithm.whole {
            return Err(CertificateError::Algorithm);
        }
        let issuer = fields.read(tag::SEQUENCE)?;
        let this_update_s = time(&fields.any()?)?;
        let next_update_s = match next_time(&mut fields)? {
            Some(element) => Some(time(&element)?),
            None => None,
        };
        let revoked = match fields.optional(tag::SEQUENCE)? {
            Some(entries) => checked_entries(&entries)?,
            None => 0..0,
        };
        if let Some(element) = fields.optional(tag::CONTEXT_0)? {
            let mut inner = element.inside();
            check_list_extensions(&inner.read(tag::SEQUENCE)?)?;
            inner.end()?;
        }
        fields.end()?;
        Ok(Self {
            signed: signed.range(),
            algorithm: algorithm.range(),
            issuer: issuer.range(),
            this_update_s,
            next_update_s,
            revoked,
            signature: signature.content_range(),
            der: der.to_vec(),
        })
    }

    /// The issuer's name, in DER.
    pub(crate) fn issuer(&self) -> &[u8] {
        &self.der[self.issuer.clone()]
    }

    /// When it was made, in Unix milliseconds.
    pub(crate) fn made_ms(&self) -> u64 {
        self.this_update_s.saturating_mul(1000)
    }

    /// When the next one is due, in Unix milliseconds; without a date, at once.
    pub(crate) fn expires_ms(&self) -> u64 {
        self.next_update_s.unwrap_or(0).saturating_mul(1000)
    }

    /// Checks that `issuer` issued the list and that it is current.
    pub(crate) fn check_issued_by(
        &self,
        issuer: &Certificate,
        now_s: u64,
    ) -> Result<(), CertificateError> {
        if self.issuer() != issuer.subject() {
            return Err(CertificateError::WrongIssuer);
        }
        issuer.check_authority(CRL_SIGN, 0)?;
        let next = self.next_update_s.ok_or(CertificateError::Malformed)?;
        check_window(self.this_update_s, next, now_s)?;
        issuer.verify(
            &self.der[self.algorithm.clone()],
            &self.der[self.signed.clone()],
            &self.der[self.signature.clone()][1..],
        )
    }

    /// Checks that `certificate`, of the same issuer, is not on the list.
    pub(crate) fn check_not_revoked(
        &self,
        certificate: &Certificate,
    ) -> Result<(), CertificateError> {
        let serial = &certificate.der[certificate.serial.clone()];
        let mut entries = Reader::new(&self.der[self.revoked.clone()]);
        while !entries.is_empty() {
            let mut entry = entries.read(tag::SEQUENCE)?.inside();
            if entry.read(tag::INTEGER)?.content == serial {
                return Err(CertificateError::Revoked);
            }
        }
        Ok(())
    }
}

/// Checks every entry of a list.
fn checked_entries(entries: &Element<'_>) -> Result<Range<usize>, CertificateError> {
    let mut reader = entries.inside();
    while !reader.is_empty() {
        let mut entry = reader.read(tag::SEQUENCE)?.inside();
        entry.read(tag::INTEGER)?.unsigned()?;
        time(&entry.any()?)?;
        if let Some(extensions) = entry.optional(tag::SEQUENCE)? {
            check_list_extensions(&extensions)?;
        }
        entry.end()?;
    }
    Ok(entries.content_range())
}

/// A critical extension could narrow what a list covers, or name another
/// issuer for an entry; none is known here.
fn check_list_extensions(list: &Element<'_>) -> Result<(), CertificateError> {
    let mut reader = list.inside();
    while !reader.is_empty() {
        let mut fields = reader.read(tag::SEQUENCE)?.inside();
        let oid = fields.read(tag::OBJECT_IDENTIFIER)?.content;
        let critical = is_critical(&mut fields)?;
        fields.read(tag::OCTET_STRING)?;
        fields.end()?;
        if critical {
            let name = ObjectIdentifier::from_bytes(oid)
                .map_or_else(|_| hex::encode(oid), |oid| oid.to_string());
            return Err(CertificateError::UnknownCriticalExtension(name));
        }
    }
    Ok(())
}

/// Algorithm and key of a `SubjectPublicKeyInfo`.
fn key(info: &Element<'_>) -> Result<(Range<usize>, Range<usize>), CertificateError> {
    let mut fields = info.inside();
    let algorithm = fields.read(tag::SEQUENCE)?;
    let key = fields.read(tag::BIT_STRING)?;
    fields.end()?;
    key.bits()?;
    Ok((algorithm.range(), key.content_range()))
}

fn extensions(explicit: &Element<'_>) -> Result<Vec<Extension>, CertificateError> {
    let mut outer = explicit.inside();
    let mut list = outer.read(tag::SEQUENCE)?.inside();
    outer.end()?;
    let mut found = Vec::new();
    while !list.is_empty() {
        if found.len() == EXTENSIONS_MAX {
            return Err(CertificateError::Malformed);
        }
        let mut fields = list.read(tag::SEQUENCE)?.inside();
        let oid = fields.read(tag::OBJECT_IDENTIFIER)?.content_range();
        let critical = is_critical(&mut fields)?;
        let value = fields.read(tag::OCTET_STRING)?.content_range();
        fields.end()?;
        found.push(Extension {
            oid,
            critical,
            value,
        });
    }
    Ok(found)
}

fn is_critical(fields: &mut Reader<'_>) -> Result<bool, CertificateError> {
    match fields.optional(tag::BOOLEAN)? {
        // The default, false, is not written.
        Some(element) if element.boolean()? => Ok(true),
        Some(_) => Err(CertificateError::Malformed),
        None => Ok(false),
    }
}

fn next_time<'a>(fields: &mut Reader<'a>) -> Result<Option<Element<'a>>, NotDer> {
    match fields.optional(tag::UTC_TIME)? {
        Some(element) => Ok(Some(element)),
        None => fields.optional(tag::GENERALIZED_TIME),
    }
}

/// A small number, for a length of a path.
fn small(element: &Element<'_>) -> Result<usize, CertificateError> {
    match element.unsigned()? {
        [number] => Ok(usize::from(*number)),
        _ => Err(CertificateError::Malformed),
    }
}

/// `UTCTime` for years from 1950 to 2049, or `GeneralizedTime` (RFC 5280,
/// 4.1.2.5), as Unix seconds.
fn time(element: &Element<'_>) -> Result<u64, CertificateError> {
    let (year, rest) = match (element.tag, element.content) {
        (tag::UTC_TIME, [a, b, rest @ ..]) => {
            let short = calendar::digits(&[*a, *b]).ok_or(CertificateError::Malformed)?;
            (
                if short < 50 {
                    2000 + short
                } else {
                    1900 + short
                },
                rest,
            )
        }
        (tag::GENERALIZED_TIME, [a, b, c, d, rest @ ..]) => {
            let year = calendar::digits(&[*a, *b, *c, *d]);
            (year.ok_or(CertificateError::Malformed)?, rest)
        }
        _ => return Err(CertificateError::Malformed),
    };
    let [digits @ .., b'Z'] = rest else {
        return Err(CertificateError::Malformed);
    };
    let number = |at: usize| digits.get(at..at + 2).and_then(calendar::digits);
    let parts = (digits.len() == 10)
        .then(|| [0, 2, 4, 6, 8].map(number))
        .ok_or(CertificateError::Malformed)?;
    let [
        Some(month),
        Some(day),
        Some(hour),
        Some(minute),
        Some(second),
    ] = parts
    else {
        return Err(CertificateError::Malformed);
    };
    calendar::unix_seconds((year, month, day), (hour, minute, second))
        .ok_or(CertificateError::Malformed)
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

fn common_name(name: &[u8]) -> Result<Option<String>, NotDer> {
    let mut sets = Reader::new(name).read(tag::SEQUENCE)?.inside();
    let mut last = None;
    while !sets.is_empty() {
        let mut attributes = sets.read(tag::SET)?.inside();
        while !attributes.is_empty() {
            let mut attribute = attributes.read(tag::SEQUENCE)?.inside();
            let oid = attribute.read(tag::OBJECT_IDENTIFIER)?.content;
            let value = std::str::from_utf8(attribute.any()?.content);
            if let (true, Ok(text)) = (oid == COMMON_NAME.as_bytes(), value) {
                last = Some(text.to_owned());
            }
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests;
