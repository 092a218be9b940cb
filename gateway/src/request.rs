//! From HTTP to a [`Call`]: one function per family of places, each strict.

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use hyper::body::Body;
use synod_api::limits::{
    ACTION_BYTES_MAX, ACTION_SIGNATURES_MAX, HEADER_FIELDS_MAX, KEY_BYTES_MAX, MAP_NAME_BYTES_MAX,
    TXN_STEPS_MAX, URI_BYTES_MAX, VALUE_BYTES_MAX,
};
use synod_api::{
    ActionRequest, ErrorCode, Expectation, Operation, TxId, TxnRequest, headers, percent_decode,
};

use crate::app_request::{app_name, chunk_place, read_app, read_chunk};
use crate::body::{Bounds, expect_no_body, read_body, read_whole};
use crate::conditions::{condition, idempotency, last_event, media_type};
use crate::parameters::Parameters;
use crate::place::Place;
use crate::port::{Call, Caller, Key, WriteMode};
use crate::refusal::{Refused, quoted, refuse};

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
        return read_app(&name, path, parts, body, bounds)
            .await
            .map(Asked::Call);
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
        Place::Key { map, key } if parts.method == Method::DELETE => Call::Delete {
            at: read_key(map, key)?,
            condition: condition(&parts.headers)?,
            mode: write_mode(parts)?,
        },
        Place::Key { map, key } => Call::Get {
            at: read_key(map, key)?,
            consistency: parameters(parts, &["consistency"])?.consistency()?,
        },
        Place::Map { map } => read_page(map, parts)?,
        Place::Txn => read_page("txn", parts)?,
        Place::Ledger => Call::Ledger {
            from: parameters(parts, &["from"])?.first_index()?,
        },
        Place::Attestation => Call::Attest {
            nonce: parameters(parts, &["nonce"])?.nonce()?,
        },
        Place::Session => Call::Session {
            nonce: parameters(parts, &["nonce"])?.nonce()?,
        },
        Place::AppLogs { name } => {
            let (after, limit) = parameters(parts, &["after", "limit"])?.lines()?;
            let name = app_name(name)?;
            Call::AppLogs { name, after, limit }
        }
        Place::Watch => read_watch(parts)?,
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
        Place::Transaction { id } => Call::Status(read_id(id)?),
        Place::Receipt { id } => Call::Receipt(read_id(id)?),
        Place::Chain => Call::Chain,
        Place::Network => Call::Network,
        Place::Governance => Call::Governance,
        Place::Live => Call::Live,
        Place::Ready => Call::Ready,
        Place::Metrics => Call::Metrics,
        Place::OpenApi => return Ok(Asked::OpenApi),
        Place::Apps => Call::Apps,
        Place::AppInfo { name } => Call::AppInfo {
            name: app_name(name)?,
        },
        Place::AppComponent { name } => Call::AppComponent {
            name: app_name(name)?,
        },
        Place::AppDescription { name } => Call::AppDescription {
            name: app_name(name)?,
        },
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
    match place {
        Place::Key { map, key } => {
            let at = read_key(map, key)?;
            let condition = condition(&parts.headers)?;
            let mode = write_mode(parts)?;
            let value = read_value(body, bounds).await?;
            Ok(Call::Put {
                at,
                value,
                condition,
                mode,
            })
        }
        Place::Txn => {
            media_type(&parts.headers, headers::JSON)?;
            let mode = write_mode(parts)?;
            let txn: TxnRequest = read_json(body, bounds).await?;
            check_txn(&txn)?;
            Ok(Call::Transact { txn, mode })
        }
        Place::Actions => {
            media_type(&parts.headers, headers::JSON)?;
            let receipt = parameters(parts, &["receipt"])?.receipt()?;
            let request: ActionRequest = read_json(body, bounds).await?;
            Ok(Call::Act {
                signatures: read_signatures(request)?,
                receipt,
            })
        }
        Place::AppChunk {
            name,
            number,
            index,
        } => {
            parameters(parts, &[])?;
            let place = chunk_place(name, number, index)?;
            read_chunk(place, body, bounds).await
        }
        other => {
            media_type(&parts.headers, headers::CBOR)?;
            parameters(parts, &[])?;
            let bytes = read_whole(body, bounds).await?;
            Ok(match other {
                Place::Join => Call::Join(bytes),
                Place::JoinKeys => Call::JoinKeys(bytes),
                Place::Bootstrap => Call::Bootstrap(bytes),
                _ => unreachable!("{other:?} takes no body"),
            })
        }
    }
}

fn read_watch(parts: &Parts) -> Result<Call, Refused> {
    let mut watching = parameters(parts, &["map", "prefix", "from"])?.watching()?;
    check_map(&watching.map)?;
    // A browser that connects again repeats its first URL, and says here how far it came.
    watching.from = last_event(&parts.headers)?.or(watching.from);
    Ok(Call::Watch(watching))
}

fn parameters<'a>(
    parts: &'a Parts,
    allowed: &'static [&'static str],
) -> Result<Parameters<'a>, Refused> {
    Parameters::read(parts.uri.query(), allowed)
}

fn write_mode(parts: &Parts) -> Result<WriteMode, Refused> {
    let parameters = parameters(parts, &["wait", "receipt"])?;
    let (pending, receipt) = (parameters.pending()?, parameters.receipt()?);
    if pending && receipt {
        let detail = "`receipt=inline` needs the commit, and `wait=none` does not wait for it";
        return Err(refuse(ErrorCode::InvalidParameter, detail));
    }
    Ok(WriteMode {
        pending,
        receipt,
        idempotency: idempotency(&parts.headers)?,
    })
}

fn read_page(map: &str, parts: &Parts) -> Result<Call, Refused> {
    const ALLOWED: &[&str] = &["prefix", "from", "to", "limit", "cursor", "consistency"];
    let parameters = parameters(parts, ALLOWED)?;
    check_map(map)?;
    Ok(Call::List {
        page: parameters.page(map.to_owned())?,
        consistency: parameters.consistency()?,
    })
}

fn read_key(map: &str, key: &str) -> Result<Key, Refused> {
    check_map(map)?;
    let key = percent_decode(key)
        .ok_or_else(|| refuse(ErrorCode::InvalidKey, "its percent-encoding is broken"))?;
    check_key(&key)?;
    Ok(Key {
        map: map.to_owned(),
        key,
    })
}

fn check_map(map: &str) -> Result<(), Refused> {
    let fits = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'.' | b'_' | b':' | b'-')
    };
    if map.is_empty() || map.len() > MAP_NAME_BYTES_MAX || !map.bytes().all(fits) {
        return Err(refuse(
            ErrorCode::InvalidMapName,
            format!("it is {}", quoted(map)),
        ));
    }
    Ok(())
}

fn check_key(key: &[u8]) -> Result<(), Refused> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(refuse(
            ErrorCode::InvalidKey,
            format!("it has {} bytes", key.len()),
        ));
    }
    Ok(())
}

fn check_value(value: &[u8]) -> Result<(), Refused> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(refuse(
            ErrorCode::ValueTooLarge,
            format!("it has {} bytes", value.len()),
        ));
    }
    Ok(())
}

fn read_id(text: &str) -> Result<TxId, Refused> {
    text.parse().map_err(|_| {
        let detail = format!("{} is not a transaction id `view.seqno`", quoted(text));
        refuse(ErrorCode::InvalidParameter, detail)
    })
}

fn check_txn(txn: &TxnRequest) -> Result<(), Refused> {
    let (compares, operations) = (txn.compares.len(), txn.operations.len());
    if compares > TXN_STEPS_MAX || operations > TXN_STEPS_MAX {
        let detail = format!("it has {compares} compares and {operations} operations");
        return Err(refuse(ErrorCode::TransactionTooLarge, detail));
    }
    if operations == 0 {
        return Err(refuse(
            ErrorCode::InvalidBody,
            "a transaction has at least one operation",
        ));
    }
    for compare in &txn.compares {
        check_map(&compare.map)?;
        check_key(&compare.key.0)?;
        if let Expectation::Value(value) = &compare.expect {
            check_value(&value.0)?;
        }
    }
    txn.operations.iter().try_for_each(check_operation)
}

fn check_operation(operation: &Operation) -> Result<(), Refused> {
    let (map, key) = match operation {
        Operation::Get(at) | Operation::Delete(at) => (&at.map, &at.key),
        Operation::Put(put) => {
            check_value(&put.value.0)?;
            (&put.map, &put.key)
        }
    };
    check_map(map)?;
    check_key(&key.0)
}

fn read_signatures(request: ActionRequest) -> Result<Vec<Bytes>, Refused> {
    let count = request.signatures.len();
    if count == 0 || count > ACTION_SIGNATURES_MAX {
        let detail = format!("an action has 1 to {ACTION_SIGNATURES_MAX} signatures, not {count}");
        return Err(refuse(ErrorCode::InvalidBody, detail));
    }
    if request
        .signatures
        .iter()
        .any(|signed| signed.0.len() > ACTION_BYTES_MAX)
    {
        let detail = format!("a signed action has at most {ACTION_BYTES_MAX} bytes");
        return Err(refuse(ErrorCode::BodyTooLarge, detail));
    }
    Ok(request
        .signatures
        .into_iter()
        .map(|signed| signed.0)
        .collect())
}

async fn read_value<B>(body: B, bounds: Bounds<'_>) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let max = VALUE_BYTES_MAX.min(bounds.limits.body_bytes_max);
    read_body(
        body,
        max,
        ErrorCode::ValueTooLarge,
        bounds.limits,
        bounds.budget,
    )
    .await
}

async fn read_json<T, B>(body: B, bounds: Bounds<'_>) -> Result<T, Refused>
where
    T: serde::de::DeserializeOwned,
    B: Body<Data = Bytes> + Unpin,
{
    let bytes = read_whole(body, bounds).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let code = if error.is_data() {
            ErrorCode::InvalidBody
        } else {
            ErrorCode::MalformedRequest
        };
        refuse(
            code,
            format!("the JSON cannot be read: {}", quoted(&error.to_string())),
        )
    })
}
