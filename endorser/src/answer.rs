//! What the services answer: outside bytes, cut into what is used of them.
//!
//! Each parser here is a plain function over bytes. None of them believes
//! anything; what they return is verified as a whole later.
//!
//! Invariants:
//! - JSON that was signed is cut out of the text as it stands there, byte for
//!   byte, and never written anew;
//! - an answer that is cut well is well-formed: no bytes are passed over.

use serde::Deserialize;
use serde_json::value::RawValue;
use synod_attestation::Tee;
use x509_cert::der::DateTime;

use crate::{
    certificate::{Certificate, RevocationList, Validity},
    part::{CHAIN_BYTES_MAX, CRL_BYTES_MAX},
    pem::{self, PemError},
};

/// Longest accepted chain in a header, percent-encoded, in bytes.
pub const CHAIN_HEADER_BYTES_MAX: usize = 24 * 1024;

/// An answer is not what was asked for. The fault is the service's, or of
/// whoever stands between.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is not JSON of the expected shape.
    #[error("is not the expected JSON: {0}")]
    Json(String),
    /// The signature is not 64 bytes in hexadecimal.
    #[error("has a signature that is not 64 bytes in hexadecimal digits")]
    Signature,
    /// The header with the issuer's chain is absent.
    #[error("has no header `{0}`")]
    NoChain(&'static str),
    /// The header with the issuer's chain is too long, or not percent-encoded.
    #[error("has a chain header that is not percent-encoded text")]
    ChainHeader,
    /// A chain is not PEM.
    #[error("has a chain that {0}")]
    ChainPem(#[from] PemError),
    /// A chain has too few certificates, or too many.
    #[error("has a certificate chain of the wrong length: {0} certificates")]
    ChainLength(usize),
    /// It is not a certificate.
    #[error("is not an X.509 certificate")]
    Certificate,
    /// It is no revocation list.
    #[error("is not an X.509 revocation list, in DER, PEM or hexadecimal")]
    RevocationList,
}

/// JSON that Intel signed, with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The exact text that the signature covers.
    pub text: String,
    /// r ‖ s, 64 bytes.
    pub signature: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TcbInfoAnswer<'a> {
    #[serde(borrow, rename = "tcbInfo")]
    inner: &'a RawValue,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityAnswer<'a> {
    #[serde(borrow, rename = "enclaveIdentity")]
    inner: &'a RawValue,
    signature: String,
}

/// Cuts the TCB information out of an answer (PCS v4, `tcb`).
pub fn tcb_info(body: &[u8]) -> Result<Signed, AnswerError> {
    let answer: TcbInfoAnswer<'_> = json(body)?;
    signed(answer.inner, &answer.signature)
}

/// Cuts the identity of the quoting enclave out of an answer (PCS v4,
/// `qe/identity`).
pub fn qe_identity(body: &[u8]) -> Result<Signed, AnswerError> {
    let answer: IdentityAnswer<'_> = json(body)?;
    signed(answer.inner, &answer.signature)
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, AnswerError> {
    serde_json::from_slice(body).map_err(|error| AnswerError::Json(error.to_string()))
}

fn signed(inner: &RawValue, signature: &str) -> Result<Signed, AnswerError> {
    let signature = hex::decode(signature).map_err(|_| AnswerError::Signature)?;
    if signature.len() != 64 {
        return Err(AnswerError::Signature);
    }
    Ok(Signed {
        text: inner.get().to_owned(),
        signature,
    })
}

/// What signed JSON says of itself, before anybody has checked the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Which TEE it is for, if it says so and that is known.
    pub tee: Option<Tee>,
    /// The family of platforms; identities name none.
    pub fmspc: Option<[u8; 6]>,
    /// From its issue to the next update.
    pub validity: Validity,
    /// The evaluation that it stems from.
    pub evaluation_number: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatedJson {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    fmspc: Option<String>,
    issue_date: String,
    next_update: String,
    #[serde(default)]
    tcb_evaluation_data_number: Option<u32>,
}

/// Reads what TCB information or an identity says of itself.
pub fn stated(text: &str) -> Result<Stated, AnswerError> {
    let json: StatedJson = json(text.as_bytes())?;
    Ok(Stated {
        tee: match json.id.as_deref() {
            // TCB information of the second version was for SGX and said nothing.
            Some("SGX" | "QE") | None => Some(Tee::Sgx),
            Some("TDX" | "TD_QE") => Some(Tee::Tdx),
            Some(_) => None,
        },
        fmspc: json.fmspc.as_deref().and_then(fmspc),
        validity: Validity {
            from_ms: date_ms(&json.issue_date)?,
            until_ms: date_ms(&json.next_update)?,
        },
        evaluation_number: json.tcb_evaluation_data_number,
    })
}

fn fmspc(text: &str) -> Option<[u8; 6]> {
    let mut fmspc = [0; 6];
    hex::decode_to_slice(text, &mut fmspc).ok()?;
    Some(fmspc)
}

/// A date as Intel writes it: `2025-09-14T05:08:18Z`.
fn date_ms(text: &str) -> Result<u64, AnswerError> {
    let date: DateTime = text
        .parse()
        .map_err(|_| AnswerError::Json(format!("`{text}` is not a date")))?;
    Ok(date.unix_duration().as_secs().saturating_mul(1000))
}

/// Reads a chain out of a header: PEM, percent-encoded (RFC 3986 §2.1).
pub fn chain_of_header(value: &str) -> Result<String, AnswerError> {
    if value.len() > CHAIN_HEADER_BYTES_MAX {
        return Err(AnswerError::ChainHeader);
    }
    let decoded = percent_decoded(value).ok_or(AnswerError::ChainHeader)?;
    chain(decoded.as_bytes())?;
    Ok(decoded)
}

/// The certificates of a chain in PEM: two to four.
pub fn chain(text: &[u8]) -> Result<Vec<Vec<u8>>, AnswerError> {
    if text.len() > CHAIN_BYTES_MAX {
        return Err(AnswerError::ChainLength(0));
    }
    let chain = pem::certificates(text)?;
    if !(2..=4).contains(&chain.len()) {
        return Err(AnswerError::ChainLength(chain.len()));
    }
    if chain.iter().any(|der| Certificate::parse(der).is_none()) {
        return Err(AnswerError::Certificate);
    }
    Ok(chain)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                hex::decode(digits).ok()?[0]
            }
            plain => plain,
        });
    }
    String::from_utf8(decoded)
        .ok()
        .filter(|text| text.is_ascii())
}

/// A revocation list: in DER as Intel's and AMD's services send it, in PEM, or
/// in hexadecimal as a PCCS sends the root's.
pub fn revocation_list(body: &[u8]) -> Result<Vec<u8>, AnswerError> {
    let der = match body.trim_ascii() {
        _ if body.first() == Some(&0x30) => body.to_vec(),
        text if text.starts_with(b"-----BEGIN") => of_one_block(text)?,
        digits => hex::decode(digits).map_err(|_| AnswerError::RevocationList)?,
    };
    let within = der.len() <= CRL_BYTES_MAX;
    match RevocationList::parse(&der) {
        Some(_) if within => Ok(der),
        _ => Err(AnswerError::RevocationList),
    }
}

fn of_one_block(text: &[u8]) -> Result<Vec<u8>, AnswerError> {
    let mut blocks = pem::blocks(text)?;
    match (blocks.len(), blocks.pop()) {
        (1, Some(block)) => Ok(block.der),
        _ => Err(AnswerError::RevocationList),
    }
}

/// A certificate: in DER as AMD's service sends it, or in PEM.
pub fn certificate(body: &[u8]) -> Result<Vec<u8>, AnswerError> {
    let der = if body.first() == Some(&0x30) {
        body.to_vec()
    } else {
        let mut certificates = pem::certificates(body).map_err(|_| AnswerError::Certificate)?;
        match (certificates.len(), certificates.pop()) {
            (1, Some(der)) => der,
            _ => return Err(AnswerError::Certificate),
        }
    };
    match Certificate::parse(&der) {
        Some(_) => Ok(der),
        None => Err(AnswerError::Certificate),
    }
}
