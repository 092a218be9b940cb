//! The transaction that a call is.

use crate::bindings::app::synod::app::transaction::TxId;
use crate::host;

/// The name that this transaction has if it takes effect; in a query, that of the newest transaction seen.
///
/// A call that asked is executed again if another takes its place first. To name rows, take [`crate::random`].
pub fn transaction_id() -> TxId {
    host::transaction_id()
}

/// The ledger's time, in milliseconds since 1970-01-01 UTC. It never goes back, and may stand still for a while.
pub fn ledger_time() -> u64 {
    host::now()
}

/// Keeps what this call writes even if it answers with a status from 400 on: to put a refusal on record.
pub fn keep_writes() {
    host::keep();
}

impl std::fmt::Display for TxId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.view, self.seqno)
    }
}
