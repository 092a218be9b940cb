//! Keys, maps and transactions on them: requests, answers, and how they stand in HTTP.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use hyper::body::Body;
use synod_api::limits::{KEY_BYTES_MAX, NUMBER_MAX, TXN_STEPS_MAX, VALUE_BYTES_MAX};
use synod_api::{
    Condition, Consistency, Entry, ErrorCode, Expectation, ListReply, Operation, OperationResult,
    TxId, TxStatus, TxnReply, TxnRequest, WriteReply, headers, percent_decode,
};

use crate::body::{Bounds, Content, read_body, read_json};
use crate::conditions::{condition, idempotency, last_event, media_type};
use crate::map_name::{check_map, decoded_map};
use crate::parameters::parameters;
use crate::path::one_segment;
use crate::refusal::{Refused, refuse};
use crate::rendered::{Rendered, bytes, content, json};
use crate::stream::Records;

pub use crate::map_query::{Page, Watching};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Read a key. Answer: [`Reply::Value`], or the problem `key_not_found`.
    Get {
        /// Which key.
        at: Key,
        /// How fresh.
        consistency: Consistency,
    },
    /// Write a key. Answer: [`Reply::Written`].
    Put {
        /// Which key.
        at: Key,
        /// Its new value.
        value: Bytes,
        /// What must hold of it before.
        condition: Condition,
        /// How the write is made and answered.
        mode: WriteMode,
    },
    /// Remove a key. Answer: [`Reply::Written`].
    Delete {
        /// Which key.
        at: Key,
        /// What must hold of it before.
        condition: Condition,
        /// How the write is made and answered.
        mode: WriteMode,
    },
    /// Read a page of a map. Answer: [`Reply::Listed`].
    List {
        /// Which page.
        page: Page,
        /// How fresh.
        consistency: Consistency,
    },
    /// Do several operations at once. Answer: [`Reply::Transacted`].
    Transact {
        /// Compares and operations; counts, names, keys and values are within their limits.
        txn: TxnRequest,
        /// How the write is made and answered.
        mode: WriteMode,
    },
    /// The changes of a map. Answer: [`Reply::Events`].
    Watch(Watching),
}

/// The answer to a [`Call`].
#[derive(Debug)]
pub enum Reply {
    /// A key's value.
    Value {
        /// The value.
        value: Bytes,
        /// Its version.
        version: u64,
        /// The newest certified transaction that the read has seen.
        as_of: TxId,
    },
    /// A key was written, or will be (`status` is pending).
    Written(WriteReply),
    /// A page.
    Listed(ListReply),
    /// A transaction was done, or will be (`status` is pending).
    Transacted(TxnReply),
    /// Server-sent events.
    Events(Records),
}

/// A key in a map; both are within their limits, and the name is well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The map.
    pub map: String,
    /// The key.
    pub key: Bytes,
}

/// How a write is made and answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteMode {
    /// Answer at once, with a transaction id and no promise.
    pub pending: bool,
    /// Put the receipt into the answer. Never together with `pending`.
    pub receipt: bool,
    /// The caller's name for this request: repeated, it takes effect once.
    pub idempotency: Option<String>,
}

impl Reply {
    /// About how many bytes the answer holds until it is sent. Of a stream none: it is bounded
    /// where it is made.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Value { value, .. } => value.len(),
            Self::Transacted(reply) => reply.results.iter().map(result_bytes).sum(),
            Self::Listed(reply) => reply.entries.iter().map(entry_bytes).sum(),
            Self::Written(_) | Self::Events(_) => 0,
        }
    }

    /// The answer in HTTP.
    pub(crate) fn render(self) -> Rendered {
        match self {
            Self::Value {
                value,
                version,
                as_of,
            } => bytes(value, headers::BYTES).tagged(version).about(as_of),
            Self::Written(reply) => {
                let written = json(&reply)
                    .pending(reply.status)
                    .about(reply.transaction_id);
                let tagged = reply.status == TxStatus::Committed && reply.version > 0;
                if tagged {
                    written.tagged(reply.version)
                } else {
                    written
                }
            }
            Self::Transacted(reply) => json(&reply)
                .pending(reply.status)
                .about(reply.transaction_id),
            Self::Listed(reply) => json(&reply).about(reply.transaction_id),
            Self::Events(events) => content(Content::Stream(events), headers::EVENTS),
        }
    }
}

fn result_bytes(result: &OperationResult) -> usize {
    match result {
        OperationResult::Found { value, .. } => json_bytes(&value.0),
        OperationResult::Absent | OperationResult::Done => 0,
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    json_bytes(&entry.key.0) + json_bytes(&entry.value.0)
}

/// What bytes take in JSON, at the most: text with its escapes, or base64.
fn json_bytes(bytes: &[u8]) -> usize {
    const AROUND: usize = 32;
    if std::str::from_utf8(bytes).is_err() {
        return bytes.len().div_ceil(3) * 4 + AROUND;
    }
    let escaped = |byte: &&u8| **byte < 0x20 || matches!(**byte, b'"' | b'\\' | 0x7f);
    bytes.len() + 5 * bytes.iter().filter(escaped).count() + AROUND
}

/// A path of this domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Key { map: &'a str, key: &'a str },
    Map { map: &'a str },
    Txn,
    Watch,
}

impl<'a> Place<'a> {
    /// The place of a path, if it is of this domain.
    pub(crate) fn find(path: &'a str) -> Option<Self> {
        let Some(rest) = path.strip_prefix("/v1/kv/") else {
            return (path == "/v1/watch").then_some(Self::Watch);
        };
        match rest.split_once('/') {
            Some((map, key)) => one_segment(key).map(|key| Self::Key { map, key }),
            None if rest.is_empty() => None,
            None if rest == "txn" => Some(Self::Txn),
            None => Some(Self::Map { map: rest }),
        }
    }

    /// The methods of this place, as the header `Allow` lists them.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Key { .. } => "GET, HEAD, PUT, DELETE",
            Self::Txn => "GET, HEAD, POST",
            Self::Map { .. } | Self::Watch => "GET, HEAD",
        }
    }

    /// Whether only connections with a client certificate are let through.
    pub(crate) fn needs_certificate(self) -> bool {
        self != Self::Watch
    }

    /// Reads a request without a body.
    pub(crate) fn read(self, parts: &Parts) -> Result<Call, Refused> {
        match self {
            Self::Key { map, key } => read_key_request(map, key, parts),
            Self::Map { map } => read_page(map, parts),
            Self::Txn => read_page("txn", parts),
            Self::Watch => read_watch(parts),
        }
    }

    /// Reads a request with a body.
    pub(crate) async fn read_with_body<B>(
        self,
        parts: &Parts,
        body: B,
        bounds: Bounds<'_>,
    ) -> Result<Call, Refused>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match self {
            Self::Key { map, key } => read_put(map, key, parts, body, bounds).await,
            Self::Txn => read_txn(parts, body, bounds).await,
            other => unreachable!("{other:?} takes no body"),
        }
    }
}

fn read_key_request(map: &str, key: &str, parts: &Parts) -> Result<Call, Refused> {
    let at = read_key(map, key)?;
    if parts.method == Method::DELETE {
        return Ok(Call::Delete {
            at,
            condition: condition(&parts.headers)?,
            mode: write_mode(parts)?,
        });
    }
    Ok(Call::Get {
        at,
        consistency: parameters(parts, &["consistency"])?.consistency()?,
    })
}

async fn read_put<B>(
    map: &str,
    key: &str,
    parts: &Parts,
    body: B,
    bounds: Bounds<'_>,
) -> Result<Call, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let at = read_key(map, key)?;
    let condition = condition(&parts.headers)?;
    let mode = write_mode(parts)?;
    let value = read_value(body, bounds).await?;
    Ok(Call::Put {
        at,
        value,
        condition,
        mode,
    })
}

async fn read_txn<B>(parts: &Parts, body: B, bounds: Bounds<'_>) -> Result<Call, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    media_type(&parts.headers, headers::JSON)?;
    let mode = write_mode(parts)?;
    let txn: TxnRequest = read_json(body, bounds).await?;
    check_txn(&txn)?;
    Ok(Call::Transact { txn, mode })
}

fn read_watch(parts: &Parts) -> Result<Call, Refused> {
    let mut watching = parameters(parts, &["map", "prefix", "from"])?.watching()?;
    // A browser that connects again repeats its first URL, and says here how far it came.
    watching.from = last_event(&parts.headers)?.or(watching.from);
    Ok(Call::Watch(watching))
}

fn write_mode(parts: &Parts) -> Result<WriteMode, Refused> {
    let parameters = parameters(parts, &["wait", "receipt"])?;
    let (pending, receipt) = (parameters.pending()?, parameters.receipt()?);
    if pending && receipt {
        let detail = "`receipt=inline` needs the commit, and `wait=none` does not wait for it";
        return Err(refuse(ErrorCode::InvalidParameter, detail));
    }
    Ok(WriteMode {
        pending,
        receipt,
        idempotency: idempotency(&parts.headers)?,
    })
}

fn read_page(map: &str, parts: &Parts) -> Result<Call, Refused> {
    const ALLOWED: &[&str] = &["prefix", "from", "to", "limit", "cursor", "consistency"];
    let parameters = parameters(parts, ALLOWED)?;
    Ok(Call::List {
        page: parameters.page(decoded_map(map)?)?,
        consistency: parameters.consistency()?,
    })
}

fn read_key(map: &str, key: &str) -> Result<Key, Refused> {
    let map = decoded_map(map)?;
    let key = percent_decode(key)
        .ok_or_else(|| refuse(ErrorCode::InvalidKey, "its percent-encoding is broken"))?;
    check_key(&key)?;
    Ok(Key { map, key })
}

fn check_key(key: &[u8]) -> Result<(), Refused> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(refuse(
            ErrorCode::InvalidKey,
            format!("it has {} bytes", key.len()),
        ));
    }
    Ok(())
}

fn check_value(value: &[u8]) -> Result<(), Refused> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(refuse(
            ErrorCode::ValueTooLarge,
            format!("it has {} bytes", value.len()),
        ));
    }
    Ok(())
}

fn check_txn(txn: &TxnRequest) -> Result<(), Refused> {
    let (compares, operations) = (txn.compares.len(), txn.operations.len());
    if compares > TXN_STEPS_MAX || operations > TXN_STEPS_MAX {
        let detail = format!("it has {compares} compares and {operations} operations");
        return Err(refuse(ErrorCode::TransactionTooLarge, detail));
    }
    if operations == 0 {
        return Err(refuse(
            ErrorCode::InvalidBody,
            "a transaction has at least one operation",
        ));
    }
    for compare in &txn.compares {
        check_map(&compare.map)?;
        check_key(&compare.key.0)?;
        match &compare.expect {
            Expectation::Value(value) => check_value(&value.0)?,
            Expectation::Version(version) => check_version(*version)?,
        }
    }
    txn.operations.iter().try_for_each(check_operation)
}

fn check_version(version: u64) -> Result<(), Refused> {
    if version > NUMBER_MAX {
        let detail = format!("no version is greater than {NUMBER_MAX}");
        return Err(refuse(ErrorCode::InvalidBody, detail));
    }
    Ok(())
}

fn check_operation(operation: &Operation) -> Result<(), Refused> {
    let (map, key) = match operation {
        Operation::Get(at) | Operation::Delete(at) => (&at.map, &at.key),
        Operation::Put(put) => {
            check_value(&put.value.0)?;
            (&put.map, &put.key)
        }
    };
    check_map(map)?;
    check_key(&key.0)
}

async fn read_value<B>(body: B, bounds: Bounds<'_>) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let max = VALUE_BYTES_MAX.min(bounds.limits.body_bytes_max);
    read_body(
        body,
        max,
        ErrorCode::ValueTooLarge,
        bounds.limits,
        bounds.budget,
    )
    .await
}
