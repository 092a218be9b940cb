//! The limits of the HTTP door, each with its default and its unit.
//!
//! Past a limit comes a problem with a stable code (413, 414, 431, 400, 503) and nothing
//! half-done remains. Limits of a protocol element are constants, because a client must be
//! able to rely on them; limits of resources are fields of [`Limits`], because an operator may
//! lower or raise them.

use std::time::Duration;

/// The greatest sequence number, index or size that is taken: 2⁶³ − 1.
pub const NUMBER_MAX: u64 = i64::MAX as u64;
/// Longest name of a map, in bytes. Names consist of `a-z`, `0-9`, `.`, `_`, `:` and `-`.
pub const MAP_NAME_BYTES_MAX: usize = 128;
/// Longest key, in bytes, after percent-decoding. The shortest has one byte.
pub const KEY_BYTES_MAX: usize = 512;
/// Longest value, in bytes (1 MiB).
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;
/// Most entries that one page of a listing holds.
pub const LIST_ENTRIES_MAX: u32 = 1000;
/// Entries of a page when the request names no `limit`.
pub const LIST_ENTRIES_DEFAULT: u32 = 100;
/// Most compares, and most operations, of one transaction.
pub const TXN_STEPS_MAX: usize = 256;
/// Longest `Idempotency-Key`, in characters; visible ASCII only.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 64;
/// Length of an attestation nonce, in bytes; sent as lower-case hexadecimal.
pub const NONCE_BYTES: usize = 32;
/// Most signatures of one governance action.
pub const ACTION_SIGNATURES_MAX: usize = 64;
/// Longest signed governance action, in bytes, after base64-decoding.
pub const ACTION_BYTES_MAX: usize = 64 * 1024;
/// Most chain records in one answer of `GET /v1/chain`; each is one change of one voter.
pub const CHAIN_RECORDS_MAX: usize = 65_536;
/// Longest name of an app, in characters: `a-z`, then `a-z`, `0-9` and `-`.
pub const APP_NAME_CHARS_MAX: usize = 32;
/// Length of every piece of a component but the last, in bytes (512 KiB).
pub const COMPONENT_CHUNK_BYTES: usize = 512 * 1024;
/// Most pieces of a component, which has at most 32 MiB.
pub const COMPONENT_CHUNKS_MAX: u32 = 64;
/// Most lines in one answer of `GET /v1/apps/{name}/logs`.
pub const LOG_LINES_MAX: u32 = 1000;
/// Lines of such an answer when the request names no `limit`.
pub const LOG_LINES_DEFAULT: u32 = 100;
/// Longest receipt that goes along in a header of an app's answer, in bytes before base64; longer
/// ones are fetched at `/v1/receipts/{id}`.
pub const APP_RECEIPT_BYTES_MAX: usize = 8 * 1024;
/// Longest path and query together, in bytes.
pub const URI_BYTES_MAX: usize = 8 * 1024;
/// Most header fields of one request.
pub const HEADER_FIELDS_MAX: usize = 64;
/// Longest header section of one request, in bytes (16 KiB).
pub const HEADER_BYTES_MAX: usize = 16 * 1024;

/// While an answer waits for its reader, the reader takes so many bytes, or all of it, within each
/// [`Limits::send_timeout`] (64 KiB).
pub const SEND_PROGRESS_BYTES: usize = 64 * 1024;
/// While a request's body arrives, so many bytes of it, or all that is left, arrive within each
/// [`Limits::body_progress_timeout`] (64 KiB). So the longest body of 4 MiB takes at most eleven
/// minutes.
pub const BODY_PROGRESS_BYTES: usize = 64 * 1024;
/// Most bytes of keys and values in one answer, before they are encoded (4 MiB): a page ends there,
/// with a cursor; a transaction that reads more is refused, and nothing of it takes effect.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Limits of resources, which an operator may set; the defaults are listed with the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request body, in bytes. Default 4 MiB.
    pub body_bytes_max: usize,
    /// Request bodies that are on their way in, all together, in bytes; those that came in one
    /// piece of at most 16 KiB are not counted. Default 256 MiB.
    pub bodies_bytes_max: usize,
    /// Answers of more than 16 KiB that wait for their readers, all together, in bytes; past it an
    /// answer is `overloaded`. Default 256 MiB.
    pub answers_bytes_max: usize,
    /// The same of one connection. Default 16 MiB.
    pub connection_answers_bytes_max: usize,
    /// Time for the first request of a connection to arrive with all its headers. Default 10 s.
    pub header_read_timeout: Duration,
    /// Time for the next [`BODY_PROGRESS_BYTES`] of a request body to arrive. Default 10 s.
    pub body_progress_timeout: Duration,
    /// Time a connection may rest without a request in work. Default 60 s.
    pub idle_timeout: Duration,
    /// Time the replica may take to answer one request; then `503`. Default 30 s.
    pub answer_timeout: Duration,
    /// Time after which a peer that takes no byte of an answer is given up. Default 30 s.
    pub send_timeout: Duration,
    /// Requests in work at the same time on one HTTP/2 connection. Default 256.
    pub concurrent_streams_max: u32,
    /// Flow-control window of one HTTP/2 stream, in bytes. Default 256 KiB.
    pub stream_window_bytes: u32,
    /// Flow-control window of one HTTP/2 connection, in bytes. Default 2 MiB.
    pub connection_window_bytes: u32,
    /// Bytes of answers buffered for one HTTP/2 stream. Default 256 KiB.
    pub send_buffer_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 4 * 1024 * 1024,
            bodies_bytes_max: 256 * 1024 * 1024,
            answers_bytes_max: 256 * 1024 * 1024,
            connection_answers_bytes_max: 16 * 1024 * 1024,
            header_read_timeout: Duration::from_secs(10),
            body_progress_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(1),
            answer_timeout: Duration::from_secs(30),
            send_timeout: Duration::from_secs(30),
            concurrent_streams_max: 256,
            stream_window_bytes: 256 * 1024,
            connection_window_bytes: 2 * 1024 * 1024,
            send_buffer_bytes_max: 256 * 1024,
        }
    }
}
