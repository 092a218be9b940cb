//! From HTTP to a [`Call`]: the place is found here, each domain reads its own requests. Strict everywhere.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use hyper::body::Body;
use synod_api::ErrorCode;
use synod_api::limits::{HEADER_FIELDS_MAX, URI_BYTES_MAX};

use crate::app_request::read_app;
use crate::body::{Bounds, expect_no_body};
use crate::parameters::parameters;
use crate::place::Place;
use crate::port::{Call, Caller};
use crate::refusal::{Refused, quoted, refuse};
use crate::{app, governance, kv, ledger, network};

/// What a request asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Something that the replica answers.
    Call(Call),
    /// The description of the interface, which the gateway has.
    OpenApi,
}

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
    if let Place::App { name, path } = place {
        let (name, path) = (name.to_owned(), path.to_owned());
        let call = read_app(&name, path, parts, body, bounds).await?;
        return Ok(Asked::Call(Call::App(call)));
    }
    if parts.method == Method::GET || parts.method == Method::DELETE {
        expect_no_body(&body)?;
        return read_plain(place, parts);
    }
    read_with_body(place, parts, body, bounds)
        .await
        .map(Asked::Call)
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

/// Requests without a body.
fn read_plain(place: Place<'_>, parts: &Parts) -> Result<Asked, Refused> {
    let call = match place {
        Place::Key { map, key } => Call::Kv(kv::read_key_request(map, key, parts)?),
        Place::Map { map } => Call::Kv(kv::read_page(map, parts)?),
        Place::Txn => Call::Kv(kv::read_page("txn", parts)?),
        Place::Watch => Call::Kv(kv::read_watch(parts)?),
        Place::AppLogs { name } => Call::App(app::read_logs(name, parts)?),
        Place::Ledger => Call::Ledger(ledger::Call::Records {
            from: parameters(parts, &["from"])?.first_index()?,
        }),
        Place::Attestation => Call::Network(network::Call::Attest {
            nonce: parameters(parts, &["nonce"])?.nonce()?,
        }),
        Place::Session => Call::Network(network::Call::Session {
            nonce: parameters(parts, &["nonce"])?.nonce()?,
        }),
        other => {
            parameters(parts, &[])?;
            return read_bare(other);
        }
    };
    Ok(Asked::Call(call))
}

/// Requests that are all said by their path.
fn read_bare(place: Place<'_>) -> Result<Asked, Refused> {
    Ok(Asked::Call(match place {
        Place::Transaction { id } => Call::Ledger(ledger::Call::Status(ledger::read_id(id)?)),
        Place::Receipt { id } => Call::Ledger(ledger::Call::Receipt(ledger::read_id(id)?)),
        Place::Chain => Call::Ledger(ledger::Call::Chain),
        Place::Network => Call::Network(network::Call::Describe),
        Place::Live => Call::Network(network::Call::Live),
        Place::Ready => Call::Network(network::Call::Ready),
        Place::Metrics => Call::Network(network::Call::Metrics),
        Place::Governance => Call::Governance(governance::Call::Describe),
        Place::OpenApi => return Ok(Asked::OpenApi),
        Place::Apps => Call::App(app::Call::List),
        Place::AppInfo { name } => Call::App(app::Call::Describe {
            name: app::app_name(name)?,
        }),
        Place::AppComponent { name } => Call::App(app::Call::Component {
            name: app::app_name(name)?,
        }),
        Place::AppDescription { name } => Call::App(app::Call::OpenApi {
            name: app::app_name(name)?,
        }),
        other => unreachable!("{other:?} has a body or parameters"),
    }))
}

/// Requests with a body: `PUT` and `POST`.
async fn read_with_body<B>(
    place: Place<'_>,
    parts: &Parts,
    body: B,
    bounds: Bounds<'_>,
) -> Result<Call, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    use governance::Call as Governance;
    Ok(match place {
        Place::Key { map, key } => Call::Kv(kv::read_put(map, key, parts, body, bounds).await?),
        Place::Txn => Call::Kv(kv::read_txn(parts, body, bounds).await?),
        Place::AppChunk {
            name,
            number,
            index,
        } => Call::App(app::read_chunk((name, number, index), parts, body, bounds).await?),
        Place::Actions => Call::Governance(governance::read_act(parts, body, bounds).await?),
        other => {
            let call = match other {
                Place::Join => Governance::Join,
                Place::JoinKeys => Governance::JoinKeys,
                Place::Bootstrap => Governance::Bootstrap,
                _ => unreachable!("{other:?} takes no body"),
            };
            Call::Governance(governance::read_cbor(call, parts, body, bounds).await?)
        }
    })
}
