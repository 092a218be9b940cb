//! The blocks and certificates that a replica keeps at hand, to answer for transactions.
//!
//! Invariants
//! - blocks ascend by index; certificates ascend by index, each over a block that is or was kept;
//! - nothing certified is ever retracted; only the oldest certified blocks are forgotten, past a
//!   stated bound;
//! - the head of every block that governance can still ask for is at hand, however soon the block
//!   itself was forgotten: what is recomputed must not depend on how much one replica keeps.

use std::collections::{BTreeMap, VecDeque};

use synod_consensus::{Entry, Payload, TermRun};
use synod_crypto::Digest;
use synod_governance::{FRESH_BLOCKS, FRESH_MS, UNHEARD_FRESH_BLOCKS, UNHEARD_FRESH_MS};
use synod_ledger::{Block, Certificate, Head, TxId};

use crate::change::{self, Membership};
use synod_ledger::TxStatus;

/// The most bytes of blocks that are kept in memory; receipts of older transactions are not given
/// from here.
pub const HISTORY_BYTES_MAX: usize = 1 << 30;

// Governance asks for no block that is older and deeper than this; the other rule of freshness asks
// for less.
const _: () = assert!(FRESH_MS >= UNHEARD_FRESH_MS && FRESH_BLOCKS >= UNHEARD_FRESH_BLOCKS);

/// Blocks and certificates in memory.
#[derive(Debug)]
pub struct History {
    bytes_max: usize,
    blocks: VecDeque<Block>,
    /// The heads of forgotten blocks that governance can still ask for, ascending. Ten minutes of
    /// blocks: at a hundred blocks a second 8 MB.
    heads: VecDeque<Head>,
    /// The changes of membership that blocks make, by index; forgotten blocks' too, which can be
    /// read back.
    changes: BTreeMap<u64, Membership>,
    certificates: VecDeque<Certificate>,
    /// (first seqno, view) of each stretch of certified transactions of one view.
    views: Vec<(u64, u64)>,
    certified_seqno: u64,
    bytes: usize,
}

impl Default for History {
    fn default() -> Self {
        Self {
            bytes_max: HISTORY_BYTES_MAX,
            blocks: VecDeque::new(),
            heads: VecDeque::new(),
            changes: BTreeMap::new(),
            certificates: VecDeque::new(),
            views: Vec::new(),
            certified_seqno: 0,
            bytes: 0,
        }
    }
}

impl History {
    /// Keeps at most so many bytes of blocks from now on.
    pub fn bound(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Adds the next block, with the change of membership that it makes.
    pub fn push(&mut self, block: Block, membership: Option<Membership>) {
        let follows = |newest: &Block| {
            newest.header().index < block.header().index
                && newest.header().tree_size + 1 == block.header().first_seqno
        };
        assert!(
            self.blocks.back().is_none_or(follows),
            "blocks ascend without gaps between their transactions"
        );
        if let Some(membership) = membership {
            self.changes.insert(block.header().index, membership);
        }
        self.bytes += block.bytes().len();
        self.blocks.push_back(block);
        while self.bytes > self.bytes_max && self.oldest_may_go() {
            self.forget_oldest();
        }
    }

    /// The oldest block goes, with what was kept for it alone.
    fn forget_oldest(&mut self) {
        let gone = self.blocks.pop_front().expect("there is an oldest block");
        let index = gone.header().index;
        self.bytes -= gone.bytes().len();
        self.keep_head(gone.head());
        // One certificate below the oldest block stays: whoever takes that block next may need it.
        while self
            .certificates
            .get(1)
            .is_some_and(|certificate| certificate.index <= index)
        {
            self.certificates.pop_front();
        }
    }

    /// Keeps the head of a certified block that goes. Whatever comes later is of its time or a
    /// later one, so that heads too old for it are too old for ever.
    fn keep_head(&mut self, newest: Head) {
        self.heads.push_back(newest);
        let is_over = |head: &Head| {
            newest.time_ms.saturating_sub(head.time_ms) > FRESH_MS
                && newest.index - head.index > FRESH_BLOCKS
        };
        while self.heads.front().is_some_and(is_over) {
            self.heads.pop_front();
        }
    }

    /// The newest certified block stays, however large those after it are: they may be retracted,
    /// and then the chain goes on from it.
    fn oldest_may_go(&self) -> bool {
        let is_certified = |block: &Block| block.header().tree_size <= self.certified_seqno;
        self.blocks.get(1).is_some_and(is_certified)
    }

    /// Takes back the blocks above `index`, newest first.
    pub fn retract(&mut self, index: u64) -> Vec<(Block, Option<Membership>)> {
        let kept = self
            .blocks
            .partition_point(|block| block.header().index <= index);
        let gone: Vec<Block> = self.blocks.drain(kept..).rev().collect();
        let is_certified = |block: &Block| block.header().tree_size <= self.certified_seqno;
        assert!(
            gone.iter()
                .all(|block| block.header().count == 0 || !is_certified(block)),
            "nothing certified is retracted"
        );
        self.bytes -= gone.iter().map(|block| block.bytes().len()).sum::<usize>();
        let mut changes = self.changes.split_off(&(index + 1));
        gone.into_iter()
            .map(|block| {
                let membership = changes.remove(&block.header().index);
                (block, membership)
            })
            .collect()
    }

    /// Keeps a certificate that was verified; its block becomes the newest certified one.
    pub fn certify(&mut self, certificate: Certificate) {
        assert!(
            self.certificates
                .back()
                .is_none_or(|newest| newest.index < certificate.index),
            "certificates ascend"
        );
        self.advance(certificate.index);
        self.certificates.push_back(certificate);
    }

    /// Counts the blocks up to `index` as certified: block 0, which is pinned, or what a
    /// certificate covers.
    pub fn advance(&mut self, index: u64) {
        let from = self.certified_seqno;
        let newest = self
            .blocks
            .partition_point(|block| block.header().index <= index);
        let first = self
            .blocks
            .partition_point(|block| block.header().tree_size <= from);
        for block in self.blocks.range(first.min(newest)..newest) {
            let header = block.header();
            if header.count > 0
                && self
                    .views
                    .last()
                    .is_none_or(|(_, view)| *view != header.view)
            {
                self.views.push((header.first_seqno, header.view));
            }
            self.certified_seqno = header.tree_size;
        }
    }

    /// The newest seqno that is certified.
    pub fn certified_seqno(&self) -> u64 {
        self.certified_seqno
    }

    /// The first seqno of the oldest block kept.
    pub fn oldest_seqno(&self) -> u64 {
        let oldest = self.blocks.front();
        oldest.map_or(0, |block| block.header().first_seqno)
    }

    /// The newest block, certified or not.
    pub fn newest(&self) -> Option<&Block> {
        self.blocks.back()
    }

    /// The block at `index`.
    pub fn block(&self, index: u64) -> Option<&Block> {
        let at = self
            .blocks
            .partition_point(|block| block.header().index < index);
        self.blocks
            .get(at)
            .filter(|block| block.header().index == index)
    }

    /// The head of the block at `index`, also where the block itself is forgotten, as long as
    /// governance can ask for it.
    pub(crate) fn head(&self, index: u64) -> Option<Head> {
        let kept = self.block(index).map(Block::head);
        kept.or_else(|| {
            let at = self.heads.binary_search_by_key(&index, |head| head.index);
            Some(self.heads[at.ok()?])
        })
    }

    /// Hash of the newest block at or below `index`.
    pub fn tail_hash(&self, index: u64) -> Option<Digest> {
        self.block_up_to(index).map(Block::hash)
    }

    /// The newest block at or below `index`.
    pub fn block_up_to(&self, index: u64) -> Option<&Block> {
        let after = self
            .blocks
            .partition_point(|block| block.header().index <= index);
        self.blocks.get(after.checked_sub(1)?)
    }

    /// The newest certificate.
    pub fn newest_certificate(&self) -> Option<&Certificate> {
        self.certificates.back()
    }

    /// The oldest kept certificate that covers the block at `index`.
    pub fn certificate_covering(&self, index: u64) -> Option<&Certificate> {
        let at = self
            .certificates
            .partition_point(|certificate| certificate.index < index);
        self.certificates.get(at)
    }

    /// The newest certificate over a block at or below `index`. The one for the block before the
    /// oldest kept block is kept as well: a change of configuration there is certified by it.
    pub fn certificate_up_to(&self, index: u64) -> Option<&Certificate> {
        let after = self
            .certificates
            .partition_point(|certificate| certificate.index <= index);
        self.certificates.get(after.checked_sub(1)?)
    }

    /// The block that holds `seqno`, and its position in it.
    pub fn find(&self, seqno: u64) -> Option<(&Block, usize)> {
        let at = self
            .blocks
            .partition_point(|block| block.header().tree_size < seqno);
        let block = self.blocks.get(at)?;
        let position = seqno.checked_sub(block.header().first_seqno)?;
        (position < u64::from(block.header().count)).then_some((block, position as usize))
    }

    /// The terms of the engine's entries, as the kept blocks tell them.
    pub fn term_runs(&self) -> Vec<TermRun> {
        let mut runs: Vec<TermRun> = Vec::new();
        for block in &self.blocks {
            let header = block.header();
            for (first, term) in header
                .empties
                .iter()
                .copied()
                .chain([(header.index, header.view)])
            {
                if runs.last().is_none_or(|run| run.term != term) {
                    runs.push(TermRun { first, term });
                }
            }
        }
        runs
    }

    /// The engine's entries from `from` to `to`, inclusive, as far as they are kept without a gap.
    pub fn entries(&self, from: u64, to: u64) -> Vec<Entry> {
        let start = self
            .blocks
            .partition_point(|block| block.header().index < from);
        let blocks = self.blocks.range(start..);
        entries_of(blocks, from, to, |index| self.change_at(index))
    }

    /// The change of membership that the block at `index` makes.
    pub fn change_at(&self, index: u64) -> Option<Membership> {
        self.changes.get(&index).copied()
    }

    /// The certified transaction with this seqno; the newest certified one for a later seqno.
    pub fn certified_tx(&self, seqno: u64) -> TxId {
        let seqno = seqno.min(self.certified_seqno);
        let after = self.views.partition_point(|(first, _)| *first <= seqno);
        let view = after.checked_sub(1).map_or(0, |at| self.views[at].1);
        TxId { view, seqno }
    }

    /// What became of `tx`. Invalid is said only where a certified block of a higher view holds the
    /// seqno.
    pub fn status(&self, tx: TxId) -> TxStatus {
        if tx.seqno > self.certified_seqno {
            let known = self
                .find(tx.seqno)
                .is_some_and(|(block, _)| block.header().view == tx.view);
            return if known {
                TxStatus::Pending
            } else {
                TxStatus::Unknown
            };
        }
        let after = self.views.partition_point(|(first, _)| *first <= tx.seqno);
        match after.checked_sub(1).map(|at| self.views[at].1) {
            Some(view) if view == tx.view => TxStatus::Committed,
            Some(view) if view > tx.view => TxStatus::Invalid,
            _ => TxStatus::Unknown,
        }
    }
}

/// The engine's entries from `from` to `to`, inclusive, that these blocks stand for; none if the
/// first is missing.
pub(crate) fn entries_of<'a>(
    blocks: impl Iterator<Item = &'a Block>,
    from: u64,
    to: u64,
    change_at: impl Fn(u64) -> Option<Membership>,
) -> Vec<Entry> {
    let mut entries = Vec::new();
    for block in blocks {
        let header = block.header();
        let empties = header
            .empties
            .iter()
            .map(|(index, term)| (*index, *term, Payload::Empty));
        let payload = change::payload(block.bytes().clone(), change_at(header.index));
        let own = (header.index, header.view, payload);
        entries.extend(
            empties
                .chain([own])
                .filter(|(index, ..)| (from..=to).contains(index))
                .map(|(index, term, payload)| Entry {
                    index,
                    term,
                    payload,
                }),
        );
        if header.index >= to {
            break;
        }
    }
    if entries.first().is_some_and(|entry| entry.index == from) {
        entries
    } else {
        Vec::new()
    }
}
