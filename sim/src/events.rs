//! What can happen in the world, and who waits for an answer.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_replica::app::{Compile, Execution};
use synod_replica::{Recall, Reply};

use crate::history::Ask;

/// What happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Tick {
        host: u64,
        epoch: u64,
    },
    Deliver {
        from: u64,
        to: u64,
        bytes: Bytes,
    },
    Synced {
        host: u64,
        epoch: u64,
        number: u64,
        length: usize,
    },
    Recall {
        host: u64,
        epoch: u64,
        recall: Recall,
    },
    Compiled {
        host: u64,
        epoch: u64,
        compile: Box<Compile>,
    },
    Executed {
        host: u64,
        epoch: u64,
        execution: Box<Execution>,
    },
    Arrive {
        host: u64,
        epoch: u64,
        call: u64,
    },
    Answer {
        call: u64,
        reply: Box<Reply>,
        host: u64,
    },
    Wake {
        client: usize,
    },
    Timeout {
        client: usize,
        call: u64,
    },
    Join {
        host: u64,
        epoch: u64,
    },
    Resume {
        host: u64,
    },
    Members,
    Trouble(Trouble),
    Audit,
}

/// Who waits for the answer to a call.
#[derive(Debug, Clone)]
pub(crate) enum Asker {
    Client {
        client: usize,
        partition: u64,
        ask: Ask,
        known: u64,
        known_first: u64,
    },
    Members,
    /// Whoever brings a component.
    Chunk {
        component: Digest,
    },
    Joiner {
        host: u64,
        epoch: u64,
    },
    /// A replica asks itself for something of its own: fresh evidence or its leave.
    Own {
        host: u64,
        epoch: u64,
        leaves: bool,
    },
    /// The receipt of an older transaction is asked for anew.
    Renewal {
        tx: synod_ledger::TxId,
    },
}

/// Something that goes wrong, or ends to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// The next blow of a kind, in this round of trouble.
    Strike { kind: Kind, round: u64 },
    /// A sender notices that a connection is gone.
    Unreachable { host: u64, peer: u64 },
    /// A disk works again.
    DiskHeals { host: u64 },
}

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Partition,
    Crash,
    Pause,
    Clock,
    Disk,
    Churn,
    App,
    Replay,
    Hold,
    Twin,
}
