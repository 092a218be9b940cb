//! Header names and media types of our own.

/// The transaction that an answer speaks of, as `view.seqno`.
pub const TRANSACTION_ID: &str = "synod-transaction-id";
/// Makes a write repeatable: the same key with the same request takes effect once. The service
/// remembers a bounded number of keys.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Asks an app's answer for its receipt, as `inline`; an answer that wrote something then bears it
/// under the same name, in base64 (RFC 4648 §4).
pub const APP_RECEIPT: &str = "synod-receipt";
/// What a watcher saw last, as its browser repeats it when it connects again: the same as the
/// parameter `from`.
pub const LAST_EVENT_ID: &str = "last-event-id";

/// A receipt file.
pub const RECEIPT: &str = "application/synod-receipt+cbor";
/// A chain file.
pub const CHAIN: &str = "application/synod-chain+cbor";
/// A stream of ledger records.
pub const LEDGER: &str = "application/synod-ledger";
/// A request or an answer between replicas, or between members and a founder.
pub const CBOR: &str = "application/cbor";
/// Server-sent events.
pub const EVENTS: &str = "text/event-stream";
/// A WebAssembly component.
pub const WASM: &str = "application/wasm";
/// JSON.
pub const JSON: &str = "application/json";
/// Any bytes: values.
pub const BYTES: &str = "application/octet-stream";
/// Pages for people.
pub const HTML: &str = "text/html; charset=utf-8";
/// Metrics in the text format of Prometheus.
pub const METRICS: &str = "text/plain; version=0.0.4";
