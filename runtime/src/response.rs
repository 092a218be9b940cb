//! What a guest answered, checked before it becomes an answer of the service.

use bytes::Bytes;
use synod_replica::app::{AppFault, AppResponse};

use crate::wire::{FieldOut, ResponseOut};

/// Most header fields of a response.
pub const RESPONSE_HEADERS_MAX: usize = 64;
/// Most bytes of names and values of all header fields of a response together (16 KiB).
pub const RESPONSE_HEADER_BYTES_MAX: usize = 16 << 10;

/// Fields that concern the connection (RFC 9110 §7.6.1), or that the service itself writes.
const NOT_FOR_APPS: [&str; 11] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "strict-transport-security",
];
/// What the names of the service's own fields begin with.
const SERVICE_PREFIX: &str = "synod-";

/// Checks a response.
pub(crate) fn checked(response: ResponseOut, max_bytes: u64) -> Result<AppResponse, AppFault> {
    if response.body.len() as u64 > max_bytes {
        return Err(AppFault::ResponseTooLarge { max_bytes });
    }
    if !(200..=599).contains(&response.status) {
        return Err(AppFault::BadResponse("its status is not from 200 to 599"));
    }
    let headers = headers(response.headers).map_err(AppFault::BadResponse)?;
    Ok(AppResponse {
        status: response.status,
        headers,
        body: Bytes::from(response.body),
    })
}

fn headers(fields: Vec<FieldOut>) -> Result<Vec<(String, String)>, &'static str> {
    if fields.len() > RESPONSE_HEADERS_MAX {
        return Err("it has more than 64 header fields");
    }
    let bytes: usize = fields
        .iter()
        .map(|field| field.name.len() + field.value.len())
        .sum();
    if bytes > RESPONSE_HEADER_BYTES_MAX {
        return Err("its header fields are longer than 16,384 bytes together");
    }
    for field in &fields {
        check_name(&field.name)?;
        check_value(&field.value)?;
    }
    Ok(fields
        .into_iter()
        .map(|field| (field.name, field.value))
        .collect())
}

/// A token in lower case (RFC 9110 §5.6.2) that is not kept for others.
fn check_name(name: &str) -> Result<(), &'static str> {
    let is_token =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("the name of a header field is not a token in lower case");
    }
    if NOT_FOR_APPS.contains(&name) {
        return Err("it sets a header field that concerns the connection or the service");
    }
    if name.starts_with(SERVICE_PREFIX) {
        return Err("it sets a header field that begins with `synod-`");
    }
    Ok(())
}

/// Visible characters with spaces and tabs between them (RFC 9110 §5.5); nothing beyond ASCII.
fn check_value(value: &str) -> Result<(), &'static str> {
    let allowed = |b: u8| matches!(b, b' '..=b'~' | b'\t');
    if value.bytes().all(allowed) && value.trim_ascii() == value {
        return Ok(());
    }
    Err(
        "the value of a header field has other than visible ASCII characters, or blanks around them",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, fields: &[(&str, &str)], body: usize) -> ResponseOut {
        let field = |&(name, value): &(&str, &str)| FieldOut {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        ResponseOut {
            status,
            headers: fields.iter().map(field).collect(),
            body: vec![0; body],
        }
    }

    #[test]
    fn an_ordinary_response_passes_as_it_is() {
        let fields = [("content-type", "text/plain; charset=utf-8"), ("x-y", "")];
        let passed = checked(response(200, &fields, 8), 8).expect("within the rules");
        assert_eq!((passed.status, passed.body.len()), (200, 8));
        assert_eq!(passed.headers[0].1, "text/plain; charset=utf-8");
    }

    #[test]
    fn a_body_over_the_limit_is_refused() {
        let max_bytes = 8;
        let refused = checked(response(200, &[], 9), max_bytes);
        assert_eq!(refused, Err(AppFault::ResponseTooLarge { max_bytes }));
    }

    #[test]
    fn a_status_that_is_none_is_refused() {
        for status in [0, 99, 101, 199, 600, u16::MAX] {
            let refused = checked(response(status, &[], 0), 8);
            assert!(matches!(refused, Err(AppFault::BadResponse(_))), "{status}");
        }
    }

    #[test]
    fn header_fields_that_could_split_or_spoof_a_response_are_refused() {
        let bad = [
            ("", "x"),
            ("Content-Type", "x"),
            ("a b", "x"),
            ("a:b", "x"),
            ("é", "x"),
            ("x", "a\r\nset-cookie: b"),
            ("x", "a\0"),
            ("x", " a"),
            ("x", "é"),
            ("transfer-encoding", "chunked"),
            ("content-length", "1"),
            ("connection", "close"),
            ("synod-transaction-id", "2.3"),
        ];
        for field in bad {
            let refused = checked(response(200, &[field], 0), 8);
            assert!(
                matches!(refused, Err(AppFault::BadResponse(_))),
                "{field:?}"
            );
        }
        let many = vec![("x", "y"); RESPONSE_HEADERS_MAX + 1];
        assert!(checked(response(200, &many, 0), 8).is_err());
        let long = "y".repeat(RESPONSE_HEADER_BYTES_MAX);
        assert!(checked(response(200, &[("x", &long)], 0), 8).is_err());
    }
}
