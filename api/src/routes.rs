//! The routes, as one table: what the OpenAPI document is made from, and what the tests of the
//! gateway hold the server against.

use crate::app_routes;
use crate::headers;
use crate::problem::ErrorCode as Code;

/// One route: a method on a path.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method, in capitals.
    pub method: &'static str,
    /// The path, with `{names}` where parameters stand.
    pub path: &'static str,
    /// A unique name, for generated clients.
    pub id: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Whom the gateway lets through. Who may do what, the replica decides.
    pub access: Access,
    /// Path, query and header parameters.
    pub parameters: &'static [Parameter],
    /// What it takes.
    pub body: Body,
    /// What it answers when all is well.
    pub answers: &'static [Answer],
    /// The problems of its own, beside those that every route has.
    pub problems: &'static [Code],
}

/// Whom the gateway lets through to a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Anybody,
    /// Only connections with a client certificate.
    Certificate,
}

/// A parameter of a route.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What it means, with its form and its default.
    pub description: &'static str,
    /// A regular expression of its form; empty if there is none.
    pub pattern: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path; always required.
    Path,
    /// In the query; optional.
    Query,
    /// In the query; required.
    RequiredQuery,
    /// In a header; optional.
    Header,
}

/// The body of a request or of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    None,
    /// JSON of the type with this name.
    Json(&'static str),
    /// Bytes of this media type.
    Bytes(&'static str),
}

/// An answer of a route when all is well.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// When it is given.
    pub description: &'static str,
    /// What it brings.
    pub body: Body,
    /// The headers with a meaning.
    pub headers: &'static [&'static str],
}

pub(crate) const fn path(
    name: &'static str,
    pattern: &'static str,
    description: &'static str,
) -> Parameter {
    Parameter {
        name,
        place: Place::Path,
        description,
        pattern,
    }
}

pub(crate) const fn query(
    name: &'static str,
    pattern: &'static str,
    description: &'static str,
) -> Parameter {
    Parameter {
        name,
        place: Place::Query,
        description,
        pattern,
    }
}

pub(crate) const fn header(name: &'static str, description: &'static str) -> Parameter {
    Parameter {
        name,
        place: Place::Header,
        description,
        pattern: "",
    }
}

pub(crate) const fn ok(description: &'static str, body: Body) -> Answer {
    Answer {
        status: 200,
        description,
        body,
        headers: &[],
    }
}

const MAP: Parameter = path(
    "map",
    "^[a-z0-9._:-]{1,128}$",
    "The map. Maps named `public:…` are readable by anybody who holds the ledger, all others are private.",
);
const KEY: Parameter = path(
    "key",
    "",
    "The key: 1 to 512 bytes, percent-encoded, `/` as `%2F`. The keys `.` and `..`, which URL libraries \
     swallow, are reached by `POST /v1/kv/txn`.",
);
const ID: Parameter = path(
    "id",
    r"^[1-9][0-9]*\.[1-9][0-9]*$",
    "The transaction, as `view.seqno`.",
);
const CONSISTENCY: Parameter = query(
    "consistency",
    "^(linearizable|local)$",
    "`linearizable` (default): the leader answers, after it has made sure that it leads. `local`: any replica \
     answers from its own certified state, and names the transaction that it is as of.",
);
const WAIT: Parameter = query(
    "wait",
    "^(commit|none)$",
    "`commit` (default): the answer comes once the write is certified. `none`: it comes at once, with status \
     202 and a transaction id to ask for; the write may still be lost.",
);
const INLINE: Parameter = query(
    "receipt",
    "^inline$",
    "`inline`: the answer holds the receipt, in base64. Not with `wait=none`.",
);
const IF_MATCH: Parameter = header(
    "if-match",
    "The version that the key must have, quoted as in `ETag`; `*` asks for any value at all.",
);
const IF_NONE_MATCH: Parameter = header("if-none-match", "Only `*`: the key must have no value.");
pub(crate) const IDEMPOTENCY: Parameter = header(
    headers::IDEMPOTENCY_KEY,
    "1 to 64 visible ASCII characters, fresh for each request. A repetition with the same key is answered with \
     what the first one gave, as long as the service remembers the key.",
);
const WRITE_PARAMETERS: &[Parameter] =
    &[MAP, KEY, WAIT, INLINE, IF_MATCH, IF_NONE_MATCH, IDEMPOTENCY];
const WRITE_PROBLEMS: &[Code] = &[
    Code::NotLeader,
    Code::InvalidMapName,
    Code::InvalidKey,
    Code::Forbidden,
    Code::ServiceNotOpen,
    Code::Conflict,
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
const JOIN_PROBLEMS: &[Code] = &[
    Code::NotLeader,
    Code::EvidenceRefused,
    Code::UnsupportedMediaType,
];

/// Every route of the interface.
pub const ROUTES: &[Route] = &[
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
                "",
                "Only keys that begin with these bytes, percent-encoded.",
            ),
            query("from", "", "Only keys from this one on, percent-encoded."),
            query("to", "", "Only keys before this one, percent-encoded."),
            query(
                "limit",
                "^[0-9]{1,4}$",
                "Entries on the page, 1 to 1000; default 100.",
            ),
            query(
                "cursor",
                "",
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
            Code::Conflict,
            Code::PreconditionFailed,
            Code::ValueTooLarge,
            Code::TransactionTooLarge,
            Code::UnsupportedMediaType,
            Code::IdempotencyKeyReused,
            Code::LeadershipLost,
            Code::AnswerTimeout,
            Code::StorageFull,
        ],
    },
    app_routes::call("GET", "app_get", Body::None),
    app_routes::call("HEAD", "app_head", Body::None),
    app_routes::call("POST", "app_post", Body::Bytes(headers::BYTES)),
    app_routes::call("PUT", "app_put", Body::Bytes(headers::BYTES)),
    app_routes::call("PATCH", "app_patch", Body::Bytes(headers::BYTES)),
    app_routes::call("DELETE", "app_delete", Body::None),
    app_routes::LIST,
    app_routes::DESCRIBE,
    app_routes::COMPONENT,
    app_routes::CHUNK,
    app_routes::DESCRIPTION,
    app_routes::LOGS,
    app_routes::WATCH,
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
        path: "/v1/attestation",
        id: "attestation",
        summary: "Gives the evidence of this replica, and its key's signature over the nonce.",
        access: Access::Anybody,
        parameters: &[Parameter {
            name: "nonce",
            place: Place::RequiredQuery,
            description: "32 random bytes of the caller, in lower-case hexadecimal.",
            pattern: "^[0-9a-f]{64}$",
        }],
        body: Body::None,
        answers: &[ok(
            "Statement, evidence, endorsements and signature.",
            Body::Json("AttestationReply"),
        )],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/session",
        id: "session",
        summary: "Gives the identity key's signature over nonce and TLS session: proves where this connection ends.",
        access: Access::Anybody,
        parameters: &[Parameter {
            name: "nonce",
            place: Place::RequiredQuery,
            description: "32 random bytes of the caller, in lower-case hexadecimal.",
            pattern: "^[0-9a-f]{64}$",
        }],
        body: Body::None,
        answers: &[ok("The proof.", Body::Json("SessionReply"))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/network",
        id: "network",
        summary: "Describes the service: replicas, leader, configuration, alarms.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The description.", Body::Json("NetworkReply"))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/governance",
        id: "governance",
        summary: "Describes the governance: members, thresholds, users, the next sequence number.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The description.", Body::Json("GovernanceReply"))],
        problems: &[],
    },
    Route {
        method: "POST",
        path: "/v1/governance/actions",
        id: "act",
        summary: "Takes an act that enough members have signed, and answers once it is committed.",
        access: Access::Anybody,
        parameters: &[INLINE],
        body: Body::Json("ActionRequest"),
        answers: &[Answer {
            status: 200,
            description: "The act is committed.",
            body: Body::Json("ActionReply"),
            headers: &[headers::TRANSACTION_ID],
        }],
        problems: &[
            Code::NotLeader,
            Code::InvalidBody,
            Code::Conflict,
            Code::SequenceMismatch,
            Code::UnsupportedMediaType,
            Code::ActionRefused,
            Code::LeadershipLost,
            Code::AnswerTimeout,
            Code::StorageFull,
        ],
    },
    Route {
        method: "POST",
        path: "/v1/join",
        id: "join",
        summary: "Takes the statement and the evidence of a replica that wants to be trusted.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::Bytes(headers::CBOR),
        answers: &[ok("The joiner is trusted.", Body::Bytes(headers::CBOR))],
        problems: JOIN_PROBLEMS,
    },
    Route {
        method: "POST",
        path: "/v1/join/keys",
        id: "join_keys",
        summary: "Gives a trusted replica the keys, sealed to the key that its evidence names.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::Bytes(headers::CBOR),
        answers: &[ok("The sealed keys.", Body::Bytes(headers::CBOR))],
        problems: &[
            Code::Forbidden,
            Code::TransactionPending,
            Code::UnsupportedMediaType,
        ],
    },
    Route {
        method: "GET",
        path: "/v1/ledger",
        id: "ledger",
        summary: "Streams the ledger's records, for joiners and auditors. Private writes are sealed in it.",
        access: Access::Anybody,
        parameters: &[query(
            "from",
            "^[1-9][0-9]{0,18}$",
            "Index of the first block; default 1, which is block 0.",
        )],
        body: Body::None,
        answers: &[ok(
            "Records, as in a segment file, up to the newest certificate.",
            Body::Bytes(headers::LEDGER),
        )],
        problems: &[],
    },
    Route {
        method: "POST",
        path: "/v1/bootstrap",
        id: "bootstrap",
        summary: "Gives a founder the members' approvals; it answers once block 0 is written.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::Bytes(headers::CBOR),
        answers: &[ok("The service stands.", Body::Bytes(headers::CBOR))],
        problems: &[
            Code::EvidenceRefused,
            Code::AlreadyDone,
            Code::UnsupportedMediaType,
        ],
    },
    Route {
        method: "GET",
        path: "/livez",
        id: "live",
        summary: "Says whether the process works at all.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("It does.", Body::Json("HealthReply"))],
        problems: &[Code::Halted],
    },
    Route {
        method: "GET",
        path: "/readyz",
        id: "ready",
        summary: "Says whether the replica can serve requests now.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("It can.", Body::Json("HealthReply"))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/metrics",
        id: "metrics",
        summary: "Gives the metrics, for Prometheus.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The metrics.", Body::Bytes(headers::METRICS))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/openapi.json",
        id: "openapi",
        summary: "Gives this description.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The OpenAPI document.", Body::Bytes(headers::JSON))],
        problems: &[],
    },
];

/// The problems that every route may answer with.
pub(crate) const COMMON_PROBLEMS: &[Code] = &[
    Code::MalformedRequest,
    Code::InvalidParameter,
    Code::InvalidHeader,
    Code::RequestTimeout,
    Code::BodyTooLarge,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::Internal,
    Code::Overloaded,
    Code::NoLeader,
    Code::NotReady,
    Code::Halted,
    Code::ShuttingDown,
];
