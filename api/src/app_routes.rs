//! The routes of apps and of watching, part of the table of all routes.

use crate::headers;
use crate::problem::ErrorCode as Code;
use crate::route::{
    Access, Answer, Body, IDEMPOTENCY, Parameter, Place, Route, header, ok, path, query,
};

const NAME: Parameter = path("name", "^[a-z][a-z0-9-]{0,31}$", "The app.");
const NUMBER: Parameter = path(
    "number",
    "^[1-9][0-9]{0,18}$",
    "The number of the version that waits for its component.",
);
const INDEX: Parameter = path(
    "index",
    "^[0-9]{1,2}$",
    "Which piece of 512 KiB, from 0; only the last may be shorter.",
);
const CALL_PARAMETERS: &[Parameter] = &[
    NAME,
    path(
        "path",
        "",
        "What the app is asked for: one or more segments, handed on as they are spelled. No segment may be empty, \
         `.` or `..`, encoded or not, and none may hold an encoded `/`, `\\` or NUL.",
    ),
    query(
        "consistency",
        "^(linearizable|local)$",
        "For routes that only read. `linearizable` (default): the replica asks the leader how far it must be. \
         `local`: it answers from its own certified state. Taken off the query; all else in it is the app's.",
    ),
    header(
        headers::APP_RECEIPT,
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

/// A call of an app with this method.
pub(crate) const fn call(method: &'static str, id: &'static str, body: Body) -> Route {
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

pub(crate) const LIST: Route = Route {
    method: "GET",
    path: "/v1/apps",
    id: "apps",
    summary: "Lists the apps, from this replica's certified state.",
    access: Access::Anybody,
    parameters: &[],
    body: Body::None,
    answers: &[ok("The apps.", Body::Json("AppsReply"))],
    problems: &[],
};

pub(crate) const DESCRIBE: Route = Route {
    method: "GET",
    path: "/v1/apps/{name}",
    id: "app",
    summary: "Describes an app: its versions with their digests and manifests, and how the newest setting went.",
    access: Access::Anybody,
    parameters: &[NAME],
    body: Body::None,
    answers: &[ok("The app.", Body::Json("AppInfo"))],
    problems: &[Code::AppNotFound],
};

pub(crate) const COMPONENT: Route = Route {
    method: "GET",
    path: "/v1/apps/{name}/component",
    id: "app_component",
    summary: "Gives the component that is in force, whose SHA-256 the ledger holds.",
    access: Access::Anybody,
    parameters: &[NAME],
    body: Body::None,
    answers: &[ok("The component.", Body::Bytes(headers::WASM))],
    problems: &[Code::AppNotFound, Code::AppNotReady],
};

pub(crate) const CHUNK: Route = Route {
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
        Code::Forbidden,
        Code::LeadershipLost,
        Code::AnswerTimeout,
        Code::StorageFull,
    ],
};

pub(crate) const DESCRIPTION: Route = Route {
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
};

pub(crate) const LOGS: Route = Route {
    method: "GET",
    path: "/v1/apps/{name}/logs",
    id: "app_logs",
    summary: "Gives lines of the app's log from this replica's memory, to members and to the app's owner.",
    access: Access::Certificate,
    parameters: &[
        NAME,
        query(
            "after",
            "^[0-9]{1,19}$",
            "Only lines after this number: `next` of the answer before. Default 0.",
        ),
        query(
            "limit",
            "^[0-9]{1,4}$",
            "Lines of the answer, 1 to 1000; default 100.",
        ),
    ],
    body: Body::None,
    answers: &[ok("The lines.", Body::Json("AppLogReply"))],
    problems: &[Code::AppNotFound, Code::Forbidden],
};

pub(crate) const WATCH: Route = Route {
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
            pattern: "^[a-z0-9._:-]{1,128}$",
        },
        query(
            "prefix",
            "",
            "Only keys that begin with these bytes, percent-encoded.",
        ),
        query(
            "from",
            "^[0-9]{1,19}$",
            "Changes after the transaction with this sequence number; without it, from now on.",
        ),
        header(
            headers::LAST_EVENT_ID,
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
};
