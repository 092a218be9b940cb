//! One request as it goes to any replica, and one answer as it comes back.
//!
//! A [`Request`] knows no address, so it can be repeated elsewhere. Whether it *may* be repeated
//! after it was possibly carried out, it says itself: [`Repeat`].

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use synod_api::headers;

use crate::error::ClientError;
use crate::url::ReplicaUrl;

/// Whether a request may be sent again although it may have taken effect already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It reads, or has an idempotency key.
    Freely,
    /// Only if it was surely never carried out.
    Never,
}

/// A request to whichever replica answers it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, from `/` on.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether it may be repeated.
    pub repeat: Repeat,
}

impl Request {
    /// A `GET`, which can be repeated.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, Bytes::new(), Repeat::Freely)
    }

    /// A `POST` of JSON.
    pub fn post_json(path: impl Into<String>, body: &impl Serialize, repeat: Repeat) -> Self {
        let body = serde_json::to_vec(body).expect("the types of the interface are JSON");
        Self::new(Method::POST, path, body.into(), repeat).with_type(headers::JSON)
    }

    /// A `POST` of CBOR.
    pub fn post_cbor(path: impl Into<String>, body: impl Into<Bytes>, repeat: Repeat) -> Self {
        Self::new(Method::POST, path, body.into(), repeat).with_type(headers::CBOR)
    }

    /// A request without headers.
    pub fn new(method: Method, path: impl Into<String>, body: Bytes, repeat: Repeat) -> Self {
        Self {
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body,
            repeat,
        }
    }

    /// Whether it carries what belongs to a user: values, calls of apps, what is watched. Other
    /// requests are public, or carry what members and replicas signed.
    pub(crate) fn is_users(&self) -> bool {
        let of_users = ["/v1/kv/", "/app/", "/v1/watch"];
        of_users.iter().any(|begin| self.path.starts_with(begin))
    }

    /// Names the media type of the body.
    pub fn with_type(mut self, media_type: &'static str) -> Self {
        self.headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(media_type),
        );
        self
    }

    /// Adds a header.
    ///
    /// # Errors
    /// [`ClientError::BadRequest`], if the value has characters that HTTP does not carry.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Result<Self, ClientError> {
        let value = HeaderValue::from_str(value).map_err(|_| {
            ClientError::BadRequest(format!("`{value}` is not allowed in the header `{name}`"))
        })?;
        self.headers.insert(name, value);
        Ok(self)
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// Which replica gave it.
    pub url: ReplicaUrl,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// A header's value, if it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON of the expected type.
    ///
    /// # Errors
    /// [`ClientError::BadAnswer`], if it is not.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| self.bad(format!("its JSON is wrong: {error}")))
    }

    /// A header that must be there, read as a `T`.
    pub(crate) fn parse_header<T: std::str::FromStr>(&self, name: &str) -> Result<T, ClientError> {
        self.header(name)
            .and_then(|text| text.trim_matches('"').parse().ok())
            .ok_or_else(|| self.bad(format!("it lacks a proper header `{name}`")))
    }

    /// The error that says what is wrong with this answer.
    pub(crate) fn bad(&self, what: impl Into<String>) -> ClientError {
        ClientError::BadAnswer {
            url: self.url.clone(),
            what: what.into(),
        }
    }
}

/// The answer, if it is a success.
pub(crate) fn expect_ok(response: Response) -> Result<Response, ClientError> {
    if response.status.is_success() {
        return Ok(response);
    }
    Err(match response.json() {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        Err(_) => response.bad(format!(
            "status {} without problem details",
            response.status
        )),
    })
}
