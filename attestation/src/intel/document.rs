//! What TCB information and QE identities have in common: an exact text, a
//! signer right under the root, a time.

use serde::de::DeserializeOwned;
use synod_crypto::ecdsa;

use crate::{
    intel::{error::DocumentError, json::Date},
    x509::Certificate,
};

/// The longest text that is read; Intel's have 2 to 7 kB.
const TEXT_MAX: usize = 256 * 1024;

/// Reads a document that `signer` signed, byte for byte.
pub(crate) fn read<T: DeserializeOwned>(
    text: &str,
    signature: &[u8],
    signer: &Certificate,
) -> Result<T, DocumentError> {
    if text.len() > TEXT_MAX {
        return Err(DocumentError::TooLong(text.len()));
    }
    let key = signer.p256_key().map_err(|_| DocumentError::Signature)?;
    ecdsa::verify_p256_sha256(key, text.as_bytes(), signature)
        .map_err(|_| DocumentError::Signature)?;
    parse(text)
}

/// Parses a document, whoever signed it.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, DocumentError> {
    serde_json::from_str(text).map_err(|error| DocumentError::Malformed(error.to_string()))
}

/// Checks that a document is current.
pub(crate) fn check_time(issued: Date, next: Date, now_s: u64) -> Result<(), DocumentError> {
    if now_s < issued.0 {
        return Err(DocumentError::NotYetValid {
            issued_s: issued.0,
            now_s,
        });
    }
    if now_s > next.0 {
        return Err(DocumentError::Expired {
            next_s: next.0,
            now_s,
        });
    }
    Ok(())
}
