//! The evidence that a process shows: one place, from which its public door and whoever else shows
//! it takes it.

use std::sync::Arc;

use synod_governance::AttestedStatement;
use synod_ledger::TxId;
use tokio::sync::watch;

/// The newest evidence on the ledger about this process.
pub struct Evident {
    /// Statement, evidence and endorsements.
    pub attested: AttestedStatement,
    /// When the evidence was collected (Unix milliseconds, this machine's clock).
    pub collected_ms: u64,
    /// The transaction that recorded it with its verdict; none for block 0.
    pub recorded_by: Option<TxId>,
}

/// Where the newest evidence can be read, and awaited.
pub type Evidence = watch::Receiver<Arc<Evident>>;

/// The place, and the one who may put newer evidence there.
pub fn evidence_place(first: Evident) -> (watch::Sender<Arc<Evident>>, Evidence) {
    watch::channel(Arc::new(first))
}
