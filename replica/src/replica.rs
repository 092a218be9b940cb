//! One replica: what happened goes to the sub-protocol whose business it is, and what the engine
//! said of it to others.
//!
//! A replica is sans-IO: [`Replica::step`] takes what happened and returns what to do. What the
//! sub-protocols share is [`Core`]: the engine, the machine that it replicates, certificates and
//! replies that wait (`driving`, `certifying`, `proposing`, `following`, `comparing`, `recalling`,
//! `lagging`, `leadership_transfer`, `answers`). Each of the others owns what it keeps, works on
//! the core alone, and knows none of the rest, unless it is named below: `reading` (linearizable
//! reads, which it gives to the next two), `kv_calls`, `executing` (calls of apps), `attesting`
//! (what replicas ask in their own names), `membership` with `lapsing`, `leaving` and `unheard`
//! (who votes), `deploying` (versions of apps). `leading` gathers calls into blocks, and
//! `receiving` gives out what peers send.
//!
//! Invariant: after [`Notice::Halted`] a replica says nothing at all.

use synod_consensus::{Engine, Input as EngineInput, Role, RoleChange, Start, StartError, Tuning};
use synod_crypto::Entropy;

use crate::app::ExecutionId;
use crate::attesting::OwnRequests;
use crate::caller::Caller;
use crate::calls::{Asker, Call, CallError, Effects, Input, Notice, Reply, Request};
use crate::core::{Core, Event, members};
use crate::deployment::Deploying;
use crate::executing::AppCalls;
use crate::keys::Keys;
use crate::kv::{KeyValuePort, Operate};
use crate::kv_calls::KvCalls;
use crate::ledger_clock::Now;
use crate::machine::Machine;
use crate::membership::Membership;
use crate::pending_replies::{Queued, Work};
use crate::read_rounds::ReadCall;
use crate::reading::Reads;
use crate::run_queue::QueuedCall;
use crate::unheard::Silence;
use crate::{app, governance, ledger};

/// What a replica starts from: a ledger that was verified to its end, and keys.
pub struct Boot {
    /// Its id, as the ledger records it.
    pub id: u64,
    /// Its keys.
    pub keys: Keys,
    /// The verified machine. Its tail above the certified block must have been retracted.
    pub machine: Machine,
    /// The secret key with which all trusted replicas certify their TLS keys for ordinary clients.
    pub service_key: synod_crypto::Secret<32>,
    /// What runs the users' operations.
    pub kv: Box<dyn KeyValuePort>,
    /// Sizes and times of the engine.
    pub tuning: Tuning,
    /// Randomness of this replica alone.
    pub entropy: Entropy,
}

/// One replica: the core, and the sub-protocols that work on it.
pub struct Replica {
    pub(crate) core: Core,
    pub(crate) service_key: synod_crypto::Secret<32>,
    pub(crate) kv_calls: KvCalls,
    pub(crate) app_calls: AppCalls,
    pub(crate) reads: Reads,
    pub(crate) own_requests: OwnRequests,
    pub(crate) membership: Membership,
    pub(crate) deploying: Deploying,
    /// The newest certified change of governance that the caller was told of.
    told_governance: u64,
    compacted_seqno: u64,
}

impl Replica {
    /// Starts a replica at the end of a verified ledger. A sole voter campaigns at once.
    ///
    /// # Errors
    /// [`StartError`] where the ledger's membership does not make an engine.
    pub fn start(mut boot: Boot, now: Now) -> Result<(Self, Effects), StartError> {
        let engine = Engine::new(engine_start(&mut boot), boot.tuning)?;
        let silence = Silence::new(boot.tuning.tick_ms);
        let mut replica = Self {
            service_key: boot.service_key,
            kv_calls: KvCalls::new(boot.kv),
            core: Core::new(boot.id, boot.keys, engine, boot.machine, boot.entropy, now),
            app_calls: AppCalls::default(),
            reads: Reads::default(),
            own_requests: OwnRequests::default(),
            membership: Membership::new(silence),
            deploying: Deploying::default(),
            told_governance: 0,
            compacted_seqno: 0,
        };
        let mut out = Effects::default();
        replica.core.sign_newest(&mut out);
        if replica.core.engine.voters() == [replica.core.id] {
            replica.core.drive(EngineInput::Campaign, &mut out);
        }
        replica.settle(&mut out);
        Ok((replica, out))
    }

    /// Takes one input. `now` is only ever a voter's reading.
    pub fn step(&mut self, now: Now, input: Input) -> Effects {
        let mut out = Effects::default();
        let certified = self.core.machine.history().certified_seqno();
        self.core.clock.look(now);
        if self.core.halted {
            if let Input::Call(call) = input {
                out.replies
                    .push((call.id, Reply::Failed(CallError::Halted)));
            }
            return out;
        }
        self.take(input, &mut out);
        if self.core.halted {
            self.close(&mut out);
        } else {
            self.settle(&mut out);
        }
        self.own_requests.answer_peers(&self.core, &mut out);
        let now_certified = self.core.machine.history().certified_seqno();
        out.membership_changed |= self.governance_moved();
        out.certified = (now_certified > certified).then_some(now_certified);
        out
    }

    /// Gives the input to the sub-protocol whose business it is.
    fn take(&mut self, input: Input, out: &mut Effects) {
        let core = &mut self.core;
        match input {
            Input::Tick => self.tick(out),
            Input::Call(call) => self.take_call(call, out),
            Input::Flush => {
                Reads::flush(core, out);
                self.propose_waiting(out);
            }
            Input::Received { from, envelope } => self.receive(from, envelope, out),
            Input::Persisted(number) => core.persisted(number, out),
            Input::DiskFull(full) => core.note_disk_full(full, out),
            Input::Recalled(records) => core.recalled(&records, out),
            Input::Unreachable(peer) => {
                core.drive(EngineInput::Unreachable(peer), out);
            }
            Input::Executed(executed) => match executed.id {
                ExecutionId::Preparation(_) => self.deploying.prepared(core, executed, out),
                ExecutionId::Call(_) => self.app_calls.executed(core, executed, out),
            },
            Input::Compiled(compiled) => {
                self.app_calls.note_compiled(&compiled);
                self.deploying.compiled(core, compiled, out);
            }
        }
    }

    /// This replica's id.
    pub fn id(&self) -> u64 {
        self.core.id
    }

    /// Whether this replica leads.
    pub fn leads(&self) -> bool {
        self.core.leads()
    }

    /// The replicated machine.
    pub fn machine(&self) -> &Machine {
        &self.core.machine
    }

    /// How often this replica decoded the rows of all replicas for views, and to see what is due:
    /// at most once for each change of governance in the newest state, and once in the certified
    /// one.
    pub fn rows_decoded(&self) -> u64 {
        self.core.seen_rows.decoded()
    }

    /// Checks what must hold after each step, in every part, and panics where it does not. For
    /// tests and simulations: the cheap checks stand in the product as well, where something is
    /// done.
    pub fn check_invariants(&self) {
        if !self.core.halted {
            self.core.check_invariants();
            self.app_calls.check_invariants();
            self.reads.check_invariants(&self.core);
            self.own_requests.check_invariants(&self.core);
        }
    }

    /// Whether certified governance is another than when this was last asked: addresses and keys of
    /// peers, who is trusted, who was removed. The engine's changes of membership alone do not tell
    /// all of it.
    fn governance_moved(&mut self) -> bool {
        let certified = self.core.machine.certified_governance();
        let before = std::mem::replace(&mut self.told_governance, certified);
        before != certified
    }

    /// Time passes. The engine comes first, so that the others see the role of now.
    fn tick(&mut self, out: &mut Effects) {
        self.core.ticks += 1;
        self.core.drive(EngineInput::Tick, out);
        self.route(out);
        let core = &mut self.core;
        self.reads.tick(core, out);
        self.membership.silence.tick(core, out);
        self.own_requests.tick(core, out);
        self.deploying.tick(core, out);
        self.membership.lapses.watch(core, out);
        core.mark_position();
        core.transfer_if_full(out);
    }

    fn take_call(&mut self, call: Call, out: &mut Effects) {
        let Call {
            id,
            caller,
            request,
        } = call;
        let core = &mut self.core;
        match request {
            Request::Kv(operate) => self.take_operation(id, caller, operate, out),
            Request::App(app::Request::Call(request)) => {
                let queued = QueuedCall::new(id, caller, request);
                self.app_calls.take_app(core, queued, out);
            }
            Request::App(app::Request::Chunk(chunk)) => {
                self.deploying.take_chunk(core, id, caller, chunk, out);
            }
            Request::Governance(governance::Request::Reattest(request)) => {
                self.own_requests.take_reattest(core, id, &request, out);
            }
            Request::Governance(governance::Request::Leave(request)) => {
                self.own_requests.take_leave(core, id, &request, out);
            }
            Request::Governance(request) => {
                self.queue(id, caller, Work::Governance(request), out);
            }
            Request::Ledger(ledger::Request::Status(tx)) => {
                let status = core.machine.history().status(tx);
                let reply = Reply::Ledger(ledger::Reply::Status(status));
                out.replies.push((id, reply));
            }
            Request::Ledger(ledger::Request::Receipt(tx)) => {
                let receipt = core.receipt(tx, caller).map(ledger::Reply::Receipt);
                let reply = receipt.map_or_else(Reply::Failed, Reply::Ledger);
                out.replies.push((id, reply));
            }
        }
    }

    fn take_operation(&mut self, id: u64, caller: Caller, operate: Operate, out: &mut Effects) {
        let core = &mut self.core;
        if !operate.operation.is_read() {
            return self.queue(id, caller, Work::Kv(operate), out);
        }
        let refused = if operate.local {
            let reply = self.kv_calls.local_read(core, caller, &operate);
            return out.replies.push((id, reply));
        } else if core.leads() {
            let read = ReadCall::Kv {
                id,
                caller,
                operate: Box::new(operate),
            };
            (!core.rounds.submit(read)).then_some(CallError::Busy)
        } else {
            Some(core.not_leader())
        };
        if let Some(error) = refused {
            out.replies.push((id, Reply::Failed(error)));
        }
    }

    /// Lets a call that may write wait for its turn, where this replica leads.
    fn queue(&mut self, id: u64, caller: Caller, work: Work, out: &mut Effects) {
        let core = &mut self.core;
        let asker = Asker::Door(id);
        let refused = if !core.leads() {
            Some(core.not_leader())
        } else if core.disk_full {
            Some(core.disk_refusal())
        } else {
            let queued = Queued {
                asker,
                caller,
                work,
            };
            (!core.submit(queued)).then_some(CallError::Busy)
        };
        if let Some(error) = refused {
            out.reply(asker, Reply::Failed(error));
        }
    }

    /// What follows from the input, in an order that matters:
    /// 1. the engine learns which changes hold now, for all that follows counts quorums by them;
    /// 2. what is certified by now is answered, before anything new is begun;
    /// 3. a new leader's opening block goes before every other block of its view;
    /// 4. a change of membership goes before an app's step, and that before users' calls: each
    ///    stands alone in a block and waits until nothing is on its way, so under load it would
    ///    else never come;
    /// 5. empty blocks come last, where nothing else made one;
    /// 6. executions begin on the state that all this left;
    /// 7. answers that wrote nothing, of calls that were placed or refused on the way, ask for a
    ///    quorum's word at once; a sole voter has it, and answers in this step.
    fn settle(&mut self, out: &mut Effects) {
        self.route(out);
        self.core.apply_changes(out);
        self.core.apply_rule(out);
        self.route(out);
        let core = &mut self.core;
        core.answer_certified(out);
        self.own_requests.settle(core, out);
        Reads::serve(core, &self.kv_calls, &mut self.app_calls, out);
        core.propose_opening(out);
        self.membership.propose(core, out);
        self.deploying.propose(core, out);
        self.propose_waiting_if_idle(out);
        self.core.propose_naming(out);
        self.core.propose_tick_block(out);
        self.app_calls
            .start_executions(&mut self.core, &self.deploying, out);
        Reads::confirm_answers(&mut self.core, out);
        self.route(out);
        Reads::serve(&mut self.core, &self.kv_calls, &mut self.app_calls, out);
        self.compact();
    }

    /// Tells those whose business it is what the engine said. They may drive it again, so this goes
    /// on until nothing is left.
    fn route(&mut self, out: &mut Effects) {
        while let Some(event) = self.core.events.pop_front() {
            match event {
                Event::ReadConfirmed(ready) => {
                    self.reads
                        .confirmed(&mut self.core, ready.ctx, ready.index, out);
                }
                Event::Fetch(fetch) => self.core.fetch(fetch, out),
                Event::Role(change) => self.change_role(&change, out),
            }
        }
    }

    fn change_role(&mut self, change: &RoleChange, out: &mut Effects) {
        let leading = change.role == Role::Leader;
        self.core.leader_heard_tick = self.core.ticks;
        self.core.view_since_tick = self.core.ticks;
        if leading {
            self.core.begin_leading(change.term);
        } else if self.core.stop_leading(change.leader, out) {
            let leader = change.leader;
            let error = CallError::NotLeader { leader };
            out.replies.extend(self.deploying.clear(&error));
            self.app_calls.clear_app_writes(leader, out);
            self.reads.clear();
        }
        out.notices.push(Notice::Role {
            leading,
            view: change.term,
            leader: change.leader,
        });
        out.membership_changed = true;
    }

    fn compact(&mut self) {
        const COMPACT_EVERY: u64 = 4096;
        let certified = self.core.machine.history().certified_seqno();
        if certified >= self.compacted_seqno + COMPACT_EVERY {
            self.compacted_seqno = certified;
            let pinned = self.app_calls.pinned(&self.core, &self.deploying);
            self.core.machine.compact(pinned);
        }
    }

    /// This replica has halted: whoever waits at a sub-protocol is told so.
    fn close(&mut self, out: &mut Effects) {
        out.replies.extend(self.deploying.clear(&CallError::Halted));
        self.app_calls.clear_app_calls(out);
    }
}

fn engine_start(boot: &mut Boot) -> Start {
    let sequence = boot.machine.sequence();
    let certified = *sequence.certified();
    assert_eq!(
        sequence.last().index,
        certified.index,
        "a replica starts from certified blocks only"
    );
    let membership = members(&boot.machine);
    Start {
        id: boot.id,
        voters: membership.voters,
        learners: membership.learners,
        groups: membership.groups,
        index: certified.index,
        term: certified.view,
        seed: u64::from_le_bytes(boot.entropy.take()),
        history: boot.machine.history().term_runs(),
        tail: Vec::new(),
    }
}
