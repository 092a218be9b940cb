//! Keys and values: put, get, delete, list, transactions.
//!
//! Every write has a fresh idempotency key, so that it can be repeated after a lost connection and
//! still takes effect once. What a write gives back also says what its receipt must bind:
//! [`Written::bound`].

use bytes::Bytes;
use http::{HeaderName, Method, header};
use synod_api::{
    BoundRequest, Condition, Consistency, ErrorCode, ListReply, Operation, OperationResult, TxId,
    TxStatus, TxnReply, TxnRequest, WriteReply, headers, percent_encode,
};

use crate::bound::Bound;
use crate::error::ClientError;
use crate::idempotency::fresh_key;
use crate::request::{Repeat, Request};
use crate::service::Service;

/// How a write is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// The condition that the key must meet before the write.
    pub condition: Condition,
    /// Answer at once, before the commit: the write may still be lost.
    pub pending: bool,
    /// Whether the answer should contain the receipt. Not together with `pending`.
    pub receipt: bool,
    /// The caller's own idempotency key, instead of a fresh one.
    pub idempotency_key: Option<String>,
}

/// A write that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The transaction.
    pub transaction_id: TxId,
    /// Committed, or pending if that was asked for.
    pub status: TxStatus,
    /// The key's version from now on; 0 after a delete.
    pub version: u64,
    /// The receipt file, if it was asked for.
    pub receipt: Option<Bytes>,
    /// What a receipt of this transaction must bind.
    pub bound: Bound,
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The value.
    pub value: Bytes,
    /// The version of its key.
    pub version: u64,
    /// The newest certified transaction that the read has seen.
    pub as_of: TxId,
}

/// Which keys a listing holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Only keys that begin with this prefix.
    pub prefix: Vec<u8>,
    /// Only this key and the keys after it.
    pub from: Option<Vec<u8>>,
    /// Only keys before this one.
    pub to: Option<Vec<u8>>,
    /// Entries of the page, 1 to 1000; without it the service's default.
    pub limit: Option<u32>,
    /// The cursor that the previous page printed.
    pub cursor: Option<String>,
    /// How fresh.
    pub consistency: Consistency,
}

/// A transaction that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transacted {
    /// The answer.
    pub reply: TxnReply,
    /// What a receipt of this transaction must bind; nothing while it is pending, or if it only
    /// read.
    pub bound: Option<Bound>,
}

impl Service {
    /// Writes a key.
    ///
    /// # Errors
    /// [`ClientError`]; a condition that does not hold is the problem `precondition_failed`.
    pub async fn put(
        &self,
        map: &str,
        key: &[u8],
        value: impl Into<Bytes>,
        options: &WriteOptions,
    ) -> Result<Written, ClientError> {
        let value = value.into();
        let bound = BoundRequest::Put {
            map,
            key,
            value: &value,
            condition: options.condition,
        };
        let bound = Bound::of_write(&bound);
        let request = put_request(map, key, value, options)?;
        self.write(&request, bound).await
    }

    /// Removes a key, whether or not it has a value.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn delete(
        &self,
        map: &str,
        key: &[u8],
        options: &WriteOptions,
    ) -> Result<Written, ClientError> {
        let bound = Bound::of_write(&BoundRequest::Delete {
            map,
            key,
            condition: options.condition,
        });
        let path = format!("{}{}", key_path(map, key), write_query(options));
        let request = Request::new(Method::DELETE, path, Bytes::new(), Repeat::Freely);
        let request = with_condition(with_idempotency(request, options)?, options.condition)?;
        self.write(&request, bound).await
    }

    /// Reads a key; `None` if it has no value.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get(
        &self,
        map: &str,
        key: &[u8],
        consistency: Consistency,
    ) -> Result<Option<Value>, ClientError> {
        let query = match consistency {
            Consistency::Linearizable => "",
            Consistency::Local => "?consistency=local",
        };
        let request = Request::get(format!("{}{query}", key_path(map, key)));
        let response = match self.call(&request).await {
            Ok(response) => response,
            Err(error) if error.code() == Some(ErrorCode::KeyNotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Value {
            version: response.parse_header(header::ETAG.as_str())?,
            as_of: response.parse_header(headers::TRANSACTION_ID)?,
            value: response.body,
        }))
    }

    /// Reads a page of a map.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn list(&self, map: &str, listing: &Listing) -> Result<ListReply, ClientError> {
        let request = Request::get(format!("/v1/kv/{}{}", encode_map(map), listing.query()));
        self.call(&request).await?.json()
    }

    /// Does several operations at once, if all compares hold.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn transact(
        &self,
        txn: &TxnRequest,
        options: &WriteOptions,
    ) -> Result<Transacted, ClientError> {
        let path = format!("/v1/kv/txn{}", write_query(options));
        let request = with_idempotency(Request::post_json(path, txn, Repeat::Freely), options)?;
        let response = self.call(&request).await?;
        let reply: TxnReply = response.json()?;
        if reply.status == TxStatus::Committed && reply.results.len() != txn.operations.len() {
            return Err(response.bad("it has not one result for each operation"));
        }
        let writes = txn
            .operations
            .iter()
            .any(|operation| !matches!(operation, Operation::Get(_)));
        let bound = (writes && reply.status == TxStatus::Committed)
            .then(|| Bound::new(&BoundRequest::Transact(txn), found(txn, &reply.results)));
        Ok(Transacted { reply, bound })
    }

    async fn write(&self, request: &Request, bound: Bound) -> Result<Written, ClientError> {
        let reply: WriteReply = self.call(request).await?.json()?;
        Ok(Written {
            transaction_id: reply.transaction_id,
            status: reply.status,
            version: reply.version,
            receipt: reply.receipt.map(|receipt| receipt.0),
            bound,
        })
    }
}

/// The request that writes a key; for callers that drive connections themselves.
///
/// # Errors
/// [`ClientError`], if the idempotency key cannot stand in a header or none can be made.
pub fn put_request(
    map: &str,
    key: &[u8],
    value: Bytes,
    options: &WriteOptions,
) -> Result<Request, ClientError> {
    let path = format!("{}{}", key_path(map, key), write_query(options));
    let request = Request::new(Method::PUT, path, value, Repeat::Freely).with_type(headers::BYTES);
    with_condition(with_idempotency(request, options)?, options.condition)
}

impl Listing {
    fn query(&self) -> String {
        let mut parts = Vec::new();
        let mut add =
            |name: &str, value: &[u8]| parts.push(format!("{name}={}", percent_encode(value)));
        if !self.prefix.is_empty() {
            add("prefix", &self.prefix);
        }
        if let Some(from) = &self.from {
            add("from", from);
        }
        if let Some(to) = &self.to {
            add("to", to);
        }
        if let Some(limit) = self.limit {
            add("limit", limit.to_string().as_bytes());
        }
        if let Some(cursor) = &self.cursor {
            add("cursor", cursor.as_bytes());
        }
        if self.consistency == Consistency::Local {
            add("consistency", b"local");
        }
        join_query(&parts)
    }
}

/// Keys and values that a transaction returned, in order.
fn found<'a>(
    txn: &'a TxnRequest,
    results: &'a [OperationResult],
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    txn.operations
        .iter()
        .zip(results)
        .filter_map(|(operation, result)| match (operation, result) {
            (Operation::Get(at), OperationResult::Found { value, .. }) => {
                Some((&at.key.0[..], &value.0[..]))
            }
            _ => None,
        })
}

fn key_path(map: &str, key: &[u8]) -> String {
    format!("/v1/kv/{}/{}", encode_map(map), percent_encode(key))
}

/// A map's name needs no encoding if it is a valid one; a wrong one must not become another path.
fn encode_map(map: &str) -> String {
    percent_encode(map.as_bytes()).replace("%3A", ":")
}

fn write_query(options: &WriteOptions) -> String {
    let mut parts = Vec::new();
    if options.pending {
        parts.push("wait=none".to_owned());
    }
    if options.receipt {
        parts.push("receipt=inline".to_owned());
    }
    join_query(&parts)
}

fn join_query(parts: &[String]) -> String {
    if parts.is_empty() {
        String::new()
    } else {
        format!("?{}", parts.join("&"))
    }
}

fn with_idempotency(request: Request, options: &WriteOptions) -> Result<Request, ClientError> {
    let name = HeaderName::from_static(headers::IDEMPOTENCY_KEY);
    match &options.idempotency_key {
        Some(key) => request.with_header(name, key),
        None => request.with_header(name, &fresh_key()?),
    }
}

fn with_condition(request: Request, condition: Condition) -> Result<Request, ClientError> {
    match condition {
        Condition::Always => Ok(request),
        Condition::Version(version) => {
            request.with_header(header::IF_MATCH, &format!("\"{version}\""))
        }
        Condition::Present => request.with_header(header::IF_MATCH, "*"),
        Condition::Absent => request.with_header(header::IF_NONE_MATCH, "*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_queries_are_percent_encoded() {
        assert_eq!(key_path("public:a", b"a/b c"), "/v1/kv/public:a/a%2Fb%20c");
        assert_eq!(key_path("../x", b"k"), "/v1/kv/..%2Fx/k");
        let listing = Listing {
            prefix: b"p/".to_vec(),
            limit: Some(2),
            ..Listing::default()
        };
        assert_eq!(listing.query(), "?prefix=p%2F&limit=2");
        assert_eq!(Listing::default().query(), "");
    }

    #[test]
    fn every_write_has_its_own_idempotency_key() {
        let key = |options: &WriteOptions| {
            let request = put_request("m", b"k", Bytes::new(), options).unwrap();
            request.headers[headers::IDEMPOTENCY_KEY]
                .to_str()
                .unwrap()
                .to_owned()
        };
        let fresh = WriteOptions::default();
        assert_ne!(key(&fresh), key(&fresh));
        let own = WriteOptions {
            idempotency_key: Some("mine".into()),
            ..fresh
        };
        assert_eq!(key(&own), "mine");
    }

    #[test]
    fn conditions_become_headers() {
        let header_of = |condition, name: HeaderName| {
            let options = WriteOptions {
                condition,
                ..WriteOptions::default()
            };
            let request = put_request("m", b"k", Bytes::new(), &options).unwrap();
            request
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(
            header_of(Condition::Version(7), header::IF_MATCH).unwrap(),
            "\"7\""
        );
        assert_eq!(
            header_of(Condition::Present, header::IF_MATCH).unwrap(),
            "*"
        );
        assert_eq!(
            header_of(Condition::Absent, header::IF_NONE_MATCH).unwrap(),
            "*"
        );
        assert_eq!(header_of(Condition::Always, header::IF_MATCH), None);
    }
}
