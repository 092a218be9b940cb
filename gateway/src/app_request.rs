//! Requests to apps, as the apps see them.
//!
//! Invariants
//! - path and query below an app are handed on byte for byte, but for the parameter `consistency`;
//! - an app sees no header of the connection, and none that is the service's own.

use bytes::Bytes;
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, header};
use hyper::body::Body;
use synod_api::{Consistency, headers};

use crate::app::{AppRequest, Call, app_name};
use crate::body::{Bounds, expect_no_body, read_whole};
use crate::conditions::{idempotency, invalid, single};
use crate::parameters::Parameters;
use crate::refusal::{Refused, quoted};

/// The headers that concern one connection (RFC 9110 section 7.6.1), beside those that `Connection`
/// names.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];
/// Headers of a request that have done their work here.
const TAKEN_OFF: &[&str] = &["host", "content-length", "expect", headers::IDEMPOTENCY_KEY];
/// How the names of the service's own headers begin.
const OWN: &str = "synod-";
const RECEIPT: HeaderName = HeaderName::from_static(headers::APP_RECEIPT);

/// Reads a request to an app; `path` is what follows the name.
pub(crate) async fn read_app<B>(
    name: &str,
    path: String,
    parts: &Parts,
    body: B,
    bounds: Bounds<'_>,
) -> Result<Call, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let app = app_name(name)?;
    let (query, consistency) = split_query(parts.uri.query())?;
    // Two types of one body would be bound as one.
    single(&parts.headers, &header::CONTENT_TYPE)?;
    let mut request = AppRequest {
        app,
        method: parts.method.as_str().to_owned(),
        path: if path.is_empty() { "/".into() } else { path },
        query,
        headers: app_headers(&parts.headers)?,
        body: Bytes::new(),
        local: consistency == Consistency::Local,
        receipt: wants_receipt(&parts.headers)?,
        idempotency: idempotency(&parts.headers)?,
    };
    if parts.method == Method::GET || parts.method == Method::HEAD {
        expect_no_body(&body)?;
    } else {
        request.body = read_whole(body, bounds).await?;
    }
    Ok(Call::Request(Box::new(request)))
}

/// Takes `consistency` off a query; all else stays as it is, in its order.
fn split_query(query: Option<&str>) -> Result<(Option<String>, Consistency), Refused> {
    let Some(query) = query else {
        return Ok((None, Consistency::default()));
    };
    let is_ours = |pair: &&str| pair.split('=').next() == Some("consistency");
    let (ours, theirs): (Vec<_>, Vec<_>) = query.split('&').partition(is_ours);
    if ours.is_empty() {
        return Ok((Some(query.to_owned()), Consistency::default()));
    }
    let ours = ours.join("&");
    let consistency = Parameters::read(Some(&ours), &["consistency"])?.consistency()?;
    let theirs = (!theirs.is_empty()).then(|| theirs.join("&"));
    Ok((theirs, consistency))
}

/// The header fields that an app gets. Their number and length were bounded when they were read.
fn app_headers(all: &HeaderMap) -> Result<Vec<(String, String)>, Refused> {
    let of_connection = connection_names(all);
    let mut handed_on = Vec::with_capacity(all.len());
    for (name, value) in all {
        let name = name.as_str();
        if is_of_connection(name) || TAKEN_OFF.contains(&name) || name.starts_with(OWN) {
            continue;
        }
        if of_connection.iter().any(|listed| listed == name) {
            continue;
        }
        handed_on.push((name.to_owned(), text(name, value)?));
    }
    Ok(handed_on)
}

/// Whether a header concerns one connection alone.
pub(crate) fn is_of_connection(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

/// Whether a header is the service's own, which no app sets and none sees.
pub(crate) fn is_own(name: &str) -> bool {
    name.starts_with(OWN)
}

fn connection_names(all: &HeaderMap) -> Vec<String> {
    let lists = all.get_all(CONNECTION).iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
}

fn text(name: &str, value: &HeaderValue) -> Result<String, Refused> {
    std::str::from_utf8(value.as_bytes())
        .map(str::to_owned)
        .map_err(|_| invalid(format!("the header `{name}` is not UTF-8")))
}

fn wants_receipt(all: &HeaderMap) -> Result<bool, Refused> {
    match single(all, &RECEIPT)? {
        None | Some("none") => Ok(false),
        Some("inline") => Ok(true),
        Some(other) => Err(invalid(format!(
            "`Synod-Receipt` is {}, not `inline` or `none`",
            quoted(other)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use synod_api::ErrorCode;

    use super::*;

    #[test]
    fn consistency_is_taken_off_and_the_rest_stays_as_it_is() {
        let local = Consistency::Local;
        let fresh = Consistency::Linearizable;
        for (query, rest, consistency) in [
            (None, None, fresh),
            (Some(""), Some(""), fresh),
            (Some("consistency=local"), None, local),
            (
                Some("a=1&consistency=local&&b=%41"),
                Some("a=1&&b=%41"),
                local,
            ),
            (Some("consistency=linearizable&a"), Some("a"), fresh),
            (
                Some("consistencyx=local"),
                Some("consistencyx=local"),
                fresh,
            ),
            (Some("c%6Fnsistency=x"), Some("c%6Fnsistency=x"), fresh),
        ] {
            let found = split_query(query).unwrap();
            assert_eq!(found, (rest.map(str::to_owned), consistency), "{query:?}");
        }
        for query in [
            "consistency=fresh",
            "consistency",
            "consistency=local&consistency=local",
        ] {
            let refused = split_query(Some(query)).unwrap_err();
            assert_eq!(refused.0.code, ErrorCode::InvalidParameter, "{query}");
        }
    }
}
