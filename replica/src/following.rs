//! What a replica checks before the engine sees a peer's message: the engine compares terms and
//! indices alone, and believes the channel.
//!
//! Invariants
//! - a block enters the engine's log only after the machine took it up, and leaves both together;
//! - messages of a lower term go to the engine uncompared; it answers with the higher term;
//! - another hash at the same (view, index), or a conflict at or below the certified block, is
//!   refused, kept as proof, reported, and its sender not heard as a leader for this view;
//! - a replica halts only on a certificate that contradicts a certified block: see `comparing`.

use bytes::Bytes;
use synod_consensus::{Body, Entry, Input as EngineInput, Message, Refused};
use synod_crypto::Digest;
use synod_ledger::{Block, BlockSignature, Certificate, ShownBlock, Standing};
use synod_mutation::mutation;

use crate::calls::{Effects, Notice};
use crate::change;
use crate::core::Core;
use crate::machine::{BlockFault, Claim};

/// What to do with an append.
enum Judgement {
    /// The engine may see it.
    Pass,
    /// Dropped without blame.
    Drop(String),
    /// No honest leader sends this.
    Refuse { what: String, proof: Option<Bytes> },
    /// A certificate proves another history than the certified one.
    Halt { index: u64, shown: Box<ShownBlock> },
}

/// What comes beside a message of the engine's.
pub(crate) struct Beside {
    /// The hash of the sender's chain at the index that the message names.
    pub(crate) tail: Option<Digest>,
    pub(crate) certificate: Option<Bytes>,
    pub(crate) signature: Option<BlockSignature>,
    /// Whether the sender's disk takes no writes.
    pub(crate) disk_refuses: bool,
}

impl Core {
    /// Takes a message of the engine's, with what came beside it.
    pub(crate) fn hear(
        &mut self,
        from: u64,
        mut message: Message,
        beside: &Beside,
        out: &mut Effects,
    ) {
        if message.from != from || message.to != self.id {
            return Self::drop_message(from, "sender or receiver is not the channel's", out);
        }
        if self.is_ignored(from, &message) {
            return Self::drop_message(from, "its leadership is not heard in this view", out);
        }
        if message.is_from_leader() && message.term >= self.engine.term() {
            self.leader_heard_tick = self.ticks;
            // What a heartbeat says is no more than what the receiver has.
            if let Body::Append { commit, .. } = message.body {
                self.shown_commit = commit;
            }
        }
        if !mutation!("commit-index-believed") {
            message.lower_commit(self.certified_index());
        }
        self.note_certified_by(&message, beside.disk_refuses);
        match &message.body {
            Body::Append { .. } => {
                self.append(from, message, beside.tail, beside.certificate.as_ref(), out);
            }
            Body::Accepted { index, .. } => {
                let index = *index;
                self.acknowledged(from, index, message, beside.tail, beside.signature, out);
            }
            _ => {
                self.drive(EngineInput::Received(message), out);
            }
        }
    }

    fn is_ignored(&self, from: u64, message: &Message) -> bool {
        message.is_from_leader()
            && self
                .ignored
                .get(&from)
                .is_some_and(|view| *view == message.term)
    }

    fn drop_message(peer: u64, why: &str, out: &mut Effects) {
        out.notices.push(Notice::Dropped {
            peer,
            why: why.to_owned(),
        });
    }

    fn append(
        &mut self,
        from: u64,
        message: Message,
        tail: Option<Digest>,
        certificate: Option<&Bytes>,
        out: &mut Effects,
    ) {
        if let Err(refused) = self.engine.would_accept(&message) {
            if let Refused::ContradictsCommitted { index, .. } = refused {
                self.show_history(from, index, out);
            }
            return Self::drop_message(from, &refused.to_string(), out);
        }
        let last = self.engine.last_index();
        let Body::Append { index: before, .. } = message.body else {
            return;
        };
        match self.judge_append(&message, tail, certificate) {
            Judgement::Pass => {
                self.drive(EngineInput::Received(message), out);
                self.level_with_engine();
                self.take_parked_certificates(out);
                if self.engine.last_index() != last {
                    self.last_block_tick = self.ticks;
                }
            }
            Judgement::Drop(why) => Self::drop_message(from, &why, out),
            Judgement::Refuse { what, proof } => {
                self.show_history(from, before, out);
                self.refuse(from, what, proof, out);
            }
            Judgement::Halt { index, shown } => self.halt_on_fork(from, index, &shown, out),
        }
    }

    /// If the engine did not append what was checked, the machine gives it back.
    fn level_with_engine(&mut self) {
        let last = *self.machine.sequence().last();
        if self.engine.term_at(last.index) != Some(last.view) {
            let known = self
                .machine
                .sequence()
                .uncertified()
                .map(|head| (head.index, head.view));
            let kept = known
                .take_while(|(index, view)| self.engine.term_at(*index) == Some(*view))
                .last();
            let to = kept.map_or(self.certified_index(), |(index, _)| index);
            self.machine
                .retract(to)
                .expect("only uncertified blocks are given back");
        }
    }

    fn judge_append(
        &mut self,
        message: &Message,
        tail: Option<Digest>,
        certificate: Option<&Bytes>,
    ) -> Judgement {
        let Body::Append {
            index,
            log_term,
            entry,
            ..
        } = &message.body
        else {
            return Judgement::Pass;
        };
        if message.term < self.engine.term() || self.engine.term_at(*index) != Some(*log_term) {
            return Judgement::Pass;
        }
        let ours = self.machine.history().tail_hash(*index);
        // A leader that has forgotten the block says no hash: then the entry itself tells, which
        // names the block before.
        if tail.is_some() && ours.is_some() && tail != ours {
            let what =
                format!("its chain has another block at or below index {index}, in the same view");
            return Judgement::Refuse {
                what,
                proof: entry.as_ref().and_then(block_bytes),
            };
        }
        match entry {
            Some(entry) => self.judge_entry(entry, message.from, certificate),
            None => Judgement::Pass,
        }
    }

    fn judge_entry(&mut self, entry: &Entry, from: u64, certificate: Option<&Bytes>) -> Judgement {
        let known = self.engine.term_at(entry.index);
        if known == Some(entry.term) {
            let ours = self.machine.history().block(entry.index).map(Block::bytes);
            let same = ours.is_none() || ours == entry.payload.block();
            if same {
                return Judgement::Pass;
            }
            return self.contradiction(
                entry,
                "another block at the same view and index",
                certificate,
            );
        }
        if known.is_some() && entry.index <= self.certified_index() {
            return self.contradiction(
                entry,
                "a conflict at or below the certified block",
                certificate,
            );
        }
        let Ok(gone) = self.machine.retract(entry.index - 1) else {
            return self.contradiction(
                entry,
                "a conflict at or below the certified block",
                certificate,
            );
        };
        match self.take_entry(entry, from) {
            Ok(()) => {
                self.signatures.retain(|index, _| *index < entry.index);
                Judgement::Pass
            }
            Err(fault) => {
                for (block, membership) in gone.into_iter().rev() {
                    let again = self.machine.append(block, Claim::Entry(membership));
                    again.expect("a block that was taken up is taken up again");
                }
                judgement_of(&fault, entry)
            }
        }
    }

    /// Takes the entry's block up in the machine, if it has one.
    fn take_entry(&mut self, entry: &Entry, from: u64) -> Result<(), BlockFault> {
        let Some(bytes) = entry.payload.block() else {
            return Ok(());
        };
        let block = Block::decode(bytes.clone())?;
        let header = block.header();
        let claimed = entry.payload.change().map(change::membership_from_engine);
        let last = self.machine.sequence().last().index;
        let listed = (last + 1..entry.index).map(|at| (at, self.engine.term_at(at)));
        let empties_agree = listed.eq(header
            .empties
            .iter()
            .map(|(index, view)| (*index, Some(*view))));
        if header.index != entry.index || header.view != entry.term || !empties_agree {
            return Err(BlockFault::Place);
        }
        if header.view == self.engine.term()
            && header.proposer != from
            && self.engine.leader() == Some(from)
        {
            return Err(BlockFault::Place);
        }
        self.machine.append(block, Claim::Entry(claimed)).map(drop)
    }

    /// A contradiction is misbehaviour; with a certificate over the other block it proves a fork,
    /// and this replica halts.
    fn contradiction(&self, entry: &Entry, what: &str, certificate: Option<&Bytes>) -> Judgement {
        let proof = block_bytes(entry);
        let certificate = certificate.and_then(|bytes| Certificate::decode(bytes).ok());
        let block = proof.clone().and_then(|bytes| Block::decode(bytes).ok());
        if let (Some(certificate), Some(block)) = (certificate, block) {
            let shown = ShownBlock {
                header: block.header_bytes().clone(),
                certificate,
            };
            if let Ok(Standing::Fork { index }) = self.standing_of(&shown) {
                let shown = Box::new(shown);
                return Judgement::Halt { index, shown };
            }
        }
        Judgement::Refuse {
            what: what.to_owned(),
            proof,
        }
    }
}

fn judgement_of(fault: &BlockFault, entry: &Entry) -> Judgement {
    if fault.is_transient() {
        Judgement::Drop(fault.to_string())
    } else {
        Judgement::Refuse {
            what: fault.to_string(),
            proof: block_bytes(entry),
        }
    }
}

fn block_bytes(entry: &Entry) -> Option<Bytes> {
    entry.payload.block().cloned()
}
