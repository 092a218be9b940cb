//! Conceptual Message Wrapper (RFC 9999): how evidence and endorsements travel
//! between programs that do not know each other.
//!
//! It stands here, and not beside TLS, because a wrapper is a form of evidence:
//! whoever reads evidence from a file, a certificate or a browser reads it too.

mod cbor;
mod json;
pub mod message;

use crate::cmw::message::{Cmw, CmwError};

impl Cmw {
    /// Reads a wrapper in either serialization, told by its first byte as RFC
    /// 9999 does.
    ///
    /// # Errors
    /// [`CmwError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CmwError> {
        match bytes.first() {
            Some(b'[' | b'{') => json::decode(bytes),
            _ => cbor::decode(bytes),
        }
    }

    /// The wrapper in deterministic CBOR (RFC 8949, 4.2.1).
    pub fn to_cbor(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// The wrapper in JSON.
    ///
    /// # Errors
    /// [`CmwError::NotInJson`], where it has tags, content formats or numbers
    /// as labels.
    pub fn to_json(&self) -> Result<String, CmwError> {
        json::encode(self)
    }
}
