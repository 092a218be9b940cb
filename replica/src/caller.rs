//! Who asks something of a replica.

use synod_crypto::Digest;

/// Who asks, as the door saw it: nothing here is believed before the ledger's own tables were
/// asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caller {
    /// SHA-256 of the subject public key info of the caller's TLS certificate; none for an
    /// anonymous caller.
    pub fingerprint: Option<Digest>,
}
