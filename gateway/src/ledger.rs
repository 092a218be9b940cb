//! What the ledger holds: requests, answers, and how they stand in HTTP.

use bytes::Bytes;
use synod_api::{ErrorCode, TxId, TxReply, headers};

use crate::body::Content;
use crate::refusal::{Refused, quoted, refuse};
use crate::rendered::{Rendered, bytes, content, json};
use crate::stream::Records;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// How far is this transaction? Answer: [`Reply::Status`].
    Status(TxId),
    /// The receipt of this transaction. Answer: [`Reply::Receipt`].
    Receipt(TxId),
    /// Block 0 and the chain of configurations. Answer: [`Reply::Chain`].
    Chain,
    /// The ledger's records. Answer: [`Reply::Records`].
    Records {
        /// Index of the first block, from 1.
        from: u64,
    },
}

/// The answer to a [`Call`].
#[derive(Debug)]
pub enum Reply {
    /// How far a transaction is.
    Status(TxReply),
    /// A receipt file.
    Receipt {
        /// The transaction.
        transaction: TxId,
        /// The file.
        file: Bytes,
    },
    /// A chain file.
    Chain(Bytes),
    /// A stream of ledger records.
    Records(Records),
}

impl Reply {
    /// About how many bytes the answer holds until it is sent. Of a stream none: it is bounded where it is made.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Receipt { file, .. } | Self::Chain(file) => file.len(),
            Self::Status(_) | Self::Records(_) => 0,
        }
    }

    /// The answer in HTTP.
    pub(crate) fn render(self) -> Rendered {
        match self {
            Self::Status(reply) => json(&reply),
            Self::Receipt { transaction, file } => bytes(file, headers::RECEIPT).about(transaction),
            Self::Chain(file) => bytes(file, headers::CHAIN),
            Self::Records(records) => content(Content::Stream(records), headers::LEDGER),
        }
    }
}

/// Reads the name of a transaction.
pub(crate) fn read_id(text: &str) -> Result<TxId, Refused> {
    text.parse().map_err(|_| {
        let detail = format!("{} is not a transaction id `view.seqno`", quoted(text));
        refuse(ErrorCode::InvalidParameter, detail)
    })
}
