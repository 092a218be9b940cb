//! Calls of apps: let in, executed beside the replica, validated at the head, placed in a block.
//!
//! A write runs on the leader, as an optimistic transaction on the newest state. When it comes
//! back, what it read must still stand, and whoever called must still be let in; else it runs
//! again, at most [`EXECUTIONS_MAX`] times. A read runs on any replica, on certified state.
//!
//! Invariants
//! - nothing that an execution gave counts before it was validated at the head, under the
//!   governance of the head;
//! - what leaves rests on certified state, also a refusal or a fault;
//! - from status 400 on nothing is kept, unless the app said so.
//!
//! Snapshots in use are kept from compaction while they are not too far behind: the executions that
//! are under way are their register, so it is bounded, and a pin goes when its execution is
//! reported or given up. Further behind, memory matters more: the execution finds its snapshot
//! gone, and runs again.

use std::sync::Arc;

use synod_governance::app::RouteKind;
use synod_kv::{Transaction, WriteSet};
use synod_ledger::{CLAIMS_MAX, ReplyPreimage, TxId};
use synod_mutation::mutation;

use crate::app::{
    self, AppFault, AppReply, Compiled, Completion, Executed, Execution, ExecutionId, Task,
};
use crate::apps::{Apps, Judged, check_own_maps};
use crate::calls::{Asker, CallError, Effects, Reply};
use crate::core::Core;
use crate::deployment::Deploying;
use crate::idempotency::{self, Once, RememberedAnswer, Said};
use crate::kv::KvError;
use crate::pending_replies::{AppOutcome, Outcome, PendingReply};
use crate::proposing::{Draft, Ran, label};
use crate::read_rounds::ReadCall;
use crate::run_queue::{Done, EXECUTIONS_MAX, Purpose, QueuedCall, Run, RunQueue};

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
    run_queue: RunQueue,
}

impl AppCalls {
    /// Whether a write that ran waits for its place in a block.
    pub(crate) fn has_done(&self) -> bool {
        self.run_queue.has_done()
    }

    /// The next write that waits for its place.
    pub(crate) fn next_done(&mut self) -> Option<Done> {
        self.run_queue.next_done()
    }

    /// Panics where what is counted is not what is there.
    pub(crate) fn check_invariants(&self) {
        self.run_queue.check_invariants();
    }

    /// How many calls are on their way.
    pub(crate) fn busy(&self) -> usize {
        self.run_queue.busy()
    }

    /// Certified state is new enough for this read; a reply only where there is no room for it.
    pub(crate) fn begin_read(&mut self, queued: QueuedCall) -> Option<Reply> {
        let refused = self.run_queue.reads.submit(queued).err();
        refused.map(|_| Reply::Failed(CallError::Busy))
    }

    /// Takes a request to an app.
    pub(crate) fn take_app(&mut self, core: &mut Core, queued: QueuedCall, out: &mut Effects) {
        let id = queued.call;
        let refused = match self.first_judgement(core, &queued) {
            Ok(RouteKind::Write) if !core.leads() => Some(CallError::NotLeader {
                leader: core.engine.leader(),
            }),
            Ok(RouteKind::Write) if core.disk_full => Some(core.disk_refusal()),
            Ok(RouteKind::Write) => self.run_queue.writes.submit(queued).err().map(busy),
            Ok(RouteKind::Read) if queued.request.local => {
                if core.is_stale() {
                    Some(CallError::Stale)
                } else {
                    self.run_queue.reads.submit(queued).err().map(busy)
                }
            }
            Err(error) if queued.request.local => Some(error),
            Err(error) if core.leads() => return Self::reply_failure(core, id, error),
            // A follower may know less than the leader: it judges again when its state is new
            // enough.
            Ok(RouteKind::Read) | Err(_) => {
                let taken = core.rounds.submit(ReadCall::App(queued));
                (!taken).then_some(CallError::Busy)
            }
        };
        if let Some(error) = refused {
            out.replies.push((id, Reply::Failed(error)));
        }
    }

    /// Whether a request reads or writes, from what this replica knows now.
    fn first_judgement(
        &mut self,
        core: &Core,
        queued: &QueuedCall,
    ) -> Result<RouteKind, CallError> {
        let newest = core.leads() && !queued.request.local;
        let judged = if newest {
            self.judge_newest(core, queued)
        } else {
            self.judge_certified(core, queued)
        };
        judged.map(|judged| judged.kind)
    }

    fn judge_newest(&mut self, core: &Core, queued: &QueuedCall) -> Result<Judged, CallError> {
        let state = core.machine.newest_state();
        let mark = core.machine.governance_mark(&state);
        let request = &queued.request;
        let (caller, app) = (queued.caller, &request.app);
        self.apps
            .newest
            .judge(mark, &state, caller, app, &request.request)
    }

    fn judge_certified(&mut self, core: &Core, queued: &QueuedCall) -> Result<Judged, CallError> {
        let state = core.machine.certified_state();
        let mark = core.machine.governance_mark(&state);
        let request = &queued.request;
        let (caller, app) = (queued.caller, &request.app);
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
        while let Some(queued) = self.run_queue.reads.next() {
            self.start_read(core, queued, out);
        }
        while core.is_settled_leader() && self.run_queue.has_room() {
            let Some(queued) = self.run_queue.writes.next() else {
                return;
            };
            self.start_write(core, deploying, queued, out);
        }
    }

    fn start_read(&mut self, core: &mut Core, queued: QueuedCall, out: &mut Effects) {
        let judged = self.judge_certified(core, &queued);
        let refused = match &judged {
            Ok(judged) if judged.kind == RouteKind::Write => Some(CallError::NotLeader {
                leader: core.engine.leader(),
            }),
            Ok(judged) if !self.apps.is_ready(&judged.app.key) => Some(CallError::AppNotReady),
            Ok(_) => None,
            Err(error) => Some(error.clone()),
        };
        let (Ok(judged), None) = (judged, &refused) else {
            self.run_queue.reads.finish(&queued);
            let error = refused.unwrap_or(CallError::Retry);
            return out.replies.push((queued.call, Reply::Failed(error)));
        };
        let snapshot = core.machine.history().certified_seqno();
        let tx = core.machine.history().certified_tx(snapshot);
        let time_ms = core.machine.sequence().certified().time_ms;
        self.give_out(core, queued, judged, (snapshot, tx, time_ms), out);
    }

    fn start_write(
        &mut self,
        core: &mut Core,
        deploying: &Deploying,
        queued: QueuedCall,
        out: &mut Effects,
    ) {
        let judged = match self.judge_newest(core, &queued) {
            Ok(judged) if judged.kind == RouteKind::Read => {
                // The app's routes changed since it came in.
                self.run_queue.writes.finish(&queued);
                return self.take_app(core, queued, out);
            }
            Ok(judged) if self.is_ready_for(deploying, &judged) => judged,
            other => {
                self.run_queue.writes.finish(&queued);
                let error = other.err().unwrap_or(CallError::AppNotReady);
                return Self::reply_failure(core, queued.call, error);
            }
        };
        let head = core.machine.newest_state().seqno();
        if let Some(outcome) = Self::repeated(core, &queued) {
            self.run_queue.writes.finish(&queued);
            return Self::reply_outcome(core, queued.call, outcome);
        }
        let tx = TxId {
            view: core.engine.term(),
            seqno: head + 1,
        };
        let time_ms = core.machine.sequence().last().time_ms;
        self.give_out(core, queued, judged, (head, tx, time_ms), out);
    }

    /// Whether the app was compiled here, and its next version does not ask its callers to wait.
    fn is_ready_for(&self, deploying: &Deploying, judged: &Judged) -> bool {
        let app = &judged.app.key;
        self.apps.is_ready(app) && !deploying.holds(&app.name)
    }

    /// The answer that the caller's idempotency key has already, or why it has none.
    fn repeated(core: &Core, queued: &QueuedCall) -> Option<Outcome> {
        let state = core.machine.newest_state();
        match idempotency::recall(&state, &once(queued)) {
            Ok(None) => None,
            Err(error) => Some(Outcome::Failed(error)),
            Ok(Some(remembered)) => Some(match remembered.answer {
                RememberedAnswer::App(response) => Outcome::App(Box::new(AppOutcome {
                    as_of: remembered.tx.seqno,
                    response,
                    receipt: queued.request.receipt,
                    repeats: Some(remembered.tx),
                })),
                RememberedAnswer::Kv(_) => Outcome::Failed(CallError::KeyReused),
            }),
        }
    }

    fn give_out(
        &mut self,
        core: &mut Core,
        queued: QueuedCall,
        judged: Judged,
        (snapshot, tx, time_ms): (u64, TxId, u64),
        out: &mut Effects,
    ) {
        let read_only = judged.kind == RouteKind::Read;
        let seed = core.entropy.take();
        let task = Task::Handle {
            request: queued.request.request.clone(),
            route: judged.route.clone(),
            params: judged.params.clone(),
        };
        let (app, caller) = (judged.app.clone(), judged.caller.clone());
        let run = Box::new(Run {
            queued,
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
            id: ExecutionId::Call(self.run_queue.begin(purpose)),
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
        match self.run_queue.end(id) {
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
        run.queued.executions += 1;
        if moved && run.queued.executions < EXECUTIONS_MAX {
            return self.run_queue.reads.again(run.queued);
        }
        self.run_queue.reads.finish(&run.queued);
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
        out.replies.push((run.queued.call, reply));
    }

    fn write_executed(&mut self, core: &mut Core, run: Run, result: Result<Completion, AppFault>) {
        let completion = match result {
            Ok(completion) => completion,
            Err(AppFault::StateMoved) => {
                if let Some(held) = self.run_again(run.queued) {
                    core.reply_on_newest(vec![held]);
                }
                return;
            }
            Err(fault) => {
                self.run_queue.writes.finish(&run.queued);
                return Self::reply_failure(core, run.queued.call, error_of(fault));
            }
        };
        let refuses = completion.response.status >= 400 && !completion.keep;
        if refuses || completion.writes.is_empty() {
            self.run_queue.writes.finish(&run.queued);
            let outcome = Outcome::App(Box::new(AppOutcome {
                as_of: run.snapshot,
                response: completion.response,
                receipt: false,
                repeats: None,
            }));
            return Self::reply_outcome(core, run.queued.call, outcome);
        }
        self.run_queue.push_done(Done { run, completion });
    }

    /// Has a write executed again, or gives it up with an answer.
    pub(crate) fn run_again(&mut self, mut queued: QueuedCall) -> Option<PendingReply> {
        queued.executions += 1;
        if queued.executions < EXECUTIONS_MAX {
            self.run_queue.writes.again(queued);
            return None;
        }
        self.run_queue.writes.give_up(&queued);
        Some(PendingReply {
            asker: Asker::Door(queued.call),
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
        match self.judge_newest(core, &run.queued) {
            Ok(judged) if judged == run.judged => {}
            Ok(_) => return Placement::Moved,
            Err(error) => return Placement::Answered(Outcome::Failed(error)),
        }
        if let Some(outcome) = Self::repeated(core, &run.queued) {
            return Placement::Answered(outcome);
        }
        let moved = core.machine.store().validate(&completion.reads).is_err()
            && !mutation!("execution-unvalidated");
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
        match with_memory(state.begin(), &once(&run.queued), next, &said, writes) {
            Ok(writes) => Placement::Writes(writes),
            Err(error) => failed(error),
        }
    }

    fn reply_failure(core: &mut Core, call: u64, error: CallError) {
        Self::reply_outcome(core, call, Outcome::Failed(error));
    }

    fn reply_outcome(core: &mut Core, call: u64, outcome: Outcome) {
        let tx = None;
        let asker = Asker::Door(call);
        core.reply_on_newest(vec![PendingReply { asker, tx, outcome }]);
    }

    /// Leadership was lost: what never ran is told where to go, what ran is to be tried again.
    pub(crate) fn clear_app_writes(&mut self, leader: Option<u64>, out: &mut Effects) {
        let (waiting, ran) = self.run_queue.clear_writes();
        let failed = |queued: QueuedCall, error| (queued.call, Reply::Failed(error));
        let waiting = waiting
            .into_iter()
            .map(|queued| failed(queued, CallError::NotLeader { leader }));
        out.replies.extend(waiting);
        let ran = ran
            .into_iter()
            .map(|queued| failed(queued, CallError::Retry));
        out.replies.extend(ran);
    }

    /// This replica halts: nobody is answered any more but with that.
    pub(crate) fn clear_app_calls(&mut self, out: &mut Effects) {
        let (mut gone, ran) = self.run_queue.clear_writes();
        gone.extend(ran);
        gone.extend(self.run_queue.clear_reads());
        let halted = |queued: QueuedCall| (queued.call, Reply::Failed(CallError::Halted));
        out.replies.extend(gone.into_iter().map(halted));
    }

    /// The oldest snapshot that compaction leaves for executions.
    pub(crate) fn pinned(&self, core: &Core, deploying: &Deploying) -> Option<u64> {
        let certified = core.machine.history().certified_seqno();
        let of_calls = self.run_queue.oldest_snapshot().into_iter();
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
                draft.replies.extend(self.run_again(done.run.queued));
                return;
            }
            Placement::Answered(outcome) => outcome,
        };
        self.run_queue.writes.finish(&done.run.queued);
        draft.replies.push(PendingReply {
            asker: Asker::Door(done.run.queued.call),
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
        let request = &run.queued.request;
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
            caller: label(run.queued.caller),
            execution: Some(run.record().encode().into()),
        };
        core.push(draft, ran);
        self.run_queue.writes.finish(&run.queued);
        let outcome = Outcome::App(Box::new(AppOutcome {
            as_of: tx.seqno,
            response: completion.response,
            receipt: request.receipt,
            repeats: None,
        }));
        draft.replies.push(PendingReply {
            asker: Asker::Door(run.queued.call),
            tx: Some(tx),
            outcome,
        });
    }
}

fn busy(_: QueuedCall) -> CallError {
    CallError::Busy
}

fn once(queued: &QueuedCall) -> Once<'_> {
    Once {
        caller: queued.caller,
        key: queued.request.idempotency.as_ref(),
        request: queued.request.digest,
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
