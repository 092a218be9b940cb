//! An answer before it is sent: its head, and what it brings.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};
use serde::Serialize;
use synod_api::{TxId, TxStatus, headers};

use crate::body::{AnswerShare, Content, ReplyBody};
use crate::watch::InWork;

const TRANSACTION_ID: HeaderName = HeaderName::from_static(headers::TRANSACTION_ID);

/// The head of an answer, and its content.
pub(crate) struct Rendered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

impl Rendered {
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn pending(self, status: TxStatus) -> Self {
        if status == TxStatus::Pending {
            self.with_status(StatusCode::ACCEPTED)
        } else {
            self
        }
    }

    pub(crate) fn tagged(mut self, version: u64) -> Self {
        self.headers.insert(ETAG, ascii(&format!("\"{version}\"")));
        self
    }

    /// The head alone, where that is what the method asks for.
    pub(crate) fn for_method(mut self, method: &Method) -> Self {
        if method != Method::HEAD {
            return self;
        }
        if let Content::Whole(bytes) = &self.content {
            self.headers.insert(CONTENT_LENGTH, bytes.len().into());
        }
        self.content = Content::Whole(Bytes::new());
        self
    }

    pub(crate) fn about(mut self, id: TxId) -> Self {
        self.headers.insert(TRANSACTION_ID, ascii(&id.to_string()));
        self
    }

    pub(crate) fn into_response(self, in_work: InWork, share: AnswerShare) -> Response<ReplyBody> {
        let mut response = Response::new(ReplyBody::new(self.content, in_work, share));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        // No browser takes an answer for anything else than it says that it is.
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// A header's value out of text that is known to be ASCII.
pub(crate) fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("digits, names and quotes are visible ASCII")
}

/// An answer with this content, of this media type.
pub(crate) fn content(content: Content, media: &'static str) -> Rendered {
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Rendered {
        status: StatusCode::OK,
        headers,
        content,
    }
}

/// An answer with these bytes, of this media type.
pub(crate) fn bytes(bytes: Bytes, media: &'static str) -> Rendered {
    content(Content::Whole(bytes), media)
}

/// An answer in JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> Rendered {
    let text = serde_json::to_vec(value).expect("answers hold string keys only");
    bytes(text.into(), headers::JSON)
}
