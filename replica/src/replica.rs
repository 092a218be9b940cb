//! One replica: the engine, the machine that it replicates, and the desk at which calls wait.
//!
//! A replica is sans-IO: [`Replica::step`] takes what happened and returns what to do. The rules that it adds
//! to the engine's (DESIGN §5.4) stand in the modules beside this one, one sub-protocol each:
//! `leading` (gather, execute, propose), `following` (check before append), `certifying` (signatures and
//! certificates), `reading` (linearizable and local reads), `asking` (reads away from the leader), `executing` (calls
//! of apps), `membership`, `lapsing` and `leaving` (who votes), `attesting`
//! (fresh evidence and other requests of a replica's own), `hearing` and `unheard` (who is heard, and who is not).
//!
//! Invariants
//! - the engine's log and the machine hold the same blocks at all times;
//! - nothing leaves that rests on an uncertified block, but `Pending` and transaction ids;
//! - after [`Notice::Halted`] a replica says nothing at all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use synod_consensus::{Engine, Groups, Input as EngineInput, Role, Start, StartError, Tuning};
use synod_crypto::{Digest, Entropy, HpkeSecretKey, SigningKey};
use synod_ledger::{BlockSignature, Record, Sealer, SignedAt, Tally};

use crate::app::App;
use crate::apps::Apps;
use crate::calls::{Batch, CallError, Effects, Input, Notice, Reply, Request};
use crate::deployment::{self, Deploying};
use crate::desk::Desk;
use crate::envelope::Envelope;
use crate::floor::Floor;
use crate::hearing::Hearing;
use crate::histories::Histories;
use crate::keeping_up::KeepingUp;
use crate::ledger_clock::{LedgerClock, Now};
use crate::machine::Machine;
use crate::parked::Parked;
use crate::parting::Leaving;
use crate::peer_asks::PeerAsks;
use crate::recalled::Recalled;
use crate::roll;
use crate::seen_rows::SeenRows;
use crate::submission::Submission;
use crate::users::Admission;

/// Keys that are born with a replica and never stored.
pub struct Keys {
    /// Signs blocks, readings and freshness statements.
    pub identity: SigningKey,
    /// Opens the keys that are released to this replica.
    pub hpke: HpkeSecretKey,
}

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
    pub app: Box<dyn App>,
    /// Sizes and times of the engine.
    pub tuning: Tuning,
    /// Randomness of this replica alone.
    pub entropy: Entropy,
}

/// One replica.
pub struct Replica {
    pub(crate) id: u64,
    pub(crate) keys: Keys,
    pub(crate) network: Digest,
    pub(crate) service_key: synod_crypto::Secret<32>,
    pub(crate) engine: Engine,
    pub(crate) machine: Machine,
    pub(crate) app: Box<dyn App>,
    pub(crate) entropy: Entropy,
    pub(crate) desk: Desk,
    pub(crate) admission: Admission,
    pub(crate) seen_rows: SeenRows,
    pub(crate) apps: Apps,
    pub(crate) floor: Floor,
    pub(crate) peer_asks: PeerAsks,
    /// Seals while this replica leads.
    pub(crate) sealer: Option<Sealer>,
    /// One for each block of this view that is not certified yet; a leader's.
    pub(crate) tallies: BTreeMap<u64, Tally>,
    /// Own signatures by block index, to ride on acknowledgements.
    pub(crate) signatures: BTreeMap<u64, BlockSignature>,
    /// The newest block that each learner signed: (index, header hash, signature); a leader's.
    pub(crate) learners: BTreeMap<u64, (u64, Digest, BlockSignature)>,
    /// Peers whose leadership messages are not heard, and for which view.
    pub(crate) ignored: BTreeMap<u64, u64>,
    /// Certificates for blocks that have not arrived.
    pub(crate) parked: Parked,
    /// What was shown of certified histories.
    pub(crate) histories: Histories,
    /// Who certifies what; a leader's.
    pub(crate) keeping_up: KeepingUp,
    /// The newest certificate as it goes over the wire.
    pub(crate) certificate_bytes: Option<Bytes>,
    /// Batches on their way to the disk: number and the last index that each makes durable.
    pub(crate) unpersisted: VecDeque<(u64, u64)>,
    /// The newest certified change of governance that the caller was told of.
    pub(crate) told_governance: u64,
    pub(crate) ticks: u64,
    /// The tick at which the newest block was proposed or taken.
    pub(crate) last_block_tick: u64,
    /// The tick at which a leader was last heard.
    pub(crate) leader_heard_tick: u64,
    /// The commit index that a leader last showed with an append. Only what is told to operators rests on it.
    pub(crate) shown_commit: u64,
    pub(crate) compacted_seqno: u64,
    /// No step of the membership is proposed before this tick.
    pub(crate) membership_tick: u64,
    /// Lapses are not acted on before this tick.
    pub(crate) lapse_tick: u64,
    /// No silent or replaced replica is let go before this tick.
    pub(crate) replacement_tick: u64,
    /// The voters whose lapsed verdicts the operator was told of.
    pub(crate) lapses_told: BTreeSet<u64>,
    /// Whom this replica heard, and when.
    pub(crate) hearing: Hearing,
    /// The leave that is at hand; a leader's.
    pub(crate) leaving: Leaving,
    /// Fresh evidence of this replica's own, or its leave, that is on its way.
    pub(crate) submission: Option<Submission>,
    /// The replicas whose requests wait here; a leader's.
    pub(crate) peers_waiting: BTreeSet<u64>,
    /// What is known of the versions of apps.
    pub(crate) deploying: Deploying,
    /// The tick at which role, view or leader last changed.
    pub(crate) view_since_tick: u64,
    /// The tick at which the ledger time was last brought up to date for a join.
    pub(crate) freshened_tick: u64,
    pub(crate) clock: LedgerClock,
    pub(crate) recalled: Recalled,
    pub(crate) disk_full: bool,
    pub(crate) halted: bool,
    pub(crate) misbehaviours: u64,
}

impl Replica {
    /// Starts a replica at the end of a verified ledger. A sole voter campaigns at once.
    ///
    /// # Errors
    /// [`StartError`] where the ledger's membership does not make an engine.
    pub fn start(mut boot: Boot, now: Now) -> Result<(Self, Effects), StartError> {
        let engine = Engine::new(engine_start(&mut boot), boot.tuning)?;
        let (network, tick_ms) = (boot.machine.sequence().network(), boot.tuning.tick_ms);
        let certificate_bytes = boot
            .machine
            .history()
            .newest_certificate()
            .map(synod_ledger::Certificate::encode);
        let clock = LedgerClock::new(*boot.machine.sequence().certified(), now);
        let mut replica = Self {
            id: boot.id,
            keys: boot.keys,
            network,
            service_key: boot.service_key,
            engine,
            machine: boot.machine,
            app: boot.app,
            entropy: boot.entropy,
            desk: Desk::default(),
            admission: Admission::default(),
            seen_rows: SeenRows::default(),
            apps: Apps::default(),
            floor: Floor::default(),
            peer_asks: PeerAsks::default(),
            sealer: None,
            tallies: BTreeMap::new(),
            signatures: BTreeMap::new(),
            learners: BTreeMap::new(),
            ignored: BTreeMap::new(),
            parked: Parked::default(),
            histories: Histories::default(),
            keeping_up: KeepingUp::default(),
            certificate_bytes,
            unpersisted: VecDeque::new(),
            told_governance: 0,
            ticks: 0,
            last_block_tick: 0,
            leader_heard_tick: 0,
            shown_commit: 0,
            compacted_seqno: 0,
            membership_tick: 0,
            lapse_tick: 0,
            replacement_tick: 0,
            lapses_told: BTreeSet::new(),
            hearing: Hearing::new(tick_ms),
            leaving: Leaving::default(),
            submission: None,
            peers_waiting: BTreeSet::new(),
            deploying: Deploying::default(),
            view_since_tick: 0,
            freshened_tick: 0,
            clock,
            recalled: Recalled::default(),
            disk_full: false,
            halted: false,
            misbehaviours: 0,
        };
        let mut out = Effects::default();
        replica.sign_newest(&mut out);
        if replica.engine.voters() == [replica.id] {
            replica.drive(EngineInput::Campaign, &mut out);
        }
        replica.settle(&mut out);
        Ok((replica, out))
    }

    /// A joiner signs the certified block at which it starts: it has checked it and has it on disk.
    fn sign_newest(&mut self, out: &mut Effects) {
        let head = *self.machine.sequence().certified();
        let signature = BlockSignature::sign(&self.keys.identity, self.id, &self.network, &head);
        self.signatures.insert(head.index, signature);
        let signed = SignedAt {
            index: head.index,
            header_hash: head.hash,
            signature,
        };
        out.persist.push(Batch {
            number: None,
            records: vec![encoded(&Record::Signature(signed))],
        });
    }

    /// Takes one input. `now` is only ever a voter's reading.
    pub fn step(&mut self, now: Now, input: Input) -> Effects {
        let mut out = Effects::default();
        let certified = self.machine.history().certified_seqno();
        self.clock.look(now);
        if self.halted {
            if let Input::Call(call) = input {
                out.replies
                    .push((call.id, Reply::Failed(CallError::Halted)));
            }
            return out;
        }
        match input {
            Input::Tick => self.tick(&mut out),
            Input::Call(call) => self.take_call(call, &mut out),
            Input::Flush => {
                self.flush_reads(&mut out);
                self.propose_waiting(&mut out);
            }
            Input::Received { from, envelope } => self.receive(from, envelope, &mut out),
            Input::Persisted(number) => self.persisted(number, &mut out),
            Input::DiskFull(full) => self.note_disk_full(full, &mut out),
            Input::Recalled(records) => self.recalled(&records, &mut out),
            Input::Unreachable(peer) => {
                self.drive(EngineInput::Unreachable(peer), &mut out);
            }
            Input::Executed(executed) if deployment::is_preparation(executed.id) => {
                self.prepared(executed, &mut out);
            }
            Input::Executed(executed) => self.executed(executed, &mut out),
            Input::Compiled(compiled) => {
                self.note_compiled(&compiled);
                self.compiled(compiled, &mut out);
            }
        }
        self.settle(&mut out);
        self.answer_peers(&mut out);
        let now_certified = self.machine.history().certified_seqno();
        out.membership_changed |= self.governance_moved();
        out.certified = (now_certified > certified).then_some(now_certified);
        out
    }

    /// This replica's id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether this replica leads.
    pub fn leads(&self) -> bool {
        self.engine.role() == Role::Leader
    }

    /// The replicated machine.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// How often this replica decoded the rows of all replicas for views, and to see what is due: at most once for each
    /// change of governance in the newest state, and once in the certified one.
    pub fn rows_decoded(&self) -> u64 {
        self.seen_rows.decoded()
    }

    /// Index of the newest certified block.
    pub(crate) fn certified_index(&self) -> u64 {
        self.machine.sequence().certified().index
    }

    /// Whether certified governance is another than when this was last asked: addresses and keys of peers, who is
    /// trusted, who was removed. The engine's changes of membership alone do not tell all of it.
    fn governance_moved(&mut self) -> bool {
        let certified = self.machine.certified_governance();
        let before = std::mem::replace(&mut self.told_governance, certified);
        before != certified
    }

    /// Gives the engine an input and carries out what it says. A refusal is counted by the engine.
    pub(crate) fn drive(&mut self, input: EngineInput, out: &mut Effects) -> bool {
        match self.engine.step(input) {
            Ok(effects) => {
                let taken = effects.dropped.is_none();
                self.absorb(effects, out);
                taken
            }
            Err(refused) => {
                out.notices.push(Notice::Dropped {
                    peer: 0,
                    why: refused.to_string(),
                });
                false
            }
        }
    }

    fn tick(&mut self, out: &mut Effects) {
        self.ticks += 1;
        self.drive(EngineInput::Tick, out);
        self.tick_reads(out);
        self.tick_hearing(out);
        self.tick_submission(out);
        self.tick_deploying(out);
        self.watch_lapses(out);
        self.mark_position();
        self.give_way_if_full(out);
    }

    fn take_call(&mut self, call: crate::calls::Call, out: &mut Effects) {
        let id = call.id;
        if let Request::AppChunk(chunk) = call.request {
            return self.take_chunk(id, call.caller, chunk, out);
        }
        let refused = match &call.request {
            Request::Status(tx) => {
                out.replies
                    .push((id, Reply::Status(self.machine.history().status(*tx))));
                return;
            }
            Request::Receipt(tx) => {
                let reply = self
                    .receipt(*tx, call.caller)
                    .map_or_else(Reply::Failed, Reply::Receipt);
                out.replies.push((id, reply));
                return;
            }
            Request::Reattest(request) => return self.take_reattest(id, request, out),
            Request::Leave(request) => return self.take_leave(id, request, out),
            Request::App(_) => return self.take_app(call, out),
            Request::Operate(operate) if operate.operation.is_read() && operate.local => {
                out.replies.push((id, self.local_read(&call)));
                return;
            }
            _ if !self.leads() => Some(CallError::NotLeader {
                leader: self.engine.leader(),
            }),
            Request::Operate(operate) if operate.operation.is_read() => {
                (!self.desk.submit_read(call)).then_some(CallError::Busy)
            }
            _ if self.disk_full => Some(self.disk_refusal()),
            _ => (!self.desk.submit(call)).then_some(CallError::Busy),
        };
        if let Some(error) = refused {
            out.replies.push((id, Reply::Failed(error)));
        }
    }

    /// Carries out what the engine decided.
    fn absorb(&mut self, effects: synod_consensus::Effects, out: &mut Effects) {
        if let Some(batch) = effects.persist {
            self.persist(&batch, out);
        }
        for message in effects.send {
            let to = message.to;
            let envelope = self.envelope_for(message);
            out.send.push((to, envelope));
        }
        for ready in effects.reads {
            self.read_confirmed(ready.ctx, ready.index, out);
        }
        if let Some(fetch) = effects.fetch {
            self.fetch(fetch, out);
        }
        if let Some(change) = effects.role {
            self.change_role(&change, out);
        }
    }

    /// Turns entries into records: each block, with this replica's signature if the block is of this view.
    fn persist(&mut self, batch: &synod_consensus::Batch, out: &mut Effects) {
        let mut records = Vec::new();
        for entry in &batch.entries {
            if entry.payload.block().is_none() {
                continue;
            }
            let block = self
                .machine
                .history()
                .block(entry.index)
                .expect("the machine holds what the engine logs");
            records.push(encoded(&Record::Block(block.bytes().clone())));
            if entry.term == self.engine.term() {
                let head = block.head();
                let signature =
                    BlockSignature::sign(&self.keys.identity, self.id, &self.network, &head);
                self.signatures.insert(entry.index, signature);
                let signed = SignedAt {
                    index: entry.index,
                    header_hash: head.hash,
                    signature,
                };
                records.push(encoded(&Record::Signature(signed)));
            }
        }
        let last = batch.entries.last().map_or(0, |entry| entry.index);
        self.unpersisted.push_back((batch.number, last));
        out.persist.push(Batch {
            number: Some(batch.number),
            records,
        });
    }

    /// Keeps what the engine cannot know out of step: changes of membership, certificates, answers, new blocks.
    fn settle(&mut self, out: &mut Effects) {
        self.apply_changes(out);
        self.apply_rule(out);
        self.answer_certified(out);
        self.settle_submission(out);
        self.serve_reads(out);
        self.propose_opening(out);
        self.propose_membership(out);
        self.propose_deployment(out);
        self.propose_waiting_if_idle(out);
        self.propose_naming(out);
        self.propose_tick_block(out);
        self.start_executions(out);
        self.compact();
    }

    fn change_role(&mut self, change: &synod_consensus::RoleChange, out: &mut Effects) {
        let leading = change.role == Role::Leader;
        self.leader_heard_tick = self.ticks;
        self.view_since_tick = self.ticks;
        if leading {
            self.begin_leading(change.term);
        } else {
            self.stop_leading(change.leader, out);
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
        let certified = self.machine.history().certified_seqno();
        if certified >= self.compacted_seqno + COMPACT_EVERY {
            self.compacted_seqno = certified;
            let pinned = self.pinned();
            self.machine.compact(pinned);
        }
    }

    /// Records what a peer did that no honest replica can do, and stops hearing it for this view.
    pub(crate) fn refuse(
        &mut self,
        peer: u64,
        what: String,
        proof: Option<Bytes>,
        out: &mut Effects,
    ) {
        self.misbehaviours += 1;
        self.ignored.insert(peer, self.engine.term());
        if let Some(proof) = proof {
            out.persist.push(Batch {
                number: None,
                records: vec![encoded(&Record::Proof(proof))],
            });
        }
        out.notices.push(Notice::Misbehaved { peer, what });
    }

    /// Stops for good.
    pub(crate) fn halt(&mut self, why: &str, out: &mut Effects) {
        self.halted = true;
        out.send.clear();
        out.replies = self.desk.clear(None);
        out.replies.extend(self.deploying.clear(&CallError::Halted));
        self.clear_app_calls(out);
        out.execute.clear();
        out.notices.push(Notice::Halted(why.to_owned()));
    }
}

/// The encoding of a record.
pub(crate) fn encoded(record: &Record) -> Bytes {
    let mut bytes = Vec::new();
    record.encode(&mut bytes);
    Bytes::from(bytes)
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

/// The groups that the engine must span, from the members as the newest block leaves them.
pub(crate) fn groups(machine: &Machine) -> Groups {
    members(machine).groups
}

impl Replica {
    fn envelope_for(&mut self, message: synod_consensus::Message) -> Envelope {
        use synod_consensus::Body;
        let mut envelope = Envelope::default();
        match &message.body {
            Body::Append { index, .. } => {
                envelope.tail = self.machine.history().tail_hash(*index);
                envelope.certificate = self.certificate_for_append(*index);
            }
            Body::Heartbeat { .. } => {
                envelope.certificate = self.certificate_bytes.clone();
                envelope.header = self.newest_certified_header();
            }
            Body::Accepted { index, .. } => {
                envelope.tail = self.machine.history().tail_hash(*index);
                envelope.signature = self.signature_for(*index, message.term);
                envelope.reading = self.own_reading().map(Box::new);
            }
            Body::HeartbeatReply { .. } => {
                envelope.reading = self.own_reading().map(Box::new);
                envelope.disk_refuses = self.disk_full.then_some(true);
            }
            _ => {}
        }
        envelope.message = Some(message);
        envelope
    }
}

/// Voters, learners and groups as the newest block leaves them.
fn members(machine: &Machine) -> roll::Members {
    let configuration = machine.sequence().newest_configuration();
    roll::members(&machine.store(), configuration.required_vendors())
}
