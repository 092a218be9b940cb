//! Claims that the receipt of a transaction proves.

use sha2::{Digest as _, Sha256};

use crate::host;

/// Binds a SHA-256 digest into the transaction's leaf, so that its receipt proves it; at most 16 of them.
pub fn bind_claim(digest: &[u8; 32]) {
    host::bind(digest);
}

/// Binds the SHA-256 of a statement, and tells it. Who has the statement and the receipt can show that this
/// transaction made it.
pub fn bind_claim_of(statement: &[u8]) -> [u8; 32] {
    let digest = sha256(statement);
    bind_claim(&digest);
    digest
}

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
