//! What is asked of the ledger and has a body in JSON.

use serde::{Deserialize, Serialize};
use synod_ledger::{TxId, TxStatus};
use utoipa::ToSchema;

use crate::blob::Base64;
use crate::problem::ErrorCode as Code;
use crate::route::{
    Access, Answer, Body, Form, POSITIVE, Parameter, Place, Route, ok, path, query,
};
use crate::{headers, tx_status, tx_text};

/// The answer to `GET /v1/tx/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TxReply {
    /// The transaction asked for.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
    /// How far it is.
    #[serde(with = "tx_status")]
    #[schema(value_type = tx_status::Form)]
    pub status: TxStatus,
}

/// The answer to `GET /v1/consistency`: a consistency proof of RFC 9162 section 2.1.4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsistencyReply {
    /// The size of the smaller tree, in transactions.
    pub from: u64,
    /// The size of the larger tree.
    pub to: u64,
    /// The hashes of the proof (SHA-256, 32 bytes each), in the order of the standard.
    pub path: Vec<Base64>,
}

/// The schemas of this domain's bodies; those they refer to come along.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(ConsistencyReply, TxReply)))]
pub(crate) struct Schemas;

const ID: Parameter = path(
    "id",
    Form::Pattern(r"^[1-9][0-9]{0,17}\.[1-9][0-9]{0,17}$"),
    "The transaction, as `view.seqno`.",
);

/// The routes of this domain.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/v1/tx/{id}",
        id: "transaction_status",
        summary: "Says how far a transaction is; `invalid` only once that is decided.",
        access: Access::Anybody,
        parameters: &[ID],
        body: Body::None,
        answers: &[ok("The status.", Body::Json("TxReply"))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/receipts/{id}",
        id: "receipt",
        summary: "Gives the receipt of a committed transaction, to be verified offline.",
        access: Access::Certificate,
        parameters: &[ID],
        body: Body::None,
        answers: &[Answer {
            status: 200,
            description: "The receipt file.",
            body: Body::Bytes(headers::RECEIPT),
            headers: &[headers::TRANSACTION_ID],
        }],
        problems: &[
            Code::Forbidden,
            Code::TransactionUnknown,
            Code::TransactionPending,
            Code::TransactionInvalid,
        ],
    },
    Route {
        method: "GET",
        path: "/v1/chain",
        id: "chain",
        summary: "Gives block 0 and the chain of configurations, to be verified offline.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The chain file.", Body::Bytes(headers::CHAIN))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/consistency",
        id: "consistency",
        summary: "Proves that the tree of one size begins with that of another; against roots that the caller holds.",
        access: Access::Anybody,
        parameters: &[
            Parameter {
                name: "from",
                place: Place::RequiredQuery,
                description: "The size of the smaller tree, in transactions, from 1 on.",
                form: POSITIVE,
            },
            query(
                "to",
                POSITIVE,
                "The size of the larger tree, not smaller than `from`; default: all that this replica knows to be \
                 certified.",
            ),
        ],
        body: Body::None,
        answers: &[ok("The proof.", Body::Json("ConsistencyReply"))],
        problems: &[Code::TransactionUnknown],
    },
    Route {
        method: "GET",
        path: "/v1/ledger",
        id: "ledger",
        summary: "Streams the ledger's records, for joiners and auditors. Private writes are sealed in it.",
        access: Access::Anybody,
        parameters: &[query(
            "from",
            POSITIVE,
            "Index of the first block; default 1, which is block 0.",
        )],
        body: Body::None,
        answers: &[ok(
            "Records, as in a segment file, up to the newest certificate.",
            Body::Bytes(headers::LEDGER),
        )],
        problems: &[],
    },
];
