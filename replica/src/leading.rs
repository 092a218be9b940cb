//! What a leader does: gather calls, execute them, close blocks and propose them.
//!
//! Invariants
//! - the first block of a view is an opening block without transactions; users are served once it is certified;
//! - a block that changes the membership or the rule of diversity stands alone, and nothing follows it before the
//!   change is certified and applied;
//! - what was executed is either proposed or rolled back, in the same step.

use std::sync::Arc;

use bytes::Bytes;
use synod_consensus::{Input as EngineInput, Role};
use synod_crypto::Digest;
use synod_governance::Input;
use synod_kv::WriteSet;
use synod_ledger::{
    BlockBuilder, Interior, LedgerSecret, Purpose, ReplyPreimage, Sealer, Tally, Terms, TxId,
};

use crate::calls::{Call, CallError, Effects, Operate, Reply, Request};
use crate::change::{self, Membership};
use crate::desk::{AppOutcome, Outcome, Resting};
use crate::executing::Placement;
use crate::floor::Done;
use crate::idempotency::{self, Once, RememberedAnswer, Said};
use crate::law::{self, Enacted};
use crate::parting::Parting;
use crate::replica::{Replica, groups};

/// Blocks on their way at once.
pub const BLOCKS_IN_FLIGHT_MAX: usize = 2;
/// A block is closed when its frames reach this many bytes.
pub const BLOCK_BYTES_TARGET: usize = 1 << 20;
/// A block is closed when it holds so many transactions.
pub const BLOCK_TRANSACTIONS_MAX: usize = 4096;
/// An idle chain with uncertified blocks gets an empty block after so many ticks (5 s of 20 ms).
pub(crate) const TICK_BLOCK_TICKS: u64 = 250;

/// The ledger's time is brought up to date before a join if it is older than this.
const FRESH_MS: u64 = 1000;
/// But not more often than every so many ticks.
const FRESHEN_TICKS: u64 = 50;

/// A block in the making.
struct Draft {
    builder: BlockBuilder,
    resting: Vec<Resting>,
    /// Calls that are answered `Pending` as soon as the block stands in the log.
    pending: Vec<(u64, TxId)>,
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
    /// The call that is answered once it is certified, and how.
    pub(crate) call: Option<(u64, Outcome)>,
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
            call: None,
        }
    }
}

impl Replica {
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

    /// Gives leadership up: changes that are committed are applied at once, and everybody is answered.
    pub(crate) fn stop_leading(&mut self, leader: Option<u64>, out: &mut Effects) {
        if self.sealer.take().is_some() {
            self.tallies.clear();
            out.replies.extend(self.desk.clear(leader));
            let error = CallError::NotLeader { leader };
            out.replies.extend(self.deploying.clear(&error));
            self.clear_app_writes(leader, out);
            self.peer_asks.clear();
        }
    }

    /// Whether the opening block of this view is certified, so that calls may be carried out.
    pub(crate) fn is_settled_leader(&self) -> bool {
        self.leads() && self.machine.sequence().certified().view == self.engine.term()
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

    /// Closes a block as soon as a change of the configuration is certified, so that the new configuration is named,
    /// and receipts stand under it, on an idle chain too.
    pub(crate) fn propose_naming(&mut self, out: &mut Effects) {
        if self.machine.sequence().pending_is_certified() && self.may_propose() {
            self.propose_empty(out);
        }
    }

    /// Proposes what waits if no block is on its way; a flush proposes in any case.
    pub(crate) fn propose_waiting_if_idle(&mut self, out: &mut Effects) {
        if self.has_waiting() && self.machine.sequence().uncertified().len() == 0 {
            self.propose_waiting(out);
        }
    }

    /// Executes waiting calls and proposes them, as long as blocks may be on their way.
    pub(crate) fn propose_waiting(&mut self, out: &mut Effects) {
        while self.has_waiting() && self.may_propose() {
            let governs = self
                .desk
                .next_if(|call| !matches!(call.request, Request::Operate(_)));
            let done = match governs {
                Some(call) => self.govern(call, out),
                None => self.operate_waiting(out),
            };
            if !done {
                return;
            }
        }
    }

    fn has_waiting(&self) -> bool {
        self.desk.has_waiting() || self.floor.has_done()
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

    /// Whether a change of membership or of the rule of diversity may be proposed: nothing is on its way.
    pub(crate) fn may_change(&self) -> bool {
        self.may_propose()
            && self.machine.sequence().uncertified().len() == 0
            && self.engine.pending_change().is_none()
    }

    fn draft(&self) -> Draft {
        let builder = BlockBuilder::new(self.engine.term(), self.machine.sequence().next_seqno());
        Draft {
            builder,
            resting: Vec::new(),
            pending: Vec::new(),
        }
    }

    pub(crate) fn propose_empty(&mut self, out: &mut Effects) {
        let draft = self.draft();
        self.propose(draft, None, out);
    }

    /// Executes waiting operations into one block. Always does something where an operation waits.
    fn operate_waiting(&mut self, out: &mut Effects) -> bool {
        let mut draft = self.draft();
        while draft.builder.count() < BLOCK_TRANSACTIONS_MAX
            && draft.builder.bytes() < BLOCK_BYTES_TARGET
        {
            if let Some(done) = self.floor.next_done() {
                self.place_app(done, &mut draft);
                continue;
            }
            let Some(call) = self
                .desk
                .next_if(|call| matches!(call.request, Request::Operate(_)))
            else {
                break;
            };
            let id = call.id;
            if let Request::Operate(operate) = call.request {
                self.operate(id, call.caller, &operate, &mut draft);
            }
        }
        if draft.builder.is_empty() {
            let resting = std::mem::take(&mut draft.resting);
            self.rest_on_newest(resting);
            self.answer_certified(out);
        } else {
            self.propose(draft, None, out);
        }
        true
    }

    /// Answers that wrote nothing rest on the newest block: they saw its state.
    pub(crate) fn rest_on_newest(&mut self, resting: Vec<Resting>) {
        let newest = self.machine.sequence().last().index;
        resting
            .into_iter()
            .for_each(|resting| self.desk.rest(newest, resting));
    }

    /// Runs one operation on the newest state.
    fn operate(
        &mut self,
        call: u64,
        caller: crate::app::Caller,
        operate: &Operate,
        draft: &mut Draft,
    ) {
        let as_of = self.machine.store().head();
        let outcome = match self.execute(caller, operate, draft) {
            Ok(Executed::Wrote { tx, answer }) => {
                if !operate.wait {
                    draft.pending.push((call, tx));
                    return;
                }
                let outcome = Outcome::Answered {
                    as_of: tx.seqno,
                    answer,
                    receipt: operate.receipt,
                    repeats: None,
                };
                draft.resting.push(Resting {
                    call,
                    tx: Some(tx),
                    outcome,
                });
                return;
            }
            Ok(Executed::Saw(answer)) => Outcome::Answered {
                as_of,
                answer,
                receipt: false,
                repeats: None,
            },
            Ok(Executed::Repeats { tx, answer }) => Outcome::Answered {
                as_of: tx.seqno,
                answer,
                receipt: operate.receipt,
                repeats: Some(tx),
            },
            Err(error) => Outcome::Failed(error),
        };
        draft.resting.push(Resting {
            call,
            tx: None,
            outcome,
        });
    }

    fn execute(
        &mut self,
        caller: crate::app::Caller,
        operate: &Operate,
        draft: &mut Draft,
    ) -> Result<Executed, CallError> {
        let store = self.machine.store();
        let mut transaction = store.begin();
        let epoch = self.machine.governance_epoch();
        self.admission
            .authorize(epoch, &transaction, caller, &operate.operation)?;
        let once = Once {
            caller,
            key: operate.idempotency.as_ref(),
            request: operate.request,
        };
        if let Some(remembered) = idempotency::recall(&transaction, &once)? {
            let RememberedAnswer::Kv(answer) = remembered.answer else {
                return Err(CallError::KeyReused);
            };
            let tx = remembered.tx;
            return Ok(Executed::Repeats { tx, answer });
        }
        let answer = self.app.execute(&mut transaction, &operate.operation)?;
        if transaction.writes().is_empty() {
            return Ok(Executed::Saw(answer));
        }
        let tx = draft.builder.next_id();
        idempotency::remember(&mut transaction, &once, tx, &Said::Kv(&answer))?;
        let (_, writes) = transaction.finish();
        drop(store);
        let writes = Arc::new(writes);
        self.machine.execute(tx.seqno, writes.clone());
        let reply = ReplyPreimage {
            salt: self.entropy.take(),
            request: operate.request,
            status: answer.status(),
            response: answer.digest(),
            claims: Vec::new(),
        };
        let caller = label(caller);
        self.push(
            draft,
            Ran {
                writes,
                reply,
                caller,
                execution: None,
            },
        );
        Ok(Executed::Wrote { tx, answer })
    }

    /// Gives a write of an app that ran its place in the block, if what it read still stands.
    fn place_app(&mut self, mut done: Done, draft: &mut Draft) {
        let tx = draft.builder.next_id();
        let outcome = match self.placement(&mut done, tx) {
            Placement::Writes(writes) => return self.place_app_writes(done, writes, draft),
            Placement::Moved => {
                draft.resting.extend(self.run_again(done.run.errand));
                return;
            }
            Placement::Answered(outcome) => outcome,
        };
        self.floor.writes.finish(&done.run.errand);
        draft.resting.push(Resting {
            call: done.run.errand.call,
            tx: None,
            outcome,
        });
    }

    fn place_app_writes(&mut self, done: Done, writes: WriteSet, draft: &mut Draft) {
        let Done { run, completion } = done;
        let request = &run.errand.request;
        let tx = draft.builder.next_id();
        let writes = Arc::new(writes);
        self.machine.execute(tx.seqno, writes.clone());
        let reply = ReplyPreimage {
            salt: self.entropy.take(),
            request: request.digest,
            status: completion.response.status,
            response: synod_crypto::sha256(&[&completion.response.body]),
            claims: completion.claims,
        };
        let ran = Ran {
            writes,
            reply,
            caller: label(run.errand.caller),
            execution: Some(run.record().encode().into()),
        };
        self.push(draft, ran);
        self.floor.writes.finish(&run.errand);
        if !request.wait {
            draft.pending.push((run.errand.call, tx));
            return;
        }
        let outcome = Outcome::App(Box::new(AppOutcome {
            as_of: tx.seqno,
            response: completion.response,
            receipt: request.receipt,
            repeats: None,
        }));
        draft.resting.push(Resting {
            call: run.errand.call,
            tx: Some(tx),
            outcome,
        });
    }

    /// Adds an executed transaction to the draft: public half in the open, the rest sealed.
    fn push(&mut self, draft: &mut Draft, executed: Ran) {
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
        let sealed = sealer
            .seal(tx.seqno, previous, interior.encode())
            .expect("a view has fewer than 2^64 frames");
        draft.builder.push(public.into(), sealed.into(), digest);
    }

    /// Carries out a governance act or a join, in a block of its own. False if it has to wait.
    fn govern(&mut self, call: Call, out: &mut Effects) -> bool {
        let decoded = match &call.request {
            Request::Join(bytes) => law::decode_join(bytes),
            Request::Govern(bytes) => law::decode_action(bytes),
            Request::Reattest(bytes) | Request::Leave(bytes) => law::decode_own(bytes),
            _ => Err(CallError::NotFound),
        };
        let input = match decoded {
            Ok(input) => input,
            Err(error) => {
                out.replies.push((call.id, Reply::Failed(error)));
                return true;
            }
        };
        self.freshen(out);
        match self.machine.enact(&input, self.engine.last_index() + 1) {
            Ok(enacted) => return self.place_enacted(enacted, &input, call, out),
            Err(error) => {
                self.rest_on_newest(vec![Resting {
                    call: call.id,
                    tx: None,
                    outcome: Outcome::Failed(error),
                }]);
                self.answer_certified(out);
            }
        }
        true
    }

    /// Gives an enacted call its place, where the membership allows it now. False if it has to wait.
    fn place_enacted(
        &mut self,
        enacted: Enacted,
        input: &Input,
        call: Call,
        out: &mut Effects,
    ) -> bool {
        let leaving = self.leaving_voter(input);
        let mut parting = leaving.map_or(Parting::Now, |id| self.parting(id));
        if parting == Parting::Now {
            if enacted.membership == Some(Membership::Remove(self.id)) {
                self.hand_over(&call, out);
                return true;
            }
            parting = if enacted.changes_quorum && !self.may_change() {
                Parting::Hold
            } else {
                leaving.map_or(Parting::Now, |id| self.parting_is_safe(id))
            };
        }
        let failed = |error| (call.id, Reply::Failed(error));
        match parting {
            Parting::Now => self.propose_enacted(enacted, input, Some(call.id), out),
            Parting::Hold => {
                self.desk.put_back(call);
                return false;
            }
            Parting::NotYet => out.replies.push(failed(CallError::Retry)),
            Parting::Never(why) => out.replies.push(failed(CallError::Refused(why))),
        }
        true
    }

    /// An idle ledger's time stands still. Before evidence is judged by it, an empty block brings it up to date.
    fn freshen(&mut self, out: &mut Effects) {
        let behind = self.clock.time_ms() > self.machine.sequence().last().time_ms + FRESH_MS;
        if behind
            && self.ticks >= self.freshened_tick + FRESHEN_TICKS
            && self.machine.sequence().pending().is_none()
        {
            self.freshened_tick = self.ticks;
            self.propose_empty(out);
        }
    }

    /// A leader never removes itself: it hands leadership over, and the next leader is asked again.
    fn hand_over(&mut self, call: &Call, out: &mut Effects) {
        self.hand_over_to(|_| true, out);
        out.replies.push((call.id, Reply::Failed(CallError::Retry)));
    }

    /// Proposes what an input left, in a block of its own.
    pub(crate) fn propose_enacted(
        &mut self,
        enacted: Enacted,
        input: &Input,
        call: Option<u64>,
        out: &mut Effects,
    ) {
        let alone = Alone {
            membership: enacted.membership,
            call: call.map(|call| (call, Outcome::Governed(enacted.replica))),
            ..Alone::new(enacted.writes, law::digest_of(input))
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
        if let Some((call, outcome)) = alone.call {
            draft.resting.push(Resting {
                call,
                tx: Some(tx),
                outcome,
            });
        }
        self.propose(draft, alone.membership, out);
    }

    /// Closes the draft and hands it to the engine; if it does not take it, nothing of the draft remains.
    fn propose(&mut self, draft: Draft, membership: Option<Membership>, out: &mut Effects) {
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
                return self.drop_draft(draft.resting, draft.pending, &error.to_string(), out);
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
                .resting
                .into_iter()
                .for_each(|resting| self.desk.rest(index, resting));
            out.replies.extend(
                draft
                    .pending
                    .into_iter()
                    .map(|(call, tx)| (call, Reply::Pending(tx))),
            );
        } else {
            self.tallies.remove(&index);
            self.machine
                .retract(last)
                .expect("the dropped block was never certified");
            self.drop_draft(
                draft.resting,
                draft.pending,
                "the engine took no proposal",
                out,
            );
        }
    }

    fn drop_draft(
        &mut self,
        resting: Vec<Resting>,
        pending: Vec<(u64, TxId)>,
        why: &str,
        out: &mut Effects,
    ) {
        out.notices.push(crate::calls::Notice::Dropped {
            peer: self.id,
            why: why.to_owned(),
        });
        let calls = resting
            .into_iter()
            .map(|resting| resting.call)
            .chain(pending.into_iter().map(|(call, _)| call));
        out.replies
            .extend(calls.map(|call| (call, Reply::Failed(CallError::Retry))));
    }

    /// Applies committed changes of membership: at once, or for a leader once they are certified.
    pub(crate) fn apply_changes(&mut self, out: &mut Effects) {
        while let Some((index, _)) = self.engine.pending_change() {
            if self.leads() && index > self.certified_index() {
                return;
            }
            let groups = groups(&self.machine);
            self.drive(EngineInput::Apply { index, groups }, out);
            out.membership_changed = true;
        }
    }
}

/// The label under which the caller may have the reply opened.
fn label(caller: crate::app::Caller) -> Bytes {
    caller
        .fingerprint
        .map_or_else(Bytes::new, |print| Bytes::copy_from_slice(print.as_bytes()))
}

/// A transaction that ran: its writes stand in the state, but in no block yet.
struct Ran {
    writes: Arc<WriteSet>,
    reply: ReplyPreimage,
    caller: Bytes,
    /// How an app came to it.
    execution: Option<Bytes>,
}

/// What an operation came to.
enum Executed {
    Wrote {
        tx: TxId,
        answer: crate::app::Answer,
    },
    Saw(crate::app::Answer),
    Repeats {
        tx: TxId,
        answer: crate::app::Answer,
    },
}
