//! What is asked of governance, through a replica.

use bytes::Bytes;
use synod_ledger::TxId;

/// What governance is to decide.
#[derive(Debug, Clone)]
pub enum Request {
    /// An act of the members, a [`synod_governance::SignedAction`] in its encoding.
    Act(Bytes),
    /// A joiner's request, a [`synod_governance::Input`] of the joining kind in its encoding.
    Join(Bytes),
    /// Fresh evidence of this very replica, a [`synod_governance::Input::Reattest`] in its
    /// encoding. The leader is asked for it, whoever that is; the answer comes once the result is
    /// certified here.
    Reattest(Bytes),
    /// This very replica leaves, a [`synod_governance::Input::Leave`] in its encoding. The leader
    /// is asked for it; the answer comes once this replica sees itself out of the network in
    /// certified state.
    Leave(Bytes),
}

/// The decision is on the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its transaction.
    pub tx: TxId,
    /// The id of the replica that it is about: of a joiner the one that it got.
    pub replica: Option<u64>,
}
