//! One direction between two replicas: who sends to whom, in which network,
//! and in which order.
//!
//! TLS proves who is at the other end of a connection. The lane outlives the
//! connection: keep one [`PeerSender`] and one [`PeerReceiver`] per peer as
//! long as the process lives, over all connections, and a message that was
//! taken once is never taken again.

use bytes::Bytes;
use synod_crypto::Digest;

use crate::frame::PeerFrame;

/// Numbers the messages from one replica to another.
#[derive(Debug)]
pub struct PeerSender {
    network: Digest,
    from: u64,
    to: u64,
    counter: u64,
}

impl PeerSender {
    /// The lane of `network` from replica `from` (this one) to replica `to`.
    pub fn new(network: Digest, from: u64, to: u64) -> Self {
        Self {
            network,
            from,
            to,
            counter: 0,
        }
    }

    /// Puts `body` into the next envelope.
    pub fn wrap(&mut self, body: Bytes) -> PeerFrame {
        self.counter += 1;
        PeerFrame {
            network: self.network,
            from: self.from,
            to: self.to,
            counter: self.counter,
            body,
        }
    }
}

/// Takes messages from one replica, each at most once.
#[derive(Debug)]
pub struct PeerReceiver {
    network: Digest,
    from: u64,
    to: u64,
    newest: u64,
}

impl PeerReceiver {
    /// The lane of `network` from replica `from` to replica `to` (this one).
    pub fn new(network: Digest, from: u64, to: u64) -> Self {
        Self {
            network,
            from,
            to,
            newest: 0,
        }
    }

    /// Gives the message out if it belongs to this lane and is newer than
    /// every one before. A refused envelope changes nothing.
    pub fn unwrap(&mut self, frame: PeerFrame) -> Result<Bytes, FrameRefused> {
        if frame.network != self.network {
            return Err(FrameRefused::WrongNetwork {
                found: frame.network,
            });
        }
        if frame.from != self.from {
            return Err(FrameRefused::WrongSender {
                expected: self.from,
                found: frame.from,
            });
        }
        if frame.to != self.to {
            return Err(FrameRefused::WrongReceiver {
                expected: self.to,
                found: frame.to,
            });
        }
        if frame.counter <= self.newest {
            return Err(FrameRefused::Replayed {
                newest: self.newest,
                found: frame.counter,
            });
        }
        self.newest = frame.counter;
        Ok(frame.body)
    }
}

/// Why an envelope is not taken. The sender is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameRefused {
    /// Of another network.
    #[error("frame is for network {found}, which is not this network")]
    WrongNetwork {
        /// The network that it names.
        found: Digest,
    },
    /// It names another sender than the replica at the other end.
    #[error("frame names replica {found} as its sender, expected {expected}")]
    WrongSender {
        /// Who is at the other end.
        expected: u64,
        /// Whom it names.
        found: u64,
    },
    /// Meant for another replica.
    #[error("frame is for replica {found}, expected {expected}")]
    WrongReceiver {
        /// This replica.
        expected: u64,
        /// Whom it names.
        found: u64,
    },
    /// Its counter is not above the newest one that was taken.
    #[error("frame {found} arrived after frame {newest}")]
    Replayed {
        /// The newest counter taken.
        newest: u64,
        /// The counter that it carries.
        found: u64,
    },
}
