//! Where an Intel quote says which platform made it: its certification data.
//!
//! Offsets: Intel, "SGX ECDSA Quote Library Reference" (version 3) and "TDX
//! DCAP Quoting Library API" (versions 4 and 5), appendices. This reads as
//! much as is needed to ask for collateral; verification is another matter.

use synod_attestation::Tee;

const HEADER_BYTES: usize = 48;
const SGX_REPORT_BYTES: usize = 384;
const TD_REPORT_BYTES: usize = 584;
/// Signature and attestation key.
const SIGNATURE_AND_KEY_BYTES: usize = 64 + 64;
const SIGNATURE_BYTES: usize = 64;
/// The quoting enclave's id stands in the header's user data.
const QE_ID: std::ops::Range<usize> = 28..44;

const TEE_SGX: usize = 0;
const TEE_TDX: usize = 0x81;
const QE_REPORT_CERTIFICATION: usize = 6;

/// The bytes are not a quote that identifies its platform. The fault is the
/// attester's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// It ends before its fields do.
    #[error("quote is too short")]
    TooShort,
    /// The version is not one of 3, 4, 5.
    #[error("unknown quote version {0}")]
    Version(usize),
    /// The TEE type is neither SGX nor TDX.
    #[error("TEE type {0:#x} is neither SGX nor TDX")]
    TeeType(usize),
    /// The body of version 5 is of an unknown type.
    #[error("unknown quote body type {0}")]
    BodyType(usize),
    /// The certification data is not that of a quoting enclave's report.
    #[error("certification data has type {0}, expected the quoting enclave's report")]
    NoQeReport(usize),
}

/// How a quote names its platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certification<'a> {
    /// SGX or TDX.
    pub tee: Tee,
    /// 5: a PCK chain in PEM. 1 to 3: a PPID and what else to ask with.
    pub kind: u16,
    /// The data itself.
    pub bytes: &'a [u8],
    /// The quoting enclave that signed.
    pub qe_id: [u8; 16],
}

/// Finds the certification data of a quote.
pub fn certification(quote: &[u8]) -> Result<Certification<'_>, QuoteError> {
    let mut reader = Reader(quote);
    let header = reader.take(HEADER_BYTES)?;
    let version = little_endian(&header[..2]);
    let tee = match little_endian(&header[4..8]) {
        TEE_SGX => Tee::Sgx,
        TEE_TDX => Tee::Tdx,
        other => return Err(QuoteError::TeeType(other)),
    };
    skip_body(&mut reader, version, tee)?;
    let signature_bytes = reader.number(4)?;
    let mut reader = Reader(reader.take(signature_bytes)?);
    reader.take(SIGNATURE_AND_KEY_BYTES)?;
    let mut reader = match version {
        3 => reader,
        _ => Reader(of_qe_report(&mut reader)?),
    };
    reader.take(SGX_REPORT_BYTES + SIGNATURE_BYTES)?;
    let authentication_bytes = reader.number(2)?;
    reader.take(authentication_bytes)?;
    let (kind, bytes) = reader.typed()?;
    Ok(Certification {
        tee,
        kind: u16::try_from(kind).expect("two bytes were read"),
        bytes,
        qe_id: header[QE_ID].try_into().expect("the range has 16 bytes"),
    })
}

fn skip_body(reader: &mut Reader<'_>, version: usize, tee: Tee) -> Result<(), QuoteError> {
    let bytes = match (version, tee) {
        (3 | 4, Tee::Sgx) => SGX_REPORT_BYTES,
        (4, _) => TD_REPORT_BYTES,
        (5, _) => match reader.typed_length()? {
            (1..=4, bytes) => bytes,
            (other, _) => return Err(QuoteError::BodyType(other)),
        },
        (other, _) => return Err(QuoteError::Version(other)),
    };
    reader.take(bytes).map(|_| ())
}

fn of_qe_report<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], QuoteError> {
    match reader.typed()? {
        (QE_REPORT_CERTIFICATION, bytes) => Ok(bytes),
        (other, _) => Err(QuoteError::NoQeReport(other)),
    }
}

/// What has not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], QuoteError> {
        let (head, rest) = self.0.split_at_checked(bytes).ok_or(QuoteError::TooShort)?;
        self.0 = rest;
        Ok(head)
    }

    fn number(&mut self, bytes: usize) -> Result<usize, QuoteError> {
        self.take(bytes).map(little_endian)
    }

    /// A type of two bytes and a length of four.
    fn typed_length(&mut self) -> Result<(usize, usize), QuoteError> {
        Ok((self.number(2)?, self.number(4)?))
    }

    fn typed(&mut self) -> Result<(usize, &'a [u8]), QuoteError> {
        let (kind, bytes) = self.typed_length()?;
        Ok((kind, self.take(bytes)?))
    }
}

/// At most four bytes.
fn little_endian(bytes: &[u8]) -> usize {
    let fold = |number, byte: &u8| (number << 8) | usize::from(*byte);
    bytes.iter().rev().fold(0, fold)
}
