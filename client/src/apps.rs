//! Apps: calls with their proofs, what the ledger has of them, their logs.
//!
//! An answer of an app is an answer whatever its status; only what the service itself refuses is an
//! error. Every call that may write has a fresh idempotency key, so that it can be repeated after a
//! lost connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use synod_api::{
    AppInfo, AppLogReply, AppsReply, BoundRequest, ChunkReply, PROBLEM_CONTENT_TYPE, Problem, TxId,
    headers,
};
use synod_crypto::sha256;
use synod_ledger::{Chain, Committed, ReceiptPolicy, Transaction};

use crate::app_pin::{AppPin, AppPinError};
use crate::bound::Bound;
use crate::error::ClientError;
use crate::idempotency::fresh_key;
use crate::ledger::{ReceiptFailure, RenewFailure, verify_answer};
use crate::memory::{MemoryError, ReceiptMemoryError};
use crate::request::{Repeat, Request, Response, expect_ok};
use crate::service::Service;
use crate::url::ReplicaUrl;

/// How the problems of the service begin.
const OWN_PROBLEM: &str = "urn:synod:problem:";

/// A request to an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppRequest {
    /// The method.
    pub method: Method,
    /// The path below `/app/{name}`, from `/` on, percent-encoded.
    pub path: String,
    /// The query without its `?`, percent-encoded.
    pub query: Option<String>,
    /// Header fields, but for `Content-Type`.
    pub headers: HeaderMap,
    /// The type of the body.
    pub content_type: Option<String>,
    /// The body; none with `GET` and `HEAD`.
    pub body: Bytes,
    /// Whether a replica may answer a request that only reads from its own certified state.
    pub local: bool,
    /// Whether the answer should contain the receipt.
    pub receipt: bool,
    /// The caller's own idempotency key, instead of a fresh one.
    pub idempotency_key: Option<String>,
}

/// What an app answered.
#[derive(Clone, Debug)]
pub struct AppAnswer {
    /// Which replica gave it.
    pub url: ReplicaUrl,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The call's transaction, or the newest one that a call that wrote nothing has seen.
    pub transaction_id: TxId,
    /// The receipt file, if it was requested and the answer contains it.
    pub receipt: Option<Bytes>,
    /// What a receipt of this call must bind.
    pub bound: Bound,
}

/// An app of a service.
#[derive(Clone, Debug)]
pub struct App {
    service: Service,
    name: String,
}

/// Why the component that a service gives is not the app's.
#[derive(Debug, thiserror::Error)]
pub enum ComponentFailure {
    /// The service did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No version is in force.
    #[error("no version of `{0}` is in force")]
    NotActive(String),
    /// The bytes are not those whose digest the service names. Whoever sent them is at fault.
    #[error("the component has the digest {found}, but the service names {expected}")]
    OtherDigest {
        /// What was computed.
        found: String,
        /// What the service says that the ledger has.
        expected: String,
    },
}

impl AppRequest {
    /// A request without query, headers and body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: None,
            headers: HeaderMap::new(),
            content_type: None,
            body: Bytes::new(),
            local: false,
            receipt: false,
            idempotency_key: None,
        }
    }

    /// A `GET`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A `POST` of JSON.
    pub fn post_json(path: impl Into<String>, json: impl Into<Bytes>) -> Self {
        Self {
            content_type: Some(headers::JSON.to_owned()),
            body: json.into(),
            ..Self::new(Method::POST, path)
        }
    }

    fn bound<'a>(&'a self, app: &'a str) -> BoundRequest<'a> {
        BoundRequest::App {
            app,
            method: self.method.as_str(),
            path: if self.path.is_empty() {
                "/"
            } else {
                &self.path
            },
            query: self.query.as_deref(),
            content_type: self.content_type.as_deref(),
            body: &self.body,
        }
    }

    fn to_request(&self, app: &str) -> Result<Request, ClientError> {
        let mut path = format!("/app/{app}{}", self.path);
        let local = self.local.then_some("consistency=local");
        let queries: Vec<&str> = self.query.as_deref().into_iter().chain(local).collect();
        if !queries.is_empty() {
            path = format!("{path}?{}", queries.join("&"));
        }
        let mut request =
            Request::new(self.method.clone(), path, self.body.clone(), Repeat::Freely);
        request.headers = self.headers.clone();
        if let Some(media) = &self.content_type {
            request = request.with_header(header::CONTENT_TYPE, media)?;
        }
        if self.receipt {
            let name = HeaderName::from_static(headers::APP_RECEIPT);
            request = request.with_header(name, "inline")?;
        }
        let name = HeaderName::from_static(headers::IDEMPOTENCY_KEY);
        match &self.idempotency_key {
            Some(key) => request.with_header(name, key),
            None if reads(&self.method) => Ok(request),
            None => request.with_header(name, &fresh_key()?),
        }
    }
}

fn reads(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

impl Service {
    /// An app of this service. Nothing is sent yet.
    pub fn app(&self, name: impl Into<String>) -> App {
        App {
            service: self.clone(),
            name: name.into(),
        }
    }

    /// The apps of this service, without their manifests.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn apps(&self) -> Result<AppsReply, ClientError> {
        self.call(&Request::get("/v1/apps")).await?.json()
    }
}

impl App {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls the app.
    ///
    /// # Errors
    /// [`ClientError`]; an answer of the app is not an error, whatever its status.
    pub async fn call(&self, request: &AppRequest) -> Result<AppAnswer, ClientError> {
        let outgoing = request.to_request(&self.name)?;
        let response = self.service.call_judged(&outgoing, expect_answer).await?;
        let receipt = match response.header(headers::APP_RECEIPT) {
            Some(text) => Some(read_receipt(&response, text)?),
            None => None,
        };
        Ok(AppAnswer {
            transaction_id: response.parse_header(headers::TRANSACTION_ID)?,
            bound: Bound {
                request: sha256(&[&request.bound(&self.name).message()]),
                status: response.status.as_u16(),
                response: sha256(&[&response.body]),
            },
            receipt,
            url: response.url,
            status: response.status,
            headers: response.headers,
            body: response.body,
        })
    }

    /// Verifies that the receipt of an answer proves just this request and this answer; it is
    /// fetched if it did not come with the answer, and renewed if the chain is newer. Only a call
    /// that wrote something has one.
    ///
    /// # Errors
    /// [`AppProofFailure`].
    pub async fn prove(
        &self,
        answer: &AppAnswer,
        chain: &Chain,
        policy: &ReceiptPolicy,
    ) -> Result<(Bytes, Committed<Transaction>), AppProofFailure> {
        let (id, bound) = (answer.transaction_id, &answer.bound);
        let file = match &answer.receipt {
            Some(file) => file.clone(),
            None => self.service.receipt(id).await?,
        };
        let (file, committed) = match verify_answer(&file, chain, policy, id, bound) {
            Err(failure) if failure.is_superseded() => {
                let file = self.service.renew_receipt(&file).await?;
                let committed = verify_answer(&file, chain, policy, id, bound)?;
                (file, committed)
            }
            judged => (file, judged?),
        };
        self.service.remember_receipt(chain, &file).await?;
        Ok((file, committed))
    }

    /// What the service says that the ledger has of the app, with its manifests.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn info(&self) -> Result<AppInfo, ClientError> {
        self.service
            .call(&Request::get(self.path("")))
            .await?
            .json()
    }

    /// Checks that the version in force is the one that the caller pinned.
    ///
    /// # Errors
    /// [`AppPinFailure`] names what differs.
    pub async fn check(&self, pin: &AppPin) -> Result<AppInfo, AppPinFailure> {
        let info = self.info().await?;
        pin.check(&info)?;
        Ok(info)
    }

    /// The component in force, checked against the digest that the service names.
    ///
    /// # Errors
    /// [`ComponentFailure`].
    pub async fn component(&self) -> Result<Bytes, ComponentFailure> {
        let active = self.info().await?.active;
        let active = active.ok_or_else(|| ComponentFailure::NotActive(self.name.clone()))?;
        let request = Request::get(self.path("/component"));
        let component = self.service.call(&request).await?.body;
        let found = sha256(&[&component]).to_string();
        if found != active.component {
            let expected = active.component;
            return Err(ComponentFailure::OtherDigest { found, expected });
        }
        Ok(component)
    }

    /// Uploads a chunk of the component of a pending version. The members' signatures say which
    /// bytes the chunk has, so the call may be repeated.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_chunk(
        &self,
        number: u64,
        index: u32,
        bytes: Bytes,
    ) -> Result<ChunkReply, ClientError> {
        let path = self.path(&format!("/component/{number}/{index}"));
        let request =
            Request::new(Method::PUT, path, bytes, Repeat::Freely).with_type(headers::BYTES);
        self.service.call(&request).await?.json()
    }

    /// Lines of the app's log from the memory of one replica, after the line `after`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn logs(
        &self,
        url: &ReplicaUrl,
        after: u64,
        limit: u32,
    ) -> Result<AppLogReply, ClientError> {
        let path = self.path(&format!("/logs?after={after}&limit={limit}"));
        self.service.ask(url, &Request::get(path)).await?.json()
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/apps/{}{rest}", self.name)
    }
}

/// Why an answer of an app is not proven.
#[derive(Debug, thiserror::Error)]
pub enum AppProofFailure {
    /// The receipt cannot be fetched.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It proves something else, or nothing.
    #[error(transparent)]
    Receipt(#[from] ReceiptFailure),
    /// It contradicts what this client has seen before.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The chain is newer than the receipt, and there is no newer receipt.
    #[error(transparent)]
    Renew(#[from] RenewFailure),
}

impl From<ReceiptMemoryError> for AppProofFailure {
    fn from(error: ReceiptMemoryError) -> Self {
        match error {
            ReceiptMemoryError::Malformed(error) => Self::Receipt(error.into()),
            ReceiptMemoryError::Refused(error) => Self::Receipt(error.into()),
            ReceiptMemoryError::Memory(error) => error.into(),
        }
    }
}

/// Why an app is not the one that was pinned.
#[derive(Debug, thiserror::Error)]
pub enum AppPinFailure {
    /// The service does not say which app it is.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It is a different app.
    #[error(transparent)]
    Pin(#[from] AppPinError),
}

/// Returns an answer of the app unchanged, and a refusal by the service as an error.
fn expect_answer(response: Response) -> Result<Response, ClientError> {
    if refuses(&response) {
        expect_ok(response)
    } else {
        Ok(response)
    }
}

/// Whether the service itself refused. Every answer of an app has a transaction; of the refusals
/// only those that speak of one.
fn refuses(response: &Response) -> bool {
    let is_problem = response.header("content-type") == Some(PROBLEM_CONTENT_TYPE);
    if response.status.is_success() || !is_problem {
        return false;
    }
    let Ok(problem) = response.json::<Problem>() else {
        return false;
    };
    let speaks_of_one = response.headers.contains_key(headers::TRANSACTION_ID);
    problem.kind.starts_with(OWN_PROBLEM) && speaks_of_one == problem.transaction_id.is_some()
}

fn read_receipt(response: &Response, text: &str) -> Result<Bytes, ClientError> {
    let decoded = STANDARD.decode(text).map(Bytes::from);
    decoded.map_err(|_| response.bad("the receipt that came along is no base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        Response {
            url: "https://127.0.0.1:8001".parse().unwrap(),
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn apps_answers_and_refusals_of_the_service_are_told_apart() {
        let problem = r#"{"type":"urn:synod:problem:app_trapped","title":"","status":500,"code":"app_trapped"}"#;
        let own = ("content-type", PROBLEM_CONTENT_TYPE);
        let of_app = (headers::TRANSACTION_ID, "2.17");
        assert!(expect_answer(response(404, &[of_app], "no such room")).is_ok());
        assert!(expect_answer(response(500, &[own, of_app], problem)).is_ok());
        let error = expect_answer(response(500, &[own], problem)).unwrap_err();
        assert_eq!(error.code(), Some(synod_api::ErrorCode::AppTrapped));
        let lost = Problem::new(synod_api::ErrorCode::LeadershipLost)
            .with_transaction(TxId { view: 2, seqno: 17 })
            .to_json();
        let lost = String::from_utf8(lost).unwrap();
        assert!(expect_answer(response(503, &[own, of_app], &lost)).is_err());
    }

    #[test]
    fn requests_are_spelled_as_they_are_bound() {
        let mut request = AppRequest::post_json("/a%2fb", "{}");
        request.query = Some("q=1".to_owned());
        request.local = true;
        request.receipt = true;
        let sent = request.to_request("bank").unwrap();
        assert_eq!(sent.path, "/app/bank/a%2fb?q=1&consistency=local");
        assert_eq!(sent.headers["synod-receipt"], "inline");
        assert_eq!(sent.headers["content-type"], "application/json");
        assert!(sent.headers.contains_key(headers::IDEMPOTENCY_KEY));
        let get = AppRequest::get("/x").to_request("bank").unwrap();
        assert!(!get.headers.contains_key(headers::IDEMPOTENCY_KEY));
        assert_ne!(
            request.bound("bank").message(),
            request.bound("other").message()
        );
    }
}
