//! What a receipt binds of a request and of its answer, as bytes to be hashed with SHA-256.
//!
//! The replica hashes them when it executes, the client when it checks a receipt. They hold what
//! was meant, not how it was spelled: neither percent-encoding nor white space, neither headers
//! nor the manner of waiting. The layout is in `spec/api.cddl`, in deterministic CBOR
//! (RFC 8949 §4.2).

use minicbor::Encoder;
use synod_kv::Condition;

use crate::kv::{Expectation, Operation, TxnRequest};

/// A request whose transaction gets a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundRequest<'a> {
    /// `PUT /v1/kv/{map}/{key}`.
    Put {
        /// The map.
        map: &'a str,
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
        /// What had to hold.
        condition: Condition,
    },
    /// `DELETE /v1/kv/{map}/{key}`.
    Delete {
        /// The map.
        map: &'a str,
        /// The key.
        key: &'a [u8],
        /// What had to hold.
        condition: Condition,
    },
    /// `POST /v1/kv/txn`.
    Transact(&'a TxnRequest),
    /// A call of an app, below `/app/{name}`. Path and query are bound as they were spelled,
    /// because the app sees them so.
    App {
        /// The app's name.
        app: &'a str,
        /// The method, in capitals.
        method: &'a str,
        /// The path below `/app/{name}`, from `/` on, as it was sent.
        path: &'a str,
        /// The query without its `?` as it was sent, but for `consistency`, which is not the app's.
        query: Option<&'a str>,
        /// The header `Content-Type`.
        content_type: Option<&'a str>,
        /// The body.
        body: &'a [u8],
    },
}

const LABEL: &str = "synod-request-v1";

type Encoded = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

impl BoundRequest<'_> {
    /// The bytes whose SHA-256 is the request digest of a receipt.
    pub fn message(&self) -> Vec<u8> {
        let mut out = Encoder::new(Vec::new());
        self.write(&mut out)
            .expect("writing to a vector cannot fail");
        out.into_writer()
    }

    fn write(&self, out: &mut Encoder<Vec<u8>>) -> Encoded {
        match *self {
            Self::Put {
                map,
                key,
                value,
                condition,
            } => {
                out.array(6)?.str(LABEL)?.str("put")?.str(map)?;
                out.bytes(key)?.bytes(value)?;
                write_condition(out, condition)
            }
            Self::Delete {
                map,
                key,
                condition,
            } => {
                out.array(5)?.str(LABEL)?.str("delete")?.str(map)?;
                out.bytes(key)?;
                write_condition(out, condition)
            }
            Self::Transact(txn) => write_txn(out, txn),
            Self::App {
                app,
                method,
                path,
                query,
                content_type,
                body,
            } => {
                out.array(8)?.str(LABEL)?.str("app")?.str(app)?;
                out.str(method)?.str(path)?;
                write_optional(out, query)?;
                write_optional(out, content_type)?;
                out.bytes(body)?;
                Ok(())
            }
        }
    }
}

fn write_optional(out: &mut Encoder<Vec<u8>>, text: Option<&str>) -> Encoded {
    match text {
        Some(text) => out.str(text)?,
        None => out.null()?,
    };
    Ok(())
}

fn write_condition(out: &mut Encoder<Vec<u8>>, condition: Condition) -> Encoded {
    match condition {
        Condition::Always => out.null()?,
        Condition::Version(version) => out.u64(version)?,
        Condition::Present => out.bool(true)?,
        Condition::Absent => out.bool(false)?,
    };
    Ok(())
}

fn write_txn(out: &mut Encoder<Vec<u8>>, txn: &TxnRequest) -> Encoded {
    out.array(4)?.str(LABEL)?.str("txn")?;
    out.array(txn.compares.len() as u64)?;
    for compare in &txn.compares {
        out.array(3)?.str(&compare.map)?.bytes(&compare.key.0)?;
        match &compare.expect {
            Expectation::Version(version) => out.u64(*version)?,
            Expectation::Value(value) => out.bytes(&value.0)?,
        };
    }
    out.array(txn.operations.len() as u64)?;
    for operation in &txn.operations {
        write_operation(out, operation)?;
    }
    Ok(())
}

fn write_operation(out: &mut Encoder<Vec<u8>>, operation: &Operation) -> Encoded {
    match operation {
        Operation::Get(at) => out.array(3)?.str("get")?.str(&at.map)?.bytes(&at.key.0)?,
        Operation::Delete(at) => out
            .array(3)?
            .str("delete")?
            .str(&at.map)?
            .bytes(&at.key.0)?,
        Operation::Put(put) => {
            out.array(4)?.str("put")?.str(&put.map)?;
            out.bytes(&put.key.0)?.bytes(&put.value.0)?
        }
    };
    Ok(())
}

/// The bytes whose SHA-256 is the response digest of a receipt, for requests on maps (of an app's
/// answer it is the digest of its body alone): each key and value that was returned, in order, each
/// preceded by its length as eight bytes, big-endian. Of an answer that returns none: no bytes.
pub fn bound_response<'a>(found: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    for field in found.into_iter().flat_map(|(key, value)| [key, value]) {
        out.extend_from_slice(&(field.len() as u64).to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::blob::Blob;
    use crate::kv::{Compare, KeyRef, KeyValue};

    fn put(map: &'static str, key: &'static [u8], condition: Condition) -> BoundRequest<'static> {
        BoundRequest::Put {
            map,
            key,
            value: b"v",
            condition,
        }
    }

    #[test]
    fn requests_that_differ_in_anything_have_different_bytes() {
        let at = || KeyRef {
            map: "m".into(),
            key: Blob::from("k"),
        };
        let value = || KeyValue {
            map: "m".into(),
            key: Blob::from("k"),
            value: Blob::from("v"),
        };
        let compare = |expect| Compare {
            map: "m".into(),
            key: Blob::from("k"),
            expect,
        };
        let txns = [
            (vec![], vec![Operation::Get(at())]),
            (vec![], vec![Operation::Delete(at())]),
            (vec![], vec![Operation::Put(value())]),
            (
                vec![compare(Expectation::Version(0))],
                vec![Operation::Put(value())],
            ),
            (
                vec![compare(Expectation::Version(1))],
                vec![Operation::Put(value())],
            ),
            (
                vec![compare(Expectation::Value(Blob::from("v")))],
                vec![Operation::Put(value())],
            ),
        ]
        .map(|(compares, operations)| TxnRequest {
            compares,
            operations,
        });
        let mut messages = vec![
            put("m", b"k", Condition::Always).message(),
            put("m", b"k", Condition::Version(1)).message(),
            put("m", b"k", Condition::Version(2)).message(),
            put("m", b"k", Condition::Present).message(),
            put("m", b"k", Condition::Absent).message(),
            put("mk", b"", Condition::Always).message(),
            put("m", b"kv", Condition::Always).message(),
        ];
        messages.push(
            BoundRequest::Delete {
                map: "m",
                key: b"k",
                condition: Condition::Always,
            }
            .message(),
        );
        messages.extend(txns.iter().map(|txn| BoundRequest::Transact(txn).message()));
        messages.extend(app_requests().iter().map(BoundRequest::message));
        let distinct: BTreeSet<_> = messages.iter().collect();
        assert_eq!(distinct.len(), messages.len());
    }

    /// Requests of apps, each of which differs from the first in one part.
    fn app_requests() -> Vec<BoundRequest<'static>> {
        let of = |app, method, path, query, content_type, body| BoundRequest::App {
            app,
            method,
            path,
            query,
            content_type,
            body,
        };
        vec![
            of("a", "PUT", "/p", None, None, b""),
            of("b", "PUT", "/p", None, None, b""),
            of("a", "POST", "/p", None, None, b""),
            of("a", "PUT", "/%70", None, None, b""),
            of("a", "PUT", "/p", Some(""), None, b""),
            of("a", "PUT", "/p", Some("q"), None, b""),
            of("a", "PUT", "/p", None, Some("q"), b""),
            of("a", "PUT", "/p", None, None, b"b"),
        ]
    }

    #[test]
    fn bytes_of_an_apps_request_are_those_of_the_format() {
        let request = BoundRequest::App {
            app: "a",
            method: "PUT",
            path: "/p",
            query: None,
            content_type: Some("x/y"),
            body: &[1, 2],
        };
        let mut wanted = vec![0x88, 0x70];
        wanted.extend_from_slice(b"synod-request-v1");
        wanted.extend_from_slice(b"\x63app\x61a\x63PUT\x62/p\xf6\x63x/y\x42\x01\x02");
        assert_eq!(request.message(), wanted);
    }

    #[test]
    fn answer_without_values_binds_nothing_and_borders_are_kept() {
        assert!(bound_response([]).is_empty());
        let one = bound_response([(&b"ab"[..], &b"c"[..])]);
        let other = bound_response([(&b"a"[..], &b"bc"[..])]);
        assert_ne!(one, other);
    }
}
