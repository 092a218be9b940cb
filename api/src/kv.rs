//! Key-value requests and answers: single keys, listings, transactions, and events of committed
//! changes.
//!
//! A key's *version* is the sequence number of the transaction that last wrote it; a key
//! without a value has version 0. Versions are what `ETag`, `If-Match` and compares speak of.

use serde::{Deserialize, Serialize};
use synod_ledger::{TxId, TxStatus};
use utoipa::ToSchema;

use crate::blob::{Base64, Blob, KeyForm};
use crate::limits::{KEY_BYTES_MAX, LIST_ENTRIES_MAX};
use crate::problem::ErrorCode as Code;
use crate::route::{
    Access, Answer, Body, Form, IDEMPOTENCY, INLINE, NUMBER, Parameter, Place, Route, header, ok,
    path, query,
};
use crate::{headers, tx_status, tx_text};

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
    #[schema(value_type = KeyForm)]
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
    #[schema(max_items = 256)]
    pub compares: Vec<Compare>,
    /// What is done; at least 1 and at most 256.
    #[schema(min_items = 1, max_items = 256)]
    pub operations: Vec<Operation>,
}

/// A condition on one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// The map.
    #[schema(example = "accounts", pattern = "^[a-z0-9._:-]{1,128}$")]
    pub map: String,
    /// The key.
    #[schema(value_type = KeyForm)]
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
    #[schema(example = "accounts", pattern = "^[a-z0-9._:-]{1,128}$")]
    pub map: String,
    /// The key.
    #[schema(value_type = KeyForm)]
    pub key: Blob,
}

/// A key in a map, and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyValue {
    /// The map.
    #[schema(example = "accounts", pattern = "^[a-z0-9._:-]{1,128}$")]
    pub map: String,
    /// The key.
    #[schema(value_type = KeyForm)]
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

/// The data of an event of `GET /v1/watch`: what one committed transaction changed in the map. The
/// event's id is the transaction's sequence number.
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
    #[schema(value_type = KeyForm)]
    pub key: Blob,
    /// Its value from then on; null where it was deleted.
    pub value: Option<Blob>,
}

/// The schemas of this domain's bodies; those they refer to come along.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(ListReply, TxnReply, TxnRequest, WatchEvent, WriteReply)))]
pub(crate) struct Schemas;

const MAP: Parameter = path(
    "map",
    Form::Pattern("^[a-z0-9._:-]{1,128}$"),
    "The map. Maps named `public:…` are readable by anybody who holds the ledger, all others are private.",
);
const KEY: Parameter = path(
    "key",
    Form::Text(1, KEY_BYTES_MAX),
    "The key: 1 to 512 bytes, percent-encoded, `/` as `%2F`. The keys `.` and `..`, which URL libraries \
     swallow, are reached by `POST /v1/kv/txn`.",
);
const CONSISTENCY: Parameter = query(
    "consistency",
    Form::Pattern("^(linearizable|local)$"),
    "`linearizable` (default): the leader answers, after it has made sure that it leads. `local`: any replica \
     answers from its own certified state, and names the transaction that it is as of; also without a leader, for \
     five seconds after it last heard one.",
);
const WAIT: Parameter = query(
    "wait",
    Form::Pattern("^(commit|none)$"),
    "`commit` (default): the answer comes once the write is certified. `none`: it comes at once, with status \
     202 and a transaction id to ask for; the write may still be lost.",
);
const IF_MATCH: Parameter = header(
    "if-match",
    Form::Pattern(r#"^("[1-9][0-9]{0,17}"|[*])$"#),
    "The version that the key must have, quoted as in `ETag`; `*` asks for any value at all.",
);
const IF_NONE_MATCH: Parameter = header(
    "if-none-match",
    Form::Pattern(r"^\*$"),
    "Only `*`: the key must have no value.",
);
const WRITE_PARAMETERS: &[Parameter] =
    &[MAP, KEY, WAIT, INLINE, IF_MATCH, IF_NONE_MATCH, IDEMPOTENCY];
const WRITE_PROBLEMS: &[Code] = &[
    Code::NotLeader,
    Code::InvalidMapName,
    Code::InvalidKey,
    Code::Forbidden,
    Code::ServiceNotOpen,
    Code::PreconditionFailed,
    Code::ValueTooLarge,
    Code::IdempotencyKeyReused,
    Code::LeadershipLost,
    Code::AnswerTimeout,
    Code::StorageFull,
];
const READ_PROBLEMS: &[Code] = &[
    Code::NotLeader,
    Code::InvalidMapName,
    Code::InvalidKey,
    Code::Forbidden,
    Code::ServiceNotOpen,
];
const WRITE_ANSWERS: &[Answer] = &[
    Answer {
        status: 200,
        description: "The write is committed.",
        body: Body::Json("WriteReply"),
        headers: &[headers::TRANSACTION_ID, "etag"],
    },
    Answer {
        status: 202,
        description: "The write is pending (`wait=none`).",
        body: Body::Json("WriteReply"),
        headers: &[headers::TRANSACTION_ID],
    },
];

/// The routes of this domain.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: "PUT",
        path: "/v1/kv/{map}/{key}",
        id: "put_key",
        summary: "Writes a key; the body is the value.",
        access: Access::Certificate,
        parameters: WRITE_PARAMETERS,
        body: Body::Bytes(headers::BYTES),
        answers: WRITE_ANSWERS,
        problems: WRITE_PROBLEMS,
    },
    Route {
        method: "GET",
        path: "/v1/kv/{map}/{key}",
        id: "get_key",
        summary: "Reads a key; the body is the value, `ETag` its version.",
        access: Access::Certificate,
        parameters: &[MAP, KEY, CONSISTENCY],
        body: Body::None,
        answers: &[Answer {
            status: 200,
            description: "The value.",
            body: Body::Bytes(headers::BYTES),
            headers: &[headers::TRANSACTION_ID, "etag"],
        }],
        problems: &[
            Code::NotLeader,
            Code::InvalidMapName,
            Code::InvalidKey,
            Code::Forbidden,
            Code::ServiceNotOpen,
            Code::KeyNotFound,
        ],
    },
    Route {
        method: "DELETE",
        path: "/v1/kv/{map}/{key}",
        id: "delete_key",
        summary: "Removes a key, whether or not it has a value.",
        access: Access::Certificate,
        parameters: WRITE_PARAMETERS,
        body: Body::None,
        answers: WRITE_ANSWERS,
        problems: WRITE_PROBLEMS,
    },
    Route {
        method: "GET",
        path: "/v1/kv/{map}",
        id: "list_keys",
        summary: "Lists the entries of a map, in the order of the keys' bytes.",
        access: Access::Certificate,
        parameters: &[
            MAP,
            query(
                "prefix",
                Form::Text(0, KEY_BYTES_MAX),
                "Only keys that begin with these bytes, percent-encoded.",
            ),
            query(
                "from",
                Form::Text(0, KEY_BYTES_MAX),
                "Only keys from this one on, percent-encoded.",
            ),
            query(
                "to",
                Form::Text(0, KEY_BYTES_MAX),
                "Only keys before this one, percent-encoded.",
            ),
            query(
                "limit",
                Form::Integer(1, LIST_ENTRIES_MAX as u64),
                "Entries on the page, 1 to 1000; default 100.",
            ),
            query(
                "cursor",
                Form::Pattern("^[A-Za-z0-9_-]{11,}$"),
                "`next_cursor` of the page before; all else must be as it was there.",
            ),
            CONSISTENCY,
        ],
        body: Body::None,
        answers: &[Answer {
            status: 200,
            description: "A page.",
            body: Body::Json("ListReply"),
            headers: &[headers::TRANSACTION_ID],
        }],
        problems: READ_PROBLEMS,
    },
    Route {
        method: "POST",
        path: "/v1/kv/txn",
        id: "transact",
        summary: "Does several operations at once, if all compares hold; else none.",
        access: Access::Certificate,
        parameters: &[WAIT, INLINE, IDEMPOTENCY],
        body: Body::Json("TxnRequest"),
        answers: &[
            Answer {
                status: 200,
                description: "All is done and committed.",
                body: Body::Json("TxnReply"),
                headers: &[headers::TRANSACTION_ID],
            },
            Answer {
                status: 202,
                description: "The transaction is pending (`wait=none`).",
                body: Body::Json("TxnReply"),
                headers: &[headers::TRANSACTION_ID],
            },
        ],
        problems: &[
            Code::NotLeader,
            Code::InvalidBody,
            Code::InvalidMapName,
            Code::InvalidKey,
            Code::Forbidden,
            Code::ServiceNotOpen,
            Code::PreconditionFailed,
            Code::ValueTooLarge,
            Code::TransactionTooLarge,
            Code::AnswerTooLarge,
            Code::UnsupportedMediaType,
            Code::IdempotencyKeyReused,
            Code::LeadershipLost,
            Code::AnswerTimeout,
            Code::StorageFull,
        ],
    },
    Route {
        method: "GET",
        path: "/v1/watch",
        id: "watch",
        summary: "Streams the committed changes of a map as server-sent events.",
        access: Access::Anybody,
        parameters: &[
            Parameter {
                name: "map",
                place: Place::RequiredQuery,
                description: "The map. Of an app's private maps only those that its manifest lets the caller watch: \
                              `app.{name}.{map}`.",
                form: Form::Pattern("^[a-z0-9._:-]{1,128}$"),
            },
            query(
                "prefix",
                Form::Text(0, KEY_BYTES_MAX),
                "Only keys that begin with these bytes, percent-encoded.",
            ),
            query(
                "from",
                NUMBER,
                "Changes after the transaction with this sequence number; without it, from now on.",
            ),
            header(
                headers::LAST_EVENT_ID,
                NUMBER,
                "The same as `from`, and stronger: what browsers send when they connect again.",
            ),
        ],
        body: Body::None,
        answers: &[ok(
            "Events `change`, each with a `WatchEvent` as data and the sequence number as id. Every 15 seconds a comment \
             with the number that was reached. When the stream cannot go on, a last event `problem`, with a `Problem`: \
             `watch_too_slow` where the reader took no event for 30 seconds though some waited; the id of the last event \
             is where to go on.",
            Body::Bytes(headers::EVENTS),
        )],
        problems: &[
            Code::InvalidMapName,
            Code::CertificateRequired,
            Code::Forbidden,
            Code::ServiceNotOpen,
            Code::WatchExpired,
            Code::WatchTooSlow,
        ],
    },
];

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
