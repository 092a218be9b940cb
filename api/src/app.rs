//! Apps: what the service says of them, and their logs.
//!
//! The answers of an app itself have no types here: their status, headers and body are the app's.

use serde::{Deserialize, Serialize};
use synod_ledger::TxId;
use utoipa::ToSchema;

use crate::limits::{COMPONENT_CHUNKS_MAX, LOG_LINES_MAX};
use crate::problem::ErrorCode as Code;
use crate::route::{
    Access, Answer, Body, Form, IDEMPOTENCY, NUMBER as ANY_NUMBER, POSITIVE, Parameter, Route,
    header, ok, path, query,
};
use crate::{headers, tx_text};

/// The answer to `GET /v1/apps`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppsReply {
    /// The apps, by name; without their manifests.
    pub apps: Vec<AppInfo>,
}

/// How an app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppStatus {
    /// No version is in force yet.
    Pending,
    /// A version is in force, and another may be on its way.
    Active,
    /// Its first version did not take effect, and no other is on its way.
    Failed,
    /// It is being removed with its rows.
    Removing,
}

/// An app as the ledger has it, the answer to `GET /v1/apps/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppInfo {
    /// Its name, which is where it answers: `/app/{name}/…`.
    pub name: String,
    /// How it stands.
    pub status: AppStatus,
    /// The version that answers calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<AppVersionInfo>,
    /// The version that is to take its place once a quorum of replicas has compiled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingAppInfo>,
    /// The newest version that did not take effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AppFailureInfo>,
}

/// One version of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppVersionInfo {
    /// Counts the settings of the app, from 1.
    pub number: u64,
    /// The version's name, as its manifest has it.
    pub version: String,
    /// What the app does, in its author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// SHA-256 of the component, in lower-case hexadecimal.
    pub component: String,
    /// Length of the component, in bytes.
    pub size: u64,
    /// The interfaces of `synod:app` that the component may import.
    pub imports: Vec<String>,
    /// Whether the app describes its own interface at `/v1/apps/{name}/openapi.json`.
    pub openapi: bool,
    /// Sequence number of the transaction by which the members set it.
    pub set_by: u64,
    /// The manifest, in TOML; only where one app is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

/// A version that is not in force yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingAppInfo {
    /// The version.
    #[serde(flatten)]
    pub version: AppVersionInfo,
    /// The pieces of the component that nobody has handed in yet, by their index: they go to
    /// `PUT /v1/apps/{name}/component/{number}/{index}`.
    pub chunks_missing: Vec<u32>,
    /// The replicas that are known to have compiled it, by id; only the leader knows of the others.
    pub compiled_by: Vec<u64>,
}

/// Why a version did not take effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppFailureInfo {
    /// Its number.
    pub number: u64,
    /// A stable word for the reason.
    pub code: String,
}

/// The answer to `PUT /v1/apps/{name}/component/{number}/{index}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChunkReply {
    /// The transaction that holds the chunk.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
}

/// The answer to `GET /v1/apps/{name}/logs`: lines from the memory of the replica that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppLogReply {
    /// The replica whose memory this is. Each keeps the lines of the calls that it executed.
    pub replica: u64,
    /// The lines, oldest first.
    pub lines: Vec<AppLogLine>,
    /// The number of the last line that this answer has looked at: `after` of the next request.
    pub next: u64,
    /// Lines after `after` that this replica no longer holds.
    pub dropped: u64,
}

/// A line of an app's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppLogLine {
    /// Its number in the memory of this replica, from 1.
    pub line: u64,
    /// The ledger's time when it was written, Unix milliseconds; of a compilation that of the
    /// replica's machine.
    pub time_ms: u64,
    /// The number of the app's version.
    pub number: u64,
    /// The pattern of the request's route; `init`, `migrate` or `compile` otherwise.
    pub route: String,
    /// The transaction as the app could have asked for it; a call that met others was executed
    /// again under another. 0.0 of a compilation.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// Whether the service wrote it, of an end that the app did not foresee; else the app did.
    pub of_host: bool,
    /// What was written.
    pub message: String,
}

/// The schemas of this domain's bodies; those they refer to come along.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(AppInfo, AppLogReply, AppsReply, ChunkReply)))]
pub(crate) struct Schemas;

const NAME: Parameter = path("name", Form::Pattern("^[a-z][a-z0-9-]{0,31}$"), "The app.");
const NUMBER: Parameter = path(
    "number",
    POSITIVE,
    "The number of the version that waits for its component.",
);
const INDEX: Parameter = path(
    "index",
    Form::Integer(0, COMPONENT_CHUNKS_MAX as u64 - 1),
    "Which piece of 512 KiB, from 0; only the last may be shorter.",
);
const CALL_PARAMETERS: &[Parameter] = &[
    NAME,
    path(
        "path",
        Form::Pattern(r"^[^/\\\x00-\x1f\x7f]+$"),
        "What the app is asked for: one or more segments, handed on as they are spelled. No segment may be empty, \
         `.` or `..`, encoded or not, and none may hold an encoded `/`, `\\` or NUL.",
    ),
    query(
        "consistency",
        Form::Pattern("^(linearizable|local)$"),
        "For routes that only read. `linearizable` (default): the replica asks the leader how far it must be. \
         `local`: it answers from its own certified state. Taken off the query; all else in it is the app's.",
    ),
    header(
        headers::APP_RECEIPT,
        Form::Pattern("^(none|inline)$"),
        "`inline`: an answer whose call wrote something bears its receipt in the header `synod-receipt`, in base64, \
         if that has at most 8 KiB. `/v1/receipts/{id}` gives it at any time.",
    ),
    IDEMPOTENCY,
];
const CALL_ANSWERS: &[Answer] = &[Answer {
    status: 200,
    description: "The app's answer; it may have any status from 200 to 599. For a call that wrote something it \
                  follows the commit.",
    body: Body::Bytes(headers::BYTES),
    headers: &[headers::TRANSACTION_ID, headers::APP_RECEIPT],
}];
const CALL_PROBLEMS: &[Code] = &[
    Code::NotLeader,
    Code::AppNotFound,
    Code::AppNotReady,
    Code::AppRouteNotFound,
    Code::AppMethodNotAllowed,
    Code::AppPathInvalid,
    Code::CertificateRequired,
    Code::AppForbidden,
    Code::ServiceNotOpen,
    Code::AppRequestTooLarge,
    Code::AppContended,
    Code::AppTrapped,
    Code::AppTimeExceeded,
    Code::AppMemoryExceeded,
    Code::AppStackExceeded,
    Code::AppResponseTooLarge,
    Code::AppResponseInvalid,
    Code::AppMapUndeclared,
    Code::AppWriteInQuery,
    Code::AppMapOperationsExceeded,
    Code::AppWriteTooLarge,
    Code::AppClaimInvalid,
    Code::AppRandomExceeded,
    Code::IdempotencyKeyReused,
    Code::LeadershipLost,
    Code::AnswerTimeout,
    Code::StorageFull,
];

/// The routes of this domain.
pub(crate) const ROUTES: &[Route] = &[
    call("GET", "app_get", Body::None),
    call("HEAD", "app_head", Body::None),
    call("POST", "app_post", Body::Bytes(headers::BYTES)),
    call("PUT", "app_put", Body::Bytes(headers::BYTES)),
    call("PATCH", "app_patch", Body::Bytes(headers::BYTES)),
    call("DELETE", "app_delete", Body::None),
    Route {
        method: "GET",
        path: "/v1/apps",
        id: "apps",
        summary: "Lists the apps, from this replica's certified state.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The apps.", Body::Json("AppsReply"))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/apps/{name}",
        id: "app",
        summary: "Describes an app: its versions with their digests and manifests, and how the newest setting went.",
        access: Access::Anybody,
        parameters: &[NAME],
        body: Body::None,
        answers: &[ok("The app.", Body::Json("AppInfo"))],
        problems: &[Code::AppNotFound],
    },
    Route {
        method: "GET",
        path: "/v1/apps/{name}/component",
        id: "app_component",
        summary: "Gives the component that is in force, whose SHA-256 the ledger holds.",
        access: Access::Anybody,
        parameters: &[NAME],
        body: Body::None,
        answers: &[ok("The component.", Body::Bytes(headers::WASM))],
        problems: &[Code::AppNotFound, Code::AppNotReady],
    },
    Route {
        method: "PUT",
        path: "/v1/apps/{name}/component/{number}/{index}",
        id: "put_chunk",
        summary: "Hands in a piece of a component whose digest the members have set; from any user or member.",
        access: Access::Certificate,
        parameters: &[NAME, NUMBER, INDEX],
        body: Body::Bytes(headers::BYTES),
        answers: &[Answer {
            status: 200,
            description: "The piece is committed.",
            body: Body::Json("ChunkReply"),
            headers: &[headers::TRANSACTION_ID],
        }],
        problems: &[
            Code::NotLeader,
            Code::AppNotFound,
            Code::ChunkRefused,
            Code::InvalidBody,
            Code::Forbidden,
            Code::LeadershipLost,
            Code::AnswerTimeout,
            Code::StorageFull,
        ],
    },
    Route {
        method: "GET",
        path: "/v1/apps/{name}/openapi.json",
        id: "app_openapi",
        summary: "Gives the app's description of its own interface.",
        access: Access::Anybody,
        parameters: &[NAME],
        body: Body::None,
        answers: &[ok(
            "The app's OpenAPI document.",
            Body::Bytes(headers::JSON),
        )],
        problems: &[Code::AppNotFound, Code::AppNotReady],
    },
    Route {
        method: "GET",
        path: "/v1/apps/{name}/logs",
        id: "app_logs",
        summary: "Gives lines of the app's log from this replica's memory, to members and to the app's owner.",
        access: Access::Certificate,
        parameters: &[
            NAME,
            query(
                "after",
                ANY_NUMBER,
                "Only lines after this number: `next` of the answer before. Default 0.",
            ),
            query(
                "limit",
                Form::Integer(1, LOG_LINES_MAX as u64),
                "Lines of the answer, 1 to 1000; default 100.",
            ),
        ],
        body: Body::None,
        answers: &[ok("The lines.", Body::Json("AppLogReply"))],
        problems: &[Code::AppNotFound, Code::Forbidden],
    },
];

/// A call of an app with this method.
const fn call(method: &'static str, id: &'static str, body: Body) -> Route {
    Route {
        method,
        path: "/app/{name}/{path}",
        id,
        summary: "Calls an app; who may, what it takes and what it answers, its manifest and its own description say.",
        access: Access::Anybody,
        parameters: CALL_PARAMETERS,
        body,
        answers: CALL_ANSWERS,
        problems: CALL_PROBLEMS,
    }
}
