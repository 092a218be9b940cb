//! The replicated machine: chain, state and history, advanced block by block.
//!
//! Follower, joiner, audit and recovery all advance it by [`Machine::append`], which checks a block
//! whole before anything of it stays; a leader's own blocks come in by [`Machine::propose`].
//!
//! Invariants
//! - chain, state and history always end with the same block;
//! - a refused block leaves no trace;
//! - the state's head is the chain's newest seqno; what is certified is never taken back.

use std::sync::Arc;

use bytes::Bytes;
use synod_crypto::Digest;
use synod_governance::Input;
use synod_kv::{DecodeError, WriteSet};
use synod_ledger::{
    Appended, Block, BlockBuilder, Certificate, Certified, CertifyError, ChainRecord, Frame,
    Interior, Malformed, Opener, Place, Purpose, Recorder, RetractsCertified, SealError, Sequence,
    SequenceError, Terms, TxId,
};

use crate::apps::GovernanceMark;
use crate::calls::CallError;
use crate::change::Membership;
use crate::changes::{CHANGES_ASKED_BYTES_MAX, CHANGES_ASKED_MAX, Change, Changes, ChangesError};
use crate::governance_checks::{self, Enacted, GovernanceError};
use crate::history::History;
use crate::state::{StateAt, StateGuard, StateHandle};

/// Chain, state and history of one network.
pub struct Machine {
    sequence: Sequence,
    state: StateHandle,
    /// Opens sealed parts; none for an auditor, who sees the public half only.
    opener: Option<Opener>,
    history: History,
    changes: Changes,
    recorder: Recorder,
    /// The chain records as they go to clients, each encoded once.
    encoded_records: Vec<Bytes>,
    /// Block 0, encoded.
    genesis: Bytes,
    governance_epoch: u64,
    /// The seqnos that wrote to governance: those that are not certified, and the newest before
    /// them.
    governance_seqnos: Vec<u64>,
}

/// Why a block is not taken up. Its proposer's fault, but for the variants that say otherwise.
#[derive(Debug, thiserror::Error)]
pub enum BlockFault {
    /// It is not a block.
    #[error("malformed block: {0}")]
    Malformed(#[from] Malformed),
    /// It does not follow. See [`SequenceError`] for the variants that are nobody's fault.
    #[error("the block does not follow: {0}")]
    Sequence(#[from] SequenceError),
    /// A sealed part does not open.
    #[error("transaction {seqno}: {cause}")]
    Seal {
        /// Its seqno.
        seqno: u64,
        /// What is wrong.
        cause: SealError,
    },
    /// The plaintext of a sealed part is malformed.
    #[error("transaction {seqno}: the sealed part holds no transaction: {cause}")]
    Interior {
        /// Its seqno.
        seqno: u64,
        /// What is wrong.
        cause: Malformed,
    },
    /// The digest of the reply in the frame is not that of the sealed preimage.
    #[error("transaction {seqno}: the reply digest is not that of the sealed reply")]
    Reply {
        /// Its seqno.
        seqno: u64,
    },
    /// A write set is malformed.
    #[error("transaction {seqno}: {cause}")]
    Writes {
        /// Its seqno.
        seqno: u64,
        /// What is wrong.
        cause: DecodeError,
    },
    /// Public writes in the sealed part, or private ones in the open.
    #[error("transaction {seqno}: a write stands in the wrong half")]
    WrongHalf {
        /// Its seqno.
        seqno: u64,
    },
    /// The governance writes are not what the recorded inputs give.
    #[error("transaction {seqno}: {cause}")]
    Governance {
        /// Its seqno.
        seqno: u64,
        /// What is wrong.
        cause: GovernanceError,
    },
    /// View, index, empty entries or proposer are not those of the engine's entry.
    #[error("the block is not the one that its entry's place asks for")]
    Place,
    /// The engine's entry changes another membership than the block.
    #[error("the entry and its block do not change the same membership")]
    Membership,
}

impl BlockFault {
    /// Whether the block may be sound after all, once a certificate that is under way has come.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Sequence(SequenceError::ChangeNotCertified { .. })
        )
    }
}

/// What else says that a block changes the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The engine's entry that carries it; it must say the same as the block's recomputed inputs.
    Entry(Option<Membership>),
    /// Nothing: the block comes from a ledger's files.
    Recorded,
}

/// A block was appended.
#[derive(Debug)]
pub struct Taken {
    /// What the chain says of it.
    pub appended: Appended,
    /// The change of membership that its governance acts make.
    pub membership: Option<Membership>,
}

impl Machine {
    /// Keeps at most so many bytes of blocks in memory from now on.
    pub fn bound_history(&mut self, bytes_max: usize) {
        self.history.bound(bytes_max);
    }

    /// Starts from block 0, whose hash must be `pin`; recomputes all of genesis.
    ///
    /// # Errors
    /// [`BlockFault`] where block 0 is not what its inputs give.
    pub fn from_block0(
        pin: Digest,
        bytes: Bytes,
        opener: Option<Opener>,
    ) -> Result<Self, BlockFault> {
        let block = Block::decode(bytes.clone())?;
        let (sequence, _) = Sequence::from_block0(pin, &block)?;
        let mut machine = Self {
            sequence,
            state: StateHandle::default(),
            opener,
            history: History::default(),
            changes: Changes::default(),
            recorder: Recorder::new(),
            encoded_records: Vec::new(),
            genesis: bytes,
            governance_epoch: 0,
            governance_seqnos: Vec::new(),
        };
        machine.take_frames(&block)?;
        machine.history.push(block, None);
        machine.history.advance(1);
        Ok(machine)
    }

    /// Takes up the next block if every rule holds: place, root, time, seals, governance.
    ///
    /// # Errors
    /// [`BlockFault`]; nothing has changed then.
    pub fn append(&mut self, block: Block, claimed: Claim) -> Result<Taken, BlockFault> {
        let last = *self.sequence.last();
        let appended = self.sequence.append(&block)?;
        match self
            .take_frames(&block)
            .and_then(|membership| claim_holds(membership, claimed))
        {
            Ok(membership) => {
                self.recorder.appended(&block, &appended);
                self.history.push(block, membership);
                Ok(Taken {
                    appended,
                    membership,
                })
            }
            Err(fault) => {
                self.sequence
                    .retract(last.index)
                    .expect("the block before was the newest");
                self.roll_back(last.tree_size);
                Err(fault)
            }
        }
    }

    /// Closes a block of this replica's own, whose writes stand in the state already.
    ///
    /// # Errors
    /// [`SequenceError`] where the chain does not allow a block now; the state is rolled back to
    /// the chain.
    pub fn propose(
        &mut self,
        builder: BlockBuilder,
        terms: Terms<'_>,
        membership: Option<Membership>,
    ) -> Result<Block, SequenceError> {
        match self.sequence.propose(builder, terms) {
            Ok((block, appended)) => {
                self.recorder.appended(&block, &appended);
                assert_eq!(
                    self.state.read().head(),
                    self.sequence.last().tree_size,
                    "state and chain end together"
                );
                self.history.push(block.clone(), membership);
                Ok(block)
            }
            Err(error) => {
                self.roll_back(self.sequence.last().tree_size);
                Err(error)
            }
        }
    }

    /// Takes back every block above `index`, newest first.
    ///
    /// # Errors
    /// [`RetractsCertified`] where a certified block would go; nothing has changed then.
    pub fn retract(
        &mut self,
        index: u64,
    ) -> Result<Vec<(Block, Option<Membership>)>, RetractsCertified> {
        self.sequence.retract(index)?;
        self.recorder.retracted(index);
        self.roll_back(self.sequence.last().tree_size);
        Ok(self.history.retract(index))
    }

    /// Verifies a certificate over a block of this chain and moves the certified position.
    ///
    /// # Errors
    /// [`CertifyError`]; nothing has changed then.
    pub fn certify(&mut self, certificate: Certificate) -> Result<Certified, CertifyError> {
        let before = self.sequence.certified().index;
        let certified = self.sequence.certify(&certificate)?;
        if certified.index() > before {
            self.record(certificate);
        }
        Ok(certified)
    }

    /// Moves the certified position on the witness that came with `certificate`.
    pub fn advance(&mut self, certificate: Certificate, certified: &Certified) {
        if certified.index() > self.sequence.certified().index {
            self.sequence.advance(certified);
            self.record(certificate);
        }
    }

    /// Keeps a certificate that moved the certified position, and the chain record that it may
    /// complete.
    fn record(&mut self, certificate: Certificate) {
        let record = self.recorder.certified(&certificate, &self.sequence);
        self.encoded_records.extend(record.map(ChainRecord::encode));
        self.history.certify(certificate);
    }

    /// The chain.
    pub fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// The state, held still for reading; see [`StateHandle::read`].
    pub fn store(&self) -> StateGuard<'_> {
        self.state.read()
    }

    /// The state, to share with executors.
    pub fn state(&self) -> &StateHandle {
        &self.state
    }

    /// Executes an input of governance on the newest state, for the block that comes at `index`.
    /// Changes nothing.
    pub(crate) fn enact(&self, input: &Input, index: u64) -> Result<Enacted, CallError> {
        let state = self.state.read();
        governance_checks::enact(&state, &self.sequence, &self.history, input, index)
    }

    /// Applies what a leader executed. It must end up in a block, or be dropped.
    pub fn execute(&mut self, seqno: u64, writes: Arc<WriteSet>) {
        self.take_writes(seqno, writes);
    }

    /// Rises whenever governance may have changed, so that what was read of it can be kept until
    /// then.
    pub fn governance_epoch(&self) -> u64 {
        self.governance_epoch
    }

    /// The newest certified state.
    pub(crate) fn certified_state(&self) -> StateAt<'_> {
        StateAt::new(self.state.read(), self.history.certified_seqno())
    }

    /// The newest state.
    pub(crate) fn newest_state(&self) -> StateAt<'_> {
        let store = self.state.read();
        let head = store.head();
        StateAt::new(store, head)
    }

    /// Names the governance of a state, which must be certified or newer.
    pub(crate) fn governance_mark(&self, state: &StateAt<'_>) -> GovernanceMark {
        let written = self.governance_seqnos.iter().rev();
        let newest = written.copied().find(|written| *written <= state.seqno());
        GovernanceMark {
            seqno: newest.unwrap_or(0),
            rollbacks: state.rollbacks(),
        }
    }

    /// The newest certified transaction that wrote to governance.
    pub(crate) fn certified_governance(&self) -> u64 {
        let certified = self.history.certified_seqno();
        let written = self.governance_seqnos.iter().rev();
        written
            .copied()
            .find(|written| *written <= certified)
            .unwrap_or(0)
    }

    fn note_governance(&mut self, seqno: u64) {
        let certified = self.history.certified_seqno();
        let later = self
            .governance_seqnos
            .partition_point(|written| *written <= certified);
        self.governance_seqnos.drain(..later.saturating_sub(1));
        self.governance_seqnos.push(seqno);
    }

    /// The blocks and certificates at hand.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Block 0, encoded.
    pub fn genesis(&self) -> &Bytes {
        &self.genesis
    }

    /// The certificate of the newest change of configuration at or below `index`. It stays at hand
    /// however soon memory has dropped the certificates beside the blocks: nobody can take up a
    /// block that names the new configuration without it.
    pub(crate) fn change_certificate_up_to(&self, index: u64) -> Option<&Certificate> {
        let mut certificates = self.chain_records().iter().rev().map(|it| &it.certificate);
        certificates.find(|certificate| certificate.index <= index)
    }

    /// The steps from configuration to configuration, for whoever follows the chain offline.
    pub fn chain_records(&self) -> &[ChainRecord] {
        self.recorder.records()
    }

    /// The same, encoded; cheap to clone.
    pub fn encoded_chain_records(&self) -> &[Bytes] {
        &self.encoded_records
    }

    /// The secrets that open sealed parts.
    pub fn opener(&self) -> Option<&Opener> {
        self.opener.as_ref()
    }

    /// Opens the sealed part of a transaction of this chain, where there is one and the secret is
    /// at hand.
    pub fn interior(&mut self, seqno: u64) -> Option<Interior> {
        let (block, position) = self.history.find(seqno)?;
        let (block, network) = (block.clone(), self.sequence.network());
        let place = place(network, &block, position);
        let sealed = &block.frames()[position].sealed;
        let plain = self
            .opener
            .as_mut()?
            .open(sealed, &place, Purpose::Transaction)
            .ok()?;
        Interior::decode(&plain.into()).ok()
    }

    /// What the certified transactions after `seqno` wrote, in order, at most `max` of them and at
    /// most [`CHANGES_ASKED_MAX`], and no more once they have [`CHANGES_ASKED_BYTES_MAX`]. Empty
    /// where nothing newer is certified. What is not at hand any more is opened again from the kept
    /// blocks, which costs more.
    ///
    /// # Errors
    /// [`ChangesError`] where `seqno` is too old for the blocks kept, or newer than what is
    /// certified.
    pub fn changes_since(&mut self, seqno: u64, max: usize) -> Result<Vec<Change>, ChangesError> {
        let newest = self.history.certified_seqno();
        if seqno > newest {
            return Err(ChangesError::Ahead { newest });
        }
        self.changes.watch(newest);
        let max = max.min(CHANGES_ASKED_MAX) as u64;
        let wanted = seqno + 1..=newest.min(seqno.saturating_add(max));
        let (mut found, mut bytes) = (Vec::new(), 0);
        for seqno in wanted {
            if bytes >= CHANGES_ASKED_BYTES_MAX {
                break;
            }
            let tx = self.history.certified_tx(seqno);
            let writes = match self.changes.get(seqno) {
                Some(kept) => kept.clone(),
                None => self.recorded_writes(seqno).ok_or_else(|| self.gone())?,
            };
            bytes += writes.byte_len();
            found.push(Change { tx, writes });
        }
        Ok(found)
    }

    /// The writes of a transaction, read again from its block.
    fn recorded_writes(&mut self, seqno: u64) -> Option<Arc<WriteSet>> {
        let (block, position) = self.history.find(seqno)?;
        let block = block.clone();
        self.writes_of(&block, position, seqno).ok().map(Arc::new)
    }

    /// A transaction of this chain with its writes, read again from its block.
    pub(crate) fn recorded(&mut self, seqno: u64) -> Option<(TxId, Arc<WriteSet>)> {
        let (block, position) = self.history.find(seqno)?;
        let tx = block.tx_id(position);
        Some((tx, self.recorded_writes(seqno)?))
    }

    fn gone(&self) -> ChangesError {
        let oldest = self.history.oldest_seqno().saturating_sub(1);
        ChangesError::Gone { oldest }
    }

    /// Panics where what is kept is more than may be.
    pub(crate) fn check_invariants(&self) {
        self.changes
            .check_invariants(self.history.certified_seqno());
    }

    /// Forgets the versions that only states below the certified one can see, but for the states
    /// from `pinned` on.
    pub fn compact(&mut self, pinned: Option<u64>) {
        let certified = self.history.certified_seqno();
        let below = pinned.unwrap_or(certified).min(certified);
        self.state.write().compact(below);
    }

    fn take_writes(&mut self, seqno: u64, writes: Arc<WriteSet>) {
        if synod_governance::touches_reserved(&writes) {
            self.governance_epoch += 1;
            self.note_governance(seqno);
        }
        self.state.write().apply(seqno, &writes);
        let certified = self.history.certified_seqno();
        self.changes.push(seqno, writes, certified);
    }

    fn roll_back(&mut self, seqno: u64) {
        self.governance_epoch += 1;
        self.governance_seqnos.retain(|written| *written <= seqno);
        self.changes.roll_back(seqno);
        self.state
            .write()
            .rollback(seqno)
            .expect("uncertified writes are never compacted");
    }

    fn take_frames(&mut self, block: &Block) -> Result<Option<Membership>, BlockFault> {
        let mut membership = None;
        for position in 0..block.frames().len() {
            let seqno = block.tx_id(position).seqno;
            let writes = self.writes_of(block, position, seqno)?;
            let change = governance_checks::check(
                &self.state.read(),
                &self.sequence,
                &self.history,
                block.header(),
                seqno,
                &writes,
            )
            .map_err(|cause| BlockFault::Governance { seqno, cause })?;
            if change.is_some() && (membership.is_some() || block.frames().len() > 1) {
                return Err(BlockFault::Membership);
            }
            membership = membership.or(change);
            self.take_writes(seqno, Arc::new(writes));
        }
        Ok(membership)
    }

    fn writes_of(
        &mut self,
        block: &Block,
        position: usize,
        seqno: u64,
    ) -> Result<WriteSet, BlockFault> {
        let frame = &block.frames()[position];
        let public =
            WriteSet::decode(&frame.public).map_err(|cause| BlockFault::Writes { seqno, cause })?;
        if public.iter().any(|(map, ..)| !map.is_public()) {
            return Err(BlockFault::WrongHalf { seqno });
        }
        if frame.sealed.is_empty() || self.opener.is_none() {
            return Ok(public);
        }
        let private = self.private_writes(block, position, seqno, frame)?;
        if private.iter().any(|(map, ..)| map.is_public()) {
            return Err(BlockFault::WrongHalf { seqno });
        }
        Ok(public.merge(private))
    }

    fn private_writes(
        &mut self,
        block: &Block,
        position: usize,
        seqno: u64,
        frame: &Frame,
    ) -> Result<WriteSet, BlockFault> {
        let place = place(self.sequence.network(), block, position);
        let opener = self
            .opener
            .as_mut()
            .expect("only asked where there is an opener");
        let plain = opener
            .open(&frame.sealed, &place, Purpose::Transaction)
            .map_err(|cause| BlockFault::Seal { seqno, cause })?;
        let interior = Interior::decode(&plain.into())
            .map_err(|cause| BlockFault::Interior { seqno, cause })?;
        if interior.reply.digest() != frame.reply {
            return Err(BlockFault::Reply { seqno });
        }
        WriteSet::decode(&interior.writes).map_err(|cause| BlockFault::Writes { seqno, cause })
    }
}

fn place(network: Digest, block: &Block, position: usize) -> Place {
    let header = block.header();
    Place {
        network,
        replica: header.proposer,
        view: header.view,
        seqno: block.tx_id(position).seqno,
        previous: header.previous,
    }
}

fn claim_holds(
    computed: Option<Membership>,
    claimed: Claim,
) -> Result<Option<Membership>, BlockFault> {
    match claimed {
        Claim::Entry(claimed) if claimed != computed => Err(BlockFault::Membership),
        Claim::Entry(_) | Claim::Recorded => Ok(computed),
    }
}
