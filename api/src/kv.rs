//! Key-value requests and answers: single keys, listings, transactions, and events of committed changes.
//!
//! A key's *version* is the sequence number of the transaction that last wrote it; a key
//! without a value has version 0. Versions are what `ETag`, `If-Match` and compares speak of.

use serde::{Deserialize, Serialize};
use synod_ledger::{TxId, TxStatus};
use utoipa::ToSchema;

use crate::blob::{Base64, Blob};
use crate::{tx_status, tx_text};

/// How fresh an answer must be: the parameter `consistency`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// As if there were one copy: the leader answers, sure that it leads.
    #[default]
    Linearizable,
    /// The replica's own certified state; the answer names the transaction that it is as of.
    Local,
}

/// The answer to a write of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WriteReply {
    /// The transaction.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
    /// `committed`; or `pending`, when the request said `wait=none`.
    #[serde(with = "tx_status")]
    #[schema(value_type = tx_status::Form)]
    pub status: TxStatus,
    /// The version of the key from now on; 0 after a delete.
    pub version: u64,
    /// The receipt file, if the request said `receipt=inline` and waited for the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Base64>,
}

/// One entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// The key.
    pub key: Blob,
    /// Its value.
    pub value: Blob,
    /// Its version.
    pub version: u64,
}

/// A page of a listing, in the order of the keys' bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListReply {
    /// The newest transaction that this page has seen. Each page is read on its own.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
    /// The entries.
    pub entries: Vec<Entry>,
    /// Given back as `cursor` it asks for the page after this; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A transaction: if all compares hold, all operations are done, in order; else none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TxnRequest {
    /// What must hold; at most 256.
    #[serde(default)]
    pub compares: Vec<Compare>,
    /// What is done; at least 1 and at most 256.
    pub operations: Vec<Operation>,
}

/// A condition on one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The map.
    #[schema(example = "accounts")]
    pub map: String,
    /// The key.
    pub key: Blob,
    /// What must be true of it.
    pub expect: Expectation,
}

/// What a compare expects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// The key has this version; 0 says that it has no value.
    Version(u64),
    /// The key has this value.
    Value(Blob),
}

/// One step of a transaction. A `get` sees the writes of the steps before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Reads a key.
    Get(KeyRef),
    /// Writes a key.
    Put(KeyValue),
    /// Removes a key, whether or not it has a value.
    Delete(KeyRef),
}

/// A key in a map.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRef {
    /// The map.
    #[schema(example = "accounts")]
    pub map: String,
    /// The key.
    pub key: Blob,
}

/// A key in a map, and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyValue {
    /// The map.
    #[schema(example = "accounts")]
    pub map: String,
    /// The key.
    pub key: Blob,
    /// The value.
    pub value: Blob,
}

/// What one step of a transaction gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum OperationResult {
    /// A `get` found a value.
    Found {
        /// The value.
        value: Blob,
        /// Its version; absent if this very transaction wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<u64>,
    },
    /// A `get` found no value.
    Absent,
    /// A `put` or a `delete` was done.
    Done,
}

/// The answer to a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TxnReply {
    /// The transaction. Of one that only reads: the newest transaction it has seen.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
    /// `committed`; or `pending`, when the request said `wait=none`.
    #[serde(with = "tx_status")]
    #[schema(value_type = tx_status::Form)]
    pub status: TxStatus,
    /// One result per operation, in their order. Empty while pending: nothing that rests on
    /// state is told before it is certified.
    pub results: Vec<OperationResult>,
    /// The receipt file, if the request said `receipt=inline` and waited for the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Base64>,
}

/// The data of an event of `GET /v1/watch`: what one committed transaction changed in the map. The event's id is the
/// transaction's sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchEvent {
    /// The transaction.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
    /// The map.
    pub map: String,
    /// The keys that were written, each once, in the order of their bytes.
    pub changes: Vec<WatchChange>,
}

/// A key that a transaction wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchChange {
    /// The key.
    pub key: Blob,
    /// Its value from then on; null where it was deleted.
    pub value: Option<Blob>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_is_read_from_the_documented_form() {
        let json = r#"{
            "compares": [{"map": "a", "key": "k", "expect": {"version": 0}},
                         {"map": "a", "key": "l", "expect": {"value": "x"}}],
            "operations": [{"put": {"map": "a", "key": "k", "value": {"base64": "AA=="}}},
                           {"get": {"map": "a", "key": "k"}},
                           {"delete": {"map": "b", "key": "k"}}]}"#;
        let request: TxnRequest = serde_json::from_str(json).unwrap();
        assert_eq!(request.compares[0].expect, Expectation::Version(0));
        assert!(matches!(&request.operations[0], Operation::Put(put) if &put.value.0[..] == b"\0"));
        let again = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<TxnRequest>(&again).unwrap(), request);
    }

    #[test]
    fn unknown_fields_and_steps_are_refused() {
        for json in [
            r#"{"operations": [], "compare": []}"#,
            r#"{"operations": [{"move": {"map": "a", "key": "k"}}]}"#,
            r#"{"operations": [{"get": {"map": "a", "key": "k", "value": "v"}}]}"#,
            r#"{"compares": [{"map": "a", "key": "k", "expect": {}}], "operations": []}"#,
            r#"{"compares": [{"map": "a", "key": "k", "expect": {"version": -1}}], "operations": []}"#,
            r#"{"compares": []}"#,
        ] {
            assert!(
                serde_json::from_str::<TxnRequest>(json).is_err(),
                "{json} was read"
            );
        }
    }

    #[test]
    fn result_of_a_read_keeps_binary_values() {
        let results = vec![
            OperationResult::Found {
                value: Blob(bytes::Bytes::from_static(&[0xfe])),
                version: Some(9),
            },
            OperationResult::Absent,
            OperationResult::Done,
        ];
        let json = serde_json::to_string(&results).unwrap();
        assert_eq!(
            serde_json::from_str::<Vec<OperationResult>>(&json).unwrap(),
            results
        );
    }
}
