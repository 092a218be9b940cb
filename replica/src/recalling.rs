//! Old blocks for followers that are far behind: what a leader's memory has forgotten comes from
//! its ledger's files.
//!
//! The files lie on the host's disk and are not believed: a run of blocks counts once a certificate
//! over its last block verifies, each block is the one that the next one names, and each frame is
//! the one whose leaf stands in the tree: a header names its frames by the root alone.
//!
//! Invariants
//! - one read is on its way at most; one that brought nothing is not repeated at once;
//! - what was recalled is bounded, and forgotten when the next is.

use synod_consensus::{Entry, Fetch, Input as EngineInput};
use synod_ledger::{Block, Certificate, Record};
use synod_mutation::mutation;

use crate::calls::{Effects, Recall};
use crate::core::Core;
use crate::history;

/// So many bytes of records are asked for at once.
pub const RECALL_BYTES_MAX: usize = 8 << 20;
/// A read that brought nothing is repeated after so many ticks (1 s of 20 ms).
const AGAIN_TICKS: u64 = 50;

impl Core {
    /// The engine needs old entries: from memory, or else from the files.
    pub(crate) fn fetch(&mut self, fetch: Fetch, out: &mut Effects) {
        let mut entries = self.machine.history().entries(fetch.from, fetch.to);
        if entries.is_empty() {
            entries = self.recalled_entries(fetch);
        }
        if entries.is_empty() && fetch.from <= self.certified_index() && self.may_recall() {
            let before = self.recalled.asked.replace(fetch);
            assert!(before.is_none(), "one read is on its way at most");
            out.recall = Some(Recall {
                from: fetch.from,
                bytes_max: RECALL_BYTES_MAX,
            });
            return;
        }
        self.drive(EngineInput::Fetched(entries), out);
    }

    fn may_recall(&self) -> bool {
        self.recalled.asked.is_none() && self.ticks >= self.recalled.not_before
    }

    fn recalled_entries(&self, fetch: Fetch) -> Vec<Entry> {
        let history = self.machine.history();
        let blocks = self.recalled.blocks.iter();
        history::entries_of(blocks, fetch.from, fetch.to, |index| {
            history.change_at(index)
        })
    }

    /// The files were read, or could not be: then there is nothing.
    pub(crate) fn recalled(&mut self, records: &[Record], out: &mut Effects) {
        let Some(fetch) = self.recalled.asked.take() else {
            return;
        };
        self.recalled.blocks.clear();
        self.recalled.certificates.clear();
        self.verify_recalled(records);
        let entries = self.recalled_entries(fetch);
        if entries.is_empty() {
            self.recalled.not_before = self.ticks + AGAIN_TICKS;
        }
        // A replica that does not lead any more has nobody to send them to, and the engine says so.
        self.drive(EngineInput::Fetched(entries), out);
    }

    /// Keeps the blocks that are proven; the first fault ends it.
    fn verify_recalled(&mut self, records: &[Record]) {
        let mut run: Vec<Block> = Vec::new();
        for record in records {
            match record {
                Record::Block(bytes) => {
                    let Ok(block) = Block::decode(bytes.clone()) else {
                        return;
                    };
                    // It takes the place of uncertified blocks above the one that it follows.
                    let follows = block.header().follows_index().unwrap_or(0);
                    run.retain(|earlier| earlier.header().index <= follows);
                    run.push(block);
                }
                Record::Certificate(bytes) => {
                    let Ok(certificate) = Certificate::decode(bytes) else {
                        return;
                    };
                    let covered = run.partition_point(|b| b.header().index <= certificate.index);
                    if covered > 0 {
                        if !self.proves(&certificate, &run[..covered]) {
                            return;
                        }
                        self.recalled.blocks.extend(run.drain(..covered));
                        self.recalled.certificates.push(certificate);
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether the certificate proves every block of the run.
    fn proves(&self, certificate: &Certificate, run: &[Block]) -> bool {
        if mutation!("recalled-unverified") {
            return true;
        }
        let before = self.recalled.blocks.back();
        let chain: Vec<&Block> = before.into_iter().chain(run).collect();
        let linked = chain
            .windows(2)
            .all(|pair| pair[1].header().previous == pair[0].hash());
        let Some(head) = run.last().map(Block::head) else {
            return false;
        };
        let sequence = self.machine.sequence();
        let named = sequence.configuration_named(&head.configuration);
        linked
            && named.is_some_and(|named| certificate.verify(&self.network, &head, named).is_ok())
            && run.iter().all(|block| sequence.has_frames_of(block))
    }
}
