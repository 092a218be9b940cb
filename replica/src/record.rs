//! How an app came to its writes: the record that is sealed with them.
//!
//! With it, and with the state before, whoever holds the ledger's secret can execute the
//! transaction again. Layout: `spec/replica.cddl`.

use bytes::Bytes;
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use synod_crypto::Digest;
use synod_governance::app::{AppName, CallerIdentity, CallerKind};

use crate::app::{AppKey, AppRequest};

/// What is recorded of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRecord {
    /// What ran.
    pub app: AppKey,
    /// The ledger's time that it was shown, Unix milliseconds.
    pub time_ms: u64,
    /// The seed of its randomness.
    pub seed: [u8; 32],
    /// Who called.
    pub caller: CallerIdentity,
    /// The request, if the app's manifest wants requests recorded.
    pub request: Option<AppRequest>,
}

/// The bytes are no record of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed record of an execution")]
pub struct MalformedRecord;

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[n(0)]
    app: AppName,
    #[n(1)]
    number: u64,
    #[n(2)]
    component: Digest,
    #[n(3)]
    time_ms: u64,
    #[n(4)]
    seed: ByteArray<32>,
    #[n(5)]
    caller: CallerWire,
    #[n(6)]
    request: Option<RequestWire>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct CallerWire {
    #[n(0)]
    kind: KindWire,
    #[n(1)]
    id: String,
    #[n(2)]
    roles: Vec<String>,
    #[n(3)]
    claims: Vec<(String, String)>,
}

#[derive(Encode, Decode)]
#[cbor(index_only)]
enum KindWire {
    #[n(0)]
    Anonymous,
    #[n(1)]
    User,
    #[n(2)]
    Member,
    #[n(3)]
    Service,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct RequestWire {
    #[n(0)]
    method: String,
    #[n(1)]
    path: String,
    #[n(2)]
    query: Option<String>,
    #[n(3)]
    headers: Vec<(String, String)>,
    #[n(4)]
    body: ByteVec,
}

impl ExecutionRecord {
    /// Deterministic CBOR.
    pub fn encode(&self) -> Vec<u8> {
        minicbor::to_vec(self.wire()).expect("encoding into memory does not fail")
    }

    /// Reads exactly what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`MalformedRecord`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, MalformedRecord> {
        let wire: Wire = minicbor::decode(bytes).map_err(|_| MalformedRecord)?;
        let record = Self::of(wire);
        if record.encode() == bytes {
            Ok(record)
        } else {
            Err(MalformedRecord)
        }
    }

    fn wire(&self) -> Wire {
        let caller = &self.caller;
        Wire {
            app: self.app.name.clone(),
            number: self.app.number,
            component: self.app.component,
            time_ms: self.time_ms,
            seed: self.seed.into(),
            caller: CallerWire {
                kind: kind_to_wire(caller.kind),
                id: caller.id.clone(),
                roles: caller.roles.clone(),
                claims: caller.claims.clone(),
            },
            request: self.request.as_ref().map(|request| RequestWire {
                method: request.method.clone(),
                path: request.path.clone(),
                query: request.query.clone(),
                headers: request.headers.clone(),
                body: request.body.to_vec().into(),
            }),
        }
    }

    fn of(wire: Wire) -> Self {
        Self {
            app: AppKey {
                name: wire.app,
                number: wire.number,
                component: wire.component,
            },
            time_ms: wire.time_ms,
            seed: wire.seed.into(),
            caller: CallerIdentity {
                kind: kind_of_wire(&wire.caller.kind),
                id: wire.caller.id,
                roles: wire.caller.roles,
                claims: wire.caller.claims,
            },
            request: wire.request.map(|request| AppRequest {
                method: request.method,
                path: request.path,
                query: request.query,
                headers: request.headers,
                body: Bytes::from(Vec::from(request.body)),
            }),
        }
    }
}

fn kind_to_wire(kind: CallerKind) -> KindWire {
    match kind {
        CallerKind::Anonymous => KindWire::Anonymous,
        CallerKind::User => KindWire::User,
        CallerKind::Member => KindWire::Member,
        CallerKind::Service => KindWire::Service,
    }
}

fn kind_of_wire(wire: &KindWire) -> CallerKind {
    match wire {
        KindWire::Anonymous => CallerKind::Anonymous,
        KindWire::User => CallerKind::User,
        KindWire::Member => CallerKind::Member,
        KindWire::Service => CallerKind::Service,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_crypto::{Entropy, Secret};

    fn record(request: Option<AppRequest>) -> ExecutionRecord {
        ExecutionRecord {
            app: AppKey {
                name: AppName::new("bank").expect("a name"),
                number: 3,
                component: Digest::ZERO,
            },
            time_ms: 1_800_000_000_000,
            seed: [7; 32],
            caller: CallerIdentity {
                kind: CallerKind::User,
                id: "anna".to_owned(),
                roles: vec!["bank".to_owned()],
                claims: vec![("key".to_owned(), "ab".to_owned())],
            },
            request,
        }
    }

    fn request() -> AppRequest {
        AppRequest {
            method: "POST".to_owned(),
            path: "/transfers/1".to_owned(),
            query: None,
            headers: vec![("accept".to_owned(), "text/plain".to_owned())],
            body: Bytes::from_static(b"10"),
        }
    }

    #[test]
    fn it_reads_back_with_and_without_the_request() {
        for record in [record(None), record(Some(request()))] {
            assert_eq!(ExecutionRecord::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn it_has_one_encoding_only() {
        let bytes = record(Some(request())).encode();
        let mut random = Entropy::from_seed(Secret::new([4; 32]));
        for _ in 0..3000 {
            let mut other = bytes.clone();
            let at = usize::from(u16::from_le_bytes(random.take())) % other.len();
            other[at] ^= random.take::<1>()[0] | 1;
            if let Ok(record) = ExecutionRecord::decode(&other) {
                assert_eq!(record.encode(), other);
            }
            other.truncate(at);
            assert!(ExecutionRecord::decode(&other).is_err());
        }
        let trailing = [&bytes[..], &[0]].concat();
        assert_eq!(ExecutionRecord::decode(&trailing), Err(MalformedRecord));
    }
}
