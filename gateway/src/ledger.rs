//! What the ledger holds: requests, answers, and how they stand in HTTP.

use bytes::Bytes;
use http::request::Parts;
use synod_api::{ConsistencyReply, ErrorCode, TxId, TxReply, headers};

use crate::body::Content;
use crate::parameters::{Parameters, parameters};
use crate::path::one_segment;
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
    /// A consistency proof between two sizes of the tree. Answer: [`Reply::Consistency`].
    Consistency {
        /// The smaller size, from 1 on.
        from: u64,
        /// The larger size, not smaller than `from`; without it, all that is certified.
        to: Option<u64>,
    },
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
    /// A consistency proof.
    Consistency(ConsistencyReply),
    /// A stream of ledger records.
    Records(Records),
}

impl Reply {
    /// About how many bytes the answer holds until it is sent. Of a stream none: it is bounded
    /// where it is made.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Receipt { file, .. } | Self::Chain(file) => file.len(),
            Self::Status(_) | Self::Consistency(_) | Self::Records(_) => 0,
        }
    }

    /// The answer in HTTP.
    pub(crate) fn render(self) -> Rendered {
        match self {
            Self::Status(reply) => json(&reply),
            Self::Receipt { transaction, file } => bytes(file, headers::RECEIPT).about(transaction),
            Self::Chain(file) => bytes(file, headers::CHAIN),
            Self::Consistency(reply) => json(&reply),
            Self::Records(records) => content(Content::Stream(records), headers::LEDGER),
        }
    }
}

/// A path of this domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Transaction { id: &'a str },
    Receipt { id: &'a str },
    Chain,
    Consistency,
    Records,
}

impl<'a> Place<'a> {
    /// The place of a path, if it is of this domain.
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        if let Some(id) = path.strip_prefix("/v1/tx/") {
            return one_segment(id).map(|id| Self::Transaction { id });
        }
        if let Some(id) = path.strip_prefix("/v1/receipts/") {
            return one_segment(id).map(|id| Self::Receipt { id });
        }
        match path {
            "/v1/chain" => Some(Self::Chain),
            "/v1/consistency" => Some(Self::Consistency),
            "/v1/ledger" => Some(Self::Records),
            _ => None,
        }
    }

    /// Whether only connections with a client certificate are let through.
    pub(crate) fn needs_certificate(self) -> bool {
        matches!(self, Self::Receipt { .. })
    }

    /// Reads a request.
    pub(crate) fn read(self, parts: &Parts) -> Result<Call, Refused> {
        let allowed: &'static [&'static str] = match self {
            Self::Consistency => &["from", "to"],
            Self::Records => &["from"],
            _ => &[],
        };
        let parameters = parameters(parts, allowed)?;
        Ok(match self {
            Self::Transaction { id } => Call::Status(read_id(id)?),
            Self::Receipt { id } => Call::Receipt(read_id(id)?),
            Self::Chain => Call::Chain,
            Self::Consistency => read_sizes(&parameters)?,
            Self::Records => Call::Records {
                from: parameters.first_index()?,
            },
        })
    }
}

fn read_sizes(parameters: &Parameters<'_>) -> Result<Call, Refused> {
    let invalid = |detail: String| refuse(ErrorCode::InvalidParameter, detail);
    let (from, to) = (parameters.number("from")?, parameters.number("to")?);
    let from = from
        .filter(|size| *size > 0)
        .ok_or_else(|| invalid("`from` is not a number of transactions from 1 on".to_owned()))?;
    match to {
        Some(to) if to < from => Err(invalid(format!("`to` is {to}, less than `from`, {from}"))),
        to => Ok(Call::Consistency { from, to }),
    }
}

fn read_id(text: &str) -> Result<TxId, Refused> {
    let id = text.parse().ok();
    // Views and seqnos begin at 1: nothing else was or will be.
    id.filter(|id: &TxId| id.view > 0 && id.seqno > 0)
        .ok_or_else(|| {
            let detail = format!("{} is not a transaction id `view.seqno`", quoted(text));
            refuse(ErrorCode::InvalidParameter, detail)
        })
}
