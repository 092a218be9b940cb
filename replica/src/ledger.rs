//! What is asked of the ledger, through a replica.

use bytes::Bytes;
use synod_ledger::{TxId, TxStatus};

/// What the ledger is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// See [`Status`].
    Status(TxId),
    /// See [`Receipt`].
    Receipt(TxId),
}

/// The answer to a [`Request`].
#[derive(Debug, Clone)]
pub enum Reply {
    /// How far a transaction is.
    Status(TxStatus),
    /// A receipt file.
    Receipt(Bytes),
}

/// How far is this transaction?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub TxId);

/// The receipt of this transaction. Whoever made it gets the reply opened, others the bare leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt(pub TxId);
