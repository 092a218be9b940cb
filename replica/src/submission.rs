//! Fresh evidence of a replica's own, on its way to the ledger.

use bytes::Bytes;

/// A request of this replica's own that is on its way.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The call that is answered in the end.
    pub(crate) call: u64,
    /// An input of governance, encoded.
    pub(crate) request: Bytes,
    /// The block from which the nonce was made: the result is on the ledger once the record is as new.
    pub(crate) block_index: u64,
    /// The leader that was asked last.
    pub(crate) asked: Option<u64>,
    /// The tick at which it was taken up.
    pub(crate) since_tick: u64,
    /// The tick at which it was last sent.
    pub(crate) sent_tick: u64,
}
