//! Calls of apps: let in, executed beside the replica, validated at the head, placed in a block.
//!
//! A write runs on the leader, as an optimistic transaction on the newest state. When it comes back, what it read
//! must still stand, and whoever called must still be let in; else it runs again, at most [`EXECUTIONS_MAX`] times. A
//! read runs on any replica, on certified state.
//!
//! Invariants
//! - nothing that an execution gave counts before it was validated at the head, under the governance of the head;
//! - what leaves rests on certified state, also a refusal or a fault;
//! - from status 400 on nothing is kept, unless the app said so.
//!
//! Snapshots in use are kept from compaction while they are not too far behind: the executions that are under way
//! are their register, so it is bounded, and a pin goes when its execution is reported or given up. Further behind,
//! memory matters more: the execution finds its snapshot gone, and runs again.

use std::sync::Arc;

use synod_governance::app::RouteKind;
use synod_kv::{Transaction, WriteSet};
use synod_ledger::{CLAIMS_MAX, ReplyPreimage, TxId};

use crate::app::{
    self, AppFault, AppReply, Compiled, Completion, Executed, Execution, ExecutionId, Task,
};
use crate::apps::{Apps, Judged, check_own_maps};
use crate::calls::{Asker, CallError, Effects, Reply};
use crate::core::Core;
use crate::deployment::Deploying;
use crate::desk::{AppOutcome, Outcome, Resting};
use crate::floor::{Done, EXECUTIONS_MAX, Errand, Floor, Purpose, Run};
use crate::idempotency::{self, Once, RememberedAnswer, Said};
use crate::kv::KvError;
use crate::proposing::{Draft, Ran, label};
use crate::read_rounds::ReadCall;

/// A snapshot so many transactions behind the certified one is not kept any more.
const PINNED_SEQNOS_MAX: u64 = 1 << 18;

/// What becomes of a write that ran.
pub(crate) enum Placement {
    /// It takes effect.
    Writes(WriteSet),
    /// Something came in between.
    Moved,
    /// It is answered without effect.
    Answered(Outcome),
}

/// Calls of apps on their way, and what is known of the apps that they call.
#[derive(Debug, Default)]
pub(crate) struct AppCalls {
    apps: Apps,
    floor: Floor,
}

impl AppCalls {
    /// Whether a write that ran waits for its place in a block.
    pub(crate) fn has_done(&self) -> bool {
        self.floor.has_done()
    }

    /// The next write that waits for its place.
    pub(crate) fn next_done(&mut self) -> Option<Done> {
        self.floor.next_done()
    }

    /// Panics where what is counted is not what is there.
    pub(crate) fn check_invariants(&self) {
        self.floor.check_invariants();
    }

    /// How many calls are on their way.
    pub(crate) fn busy(&self) -> usize {
        self.floor.busy()
    }

    /// Certified state is new enough for this read; a reply only where there is no room for it.
    pub(crate) fn begin_read(&mut self, errand: Errand) -> Option<Reply> {
        let refused = self.floor.reads.submit(errand).err();
        refused.map(|_| Reply::Failed(CallError::Busy))
    }

    /// Takes a request to an app.
    pub(crate) fn take_app(&mut self, core: &mut Core, errand: Errand, out: &mut Effects) {
        let id = errand.call;
        let refused = match self.first_judgement(core, &errand) {
            Ok(RouteKind::Write) if !core.leads() => Some(CallError::NotLeader {
                leader: core.engine.leader(),
            }),
            Ok(RouteKind::Write) if core.disk_full => Some(core.disk_refusal()),
            Ok(RouteKind::Write) => self.floor.writes.submit(errand).err().map(busy),
            Ok(RouteKind::Read) if errand.request.local => {
                if core.is_stale() {
                    Some(CallError::Stale)
                } else {
                    self.floor.reads.submit(errand).err().map(busy)
                }
            }
            Err(error) if errand.request.local => Some(error),
            Err(error) if core.leads() => return Self::rest_failure(core, id, error),
            // A follower may know less than the leader: it judges again when its state is new enough.
            Ok(RouteKind::Read) | Err(_) => {
                let taken = core.rounds.submit(ReadCall::App(errand));
                (!taken).then_some(CallError::Busy)
            }
        };
        if let Some(error) = refused {
            out.replies.push((id, Reply::Failed(error)));
        }
    }

    /// Whether a request reads or writes, from what this replica knows now.
    fn first_judgement(&mut self, core: &Core, errand: &Errand) -> Result<RouteKind, CallError> {
        let newest = core.leads() && !errand.request.local;
        let judged = if newest {
            self.judge_newest(core, errand)
        } else {
            self.judge_certified(core, errand)
        };
        judged.map(|judged| judged.kind)
    }

    fn judge_newest(&mut self, core: &Core, errand: &Errand) -> Result<Judged, CallError> {
        let state = core.machine.newest_state();
        let mark = core.machine.governance_mark(&state);
        let request = &errand.request;
        let (caller, app) = (errand.caller, &request.app);
        self.apps
            .newest
            .judge(mark, &state, caller, app, &request.request)
    }

    fn judge_certified(&mut self, core: &Core, errand: &Errand) -> Result<Judged, CallError> {
        let state = core.machine.certified_state();
        let mark = core.machine.governance_mark(&state);
        let request = &errand.request;
        let (caller, app) = (errand.caller, &request.app);
        self.apps
            .certified
            .judge(mark, &state, caller, app, &request.request)
    }

    /// Gives out executions, as many as there is room for.
    pub(crate) fn start_executions(
        &mut self,
        core: &mut Core,
        deploying: &Deploying,
        out: &mut Effects,
    ) {
        while let Some(errand) = self.floor.reads.next() {
            self.start_read(core, errand, out);
        }
        while core.is_settled_leader() && self.floor.has_room() {
            let Some(errand) = self.floor.writes.next() else {
                return;
            };
            self.start_write(core, deploying, errand, out);
        }
    }

    fn start_read(&mut self, core: &mut Core, errand: Errand, out: &mut Effects) {
        let judged = self.judge_certified(core, &errand);
        let refused = match &judged {
            Ok(judged) if judged.kind == RouteKind::Write => Some(CallError::NotLeader {
                leader: core.engine.leader(),
            }),
            Ok(judged) if !self.apps.is_ready(&judged.app.key) => Some(CallError::AppNotReady),
            Ok(_) => None,
            Err(error) => Some(error.clone()),
        };
        let (Ok(judged), None) = (judged, &refused) else {
            self.floor.reads.finish(&errand);
            let error = refused.unwrap_or(CallError::Retry);
            return out.replies.push((errand.call, Reply::Failed(error)));
        };
        let snapshot = core.machine.history().certified_seqno();
        let tx = core.machine.history().certified_tx(snapshot);
        let time_ms = core.machine.sequence().certified().time_ms;
        self.give_out(core, errand, judged, (snapshot, tx, time_ms), out);
    }

    fn start_write(
        &mut self,
        core: &mut Core,
        deploying: &Deploying,
        errand: Errand,
        out: &mut Effects,
    ) {
        let judged = match self.judge_newest(core, &errand) {
            Ok(judged) if judged.kind == RouteKind::Read => {
                // The app's routes changed since it came in.
                self.floor.writes.finish(&errand);
                return self.take_app(core, errand, out);
            }
            Ok(judged) if self.is_ready_for(deploying, &judged) => judged,
            other => {
                self.floor.writes.finish(&errand);
                let error = other.err().unwrap_or(CallError::AppNotReady);
                return Self::rest_failure(core, errand.call, error);
            }
        };
        let head = core.machine.newest_state().seqno();
        if let Some(outcome) = Self::repeated(core, &errand) {
            self.floor.writes.finish(&errand);
            return Self::rest_answer(core, errand.call, outcome);
        }
        let tx = TxId {
            view: core.engine.term(),
            seqno: head + 1,
        };
        let time_ms = core.machine.sequence().last().time_ms;
        self.give_out(core, errand, judged, (head, tx, time_ms), out);
    }

    /// Whether the app was compiled here, and its next version does not ask its callers to wait.
    fn is_ready_for(&self, deploying: &Deploying, judged: &Judged) -> bool {
        let app = &judged.app.key;
        self.apps.is_ready(app) && !deploying.holds(&app.name)
    }

    /// The answer that the caller's idempotency key has already, or why it has none.
    fn repeated(core: &Core, errand: &Errand) -> Option<Outcome> {
        let state = core.machine.newest_state();
        match idempotency::recall(&state, &once(errand)) {
            Ok(None) => None,
            Err(error) => Some(Outcome::Failed(error)),
            Ok(Some(remembered)) => Some(match remembered.answer {
                RememberedAnswer::App(response) => Outcome::App(Box::new(AppOutcome {
                    as_of: remembered.tx.seqno,
                    response,
                    receipt: errand.request.receipt,
                    repeats: Some(remembered.tx),
                })),
                RememberedAnswer::Kv(_) => Outcome::Failed(CallError::KeyReused),
            }),
        }
    }

    fn give_out(
        &mut self,
        core: &mut Core,
        errand: Errand,
        judged: Judged,
        (snapshot, tx, time_ms): (u64, TxId, u64),
        out: &mut Effects,
    ) {
        let read_only = judged.kind == RouteKind::Read;
        let seed = core.entropy.take();
        let task = Task::Handle {
            request: errand.request.request.clone(),
            route: judged.route.clone(),
            params: judged.params.clone(),
        };
        let (app, caller) = (judged.app.clone(), judged.caller.clone());
        let run = Box::new(Run {
            errand,
            judged,
            snapshot,
            tx,
            time_ms,
            seed,
        });
        let purpose = if read_only {
            Purpose::Read(run)
        } else {
            Purpose::Write(run)
        };
        out.execute.push(Execution {
            id: ExecutionId::Call(self.floor.begin(purpose)),
            app: app.key.clone(),
            manifest: app.manifest.clone(),
            task,
            caller,
            state: core.machine.state().clone(),
            snapshot,
            tx,
            time_ms,
            seed,
            read_only,
        });
    }

    /// An execution came to its end.
    pub(crate) fn executed(&mut self, core: &mut Core, executed: Executed, out: &mut Effects) {
        let ExecutionId::Call(id) = executed.id else {
            return;
        };
        match self.floor.end(id) {
            Some(Purpose::Read(run)) => self.read_executed(*run, executed.result, out),
            Some(Purpose::Write(run)) => self.write_executed(core, *run, executed.result),
            Some(Purpose::Abandoned) | None => {}
        }
    }

    /// A component was compiled here, or could not be.
    pub(crate) fn note_compiled(&mut self, compiled: &Compiled) {
        if compiled.result.is_ok() {
            self.apps.make_ready(compiled.app.clone());
        }
    }

    fn read_executed(
        &mut self,
        mut run: Run,
        result: Result<Completion, AppFault>,
        out: &mut Effects,
    ) {
        let moved = matches!(result, Err(AppFault::StateMoved));
        run.errand.executions += 1;
        if moved && run.errand.executions < EXECUTIONS_MAX {
            return self.floor.reads.again(run.errand);
        }
        self.floor.reads.finish(&run.errand);
        let reply = match result {
            Ok(completion) if !completion.writes.is_empty() => {
                Reply::Failed(AppFault::WriteInQuery.into())
            }
            Ok(completion) => Reply::App(app::Reply::Called(Box::new(AppReply {
                tx: None,
                as_of: run.tx,
                response: completion.response,
                receipt: None,
                repeated: false,
            }))),
            Err(fault) => Reply::Failed(error_of(fault)),
        };
        out.replies.push((run.errand.call, reply));
    }

    fn write_executed(&mut self, core: &mut Core, run: Run, result: Result<Completion, AppFault>) {
        let completion = match result {
            Ok(completion) => completion,
            Err(AppFault::StateMoved) => {
                if let Some(resting) = self.run_again(run.errand) {
                    core.rest_on_newest(vec![resting]);
                }
                return;
            }
            Err(fault) => {
                self.floor.writes.finish(&run.errand);
                return Self::rest_failure(core, run.errand.call, error_of(fault));
            }
        };
        let refuses = completion.response.status >= 400 && !completion.keep;
        if refuses || completion.writes.is_empty() {
            self.floor.writes.finish(&run.errand);
            let outcome = Outcome::App(Box::new(AppOutcome {
                as_of: run.snapshot,
                response: completion.response,
                receipt: false,
                repeats: None,
            }));
            return Self::rest_answer(core, run.errand.call, outcome);
        }
        self.floor.push_done(Done { run, completion });
    }

    /// Has a write executed again, or gives it up with an answer.
    pub(crate) fn run_again(&mut self, mut errand: Errand) -> Option<Resting> {
        errand.executions += 1;
        if errand.executions < EXECUTIONS_MAX {
            self.floor.writes.again(errand);
            return None;
        }
        self.floor.writes.give_up(&errand);
        Some(Resting {
            asker: Asker::Door(errand.call),
            tx: None,
            outcome: Outcome::Failed(CallError::Contended),
        })
    }

    /// Judges a write that ran, at the head, for the transaction `next`.
    pub(crate) fn placement(
        &mut self,
        core: &Core,
        deploying: &Deploying,
        done: &mut Done,
        next: TxId,
    ) -> Placement {
        let Done { run, completion } = done;
        if deploying.holds(&run.judged.app.key.name) {
            return Placement::Answered(Outcome::Failed(CallError::AppNotReady));
        }
        match self.judge_newest(core, &run.errand) {
            Ok(judged) if judged == run.judged => {}
            Ok(_) => return Placement::Moved,
            Err(error) => return Placement::Answered(Outcome::Failed(error)),
        }
        if let Some(outcome) = Self::repeated(core, &run.errand) {
            return Placement::Answered(outcome);
        }
        let moved = core.machine.store().validate(&completion.reads).is_err();
        if moved || (completion.asked_id && run.tx != next) {
            return Placement::Moved;
        }
        let failed = |error| Placement::Answered(Outcome::Failed(error));
        if let Err(fault) = check_own_maps(&run.judged.app.key.name, &completion.writes) {
            return failed(fault.into());
        }
        if completion.claims.len() > CLAIMS_MAX {
            return failed(AppFault::TooManyClaims.into());
        }
        let writes = std::mem::take(&mut completion.writes);
        let state = core.machine.newest_state();
        let said = Said::App(&completion.response);
        match with_memory(state.begin(), &once(&run.errand), next, &said, writes) {
            Ok(writes) => Placement::Writes(writes),
            Err(error) => failed(error),
        }
    }

    fn rest_failure(core: &mut Core, call: u64, error: CallError) {
        Self::rest_answer(core, call, Outcome::Failed(error));
    }

    fn rest_answer(core: &mut Core, call: u64, outcome: Outcome) {
        let tx = None;
        let asker = Asker::Door(call);
        core.rest_on_newest(vec![Resting { asker, tx, outcome }]);
    }

    /// Leadership was lost: what never ran is told where to go, what ran is to be tried again.
    pub(crate) fn clear_app_writes(&mut self, leader: Option<u64>, out: &mut Effects) {
        let (waiting, ran) = self.floor.clear_writes();
        let failed = |errand: Errand, error| (errand.call, Reply::Failed(error));
        let waiting = waiting
            .into_iter()
            .map(|errand| failed(errand, CallError::NotLeader { leader }));
        out.replies.extend(waiting);
        let ran = ran
            .into_iter()
            .map(|errand| failed(errand, CallError::Retry));
        out.replies.extend(ran);
    }

    /// This replica halts: nobody is answered any more but with that.
    pub(crate) fn clear_app_calls(&mut self, out: &mut Effects) {
        let (mut gone, ran) = self.floor.clear_writes();
        gone.extend(ran);
        gone.extend(self.floor.clear_reads());
        let halted = |errand: Errand| (errand.call, Reply::Failed(CallError::Halted));
        out.replies.extend(gone.into_iter().map(halted));
    }

    /// The oldest snapshot that compaction leaves for executions.
    pub(crate) fn pinned(&self, core: &Core, deploying: &Deploying) -> Option<u64> {
        let certified = core.machine.history().certified_seqno();
        let of_calls = self.floor.oldest_snapshot().into_iter();
        let oldest = of_calls.chain(deploying.snapshot()).min()?;
        Some(oldest.max(certified.saturating_sub(PINNED_SEQNOS_MAX)))
    }

    /// Gives a write of an app that ran its place in the block, if what it read still stands.
    pub(crate) fn place_app(
        &mut self,
        core: &mut Core,
        deploying: &Deploying,
        mut done: Done,
        draft: &mut Draft,
    ) {
        let tx = draft.builder.next_id();
        let outcome = match self.placement(core, deploying, &mut done, tx) {
            Placement::Writes(writes) => return self.place_app_writes(core, done, writes, draft),
            Placement::Moved => {
                draft.resting.extend(self.run_again(done.run.errand));
                return;
            }
            Placement::Answered(outcome) => outcome,
        };
        self.floor.writes.finish(&done.run.errand);
        draft.resting.push(Resting {
            asker: Asker::Door(done.run.errand.call),
            tx: None,
            outcome,
        });
    }

    fn place_app_writes(
        &mut self,
        core: &mut Core,
        done: Done,
        writes: WriteSet,
        draft: &mut Draft,
    ) {
        let Done { run, completion } = done;
        let request = &run.errand.request;
        let tx = draft.builder.next_id();
        let writes = Arc::new(writes);
        core.machine.execute(tx.seqno, writes.clone());
        let reply = ReplyPreimage {
            salt: core.entropy.take(),
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
        core.push(draft, ran);
        self.floor.writes.finish(&run.errand);
        let outcome = Outcome::App(Box::new(AppOutcome {
            as_of: tx.seqno,
            response: completion.response,
            receipt: request.receipt,
            repeats: None,
        }));
        draft.resting.push(Resting {
            asker: Asker::Door(run.errand.call),
            tx: Some(tx),
            outcome,
        });
    }
}

fn busy(_: Errand) -> CallError {
    CallError::Busy
}

fn once(errand: &Errand) -> Once<'_> {
    Once {
        caller: errand.caller,
        key: errand.request.idempotency.as_ref(),
        request: errand.request.digest,
    }
}

/// The app's writes with what the service remembers of the answer.
fn with_memory(
    mut transaction: Transaction<'_>,
    once: &Once<'_>,
    tx: TxId,
    said: &Said<'_>,
    mut writes: WriteSet,
) -> Result<WriteSet, CallError> {
    idempotency::remember(&mut transaction, once, tx, said)?;
    let (_, memory) = transaction.finish();
    for (map, key, value) in memory.iter() {
        let added = match value {
            Some(value) => writes.put(map, key.clone(), value.clone()),
            None => writes.delete(map, key.clone()),
        };
        added.map_err(|error| KvError::Limit(error.to_string()))?;
    }
    Ok(writes)
}

fn error_of(fault: AppFault) -> CallError {
    match fault {
        AppFault::NotInstalled => CallError::AppNotReady,
        AppFault::Overloaded => CallError::Busy,
        AppFault::StateMoved => CallError::Contended,
        fault => CallError::App(fault),
    }
}
