//! What a verified Nitro document says.

use std::collections::BTreeMap;

/// The claims of a verified document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NitroClaims {
    /// The enclave and the instance that holds it (`i-…-enc…`).
    pub module_id: String,
    /// When the hypervisor made the document (Unix milliseconds).
    pub timestamp_ms: u64,
    /// The platform configuration registers.
    pub pcrs: BTreeMap<u8, [u8; 48]>,
    /// The enclave's own bytes.
    pub user_data: Option<Vec<u8>>,
    /// A nonce that the enclave passed on.
    pub nonce: Option<Vec<u8>>,
    /// A key that the enclave passed on.
    pub public_key: Option<Vec<u8>>,
    /// When the first certificate of the chain expires (Unix milliseconds).
    pub chain_expires_ms: u64,
}

impl NitroClaims {
    /// The measurement of the enclave image, `PCR0`. A document without it is
    /// not verified.
    pub fn image(&self) -> [u8; 48] {
        self.pcrs.get(&0).copied().unwrap_or([0; 48])
    }

    /// Whether the enclave runs in debug mode: then PCR 0, 1 and 2 are zero.
    pub fn debug(&self) -> bool {
        (0..=2).all(|index| self.pcrs.get(&index).is_none_or(|pcr| *pcr == [0; 48]))
    }
}
