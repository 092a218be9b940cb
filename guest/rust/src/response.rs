//! Answers, and what went wrong as an answer.

use serde::Serialize;

use crate::bindings::app::synod::app::http::{Field, Response};

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";
const TEXT: &str = "text/plain; charset=utf-8";

impl Response {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Bytes of some media type, with status 200.
    pub fn bytes(media_type: &str, body: Vec<u8>) -> Self {
        let answer = Self {
            body,
            ..Self::empty(200)
        };
        answer.with_header("content-type", media_type)
    }

    /// Text, with status 200.
    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(TEXT, text.into().into_bytes())
    }

    /// A value as JSON, with status 200.
    ///
    /// # Panics
    ///
    /// If the value cannot be JSON, such as a map whose keys are not text.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        let body = serde_json::to_vec(value).expect("the value can be written as JSON");
        Self::bytes(JSON, body)
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with one more header field, whose name is in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(Field {
            name: name.to_owned(),
            value: value.to_owned(),
        });
        self
    }
}

/// What went wrong, told to the caller as RFC 9457 has it: a status from 400 on, a code for programs and a sentence
/// for people. Nothing that the call wrote is kept, unless it asked for [`crate::keep_writes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    status: u16,
    code: String,
    title: String,
}

impl Problem {
    /// A problem.
    pub fn new(status: u16, code: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            title: title.into(),
        }
    }

    /// 400: the request is not as it must be.
    pub fn bad_request(title: impl Into<String>) -> Self {
        Self::new(400, "bad_request", title)
    }

    /// 403: the caller may not do this.
    pub fn forbidden(title: impl Into<String>) -> Self {
        Self::new(403, "forbidden", title)
    }

    /// 404: there is no such thing.
    pub fn not_found(title: impl Into<String>) -> Self {
        Self::new(404, "not_found", title)
    }

    /// 409: it does not go with what is there.
    pub fn conflict(title: impl Into<String>) -> Self {
        Self::new(409, "conflict", title)
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.code
    }
}

/// What a handler may return.
pub trait IntoResponse {
    /// As an answer.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut answer = Response::json(&self).with_status(status);
        PROBLEM.clone_into(&mut answer.headers[0].value);
        answer
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(answer) => answer.into_response(),
            Err(problem) => problem.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_json_with_its_status_code_and_title() {
        let answer = Problem::conflict("the room is full").into_response();
        assert_eq!(answer.status, 409);
        assert_eq!(answer.headers[0].value, PROBLEM);
        let body = br#"{"status":409,"code":"conflict","title":"the room is full"}"#;
        assert_eq!(answer.body, body);
    }
}
