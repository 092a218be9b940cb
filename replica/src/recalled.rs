//! What a leader read back from its files, and whether it may read more: see `recalling`.

use std::collections::VecDeque;

use synod_consensus::Fetch;
use synod_ledger::{Block, Certificate};

/// Blocks that were read back.
#[derive(Debug, Default)]
pub(crate) struct Recalled {
    pub(crate) blocks: VecDeque<Block>,
    pub(crate) certificates: Vec<Certificate>,
    /// What the engine waits for.
    pub(crate) asked: Option<Fetch>,
    /// No read begins before this tick.
    pub(crate) not_before: u64,
}

impl Recalled {
    /// The newest certificate here over a block at or below `index`.
    pub(crate) fn certificate_up_to(&self, index: u64) -> Option<&Certificate> {
        let mut newest_first = self.certificates.iter().rev();
        newest_first.find(|certificate| certificate.index <= index)
    }
}
