//! Answers of apps, as HTTP: whatever an app answers, the answer stays one of this interface.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::StatusCode;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue,
};
use synod_api::headers;
use synod_api::limits::APP_RECEIPT_BYTES_MAX;

use crate::app::AppAnswer;
use crate::app_request::{is_of_connection, is_own};
use crate::body::Content;
use crate::rendered::{Rendered, ascii};

const RECEIPT: HeaderName = HeaderName::from_static(headers::APP_RECEIPT);
/// What a page of an app may do in a browser; above all not act with the origin of the service.
const SANDBOX: &str = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts";
/// Headers that speak for the whole host, where other apps and the service itself answer too.
const OF_THE_HOST: &[&str] = &["alt-svc", "clear-site-data", "strict-transport-security"];

/// Writes the answer of an app.
pub(crate) fn render_app(answer: AppAnswer) -> Rendered {
    let status = status(answer.status);
    let mut headers = app_headers(&answer.headers);
    let body = if has_body(status) {
        answer.body
    } else {
        Bytes::new()
    };
    if !body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(headers::BYTES));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    // In a browser, pages of an app have an origin of their own, and no other app's pages or the
    // service's interface share it (Content Security Policy Level 3, section 6.3.2).
    headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    if let Some(receipt) = answer
        .receipt
        .filter(|file| file.len() <= APP_RECEIPT_BYTES_MAX)
    {
        headers.insert(RECEIPT, ascii(&STANDARD.encode(receipt)));
    }
    let rendered = Rendered {
        status,
        headers,
        content: Content::Whole(body),
    };
    rendered.about(answer.transaction)
}

/// The status of the answer; 500 where the app's is out of range, which the executor should have
/// refused.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Statuses whose answers end with their head (RFC 9110 section 6.4.1).
fn has_body(status: StatusCode) -> bool {
    !matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

/// The header fields that an app may set; others, and malformed ones, are left out.
fn app_headers(fields: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(fields.len() + 4);
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        let hindered = is_of_connection(&name)
            || is_own(&name)
            || OF_THE_HOST.contains(&name.as_str())
            || name == CONTENT_LENGTH.as_str();
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
        else {
            continue;
        };
        if !hindered {
            headers.append(name, value);
        }
    }
    headers
}
