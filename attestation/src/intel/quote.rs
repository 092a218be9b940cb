//! Quotes of versions 3, 4 and 5, taken apart without copying.
//!
//! Source: Intel, "SGX ECDSA QuoteGenReference and QuoteVerification",
//! appendix A.4, and "TDX DCAP Quoting Library API", appendix A.3.
//!
//! Invariants:
//! - every length is held against the bytes that are there; nothing is
//!   allocated;
//! - each part is read to its end; only after the quote may bytes follow, and
//!   then the verifier asks that they be zero;
//! - a parsed quote says nothing about whether it is genuine.

use crate::{
    intel::{cursor::Cursor, error::IntelError, report::SgxReport},
    tdx::report::TdReport,
    tee::Tee,
};

/// Key type of ECDSA on P-256.
const KEY_P256: u16 = 2;
const TEE_SGX: u32 = 0;
const TEE_TDX: u32 = 0x81;
const QE_VENDOR_INTEL: [u8; 16] = [
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];
const HEADER_BYTES: usize = 48;
/// In front of a body of version 5 stand its type and its size.
const BODY_HEADER_BYTES: usize = 6;
const SGX_BODY: u16 = 1;

/// A quote, in its parts.
#[derive(Clone, Debug)]
pub struct Quote<'a> {
    /// Version of the format: 3, 4 or 5.
    pub version: u16,
    /// The header's own bytes; the first 16 name the quoting enclave's
    /// instance.
    pub user_data: [u8; 20],
    /// What is attested.
    pub body: Body,
    /// What the attestation key signs: header and body.
    pub(crate) signed: &'a [u8],
    pub(crate) signature: &'a [u8; 64],
    pub(crate) key: &'a [u8; 64],
    pub(crate) qe_report: &'a [u8; 384],
    pub(crate) qe_report_signature: &'a [u8; 64],
    pub(crate) qe_authentication: &'a [u8],
    pub(crate) certification: Certification<'a>,
    pub(crate) trailing: &'a [u8],
}

/// What is attested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An SGX enclave.
    Sgx(Box<SgxReport>),
    /// A trust domain.
    Tdx(Box<TdReport>),
}

impl Body {
    /// The TEE that is attested.
    pub fn tee(&self) -> Tee {
        match self {
            Self::Sgx(_) => Tee::Sgx,
            Self::Tdx(_) => Tee::Tdx,
        }
    }
}

/// How the quoting enclave's platform is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certification<'a> {
    /// Types 1 to 4: names from which Intel's service finds the PCK chain.
    Named,
    /// Type 5: the PCK chain itself, in PEM.
    PckChain(&'a [u8]),
}

impl<'a> Quote<'a> {
    /// Takes a quote apart.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IntelError> {
        let mut cursor = Cursor::new(bytes, "header");
        let version = cursor.u16()?;
        if !(3..=5).contains(&version) {
            return Err(IntelError::Version(version));
        }
        let (tee, user_data) = header(&mut cursor, version)?;
        cursor.part("body");
        let (body, body_bytes) = body(&mut cursor, version, tee)?;
        let signed = &bytes[..HEADER_BYTES + body_bytes];
        cursor.part("signature data");
        let mut inner = Cursor::new(cursor.sized()?, "signature data");
        let (signature, key) = (inner.array()?, inner.array()?);
        let mut certified = if version == 3 {
            inner
        } else {
            nested(&mut inner)?
        };
        certified.part("QE certification data");
        let qe_report = certified.array()?;
        let qe_report_signature = certified.array()?;
        let length = certified.u16()?;
        let qe_authentication = certified.bytes(usize::from(length))?;
        let certification = certification(&mut certified)?;
        certified.end()?;
        Ok(Self {
            version,
            user_data,
            body,
            signed,
            signature,
            key,
            qe_report,
            qe_report_signature,
            qe_authentication,
            certification,
            trailing: cursor.rest(),
        })
    }

    /// The PCK chain that the quote holds, in PEM; `None` if it only names the
    /// platform.
    pub fn pck_chain(&self) -> Option<&'a [u8]> {
        match self.certification {
            Certification::PckChain(pem) => Some(pem),
            Certification::Named => None,
        }
    }
}

/// Reads what follows the version: the TEE and the user data.
fn header(cursor: &mut Cursor<'_>, version: u16) -> Result<(Tee, [u8; 20]), IntelError> {
    let key_type = cursor.u16()?;
    if key_type != KEY_P256 {
        return Err(IntelError::KeyType(key_type));
    }
    let tee_type = cursor.u32()?;
    let tee = match (version, tee_type) {
        (3 | 5, TEE_SGX) => Tee::Sgx,
        (4 | 5, TEE_TDX) => Tee::Tdx,
        _ => return Err(IntelError::TeeType { version, tee_type }),
    };
    // SVNs of QE and PCE in version 3, reserved later; signed, never used.
    cursor.array::<4>()?;
    let vendor = cursor.array()?;
    if *vendor != QE_VENDOR_INTEL {
        return Err(IntelError::QeVendor(*vendor));
    }
    Ok((tee, *cursor.array()?))
}

/// Reads the body; tells how many bytes it has, with its own header.
fn body(cursor: &mut Cursor<'_>, version: u16, tee: Tee) -> Result<(Body, usize), IntelError> {
    let (body_type, in_front) = match (version, tee) {
        (3, _) => (SGX_BODY, 0),
        (4, _) => (TdReport::TYPE_1_0, 0),
        _ => (typed_body(cursor)?, BODY_HEADER_BYTES),
    };
    let body = match (tee, body_type) {
        (Tee::Sgx, SGX_BODY) => Body::Sgx(Box::new(SgxReport::parse(cursor.array()?)?)),
        (Tee::Tdx, TdReport::TYPE_1_0..=TdReport::TYPE_1_5_EX) => {
            Body::Tdx(Box::new(TdReport::parse(cursor, body_type)?))
        }
        _ => return Err(IntelError::BodyType(body_type)),
    };
    Ok((body, in_front + body_bytes(body_type)?))
}

/// Reads type and size of a body of version 5.
fn typed_body(cursor: &mut Cursor<'_>) -> Result<u16, IntelError> {
    let body_type = cursor.u16()?;
    let expected = body_bytes(body_type)?;
    let found = cursor.u32()?;
    if usize::try_from(found) != Ok(expected) {
        return Err(IntelError::BodySize {
            body_type,
            expected,
            found,
        });
    }
    Ok(body_type)
}

fn body_bytes(body_type: u16) -> Result<usize, IntelError> {
    match body_type {
        SGX_BODY => Ok(SgxReport::BYTES),
        TdReport::TYPE_1_0 => Ok(584),
        TdReport::TYPE_1_5 => Ok(648),
        TdReport::TYPE_1_5_EX => Ok(885),
        unknown => Err(IntelError::BodyType(unknown)),
    }
}

/// From version 4 on, the quoting enclave's report stands within
/// certification data of type 6. Some makers of quotes write 5 there, with the
/// same content; the type is not signed, so nothing is lost in taking it.
fn nested<'a>(inner: &mut Cursor<'a>) -> Result<Cursor<'a>, IntelError> {
    inner.part("certification data");
    let kind = inner.u16()?;
    if !(5..=6).contains(&kind) {
        return Err(IntelError::CertificationType(kind));
    }
    let bytes = inner.sized()?;
    inner.end()?;
    Ok(Cursor::new(bytes, "QE certification data"))
}

fn certification<'a>(cursor: &mut Cursor<'a>) -> Result<Certification<'a>, IntelError> {
    let kind = cursor.u16()?;
    let bytes = cursor.sized()?;
    match kind {
        1..=4 => Ok(Certification::Named),
        5 => Ok(Certification::PckChain(bytes)),
        unknown => Err(IntelError::CertificationType(unknown)),
    }
}
