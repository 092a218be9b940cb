//! Signatures of several members over one payload.

use std::collections::BTreeSet;

use synod_crypto::cose::{CoseError, verify1};

use crate::entries::MemberEntry;
use crate::manifest::MEMBERS_MAX;

/// The signatures do not add up to the members' will. Their author is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// One of them is not a valid signature of a member.
    #[error(transparent)]
    Cose(#[from] CoseError),
    /// One member signed twice.
    #[error("a member signed twice")]
    Repeated,
    /// The members signed different things.
    #[error("signatures are over different payloads")]
    PayloadsDiffer,
    /// Fewer members than the threshold signed.
    #[error("{found} members signed, but {needed} are needed")]
    TooFew {
        /// The threshold.
        needed: u8,
        /// How many signed.
        found: usize,
    },
    /// More signatures than there can be members.
    #[error("{0} signatures, which is more than there can be members")]
    TooMany(usize),
}

/// Checks every signature and gives what all of them signed.
pub(crate) fn verify(
    signatures: &[Vec<u8>],
    content_type: &str,
    members: &[MemberEntry],
    threshold: u8,
) -> Result<Vec<u8>, SignatureError> {
    if signatures.len() > MEMBERS_MAX {
        return Err(SignatureError::TooMany(signatures.len()));
    }
    let mut signers = BTreeSet::new();
    let mut payload = None;
    for signature in signatures {
        let verified = verify1(signature, content_type, |kid| {
            members
                .iter()
                .map(|member| member.key)
                .find(|key| key.digest() == *kid)
        })?;
        if !signers.insert(verified.kid()) {
            return Err(SignatureError::Repeated);
        }
        let signed = verified.into_payload();
        if payload.get_or_insert_with(|| signed.clone()) != &signed {
            return Err(SignatureError::PayloadsDiffer);
        }
    }
    let found = signers.len();
    match payload {
        Some(payload) if found >= usize::from(threshold) => Ok(payload),
        _ => Err(SignatureError::TooFew {
            needed: threshold,
            found,
        }),
    }
}

/// Puts signatures from several sources together, each once.
pub(crate) fn combine(signatures: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut combined: Vec<Vec<u8>> = Vec::new();
    for signature in signatures {
        if !combined.contains(&signature) {
            combined.push(signature);
        }
    }
    combined
}
