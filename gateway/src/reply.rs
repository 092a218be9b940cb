//! From a [`Reply`] to HTTP: status, headers and body, mapped once.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, RETRY_AFTER};
use http::{Method, Response, StatusCode, Uri};
use synod_api::{ErrorCode, PROBLEM_CONTENT_TYPE, Problem, headers};

use crate::app;
use crate::app_reply::render_app;
use crate::body::{AnswerShare, Content, ReplyBody};
use crate::place::{Own, Place};
use crate::port::{Answer, Refusal, Reply};
use crate::rendered::{Rendered, ascii, bytes, content, json};
use crate::watch::InWork;

/// Seconds after which it makes sense to ask again.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

/// Writes the answer to a request.
pub(crate) fn render(
    answer: Answer<Reply>,
    method: &Method,
    uri: &Uri,
    in_work: InWork,
    share: AnswerShare,
) -> Response<ReplyBody> {
    let rendered = match answer {
        Ok(reply) => render_reply(reply, uri),
        Err(Refusal::Leader { url }) => redirect(&url, uri),
        Err(Refusal::Problem(found)) => problem(&found, uri),
    };
    rendered.for_method(method).into_response(in_work, share)
}

/// About how many bytes the answer holds until it is sent.
pub(crate) fn held_bytes(answer: &Answer<Reply>) -> usize {
    match answer {
        Ok(Reply::Kv(reply)) => reply.held_bytes(),
        Ok(Reply::App(reply)) => reply.held_bytes(),
        Ok(Reply::Ledger(reply)) => reply.held_bytes(),
        Ok(Reply::Governance(reply)) => reply.held_bytes(),
        Ok(Reply::Network(_)) | Err(_) => 0,
    }
}

fn render_reply(reply: Reply, uri: &Uri) -> Rendered {
    match reply {
        Reply::Kv(reply) => reply.render(),
        Reply::App(reply) => render_about_app(reply, uri),
        Reply::Ledger(reply) => reply.render(),
        Reply::Governance(reply) => reply.render(),
        Reply::Network(reply) => reply.render(),
    }
}

fn render_about_app(reply: app::Reply, uri: &Uri) -> Rendered {
    match reply {
        app::Reply::Answered(answer) => render_app(*answer),
        app::Reply::Methods(methods) => app_methods(&methods, uri),
        app::Reply::List(reply) => json(&reply),
        app::Reply::Description(reply) => json(&reply),
        app::Reply::Component(pieces) => content(Content::Stream(pieces), headers::WASM),
        app::Reply::ChunkTaken(reply) => json(&reply).about(reply.transaction_id),
        app::Reply::OpenApi(text) => bytes(text, headers::JSON),
        app::Reply::Logs(reply) => json(&reply),
    }
}

/// Writes what the gateway itself has.
pub(crate) fn render_own(own: Own, method: &Method, in_work: InWork) -> Response<ReplyBody> {
    static DOCUMENT: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    let rendered = match own {
        Own::Home => home(),
        Own::OpenApi => {
            let document = DOCUMENT.get_or_init(|| synod_api::openapi_json().into());
            bytes(document.clone(), headers::JSON)
        }
    };
    rendered
        .for_method(method)
        .into_response(in_work, AnswerShare::default())
}

/// The page that says what this is. It loads nothing and runs nothing.
fn home() -> Rendered {
    const PAGE: &str = include_str!("home.html");
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
    let mut rendered = bytes(Bytes::from_static(PAGE.as_bytes()), headers::HTML);
    let policy = HeaderValue::from_static(POLICY);
    rendered.headers.insert(CONTENT_SECURITY_POLICY, policy);
    rendered
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
