//! The records of `synod:app` as they cross the border between host and guest.
//!
//! What goes in is borrowed. What comes out is copied within the store's allowance for one
//! crossing, so a guest cannot make the host take more memory than that by naming long or
//! overlapping lists.

use wasmtime::component::{ComponentType, Lift, Lower};

/// A header field, or a parameter of the route, on its way in.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct FieldIn<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
}

/// A request on its way in.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct RequestIn<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) route: &'a str,
    pub(crate) params: &'a [FieldIn<'a>],
    pub(crate) headers: &'a [FieldIn<'a>],
    pub(crate) body: &'a [u8],
}

/// A header field on its way out.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub(crate) struct FieldOut {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A response on its way out, not looked at yet.
#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
pub(crate) struct ResponseOut {
    pub(crate) status: u16,
    pub(crate) headers: Vec<FieldOut>,
    pub(crate) body: Vec<u8>,
}

/// A key and its value.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// A part of a map.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    pub(crate) more: bool,
}

/// What a caller is.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Kind {
    #[component(name = "anonymous")]
    Anonymous,
    #[component(name = "user")]
    User,
    #[component(name = "member")]
    Member,
    #[component(name = "service")]
    Service,
}

/// A caller.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct Identity {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) roles: Vec<String>,
    pub(crate) claims: Vec<(String, String)>,
}

/// The name of a transaction.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct TransactionId {
    pub(crate) view: u64,
    pub(crate) seqno: u64,
}

/// How grave a line of the log is.
#[derive(Clone, Copy, Debug, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "only the engine makes them")]
pub(crate) enum Level {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

/// The parameters of `handle`.
pub(crate) type Request<'a> = (RequestIn<'a>,);
/// The result of `handle`.
pub(crate) type Response = (ResponseOut,);
/// The parameters of `migrate`.
pub(crate) type FromVersion<'a> = (&'a str,);
/// The result of `init` and `migrate`.
pub(crate) type Verdict = (Result<(), String>,);
