//! From a [`Reply`] to HTTP: status, headers and body, mapped once.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use http::{Method, Response, StatusCode, Uri};
use serde::Serialize;
use synod_api::{
    Entry, ErrorCode, OperationResult, PROBLEM_CONTENT_TYPE, Problem, TxStatus, headers,
};

use crate::app_reply::render_app;
use crate::body::{AnswerShare, Content, ReplyBody};
use crate::place::Place;
use crate::port::Reply;
use crate::rendered::{Rendered, ascii};
use crate::watch::InWork;

/// Seconds after which it makes sense to ask again.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

/// Writes the answer to a request.
pub(crate) fn render(
    reply: Reply,
    method: &Method,
    uri: &Uri,
    in_work: InWork,
    share: AnswerShare,
) -> Response<ReplyBody> {
    let rendered = render_reply(reply, uri);
    let rendered = if method == Method::HEAD {
        rendered.without_body()
    } else {
        rendered
    };
    rendered.into_response(in_work, share)
}

/// About how many bytes the answer holds until it is sent. Of a stream none: it is bounded where it is made.
pub(crate) fn held_bytes(reply: &Reply) -> usize {
    match reply {
        Reply::Value { value, .. } => value.len(),
        Reply::Transacted(reply) => reply.results.iter().map(result_bytes).sum(),
        Reply::Listed(reply) => reply.entries.iter().map(entry_bytes).sum(),
        Reply::Receipt { file, .. } => file.len(),
        Reply::Chain(bytes) | Reply::Cbor(bytes) | Reply::AppDescription(bytes) => bytes.len(),
        Reply::App(answer) => answer.body.len(),
        _ => 0,
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

fn render_reply(reply: Reply, uri: &Uri) -> Rendered {
    match reply {
        Reply::Value {
            value,
            version,
            as_of,
        } => bytes(value, headers::BYTES).tagged(version).about(as_of),
        Reply::Written(reply) => {
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
        Reply::Transacted(reply) => json(&reply)
            .pending(reply.status)
            .about(reply.transaction_id),
        Reply::Listed(reply) => json(&reply).about(reply.transaction_id),
        Reply::Status(reply) => json(&reply),
        Reply::Receipt { transaction, file } => bytes(file, headers::RECEIPT).about(transaction),
        Reply::Chain(file) => bytes(file, headers::CHAIN),
        Reply::Attestation(reply) => json(&reply),
        Reply::Session(reply) => json(&reply),
        Reply::Network(reply) => json(&reply),
        Reply::Governance(reply) => json(&reply),
        Reply::Acted(reply) => json(&reply).about(reply.transaction_id),
        Reply::Cbor(bytes_) => bytes(bytes_, headers::CBOR),
        Reply::Ledger(records) => content(Content::Stream(records), headers::LEDGER),
        Reply::Health(health) => {
            let status = if health.ok {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            json(&health).with_status(status)
        }
        Reply::Metrics(text) => bytes(text.into(), headers::METRICS),
        Reply::App(answer) => render_app(*answer),
        Reply::AppMethods(methods) => app_methods(&methods, uri),
        Reply::Apps(reply) => json(&reply),
        Reply::AppInfo(reply) => json(&reply),
        Reply::Component(pieces) => content(Content::Stream(pieces), headers::WASM),
        Reply::ChunkTaken(reply) => json(&reply).about(reply.transaction_id),
        Reply::AppDescription(text) => bytes(text, headers::JSON),
        Reply::AppLogs(reply) => json(&reply),
        Reply::Events(events) => content(Content::Stream(events), headers::EVENTS),
        Reply::Leader { url } => redirect(&url, uri),
        Reply::Problem(found) => problem(&found, uri),
    }
}

/// Writes the description of the interface.
pub(crate) fn render_openapi(in_work: InWork) -> Response<ReplyBody> {
    static DOCUMENT: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    let document = DOCUMENT.get_or_init(|| synod_api::openapi_json().into());
    bytes(document.clone(), headers::JSON).into_response(in_work, AnswerShare::default())
}

fn content(content: Content, media: &'static str) -> Rendered {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Rendered {
        status: StatusCode::OK,
        headers,
        content,
    }
}

fn bytes(bytes: Bytes, media: &'static str) -> Rendered {
    content(Content::Whole(bytes), media)
}

fn json<T: Serialize>(value: &T) -> Rendered {
    let text = serde_json::to_vec(value).expect("answers hold string keys only");
    bytes(text.into(), headers::JSON)
}

fn problem(problem: &Problem, uri: &Uri) -> Rendered {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = Bytes::from(problem.to_json());
    let mut rendered = bytes(body, PROBLEM_CONTENT_TYPE).with_status(status);
    if let Some(id) = problem.transaction_id {
        rendered = rendered.about(id);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        rendered.headers.insert(RETRY_AFTER, RETRY_AFTER_S);
    }
    if let (StatusCode::METHOD_NOT_ALLOWED, Some(place)) = (status, Place::find(uri.path())) {
        rendered
            .headers
            .insert(ALLOW, HeaderValue::from_static(place.allow()));
    }
    rendered
}

/// The route of an app exists, for these methods.
fn app_methods(methods: &[&'static str], uri: &Uri) -> Rendered {
    let list = methods.join(", ");
    let found =
        Problem::new(ErrorCode::AppMethodNotAllowed).with_detail(format!("it takes {list}"));
    let mut rendered = problem(&found, uri);
    rendered.headers.insert(ALLOW, ascii(&list));
    rendered
}

fn redirect(leader: &str, uri: &Uri) -> Rendered {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(location) = HeaderValue::from_str(&format!("{}{path}", leader.trim_end_matches('/')))
    else {
        return problem(&ErrorCode::Internal.into(), uri);
    };
    let mut rendered = problem(&ErrorCode::NotLeader.into(), uri);
    rendered.headers.insert(LOCATION, location);
    rendered
}
