//! From HTTP to a [`Call`]: the place is found here, each domain reads its own requests. Strict
//! everywhere.

use bytes::Bytes;
use http::Method;
use http::header::{HOST, HeaderValue, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use hyper::body::Body;
use synod_api::ErrorCode;
use synod_api::limits::{HEADER_FIELDS_MAX, URI_BYTES_MAX};

use crate::app;
use crate::app_request::read_app;
use crate::body::{Bounds, expect_no_body};
use crate::place::{Asked, Place};
use crate::port::{Call, Caller};
use crate::refusal::{Refused, quoted, refuse};

/// Reads a request whole: place, parameters, headers and body.
pub(crate) async fn read_request<B>(
    parts: &Parts,
    body: B,
    caller: Caller,
    bounds: Bounds<'_>,
) -> Result<Asked, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    check_head(parts)?;
    let place = find_place(parts)?;
    if place.needs_certificate() && caller.fingerprint.is_none() {
        return Err(ErrorCode::CertificateRequired.into());
    }
    check_origin(parts, caller)?;
    if let Place::App(app::Place::Below { name, path }) = place {
        let call = read_app(name, path.to_owned(), parts, body, bounds).await?;
        return Ok(Asked::Call(Call::App(call)));
    }
    if parts.method != Method::PUT && parts.method != Method::POST {
        expect_no_body(&body)?;
        return place.read(parts);
    }
    let call = place.read_with_body(parts, body, bounds).await?;
    Ok(Asked::Call(call))
}

fn check_head(parts: &Parts) -> Result<(), Refused> {
    let length = parts
        .uri
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    if length > URI_BYTES_MAX {
        return Err(refuse(
            ErrorCode::UriTooLong,
            format!("they have {length} bytes"),
        ));
    }
    let fields = parts.headers.len();
    if fields > HEADER_FIELDS_MAX {
        return Err(refuse(
            ErrorCode::HeadersTooLarge,
            format!("there are {fields} fields"),
        ));
    }
    let hosts = parts.headers.get_all(http::header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && parts.version == http::Version::HTTP_11) {
        let detail = "an HTTP/1.1 request has the header `Host` exactly once";
        return Err(refuse(ErrorCode::MalformedRequest, detail));
    }
    Ok(())
}

/// A browser sends the certificate of its user with whatever a page asks for. A page of another
/// origin, which `Origin` names (RFC 6454 section 7), does not act in that user's name.
fn check_origin(parts: &Parts, caller: Caller) -> Result<(), Refused> {
    let Some(origin) = parts.headers.get(ORIGIN) else {
        return Ok(());
    };
    let host = parts.uri.authority().map(Authority::as_str).map_or_else(
        || parts.headers.get(HOST).map(HeaderValue::as_bytes),
        |authority| Some(authority.as_bytes()),
    );
    let origin_host = origin.as_bytes().strip_prefix(b"https://");
    let is_own = origin_host
        .zip(host)
        .is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host));
    if is_own || caller.fingerprint.is_none() {
        return Ok(());
    }
    let origin = String::from_utf8_lossy(origin.as_bytes());
    let detail = format!("it comes from a page of {}", quoted(&origin));
    Err(refuse(ErrorCode::CrossOrigin, detail))
}

fn find_place(parts: &Parts) -> Result<Place<'_>, Refused> {
    let path = parts.uri.path();
    let Some(place) = Place::find(path) else {
        let refused = refuse(
            ErrorCode::RouteNotFound,
            format!("{} leads nowhere", quoted(path)),
        );
        if path.starts_with("/v1/kv/") {
            return Err(refused.with_hint("write a `/` in a key as `%2F`: `/v1/kv/{map}/{key}`"));
        }
        return Err(refused);
    };
    if !place.takes(&parts.method) {
        let detail = format!("it takes {}", place.allow());
        return Err(refuse(ErrorCode::MethodNotAllowed, detail));
    }
    Ok(place)
}
