//! A host: a machine with a clock and a disk, and the process of a replica that runs on it, or
//! none.

use synod_attestation::Tee;
use synod_ledger::{LedgerSecret, TxId};
use synod_replica::Replica;

use crate::birth::Birth;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::events::Event;

/// A machine.
pub(crate) struct Host {
    pub(crate) tee: Tee,
    pub(crate) platform: [u8; 32],
    pub(crate) clock: Clock,
    /// What runs on it.
    pub(crate) process: Option<Process>,
    /// Which process is the newest one: events for older ones are void.
    pub(crate) epoch: u64,
    /// The replica that ran here last.
    pub(crate) former: Option<u64>,
    /// A process that stands still keeps what comes in meanwhile.
    pub(crate) paused: bool,
    pub(crate) inbox: Vec<Event>,
    /// The process ends with this step from now.
    pub(crate) crash_in: Option<u64>,
    /// The join that is under way.
    pub(crate) joining: Option<Joining>,
    /// Its operator starts nothing here before this time.
    pub(crate) restart_us: u64,
    /// Its operator starts nothing here any more.
    pub(crate) retired: bool,
    /// The adversary runs what runs here.
    pub(crate) broken: bool,
}

/// A replica with its keys and its disk.
pub(crate) struct Process {
    pub(crate) id: u64,
    pub(crate) birth: Birth,
    pub(crate) replica: Replica,
    pub(crate) disk: Disk,
    /// The newest batch that was reported durable.
    pub(crate) persisted: u64,
    pub(crate) seen: Seen,
    /// It has asked to leave.
    pub(crate) leaving: bool,
    /// Its fresh evidence is under way since.
    pub(crate) reattesting_us: Option<u64>,
}

/// What the checkers saw of a process when they last looked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) view: u64,
    pub(crate) index: u64,
    pub(crate) seqno: u64,
    pub(crate) time_ms: u64,
    /// The newest view that it was seen leading.
    pub(crate) led: u64,
    /// The newest index that its engine had committed when it was last seen leading.
    pub(crate) committed_leading: u64,
}

/// A join on its way.
pub(crate) struct Joining {
    pub(crate) birth: Birth,
    pub(crate) replaces: Option<u64>,
    pub(crate) stage: Stage,
    pub(crate) tries: u32,
}

/// How far a join is.
pub(crate) enum Stage {
    /// Asks whom it reaches, or the one that it was told of.
    Ask { contact: Option<u64> },
    /// Waits for the answer to this call.
    Asked { call: u64 },
    /// Is on the ledger, and asks for the keys.
    Keys { id: u64, tx: TxId },
    /// Has the keys, and fetches the ledger.
    Fetch { id: u64, tx: TxId, ring: Ring },
}

/// The keys that a joiner was given.
pub(crate) struct Ring {
    pub(crate) secrets: Vec<LedgerSecret>,
    pub(crate) service_key: synod_crypto::Secret<32>,
}

impl Ring {
    /// The secrets, for one more attempt to read a ledger.
    pub(crate) fn secrets(&self) -> Vec<LedgerSecret> {
        let copies = self.secrets.iter().map(|secret| LedgerSecret {
            generation: secret.generation,
            secret: secret.secret.duplicate(),
        });
        copies.collect()
    }
}

impl Host {
    pub(crate) fn new(tee: Tee, platform: [u8; 32], clock: Clock) -> Self {
        Self {
            tee,
            platform,
            clock,
            process: None,
            epoch: 0,
            former: None,
            paused: false,
            inbox: Vec::new(),
            crash_in: None,
            joining: None,
            restart_us: 0,
            retired: false,
            broken: false,
        }
    }

    /// The replica that runs here, if the simulator may ask it as an honest one.
    pub(crate) fn honest(&self) -> Option<&Process> {
        self.process.as_ref().filter(|_| !self.broken)
    }
}
