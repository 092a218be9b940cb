//! The structural checker: what a block must be to follow the ones before.
//!
//! Leader, follower, joiner, audit and recovery all keep one [`Sequence`], so
//! there is one place where the rules of the chain are written. It holds the
//! Merkle tree, the configurations and the certified position.
//!
//! - A block is appended only if everything in its header is what the chain asks;
//!   a refused block leaves no trace.
//! - Blocks above the certified one can be retracted; those at or below cannot.
//! - A leader's own blocks are made here ([`Sequence::propose`]), by the same rules,
//!   so it cannot make one that others refuse.
//! - What the writes of a block *mean* is not judged here, with one exception:
//!   configurations.
//!
//! Rule for configurations. A block that writes
//! configuration k+1 names k, and nothing is pending. It is pending until a later
//! header names it, for which a certificate at or above that block is needed. In
//! between only the first block of a view may name k.

use std::collections::VecDeque;
use std::sync::Arc;

use synod_crypto::Digest;

use crate::block::{Block, BlockBuilder, Frame};
use crate::certificate::{Certificate, CertificateError, Certified};
use crate::clock_reading::{ClockReading, VerifiedClockReading, WINDOW, ledger_time};
use crate::configuration::{Configuration, check_no_reuse};
use crate::genesis::{self, Genesis};
use crate::header::{EMPTIES_MAX, HEADER_FORMAT, Head, Header};
use crate::sequence_error::SequenceError;
use crate::transaction::Leaf;
use crate::tree::Tree;
use crate::written::written_configurations;

/// The state of the chain after its newest block.
#[derive(Clone, Debug)]
pub struct Sequence {
    network: Digest,
    tree: Tree,
    /// Every configuration of the chain, oldest first.
    listed: Vec<Listed>,
    /// The certified block and up to [`WINDOW`] before it, oldest first.
    settled: VecDeque<Step>,
    /// Blocks above the certified one, oldest first.
    tail: Vec<Step>,
}

/// A configuration and the block that wrote it.
#[derive(Clone, Debug)]
struct Listed {
    configuration: Arc<Configuration>,
    written_at: u64,
}

/// A block that stands in the chain, and the place in `listed` of the
/// configuration it names.
#[derive(Clone, Copy, Debug)]
struct Step {
    head: Head,
    named: usize,
}

/// A block was appended: its summary and what was computed on the way.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The block's summary.
    pub head: Head,
    /// Its leaves in order.
    pub leaves: Vec<Leaf>,
    /// The configuration that it writes, if it is a change block.
    pub change: Option<Arc<Configuration>>,
}

/// What a leader adds to the gathered transactions to make a block.
#[derive(Clone, Debug)]
pub struct Terms<'a> {
    /// The engine index that the entry will have.
    pub index: u64,
    /// The leader's id.
    pub proposer: u64,
    /// The newest vetted readings available; those of no use are left out.
    pub readings: &'a [VerifiedClockReading],
    /// The engine's empty entries since the last block.
    pub empties: Vec<(u64, u64)>,
}

/// Why a certificate is not taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertifyError {
    /// No block at that index is available: it lies ahead, or long ago. The
    /// certificate was not judged.
    #[error("the block at index {index} is not available")]
    NotAtHand {
        /// The index named.
        index: u64,
    },
    /// The chain has another block at that index. If the certificate verifies
    /// against its own header and that index is certified here, then history was
    /// forked or rolled back.
    #[error("the chain has a different block at index {index}; {}", if *.certified { "ours is certified" } else { "ours is not certified" })]
    OtherBlock {
        /// The index named.
        index: u64,
        /// Whether ours is certified.
        certified: bool,
    },
    /// It does not certify the block.
    #[error(transparent)]
    Invalid(#[from] CertificateError),
}

/// Why a retraction is refused: it would retract a certified block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block {certified} is certified; nothing at or below it can be retracted")]
pub struct RetractsCertified {
    /// The certified index.
    pub certified: u64,
}

impl Sequence {
    /// Starts a chain from block 0, whose hash must be `pin`.
    pub fn from_block0(pin: Digest, block: &Block) -> Result<(Self, Appended), SequenceError> {
        let Genesis {
            configuration,
            leaves,
            tree,
        } = genesis::read(pin, block)?;
        let configuration = Arc::new(configuration);
        let head = block.head();
        let sequence = Self {
            network: pin,
            tree,
            listed: vec![Listed {
                configuration: configuration.clone(),
                written_at: head.index,
            }],
            settled: VecDeque::from([Step { head, named: 0 }]),
            tail: Vec::new(),
        };
        Ok((
            sequence,
            Appended {
                head,
                leaves,
                change: Some(configuration),
            },
        ))
    }

    /// Appends a block from elsewhere if it follows by every rule of the chain.
    /// A refused block changes nothing.
    pub fn append(&mut self, block: &Block) -> Result<Appended, SequenceError> {
        let header = block.header();
        self.check_place(header)?;
        let named = self.check_named(header)?;
        self.check_proposer(header.proposer, named)?;
        self.check_readings(header, named)?;
        let change = self.check_change(block.frames(), header.first_seqno, named)?;
        let leaves = block.leaves();
        self.extend_tree(&leaves, Some(header.root))?;
        Ok(self.settle(block.head(), named, leaves, change))
    }

    /// Makes the next block from what was gathered and appends it, by the rules
    /// that [`Self::append`] checks. Computes time, root and configuration.
    ///
    /// # Panics
    /// When the builder was not begun for the next seqno: the caller's state is broken.
    pub fn propose(
        &mut self,
        builder: BlockBuilder,
        terms: Terms<'_>,
    ) -> Result<(Block, Appended), SequenceError> {
        assert_eq!(
            builder.first_seqno(),
            self.next_seqno(),
            "the builder follows the chain"
        );
        let named = self.nameable(builder.view())?;
        let configuration = self.listed[named].configuration.clone();
        let readings = self.usable_readings(terms.readings, &configuration);
        let last = *self.last();
        let mut header = Header {
            format: HEADER_FORMAT,
            network: self.network,
            view: builder.view(),
            index: terms.index,
            proposer: terms.proposer,
            first_seqno: builder.first_seqno(),
            count: builder.count() as u32,
            previous: last.hash,
            tree_size: last.tree_size + builder.count() as u64,
            root: last.root,
            configuration: configuration.digest(),
            time_ms: ledger_time(last.time_ms, configuration.voters().len(), &readings),
            readings,
            empties: terms.empties,
        };
        self.check_place(&header)?;
        self.check_proposer(terms.proposer, named)?;
        let change = self.check_change(builder.frames(), header.first_seqno, named)?;
        let (frames, leaves) = builder.into_parts();
        header.root = self.extend_tree(&leaves, None)?;
        let block = Block::assemble(header, &frames);
        let appended = self.settle(block.head(), named, leaves, change);
        Ok((block, appended))
    }

    /// Verifies a certificate over a block of this chain and moves the certified
    /// position up to it. One for a block that is certified already is verified too.
    pub fn certify(&mut self, certificate: &Certificate) -> Result<Certified, CertifyError> {
        let index = certificate.index;
        let step = self
            .step_at(index)
            .ok_or(CertifyError::NotAtHand { index })?;
        if step.head.hash != certificate.header_hash {
            let certified = index <= self.certified().index;
            return Err(CertifyError::OtherBlock { index, certified });
        }
        let configuration = &self.listed[step.named].configuration;
        let certified = certificate.verify(&self.network, &step.head, configuration)?;
        self.advance(&certified);
        Ok(certified)
    }

    /// Moves the certified position up on a witness, without verifying again.
    /// Does nothing if it is certified already or not of this chain.
    pub fn advance(&mut self, certified: &Certified) {
        let at = self
            .tail
            .binary_search_by_key(&certified.index(), |s| s.head.index);
        let Ok(at) = at else { return };
        if self.tail[at].head.hash != certified.header_hash() {
            return;
        }
        self.settled.extend(self.tail.drain(..=at));
        let surplus = self.settled.len().saturating_sub(WINDOW + 1);
        self.settled.drain(..surplus);
    }

    /// Takes off every block above `index`. Refused below the certified block.
    pub fn retract(&mut self, index: u64) -> Result<(), RetractsCertified> {
        let certified = self.certified().index;
        if index < certified {
            return Err(RetractsCertified { certified });
        }
        let keep = self.tail.partition_point(|s| s.head.index <= index);
        self.tail.truncate(keep);
        self.listed.retain(|l| l.written_at <= index);
        self.tree.retract(self.last().tree_size);
        Ok(())
    }

    /// The network id.
    pub fn network(&self) -> Digest {
        self.network
    }

    /// The newest block.
    pub fn last(&self) -> &Head {
        &self.last_step().head
    }

    /// The newest block known to be certified (block 0 from the start).
    pub fn certified(&self) -> &Head {
        &self
            .settled
            .back()
            .expect("block 0 is certified by its pin")
            .head
    }

    /// The seqno that the next transaction gets.
    pub fn next_seqno(&self) -> u64 {
        self.last().tree_size + 1
    }

    /// The block at `index`, if it lies in the tail or shortly below the certified one.
    pub fn head_at(&self, index: u64) -> Option<&Head> {
        self.step_at(index).map(|s| &s.head)
    }

    /// The newest block at or below `index`, as far back as [`Self::head_at`] reaches.
    pub fn head_at_or_below(&self, index: u64) -> Option<&Head> {
        let above = self.tail.partition_point(|s| s.head.index <= index);
        match above.checked_sub(1) {
            Some(at) => Some(&self.tail[at].head),
            None => self
                .settled
                .iter()
                .rev()
                .map(|s| &s.head)
                .find(|h| h.index <= index),
        }
    }

    /// Blocks above the certified one, oldest first.
    pub fn uncertified(&self) -> impl ExactSizeIterator<Item = &Head> + '_ {
        self.tail.iter().map(|s| &s.head)
    }

    /// Whether the frames of a block are those of the chain: every leaf of theirs stands in the
    /// tree at its place. A header that is proven does not say it, for a header names its frames by
    /// the root alone. Hashes every frame's parts.
    pub fn has_frames_of(&self, block: &Block) -> bool {
        let first = block.header().first_seqno;
        (first..)
            .zip(block.leaves())
            .all(|(seqno, leaf)| self.tree.leaf(seqno - 1) == Some(leaf.hash()))
    }

    /// The tree with all leaves up to the newest block.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The configuration that the newest block names.
    pub fn configuration(&self) -> &Arc<Configuration> {
        &self.listed[self.last_step().named].configuration
    }

    /// The configuration that was written last, whether or not it is in force.
    pub fn newest_configuration(&self) -> &Arc<Configuration> {
        &self
            .listed
            .last()
            .expect("configuration 0 is never retracted")
            .configuration
    }

    /// The configuration that is written but not named yet, and the index of the
    /// block that wrote it.
    pub fn pending(&self) -> Option<(&Arc<Configuration>, u64)> {
        let newest = self.listed.last()?;
        let is_pending = self.last_step().named + 1 < self.listed.len();
        is_pending.then_some((&newest.configuration, newest.written_at))
    }

    /// The configuration in force: the one written last, once a certificate covers it. The next
    /// block names it.
    pub fn in_force(&self) -> &Arc<Configuration> {
        match self.pending() {
            Some((pending, _)) if self.pending_is_certified() => pending,
            _ => self.configuration(),
        }
    }

    /// Whether a certificate covers the pending change, so that headers may name it.
    pub fn pending_is_certified(&self) -> bool {
        self.pending()
            .is_some_and(|(_, at)| at <= self.certified().index)
    }

    /// The configuration with this digest, if it is of this chain.
    pub fn configuration_named(&self, digest: &Digest) -> Option<&Arc<Configuration>> {
        self.listed
            .iter()
            .map(|l| &l.configuration)
            .rev()
            .find(|c| c.digest() == *digest)
    }

    /// Every configuration of the chain, oldest first.
    pub fn configurations(&self) -> impl ExactSizeIterator<Item = &Arc<Configuration>> + '_ {
        self.listed.iter().map(|l| &l.configuration)
    }

    /// Whether `hash` is one of the last blocks, as a reading's newest block must be.
    pub fn is_recent(&self, hash: &Digest) -> bool {
        let newest_first = self.tail.iter().rev().chain(self.settled.iter().rev());
        newest_first.take(WINDOW).any(|s| s.head.hash == *hash)
    }

    /// Whether the next block may bear this reading, as far as its time and its newest block go.
    pub fn is_usable(&self, reading: &ClockReading) -> bool {
        reading.time_ms > self.last().time_ms && self.is_recent(&reading.newest)
    }

    fn last_step(&self) -> &Step {
        let settled = self
            .settled
            .back()
            .expect("block 0 is certified by its pin");
        self.tail.last().unwrap_or(settled)
    }

    fn step_at(&self, index: u64) -> Option<&Step> {
        if index > self.certified().index {
            let at = self
                .tail
                .binary_search_by_key(&index, |s| s.head.index)
                .ok()?;
            return self.tail.get(at);
        }
        let at = self
            .settled
            .binary_search_by_key(&index, |s| s.head.index)
            .ok()?;
        self.settled.get(at)
    }

    fn check_place(&self, header: &Header) -> Result<(), SequenceError> {
        let last = self.last();
        if header.network != self.network {
            return Err(SequenceError::Network);
        }
        if header.previous != last.hash {
            return Err(SequenceError::Previous);
        }
        if header.view < last.view {
            return Err(SequenceError::View {
                previous: last.view,
                found: header.view,
            });
        }
        if !continues_log(last, header) {
            return Err(SequenceError::Empties);
        }
        let expected = self.next_seqno();
        if header.first_seqno != expected {
            return Err(SequenceError::FirstSeqno {
                expected,
                found: header.first_seqno,
            });
        }
        Ok(())
    }

    /// Which configuration a header names, if it may name it here.
    fn check_named(&self, header: &Header) -> Result<usize, SequenceError> {
        let current = self.last_step().named;
        let newest = self.listed.len() - 1;
        let names = |at: usize| header.configuration == self.listed[at].configuration.digest();
        if current == newest {
            return if names(newest) {
                Ok(newest)
            } else {
                Err(SequenceError::Configuration)
            };
        }
        if names(newest) {
            if self.pending_is_certified() {
                return Ok(newest);
            }
            let number = self.listed[newest].configuration.number();
            return Err(SequenceError::ChangeNotCertified { number });
        }
        if !names(current) {
            return Err(SequenceError::Configuration);
        }
        if header.view > self.last().view {
            Ok(current)
        } else {
            Err(SequenceError::ChangePending)
        }
    }

    /// Which configuration a block of `view` proposed here names.
    fn nameable(&self, view: u64) -> Result<usize, SequenceError> {
        let current = self.last_step().named;
        if self.pending().is_none() {
            return Ok(current);
        }
        if self.pending_is_certified() {
            return Ok(self.listed.len() - 1);
        }
        if view > self.last().view {
            Ok(current)
        } else {
            Err(SequenceError::ChangePending)
        }
    }

    /// A leader votes in the configuration named, or in one that is applied in the
    /// engine already though its certificate got lost with the leader before.
    fn check_proposer(&self, proposer: u64, named: usize) -> Result<(), SequenceError> {
        let mut candidates = self.listed[named..].iter();
        if candidates.any(|l| l.configuration.voter(proposer).is_some()) {
            Ok(())
        } else {
            Err(SequenceError::Proposer { proposer })
        }
    }

    fn check_readings(&self, header: &Header, named: usize) -> Result<(), SequenceError> {
        let configuration = &self.listed[named].configuration;
        if !header
            .readings
            .windows(2)
            .all(|pair| pair[0].replica < pair[1].replica)
        {
            return Err(SequenceError::ClockReadingOrder);
        }
        for reading in &header.readings {
            self.check_reading(reading, configuration)?;
        }
        let voters = configuration.voters().len();
        let expected = ledger_time(self.last().time_ms, voters, &header.readings);
        if header.time_ms != expected {
            return Err(SequenceError::Time {
                expected,
                found: header.time_ms,
            });
        }
        Ok(())
    }

    fn check_reading(
        &self,
        reading: &ClockReading,
        configuration: &Configuration,
    ) -> Result<(), SequenceError> {
        let replica = reading.replica;
        let voter = configuration
            .voter(replica)
            .ok_or(SequenceError::ClockReadingOfStranger { replica })?;
        if reading.time_ms <= self.last().time_ms {
            return Err(SequenceError::ClockReadingNotLater { replica });
        }
        if !self.is_recent(&reading.newest) {
            return Err(SequenceError::ClockReadingOffChain { replica });
        }
        reading
            .clone()
            .verify(&self.network, &voter.key)
            .map(drop)
            .map_err(|_| SequenceError::ClockReadingSignature { replica })
    }

    fn usable_readings(
        &self,
        readings: &[VerifiedClockReading],
        configuration: &Configuration,
    ) -> Vec<ClockReading> {
        let mut usable: Vec<ClockReading> = readings
            .iter()
            .filter(|v| {
                let reading = v.reading();
                configuration
                    .voter(reading.replica)
                    .is_some_and(|voter| voter.key == *v.key())
                    && self.is_usable(reading)
            })
            .map(|v| v.reading().clone())
            .collect();
        usable.sort_by_key(|r| (r.replica, r.time_ms));
        // Of several readings of one replica the latest counts.
        usable.reverse();
        usable.dedup_by_key(|r| r.replica);
        usable.reverse();
        usable
    }

    /// The configuration that the frames write, checked as the successor of the newest.
    fn check_change(
        &self,
        frames: &[Frame],
        first_seqno: u64,
        named: usize,
    ) -> Result<Option<Arc<Configuration>>, SequenceError> {
        let mut written = written_configurations(frames, first_seqno)?;
        let Some(next) = written.pop() else {
            return Ok(None);
        };
        if !written.is_empty() || named + 1 != self.listed.len() {
            return Err(SequenceError::SecondChange);
        }
        let current = self.newest_configuration();
        current.check_successor(&next)?;
        check_no_reuse(
            self.listed.iter().map(|l| &*l.configuration),
            current,
            &next,
        )?;
        Ok(Some(Arc::new(next)))
    }

    /// Appends leaves and returns the root, or takes them off again if it is not `expected`.
    fn extend_tree(
        &mut self,
        leaves: &[Leaf],
        expected: Option<Digest>,
    ) -> Result<Digest, SequenceError> {
        let size = self.tree.size();
        self.tree.extend(leaves.iter().map(Leaf::hash));
        let root = if leaves.is_empty() {
            self.last().root
        } else {
            self.tree.root()
        };
        if expected.is_some_and(|e| e != root) {
            self.tree.retract(size);
            return Err(SequenceError::Root);
        }
        Ok(root)
    }

    fn settle(
        &mut self,
        head: Head,
        named: usize,
        leaves: Vec<Leaf>,
        change: Option<Arc<Configuration>>,
    ) -> Appended {
        assert_eq!(
            head.tree_size,
            self.tree.size(),
            "the tree ends with the block"
        );
        assert!(self.last().index < head.index, "blocks ascend by index");
        if let Some(configuration) = &change {
            let configuration = configuration.clone();
            self.listed.push(Listed {
                configuration,
                written_at: head.index,
            });
        }
        self.tail.push(Step { head, named });
        Appended {
            head,
            leaves,
            change,
        }
    }
}

/// Whether index and empties continue the engine's log after `last`. Every entry
/// between is listed; views do not fall; and the log of a new view opens with an
/// empty entry, as the engine's leaders append one when they are elected.
fn continues_log(last: &Head, header: &Header) -> bool {
    let empties = &header.empties;
    let next = last.index.checked_add(1);
    let Some(next) = next.filter(|_| empties.len() <= EMPTIES_MAX) else {
        return false;
    };
    let indices = (next..).zip(empties).all(|(index, empty)| empty.0 == index);
    let mut view = last.view;
    let views = empties.iter().all(|&(_, v)| {
        let rises = v >= view && v <= header.view;
        view = v;
        rises
    });
    indices
        && views
        && view == header.view
        && header.index.checked_sub(next) == Some(empties.len() as u64)
}
