//! How a leader closes blocks and proposes them, and what the engine must know of them.
//!
//! Invariants
//! - the first block of a view is an opening block without transactions;
//! - a block that changes the membership or the rule of diversity stands alone, and nothing follows
//!   it before the change is certified and applied;
//! - what was executed is either proposed or rolled back, in the same step.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use synod_consensus::{Change, Groups, Input as EngineInput, Role};
use synod_crypto::Digest;
use synod_governance::Input;
use synod_kv::WriteSet;
use synod_ledger::{
    BlockBuilder, Interior, LedgerSecret, Purpose, ReplyPreimage, Sealer, Tally, Terms, TxId,
};
use synod_mutation::mutation;

use crate::caller::Caller;
use crate::calls::{Asker, CallError, Effects, Notice, Reply};
use crate::change::{self, Membership};
use crate::core::{Core, groups};
use crate::governance_checks::{self, Enacted};
use crate::kv;
use crate::pending_replies::{Outcome, PendingReply};

/// Blocks on their way at once.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 2;
/// An idle chain with uncertified blocks gets an empty block after so many ticks (5 s of 20 ms).
pub(crate) const TICK_BLOCK_TICKS: u64 = 250;
/// The ledger's time is brought up to date before a join if it is older than this.
const FRESH_MS: u64 = 1000;
/// But not more often than every so many ticks (1 s of 20 ms).
const EVIDENCE_FRESHEN_TICKS: u64 = 50;

/// A block in the making.
pub(crate) struct Draft {
    pub(crate) builder: BlockBuilder,
    pub(crate) replies: Vec<PendingReply>,
    /// Operations on maps that are answered `Pending` as soon as the block stands in the log.
    pub(crate) pending: Vec<(Asker, TxId)>,
}

/// A transaction for a block of its own.
pub(crate) struct Alone {
    pub(crate) writes: WriteSet,
    /// What the leaf binds as the request.
    pub(crate) request: Digest,
    pub(crate) claims: Vec<Digest>,
    /// Who made it; empty for the service itself.
    pub(crate) caller: Bytes,
    pub(crate) membership: Option<Membership>,
    /// Who is answered once it is certified, and how.
    pub(crate) answers: Option<(Asker, Outcome)>,
}

impl Alone {
    /// A transaction of the service itself.
    pub(crate) fn new(writes: WriteSet, request: Digest) -> Self {
        Self {
            writes,
            request,
            claims: Vec::new(),
            caller: Bytes::new(),
            membership: None,
            answers: None,
        }
    }
}

/// A transaction that ran: its writes stand in the state, but in no block yet.
pub(crate) struct Ran {
    pub(crate) writes: Arc<WriteSet>,
    pub(crate) reply: ReplyPreimage,
    pub(crate) caller: Bytes,
    /// How an app came to it.
    pub(crate) execution: Option<Bytes>,
}

impl Core {
    /// Takes up leadership of `view`.
    pub(crate) fn begin_leading(&mut self, view: u64) {
        let opener = self
            .machine
            .opener()
            .expect("a replica holds the ledger secret");
        let secret: &LedgerSecret = opener.newest().expect("a replica holds the ledger secret");
        self.sealer = Some(Sealer::new(
            secret,
            self.network,
            self.id,
            view,
            Purpose::Transaction,
        ));
        self.tallies.clear();
        self.clock.forget_readings();
        self.learners.clear();
        self.keeping_up.clear();
    }

    /// Gives leadership up, and answers whoever waits here. False where this replica did not lead.
    pub(crate) fn stop_leading(&mut self, leader: Option<u64>, out: &mut Effects) -> bool {
        let led = self.sealer.take().is_some();
        if led {
            self.tallies.clear();
            if mutation!("pending-kept-when-deposed") {
                return led;
            }
            let waiting = self.pending.clear(leader).into_iter();
            for (asker, reply) in waiting.chain(self.rounds.clear(leader)) {
                out.reply(asker, reply);
            }
        }
        led
    }

    pub(crate) fn may_propose(&self) -> bool {
        self.is_settled_leader()
            && self.machine.sequence().uncertified().len() < BLOCKS_IN_FLIGHT_MAX
            && self
                .machine
                .sequence()
                .pending()
                .is_none_or(|_| self.machine.sequence().pending_is_certified())
            && !self.engine.change_is_blocked()
            && self.engine.transferring_to().is_none()
    }

    /// Whether a change of membership or of the rule of diversity may be proposed: nothing is on
    /// its way.
    pub(crate) fn may_change(&self) -> bool {
        self.may_propose()
            && self.machine.sequence().uncertified().len() == 0
            && self.engine.pending_change().is_none()
    }

    /// Proposes the opening block of this view, once.
    pub(crate) fn propose_opening(&mut self, out: &mut Effects) {
        let opened = self.machine.sequence().last().view == self.engine.term();
        if self.engine.role() == Role::Leader && !opened {
            self.propose_empty(out);
        }
    }

    /// Closes an idle chain whose newest block is not certified.
    pub(crate) fn propose_tick_block(&mut self, out: &mut Effects) {
        let idle = self.ticks >= self.last_block_tick + TICK_BLOCK_TICKS;
        let uncertified = self.machine.sequence().last().index > self.certified_index();
        if self.leads() && idle && uncertified && self.machine.sequence().pending().is_none() {
            self.propose_empty(out);
        }
    }

    /// Closes a block as soon as a change of the configuration is certified, so that the new
    /// configuration is named, and receipts stand under it, on an idle chain too.
    pub(crate) fn propose_naming(&mut self, out: &mut Effects) {
        if self.machine.sequence().pending_is_certified() && self.may_propose() {
            self.propose_empty(out);
        }
    }

    /// An idle ledger's time stands still: an empty block brings it up to date. False where the
    /// last one that did so is not `every_ticks` old, or a change of configuration is under way.
    pub(crate) fn freshen(&mut self, every_ticks: u64, out: &mut Effects) -> bool {
        let due = self.ticks >= self.freshened_tick + every_ticks;
        if !due || self.machine.sequence().pending().is_some() {
            return false;
        }
        self.freshened_tick = self.ticks;
        self.propose_empty(out);
        true
    }

    /// Evidence is judged by the ledger's time: if that is old, it is brought up to date first.
    pub(crate) fn freshen_for_evidence(&mut self, out: &mut Effects) {
        let ledger_ms = self.machine.sequence().last().time_ms;
        if self.clock.time_ms() > ledger_ms + FRESH_MS {
            self.freshen(EVIDENCE_FRESHEN_TICKS, out);
        }
    }

    pub(crate) fn draft(&self) -> Draft {
        let builder = BlockBuilder::new(self.engine.term(), self.machine.sequence().next_seqno());
        Draft {
            builder,
            replies: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Adds an executed transaction to the draft: public half in the open, the rest sealed.
    pub(crate) fn push(&mut self, draft: &mut Draft, executed: Ran) {
        let tx = draft.builder.next_id();
        let (public, private) = executed.writes.encode_halves();
        let digest = executed.reply.digest();
        let interior = Interior {
            writes: private.into(),
            reply: executed.reply,
            caller: executed.caller,
            execution: executed.execution,
        };
        let previous = self.machine.sequence().last().hash;
        let sealer = self.sealer.as_mut().expect("a leader seals");
        let sealed = if mutation!("sealed-in-clear") {
            interior.encode()
        } else {
            sealer
                .seal(tx.seqno, previous, interior.encode())
                .expect("a view has fewer than 2^64 frames")
        };
        draft.builder.push(public.into(), sealed.into(), digest);
    }

    pub(crate) fn propose_empty(&mut self, out: &mut Effects) {
        let draft = self.draft();
        self.propose(draft, None, out);
    }

    /// Enacts and proposes an input of the leader's own.
    pub(crate) fn propose_input(&mut self, input: &Input, out: &mut Effects) {
        self.own_input_tick = Some(self.ticks);
        match self.machine.enact(input, self.engine.last_index() + 1) {
            Ok(enacted) => self.propose_enacted(enacted, input, None, out),
            Err(error) => out.notices.push(Notice::Dropped {
                peer: self.id,
                why: error.to_string(),
            }),
        }
    }

    /// Proposes what an input left, in a block of its own.
    pub(crate) fn propose_enacted(
        &mut self,
        enacted: Enacted,
        input: &Input,
        asker: Option<Asker>,
        out: &mut Effects,
    ) {
        let alone = Alone {
            membership: enacted.membership,
            answers: asker.map(|asker| (asker, Outcome::Governance(enacted.replica))),
            ..Alone::new(enacted.writes, governance_checks::digest_of(input))
        };
        self.propose_alone(alone, out);
    }

    /// Proposes one transaction in a block of its own.
    pub(crate) fn propose_alone(&mut self, alone: Alone, out: &mut Effects) {
        let mut draft = self.draft();
        let tx = draft.builder.next_id();
        let writes = Arc::new(alone.writes);
        self.machine.execute(tx.seqno, writes.clone());
        let reply = ReplyPreimage {
            salt: self.entropy.take(),
            request: alone.request,
            status: 200,
            response: synod_crypto::sha256(&[]),
            claims: alone.claims,
        };
        self.push(
            &mut draft,
            Ran {
                writes,
                reply,
                caller: alone.caller,
                execution: None,
            },
        );
        if let Some((asker, outcome)) = alone.answers {
            draft.replies.push(PendingReply {
                asker,
                tx: Some(tx),
                outcome,
            });
        }
        self.propose(draft, alone.membership, out);
    }

    /// Closes the draft and hands it to the engine; if it does not take it, nothing of the draft
    /// remains.
    pub(crate) fn propose(
        &mut self,
        draft: Draft,
        membership: Option<Membership>,
        out: &mut Effects,
    ) {
        let last = self.machine.sequence().last().index;
        let index = self.engine.last_index() + 1;
        let empties = (last + 1..index)
            .map(|at| (at, self.engine.term_at(at).expect("the log has no holes")))
            .collect();
        let readings: Vec<_> = self.readings_for_block();
        let terms = Terms {
            index,
            proposer: self.id,
            readings: &readings,
            empties,
        };
        let block = match self.machine.propose(draft.builder, terms, membership) {
            Ok(block) => block,
            Err(error) => {
                return self.drop_draft(draft.replies, draft.pending, &error.to_string(), out);
            }
        };
        let head = block.head();
        let configuration = self.machine.sequence().configuration().clone();
        let tally = Tally::new(self.network, head, configuration)
            .expect("the block names this configuration");
        self.tallies.insert(index, tally);
        let payload = change::payload(block.bytes().clone(), membership);
        if self.drive(EngineInput::Propose(payload), out) {
            assert_eq!(
                (self.engine.last_index(), self.engine.last_term()),
                (index, head.view),
                "the entry is the block"
            );
            self.last_block_tick = self.ticks;
            draft
                .replies
                .into_iter()
                .for_each(|held| self.pending.hold(index, held));
            if mutation!("own-signature-before-persist") {
                self.count_own_signatures(index, out);
            }
            for (asker, tx) in draft.pending {
                out.reply(asker, Reply::Kv(kv::Reply::Pending(tx)));
            }
        } else {
            self.tallies.remove(&index);
            self.machine
                .retract(last)
                .expect("the dropped block was never certified");
            self.drop_draft(
                draft.replies,
                draft.pending,
                "the engine took no proposal",
                out,
            );
        }
    }

    fn drop_draft(
        &mut self,
        held: Vec<PendingReply>,
        pending: Vec<(Asker, TxId)>,
        why: &str,
        out: &mut Effects,
    ) {
        out.notices.push(crate::calls::Notice::Dropped {
            peer: self.id,
            why: why.to_owned(),
        });
        let held = held.into_iter().map(|held| held.asker);
        for asker in held.chain(pending.into_iter().map(|(asker, _)| asker)) {
            out.reply(asker, Reply::Failed(CallError::Retry));
        }
    }

    /// Answers that wrote nothing rest on the newest block, whose state they saw, and on a quorum's
    /// word that this replica still leads: it may have been replaced, and that state be of the
    /// past.
    pub(crate) fn reply_on_newest(&mut self, held: Vec<PendingReply>) {
        let newest = self.machine.sequence().last().index;
        for held in held {
            if mutation!("refuse-from-the-past") {
                self.pending.hold(newest, held);
            } else {
                self.rounds.keep_answer(newest, held);
            }
        }
    }

    /// Applies committed changes of membership: at once, or for a leader once they are certified.
    pub(crate) fn apply_changes(&mut self, out: &mut Effects) {
        while let Some((index, change)) = self.engine.pending_change() {
            if self.leads() && index > self.certified_index() {
                return;
            }
            let groups = self.groups_after(change);
            if !self.drive(EngineInput::Apply { index, groups }, out) {
                return;
            }
            out.membership_changed = true;
        }
    }

    /// The groups once the change is applied. Where others follow it, as for a replica whose disk
    /// was slow, the rule of the newest block may ask for more vendors than the voters on the way
    /// have; they certify nothing any more.
    fn groups_after(&self, change: Change) -> Groups {
        let mut groups = groups(&self.machine);
        let (peer, stays) = match change {
            Change::AddLearner(_) => (0, false),
            Change::Promote(peer) => (peer, true),
            Change::Demote(peer) | Change::Remove(peer) => (peer, false),
        };
        let others = self.engine.voters().into_iter().filter(|id| *id != peer);
        let voters = others.chain(stays.then_some(peer));
        let spanned: BTreeSet<_> = voters.filter_map(|id| groups.of.get(&id)).collect();
        if spanned.len() < usize::from(groups.required) {
            groups.required = 1;
        }
        groups
    }

    /// Tells the engine how many vendors a commit must span, once a configuration with another rule
    /// and the same voters is in force. Where the voters change too, the rule comes with their
    /// change. Before, the block that writes the new rule is counted by the old one, as its
    /// certificate is.
    pub(crate) fn apply_rule(&mut self, out: &mut Effects) {
        let in_force = self.machine.sequence().in_force();
        let required = in_force.required_vendors();
        if self.engine.groups().required == required || self.engine.pending_change().is_some() {
            return;
        }
        let voters = in_force.voters().iter().map(|voter| voter.id);
        if voters.eq(self.engine.voters().iter().copied()) {
            let groups = Groups {
                required,
                ..groups(&self.machine)
            };
            self.drive(EngineInput::Groups(groups), out);
        }
    }
}

/// The label under which the caller may have the reply opened.
pub(crate) fn label(caller: Caller) -> Bytes {
    caller
        .fingerprint
        .map_or_else(Bytes::new, |print| Bytes::copy_from_slice(print.as_bytes()))
}
