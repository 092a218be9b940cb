//! Streams of bytes from the replica to a client.

use bytes::Bytes;
use tokio::sync::mpsc;

/// A stream of bytes in pieces, with back pressure: the sender waits while the client is slow,
/// and sees a closed channel when the client is gone. The channel's bound is the sender's choice.
#[derive(Debug)]
pub struct Records(pub mpsc::Receiver<Result<Bytes, Broken>>);

/// The source of a stream failed: the answer is cut off, so that the client notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the source of the stream failed")
    }
}

impl std::error::Error for Broken {}
