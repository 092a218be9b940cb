//! Remembered answers: the same idempotency key of the same caller runs at most once, across
//! leaders.
//!
//! The memory is part of the private state, so whoever leads next has it. It is bounded: a ring of
//! [`REMEMBERED_MAX`] slots, of which a transaction takes that of its seqno, so an answer is kept
//! for at least so many transactions. An answer longer than [`ANSWER_BYTES_MAX`] cannot be
//! remembered, so such an operation with a key is refused rather than run twice later.

use bytes::Bytes;
use minicbor::{Decode, Encode};
use synod_crypto::{Digest, sha256};
use synod_kv::{MapName, Read, Transaction};
use synod_ledger::TxId;
use synod_mutation::mutation;

use crate::app::AppResponse;
use crate::caller::Caller;
use crate::calls::CallError;
use crate::kv::{Answer, Item, KvError};

/// So many answers are remembered at most, over all callers, each for at least so many
/// transactions.
pub const REMEMBERED_MAX: u64 = 16_384;
/// The longest answer that is remembered, in bytes of its keys and values.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

const ANSWERS: &str = "synod.idempotency";
const RING: &str = "synod.idempotency.ring";

/// An earlier answer.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// The transaction that gave it.
    pub tx: TxId,
    /// The answer.
    pub answer: RememberedAnswer,
}

/// What was answered, and by whom.
#[derive(Debug)]
pub(crate) enum RememberedAnswer {
    /// By the built-in app.
    Kv(Answer),
    /// By an app that the members set.
    App(AppResponse),
}

/// What is to be remembered.
pub(crate) enum Said<'a> {
    /// An answer of the built-in app.
    Kv(&'a Answer),
    /// An answer of an app that the members set.
    App(&'a AppResponse),
}

/// A request that is to run once.
pub(crate) struct Once<'a> {
    /// Who asks.
    pub caller: Caller,
    /// The key, if the caller gave one.
    pub key: Option<&'a Bytes>,
    /// The request's digest.
    pub request: Digest,
}

impl Once<'_> {
    fn memory_key(&self) -> Option<Bytes> {
        memory_key(self.caller, self.key?)
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[n(0)]
    view: u64,
    #[n(1)]
    seqno: u64,
    /// The request that the key belongs to; another one under the same key is the caller's mistake.
    #[n(2)]
    request: Digest,
    /// Batch results; none for a plain write.
    #[n(3)]
    results: Option<Vec<Option<WireItem>>>,
    /// What an app that the members set answered; none for the built-in one.
    #[n(4)]
    response: Option<WireResponse>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireResponse {
    #[n(0)]
    status: u16,
    #[n(1)]
    headers: Vec<(String, String)>,
    #[cbor(n(2), with = "minicbor::bytes")]
    body: Vec<u8>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct WireItem {
    #[cbor(n(0), with = "minicbor::bytes")]
    key: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    value: Vec<u8>,
    #[n(2)]
    version: u64,
}

fn map(name: &str) -> MapName {
    MapName::new(name).expect("the service's own map names are valid")
}

fn memory_key(caller: Caller, key: &[u8]) -> Option<Bytes> {
    let caller = caller.fingerprint?;
    Some(Bytes::copy_from_slice(
        sha256(&[caller.as_bytes(), key]).as_bytes(),
    ))
}

/// The answer that the caller's key has already.
///
/// # Errors
/// [`CallError::KeyReused`] where the key belongs to another request.
pub(crate) fn recall(reader: &impl Read, once: &Once<'_>) -> Result<Option<Remembered>, CallError> {
    let key = once
        .memory_key()
        .filter(|_| !mutation!("idempotency-forgotten"));
    let found = key.and_then(|key| reader.get(&map(ANSWERS), &key));
    let wire = found.and_then(|found| minicbor::decode::<Wire>(&found.value).ok());
    match wire {
        Some(wire) if wire.request != once.request => Err(CallError::KeyReused),
        wire => Ok(wire.map(remembered)),
    }
}

fn remembered(wire: Wire) -> Remembered {
    let answer = match (wire.response, wire.results) {
        (Some(response), _) => RememberedAnswer::App(AppResponse {
            status: response.status,
            headers: response.headers,
            body: response.body.into(),
        }),
        (None, Some(items)) => {
            RememberedAnswer::Kv(Answer::Batch(items.into_iter().map(item_of).collect()))
        }
        (None, None) => RememberedAnswer::Kv(Answer::Written),
    };
    Remembered {
        tx: TxId {
            view: wire.view,
            seqno: wire.seqno,
        },
        answer,
    }
}

fn item_of(wire: Option<WireItem>) -> Option<Item> {
    wire.map(|wire| Item {
        key: wire.key.into(),
        value: wire.value.into(),
        version: wire.version,
    })
}

/// Remembers the answer under the caller's key, if there is one, and forgets the oldest past the
/// bound.
///
/// # Errors
/// [`KvError::Limit`] where the answer is too long to be remembered.
pub(crate) fn remember(
    transaction: &mut Transaction<'_>,
    once: &Once<'_>,
    tx: TxId,
    said: &Said<'_>,
) -> Result<(), CallError> {
    let Some(key) = once.memory_key() else {
        return Ok(());
    };
    let wire = wire(once, tx, said);
    let value = minicbor::to_vec(&wire).expect("encoding into memory does not fail");
    if value.len() > ANSWER_BYTES_MAX {
        let text = format!(
            "the answer is longer than the {ANSWER_BYTES_MAX} bytes that an idempotency key can keep"
        );
        return Err(KvError::Limit(text).into());
    }
    write(transaction, key, value.into(), tx.seqno)
        .map_err(|error| KvError::Limit(error.to_string()).into())
}

fn wire(once: &Once<'_>, tx: TxId, said: &Said<'_>) -> Wire {
    let (results, response) = match said {
        Said::Kv(Answer::Batch(items)) => {
            let items = items.iter().map(|item| item.as_ref().map(wire_item));
            (Some(items.collect()), None)
        }
        Said::Kv(_) => (None, None),
        Said::App(response) => {
            let response = WireResponse {
                status: response.status,
                headers: response.headers.clone(),
                body: response.body.to_vec(),
            };
            (None, Some(response))
        }
    };
    Wire {
        view: tx.view,
        seqno: tx.seqno,
        request: once.request,
        results,
        response,
    }
}

fn wire_item(item: &Item) -> WireItem {
    WireItem {
        key: item.key.to_vec(),
        value: item.value.to_vec(),
        version: item.version,
    }
}

/// Puts the answer in, and into its slot of the ring the key; whose place that was is forgotten.
fn write(
    transaction: &mut Transaction<'_>,
    key: Bytes,
    value: Bytes,
    seqno: u64,
) -> Result<(), synod_kv::LimitExceeded> {
    let (answers, ring) = (map(ANSWERS), map(RING));
    let slot = (seqno % REMEMBERED_MAX).to_be_bytes();
    if let Some(gone) = transaction.get(&ring, &slot) {
        transaction.delete(&answers, gone.value)?;
    }
    transaction.put(&answers, key.clone(), value)?;
    transaction.put(&ring, Bytes::copy_from_slice(&slot), key)
}
