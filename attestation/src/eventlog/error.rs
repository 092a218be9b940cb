//! Why an event log is refused. Each variant is one check.

use crate::eventlog::event::Register;

/// Why an event log is refused. The fault is the attester's or its host's.
/// Events are counted from 0, events of type `EV_NO_ACTION` included.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventLogError {
    /// There are more bytes than any log has.
    #[error("event log is too long: {0} bytes")]
    TooLong(usize),
    /// There are more than [`EventLog::EVENTS_MAX`](crate::eventlog::EventLog::EVENTS_MAX) events.
    #[error("event log has too many events")]
    TooManyEvents,
    /// A CCEL log does not begin with a well-formed `Spec ID Event03`.
    #[error("event log does not begin with a well-formed `Spec ID Event03`")]
    Header,
    /// The algorithms of a CCEL log do not include SHA-384, the only one that
    /// registers are extended with.
    #[error("event log has no SHA-384 digests")]
    NoSha384,
    /// A CCEL log ends within an event.
    #[error("event log ends within event {event}")]
    Truncated {
        /// Which event.
        event: usize,
    },
    /// An event does not have each digest that the header announces at most
    /// once, and SHA-384 exactly once; or its digest is not 48 bytes.
    #[error("event {event} has wrong digests")]
    Digests {
        /// Which event.
        event: usize,
    },
    /// An event is measured into a register that does not exist.
    #[error("event {event} extends register {register}, which does not exist")]
    NoSuchRegister {
        /// Which event.
        event: usize,
        /// The register's number, as the log counts.
        register: u32,
    },
    /// A runtime event of dstack is measured elsewhere than into `RTMR3`.
    #[error("runtime event {event} extends {register}, expected RTMR3")]
    RuntimeRegister {
        /// Which event.
        event: usize,
        /// Where it is measured.
        register: Register,
    },
    /// The name of a runtime event of dstack holds a colon: then its digest
    /// covers other names and payloads as well.
    #[error("runtime event {event} has an ambiguous name")]
    RuntimeName {
        /// Which event.
        event: usize,
    },
    /// A runtime event of dstack has a digest of an unknown version.
    #[error("runtime event {event} has the unknown version {version}")]
    RuntimeVersion {
        /// Which event.
        event: usize,
        /// The version.
        version: u32,
    },
    /// An event's digest is not that of its payload, and its type says that it
    /// must be.
    #[error("payload of event {event} (type {kind:#x}) does not hash to its digest")]
    PayloadMismatch {
        /// Which event.
        event: usize,
        /// Its type.
        kind: u32,
    },
    /// Bytes that are neither an event nor padding follow the last event of a
    /// CCEL log.
    #[error("bytes that are not padding follow the last event, at offset {offset:#x}")]
    TrailingBytes {
        /// Where they begin.
        offset: usize,
    },
    /// A dstack log is not a JSON array of events, or an event has a field
    /// that is unknown, repeated or of a wrong type.
    #[error("event log is not the expected JSON")]
    Malformed,
    /// The events do not add up to a register of the quote: the log is of
    /// another boot, or an event was added, left out, changed or moved.
    #[error(
        "replaying the events of {register} gives {}, but the quote has {}",
        hex::encode(.replayed),
        hex::encode(.quoted)
    )]
    RegisterMismatch {
        /// The first register that differs.
        register: Register,
        /// What the events add up to.
        replayed: [u8; 48],
        /// What the quote says.
        quoted: [u8; 48],
    },
}
