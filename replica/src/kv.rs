//! The key-value port: operations on maps, and what they come to.
//!
//! A [`KeyValuePort`] is a deterministic function of a transaction and an operation: it has no
//! clock, no randomness and no way out but its answer. The replica runs it on the leader only;
//! followers apply the write sets that it left.
//!
//! Invariants
//! - operations write no map of the service or of another app (`synod.*`, `app.*`, public or not),
//!   and sees the public ones only: [`may_write`] and [`may_read`] are asked first;
//! - an error leaves no write behind: the transaction is dropped whole.

use bytes::Bytes;
use synod_crypto::Digest;

use synod_governance::app::is_reserved_name;
use synod_kv::{MapName, Transaction};
use synod_ledger::TxId;

pub use synod_kv::Condition;

/// An operation on maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Writes one value.
    Put {
        /// The map.
        map: MapName,
        /// The key within the map.
        key: Bytes,
        /// The value.
        value: Bytes,
        /// What must hold of the present value.
        condition: Condition,
    },
    /// Removes one value.
    Delete {
        /// The map.
        map: MapName,
        /// The key within the map.
        key: Bytes,
        /// What must hold of the present value.
        condition: Condition,
    },
    /// Reads one value.
    Get {
        /// The map.
        map: MapName,
        /// The key within the map.
        key: Bytes,
    },
    /// Reads a page of a map, in key order.
    List(Page),
    /// Compares, then operates: all or nothing.
    Batch {
        /// What must hold before anything is written.
        compares: Vec<Compare>,
        /// The steps, in order; a later step sees what an earlier one wrote.
        steps: Vec<Step>,
    },
}

/// One comparison of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compare {
    /// The map.
    pub map: MapName,
    /// The key within the map.
    pub key: Bytes,
    /// What must stand there.
    pub expect: Expect,
}

/// What a comparison expects to stand at its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// The value last written by the transaction with this seqno; 0: no value.
    Version(u64),
    /// Exactly this value.
    Value(Bytes),
}

/// One step of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Writes one value.
    Put {
        /// The map.
        map: MapName,
        /// The key within the map.
        key: Bytes,
        /// The value.
        value: Bytes,
    },
    /// Removes one value.
    Delete {
        /// The map.
        map: MapName,
        /// The key within the map.
        key: Bytes,
    },
    /// Reads one value, as the earlier steps left it.
    Get {
        /// The map.
        map: MapName,
        /// The key within the map.
        key: Bytes,
    },
}

/// Which page of a map: keys that start with `prefix`, not before `from`, before `to`, at most
/// `limit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The map.
    pub map: MapName,
    /// Keys must start with this; empty for all.
    pub prefix: Bytes,
    /// The first key, inclusive.
    pub from: Option<Bytes>,
    /// The end, exclusive.
    pub to: Option<Bytes>,
    /// Where the page before ended: keys up to and including it are left out.
    pub after: Option<Bytes>,
    /// At most so many entries.
    pub limit: usize,
}

/// Most bytes of keys and values in one answer (4 MiB): a page ends there, and a batch that reads
/// more is refused. Every key with its value is far shorter, so a page gets on.
pub const READ_BYTES_MAX: usize = 4 << 20;

/// A value with the seqno of the transaction that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub key: Bytes,
    /// The value.
    pub value: Bytes,
    /// Seqno of the writing transaction; 0 while it stands in this very transaction.
    pub version: u64,
}

impl Item {
    /// The bytes of its key and value.
    pub fn byte_len(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// What an operation came to. Every form may rest on state, so none leaves before that state is
/// certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The writes were made.
    Written,
    /// The value asked for.
    Found(Item),
    /// There is no such key.
    Missing,
    /// A page; `more` says that keys follow the last one.
    Page {
        /// The entries, in key order.
        items: Vec<Item>,
        /// Whether more keys follow.
        more: bool,
    },
    /// A batch was carried out; one result for each of its `Get` steps, in order.
    Batch(Vec<Option<Item>>),
    /// A condition did not hold; nothing was written. For a batch, `at` is the comparison's
    /// position.
    ConditionFailed {
        /// Which comparison, from 0.
        at: usize,
        /// The version that stands there; 0 where the key has no value.
        version: u64,
    },
}

impl Answer {
    /// The HTTP status that this answer stands for; it is bound into the receipt.
    pub fn status(&self) -> u16 {
        match self {
            Self::Missing => 404,
            Self::ConditionFailed { .. } => 412,
            _ => 200,
        }
    }

    /// The digest of the answer that a receipt binds: SHA-256 over the keys and values returned,
    /// each preceded by its length as eight bytes, big-endian; of nothing where nothing is
    /// returned.
    pub fn digest(&self) -> Digest {
        let mut parts = Vec::new();
        match self {
            Self::Found(item) => push_item(&mut parts, item),
            Self::Page { items, .. } => items.iter().for_each(|item| push_item(&mut parts, item)),
            Self::Batch(items) => items
                .iter()
                .flatten()
                .for_each(|item| push_item(&mut parts, item)),
            Self::Written | Self::Missing | Self::ConditionFailed { .. } => {}
        }
        synod_crypto::sha256(&[&parts])
    }
}

fn push_item(parts: &mut Vec<u8>, item: &Item) {
    for field in [&item.key, &item.value] {
        parts.extend_from_slice(&(field.len() as u64).to_be_bytes());
        parts.extend_from_slice(field);
    }
}

/// An operation with the manner of its answer.
#[derive(Debug, Clone)]
pub struct Operate {
    /// The operation.
    pub operation: Operation,
    /// Digest of the request as the client sent it; the receipt binds it.
    pub request: Digest,
    /// Whether to wait until a write is certified; else it is answered [`Reply::Pending`] once it
    /// stands in the log.
    pub wait: bool,
    /// Read as of this replica's newest certified block, without asking the others.
    pub local: bool,
    /// Send the receipt along.
    pub receipt: bool,
    /// The same key of the same caller runs at most once, while it is remembered.
    pub idempotency: Option<Bytes>,
}

/// The answer to an [`Operate`].
#[derive(Debug, Clone)]
pub enum Reply {
    /// The operation ran and all that it rests on is certified.
    Answered {
        /// The transaction, where something was written.
        tx: Option<TxId>,
        /// The newest transaction whose state was seen.
        as_of: TxId,
        /// What the operation came to.
        answer: Answer,
        /// The receipt, if it was asked for and something was written.
        receipt: Option<Bytes>,
        /// Whether this repeats the answer to an earlier call with the same idempotency key.
        repeated: bool,
    },
    /// The transaction stands in this replica's log; ask for its status later.
    Pending(TxId),
}

/// Why an operation has no answer. The transaction is dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The map is the service's own, or an app's.
    #[error("map `{0}` is the service's own or an app's and cannot be written by users")]
    Reserved(MapName),
    /// The operations read more than one answer can hold.
    #[error("the operations read more than {READ_BYTES_MAX} bytes of keys and values")]
    ReadsTooMuch,
    /// A key, value or the number of writes is over its limit.
    #[error("{0}")]
    Limit(String),
}

/// Carries out operations: a deterministic function of the state it is shown.
pub trait KeyValuePort: Send {
    /// Runs one operation inside `transaction`.
    ///
    /// # Errors
    /// [`KvError`]: nothing of the transaction is kept.
    fn execute(
        &self,
        transaction: &mut Transaction<'_>,
        operation: &Operation,
    ) -> Result<Answer, KvError>;
}

impl Operation {
    /// Whether the operation cannot write, so that it may run on a snapshot.
    pub fn is_read(&self) -> bool {
        match self {
            Self::Get { .. } | Self::List(_) => true,
            Self::Put { .. } | Self::Delete { .. } => false,
            Self::Batch { steps, .. } => steps.iter().all(|step| matches!(step, Step::Get { .. })),
        }
    }
}

/// Whether users may write `map` through the key-value interface: everything but what is the
/// service's or an app's.
pub fn may_write(map: &MapName) -> bool {
    !is_reserved_name(map)
}

/// Whether users may read `map` through the key-value interface: everything but the private maps of
/// the service and its apps.
pub fn may_read(map: &MapName) -> bool {
    map.is_public() || !is_reserved_name(map)
}
