//! Apps of a running service: what the ledger has of them, and calls with their proofs.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, Method, StatusCode};
use synod_api::{AppInfo, AppLogReply, AppsReply, BoundRequest, Problem, TxId, headers};
use synod_client::{
    Bound, ClientError, Repeat, ReplicaUrl, Request, Response, Service, verify_answer,
};
use synod_crypto::{Digest, sha256};
use synod_ledger::{Chain, ReceiptPolicy};

use crate::outcome::{Failure, Outcome};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);
/// How the problems of the service itself begin; an app's own answers begin otherwise.
const OWN_PROBLEM: &str = "urn:synod:problem:";

/// The apps of the service.
pub(crate) async fn list(service: &Service) -> Outcome<AppsReply> {
    Ok(service.call(&Request::get("/v1/apps")).await?.json()?)
}

/// One app.
pub(crate) async fn describe(service: &Service, name: &str) -> Outcome<AppInfo> {
    let path = format!("/v1/apps/{name}");
    Ok(service.call(&Request::get(path)).await?.json()?)
}

/// The component in force, if it has the digest that the ledger holds.
pub(crate) async fn component(service: &Service, name: &str, digest: &str) -> Outcome<Bytes> {
    let path = format!("/v1/apps/{name}/component");
    let component = service.call(&Request::get(path)).await?.body;
    let found = sha256(&[&component]).to_string();
    if found != digest {
        return Err(Failure::not_verified(format!(
            "the component that the service gives has the digest {found}, the ledger holds {digest}"
        )));
    }
    Ok(component)
}

/// Hands in a piece of a component.
pub(crate) async fn put_chunk(
    service: &Service,
    name: &str,
    number: u64,
    index: u32,
    bytes: Bytes,
) -> Outcome {
    let path = format!("/v1/apps/{name}/component/{number}/{index}");
    // The members' signature says which bytes the piece has: to hand it in twice changes nothing.
    let request = Request::new(Method::PUT, path, bytes, Repeat::Freely).with_type(headers::BYTES);
    service.call(&request).await?;
    Ok(())
}

/// Lines of an app's log from the memory of one replica.
pub(crate) async fn logs(
    service: &Service,
    url: &ReplicaUrl,
    name: &str,
    after: u64,
) -> Outcome<AppLogReply> {
    let path = format!("/v1/apps/{name}/logs?after={after}&limit=1000");
    Ok(service.ask(url, &Request::get(path)).await?.json()?)
}

/// A request to an app.
pub(crate) struct AppCall<'a> {
    pub(crate) app: &'a str,
    pub(crate) method: Method,
    /// Path below the app, and query.
    pub(crate) target: &'a str,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: Bytes,
    /// Ask the replica's own certified state.
    pub(crate) local: bool,
}

/// What an app answered.
pub(crate) struct AppAnswer {
    pub(crate) response: Response,
    /// The transaction, if something was written.
    pub(crate) transaction: Option<TxId>,
    /// What its receipt must bind.
    pub(crate) bound: Bound,
}

impl AppCall<'_> {
    fn request(&self) -> Outcome<Request> {
        let mut path = format!("/app/{}{}", self.app, self.target);
        if self.local {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.push_str("consistency=local");
        }
        let idempotent = self
            .headers
            .iter()
            .any(|(name, _)| name == headers::IDEMPOTENCY_KEY);
        let repeat = match self.method {
            Method::GET | Method::HEAD => Repeat::Freely,
            _ if idempotent => Repeat::Freely,
            _ => Repeat::Never,
        };
        let mut request = Request::new(self.method.clone(), path, self.body.clone(), repeat);
        for (name, value) in &self.headers {
            request = request.with_header(name.clone(), value)?;
        }
        if let Some(kind) = self.content_type {
            request = request.with_header(http::header::CONTENT_TYPE, kind)?;
        }
        Ok(request)
    }

    /// SHA-256 of the request's meaning, which the receipt binds.
    fn digest(&self) -> Digest {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target, None),
        };
        let bound = BoundRequest::App {
            app: self.app,
            method: self.method.as_str(),
            path,
            query,
            content_type: self.content_type,
            body: &self.body,
        };
        sha256(&[&bound.message()])
    }
}

/// Calls an app at whichever replica answers. An answer of the app is one whatever its status; a refusal of the
/// service is a failure.
pub(crate) async fn call(
    service: &Service,
    call: &AppCall<'_>,
    patience: Duration,
) -> Outcome<AppAnswer> {
    let request = call.request()?;
    let response = exchange(service, &request, patience).await?;
    if let Some(problem) = problem_of(&response) {
        return Err(ClientError::Problem(Box::new(problem)).into());
    }
    let transaction = match response.header(headers::TRANSACTION_ID) {
        Some(text) => Some(text.parse().map_err(|_| {
            Failure::broken(format!("{} names no proper transaction", response.url))
        })?),
        None => None,
    };
    let bound = Bound {
        request: call.digest(),
        status: response.status.as_u16(),
        response: sha256(&[&response.body]),
    };
    Ok(AppAnswer {
        response,
        transaction,
        bound,
    })
}

/// Fetches the receipt of an answer and verifies that it proves just this request and this answer.
pub(crate) async fn prove(
    service: &Service,
    chain: &Chain,
    answer: &AppAnswer,
    policy: &ReceiptPolicy,
) -> Outcome<Option<Bytes>> {
    let Some(id) = answer.transaction else {
        return Ok(None);
    };
    let receipt = match answer.response.header(headers::APP_RECEIPT) {
        Some(text) => STANDARD
            .decode(text)
            .map_err(|_| Failure::broken("the receipt that came along is no base64"))?
            .into(),
        None => service.receipt(id).await?,
    };
    verify_answer(&receipt, chain, policy, id, &answer.bound).map_err(|error| {
        Failure::not_verified(format!(
            "the receipt of transaction {id} proves nothing: {error}"
        ))
    })?;
    Ok(Some(receipt))
}

/// One request, to the leader where it is redirected, again where that may help and nothing was carried out.
async fn exchange(service: &Service, request: &Request, patience: Duration) -> Outcome<Response> {
    let deadline = Instant::now() + patience;
    let mut urls = service.replicas();
    let mut at = 0;
    loop {
        let outcome = attempt(service, &urls[at], request, deadline).await;
        let failure = match outcome {
            Ok(response) if response.status == StatusCode::TEMPORARY_REDIRECT => {
                let leader =
                    ReplicaUrl::of_location(response.header("location").unwrap_or_default())?;
                at = urls
                    .iter()
                    .position(|url| *url == leader)
                    .unwrap_or_else(|| {
                        urls.push(leader);
                        urls.len() - 1
                    });
                Failure::broken("the replicas name no leader that answers")
            }
            Ok(response) if !passes_by_itself(&response) => return Ok(response),
            Ok(_) => Failure::broken("the service is not ready"),
            Err(error) if may_repeat(&error, request.repeat) => {
                at = (at + 1) % urls.len();
                error.into()
            }
            Err(error) => return Err(error.into()),
        };
        if Instant::now() + PAUSE >= deadline {
            return Err(failure);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn attempt(
    service: &Service,
    url: &ReplicaUrl,
    request: &Request,
    deadline: Instant,
) -> Result<Response, ClientError> {
    let left = deadline.saturating_duration_since(Instant::now());
    service.connection(url).await?.exchange(request, left).await
}

fn may_repeat(error: &ClientError, repeat: Repeat) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Lost { .. } | ClientError::Timeout { .. } => repeat == Repeat::Freely,
        _ => false,
    }
}

/// The problem with which the service itself refused.
fn problem_of(response: &Response) -> Option<Problem> {
    if response.status.as_u16() < 400 {
        return None;
    }
    let problem: Problem = serde_json::from_slice(&response.body).ok()?;
    problem.kind.starts_with(OWN_PROBLEM).then_some(problem)
}

fn passes_by_itself(response: &Response) -> bool {
    use synod_api::ErrorCode::{AppNotReady, NoLeader, NotReady, Overloaded, ShuttingDown};
    problem_of(response).is_some_and(|problem| {
        matches!(
            problem.code,
            Overloaded | NoLeader | NotReady | ShuttingDown | AppNotReady
        )
    })
}
