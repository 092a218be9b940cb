//! A pretended host in the memory of a thread, for tests that run natively.
//!
//! It keeps maps, rolls a call back that answers with a status from 400 on or panics, and remembers claims and log
//! lines. It knows no manifest: routes, who may call, limits and declared maps are tested with `synod app test`.
//!
//! ```
//! use synod_app::testing::{Synod, request, user};
//! # use synod_app::{App, Map, Raw, Request, Response};
//! # const COUNTS: Map<String, u64, Raw> = Map::new("counts");
//! # struct Counter;
//! # impl App for Counter {
//! #     fn handle(_: Request) -> Response {
//! #         let id = synod_app::caller().id;
//! #         let count = COUNTS.get(&id).unwrap_or(0) + 1;
//! #         COUNTS.put(&id, &count);
//! #         Response::json(&count)
//! #     }
//! # }
//! let mut synod = Synod::new();
//! let answer = synod.call::<Counter>(user("anna", &[]), request("POST", "/count", &[]));
//! assert_eq!(answer.body, b"1");
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use serde::Serialize;

use crate::bindings::app::synod::app::caller::{Identity, Kind};
use crate::bindings::app::synod::app::log::Level;
use crate::bindings::app::synod::app::transaction::TxId;
use crate::{App, Field, Request, Response};

type Maps = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

thread_local! {
    static UNDER_WAY: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// What a call sees and does.
struct Call {
    maps: Maps,
    caller: Identity,
    time_ms: u64,
    seqno: u64,
    seed: u64,
    keep: bool,
    claims: Vec<[u8; 32]>,
    log: Vec<(Level, String)>,
}

/// A pretended service with one app.
pub struct Synod {
    maps: Maps,
    time_ms: u64,
    seqno: u64,
    claims: Vec<[u8; 32]>,
    log: Vec<(Level, String)>,
}

impl Default for Synod {
    fn default() -> Self {
        Self::new()
    }
}

impl Synod {
    /// One with empty maps, at time 0.
    pub fn new() -> Self {
        Self {
            maps: Maps::new(),
            time_ms: 0,
            seqno: 0,
            claims: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Sets the ledger's time, in milliseconds since 1970-01-01 UTC.
    pub fn set_time(&mut self, time_ms: u64) {
        self.time_ms = time_ms;
    }

    /// Calls an app, in one transaction.
    ///
    /// # Panics
    ///
    /// If the app does. What it wrote is then gone.
    pub fn call<A: App>(&mut self, caller: Identity, request: Request) -> Response {
        self.execute(caller, || A::handle(request), |answer| answer.status < 400)
    }

    /// Runs something as the service itself, such as a lifecycle's `init`; what it writes is kept.
    pub fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.execute(someone(Kind::Service, "", &[]), work, |_| true)
    }

    /// What the last call bound.
    pub fn claims(&self) -> &[[u8; 32]] {
        &self.claims
    }

    /// What the last call logged.
    pub fn log(&self) -> &[(Level, String)] {
        &self.log
    }

    fn execute<T>(
        &mut self,
        caller: Identity,
        work: impl FnOnce() -> T,
        succeeded: impl FnOnce(&T) -> bool,
    ) -> T {
        let call = self.begin(caller);
        let before = UNDER_WAY.replace(Some(call));
        assert!(before.is_none(), "one call at a time");
        let result = catch_unwind(AssertUnwindSafe(work));
        let call = UNDER_WAY.take().expect("a call is under way");
        self.claims = call.claims;
        self.log = call.log;
        match result {
            Ok(answer) => {
                if call.keep || succeeded(&answer) {
                    self.maps = call.maps;
                }
                answer
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    fn begin(&mut self, caller: Identity) -> Call {
        self.seqno += 1;
        Call {
            maps: self.maps.clone(),
            caller,
            time_ms: self.time_ms,
            seqno: self.seqno,
            seed: self.seqno,
            keep: false,
            claims: Vec::new(),
            log: Vec::new(),
        }
    }
}

/// A user with some roles.
pub fn user(id: &str, roles: &[&str]) -> Identity {
    someone(Kind::User, id, roles)
}

/// A member.
pub fn member(id: &str) -> Identity {
    someone(Kind::Member, id, &[])
}

/// Nobody that the ledger knows.
pub fn anonymous() -> Identity {
    someone(Kind::Anonymous, "", &[])
}

fn someone(kind: Kind, id: &str, roles: &[&str]) -> Identity {
    Identity {
        kind,
        id: id.to_owned(),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        claims: Vec::new(),
    }
}

/// A request that met a route, with what stands in the places of the pattern's names.
pub fn request(method: &str, route: &str, params: &[(&str, &str)]) -> Request {
    let fill = |path: String, (name, value): &(&str, &str)| {
        path.replace(&format!("{{{name}}}"), value)
            .replace(&format!("{{{name}...}}"), value)
    };
    Request {
        method: method.to_owned(),
        path: params.iter().fold(route.to_owned(), fill),
        query: None,
        route: route.to_owned(),
        params: params.iter().map(field).collect(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

fn field((name, value): &(&str, &str)) -> Field {
    Field {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    }
}

impl Request {
    /// The same with a JSON body.
    ///
    /// # Panics
    ///
    /// If the value cannot be JSON.
    #[must_use]
    pub fn with_json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.body = serde_json::to_vec(value).expect("the value can be written as JSON");
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with a query, percent-encoded.
    #[must_use]
    pub fn with_query(mut self, query: &str) -> Self {
        self.query = Some(query.to_owned());
        self
    }
}

/// What the imports of a component are, natively.
pub(crate) mod host {
    use super::{Call, Identity, Level, TxId, UNDER_WAY};
    use crate::bindings::app::synod::app::maps::{Entry, Page};

    fn call<T>(of: impl FnOnce(&mut Call) -> T) -> T {
        UNDER_WAY.with_borrow_mut(|call| {
            let call = call.as_mut();
            of(call.expect("natively the host is `testing::Synod`: make the call through it"))
        })
    }

    pub(crate) fn get(map: &str, key: &[u8]) -> Option<Vec<u8>> {
        call(|call| call.maps.get(map)?.get(key).cloned())
    }

    pub(crate) fn has(map: &str, key: &[u8]) -> bool {
        get(map, key).is_some()
    }

    pub(crate) fn range(map: &str, start: &[u8], end: Option<&[u8]>, limit: u32) -> Page {
        let limit = limit.min(1_000) as usize;
        call(|call| {
            let rows = call.maps.entry(map.to_owned()).or_default();
            let mut rows = rows
                .range(start.to_vec()..)
                .take_while(|(key, _)| end.is_none_or(|end| key.as_slice() < end));
            let entries = rows.by_ref().take(limit);
            let entries = entries.map(|(key, value)| Entry {
                key: key.clone(),
                value: value.clone(),
            });
            Page {
                entries: entries.collect(),
                more: rows.next().is_some(),
            }
        })
    }

    pub(crate) fn put(map: &str, key: &[u8], value: &[u8]) {
        call(|call| {
            let rows = call.maps.entry(map.to_owned()).or_default();
            rows.insert(key.to_vec(), value.to_vec());
        });
    }

    pub(crate) fn delete(map: &str, key: &[u8]) {
        call(|call| {
            call.maps.entry(map.to_owned()).or_default().remove(key);
        });
    }

    pub(crate) fn keep() {
        call(|call| call.keep = true);
    }

    pub(crate) fn identify() -> Identity {
        call(|call| call.caller.clone())
    }

    pub(crate) fn transaction_id() -> TxId {
        call(|call| TxId {
            view: 1,
            seqno: call.seqno,
        })
    }

    pub(crate) fn now() -> u64 {
        call(|call| call.time_ms)
    }

    pub(crate) fn bind(digest: &[u8]) {
        let digest = digest.try_into().expect("a claim is 32 bytes");
        call(|call| {
            assert!(call.claims.len() < 16, "at most 16 claims");
            call.claims.push(digest);
        });
    }

    /// `SplitMix64`: the same numbers in each run of a test.
    pub(crate) fn random_u64() -> u64 {
        call(|call| {
            call.seed = call.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (call.seed ^ (call.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        })
    }

    pub(crate) fn random_bytes(len: u32) -> Vec<u8> {
        assert!(len <= 65_536, "at most 65,536 random bytes");
        let mut bytes = Vec::new();
        while bytes.len() < len as usize {
            bytes.extend_from_slice(&random_u64().to_be_bytes());
        }
        bytes.truncate(len as usize);
        bytes
    }

    pub(crate) fn log(level: Level, message: &str) {
        call(|call| call.log.push((level, message.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Map, Problem, Raw, Router};

    const COUNTS: Map<String, u64, Raw> = Map::new("counts");

    struct Counter;

    impl App for Counter {
        fn handle(request: Request) -> Response {
            let id = crate::caller().id;
            let count = COUNTS.get(&id).unwrap_or(0) + 1;
            COUNTS.put(&id, &count);
            Router::of(&request)
                .post("/count", |_| Response::json(&count))
                .post("/refuse", |_| Problem::forbidden("no"))
                .post("/record", |_| {
                    crate::keep_writes();
                    Problem::forbidden("no")
                })
                .answer()
        }
    }

    #[test]
    fn a_refused_call_leaves_nothing_unless_it_asked_for_that() {
        let mut synod = Synod::new();
        let mut post =
            |route| synod.call::<Counter>(user("anna", &[]), request("POST", route, &[]));
        assert_eq!(post("/count").body, b"1");
        assert_eq!(post("/refuse").status, 403);
        assert_eq!(post("/count").body, b"2");
        assert_eq!(post("/record").status, 403);
        assert_eq!(post("/count").body, b"4");
    }

    #[test]
    fn a_panic_leaves_nothing_behind() {
        let mut synod = Synod::new();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            synod.run(|| {
                COUNTS.put("anna", &9);
                panic!("a mistake of the app");
            });
        }));
        assert!(panicked.is_err());
        synod.run(|| assert_eq!(COUNTS.get("anna"), None));
    }
}
