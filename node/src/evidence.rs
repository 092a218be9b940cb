//! The evidence that this node shows: one place, from which the public door and whoever else shows it takes it.

use std::sync::Arc;

use synod_governance::AttestedStatement;
use synod_ledger::TxId;
use tokio::sync::watch;

/// The newest evidence on the ledger about this node.
pub(crate) struct Evident {
    /// Statement, evidence and endorsements.
    pub(crate) attested: AttestedStatement,
    /// When the evidence was collected (Unix milliseconds, this machine's clock).
    pub(crate) collected_ms: u64,
    /// The transaction that recorded it with its verdict; none for block 0.
    pub(crate) recorded_by: Option<TxId>,
}

/// Where the newest evidence can be read, and awaited.
pub(crate) type Evidence = watch::Receiver<Arc<Evident>>;

/// The place, and the one who may put newer evidence there.
pub(crate) fn place(first: Evident) -> (watch::Sender<Arc<Evident>>, Evidence) {
    watch::channel(Arc::new(first))
}
