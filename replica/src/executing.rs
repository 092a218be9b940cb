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

use synod_governance::app::RouteKind;
use synod_kv::{Transaction, WriteSet};
use synod_ledger::{CLAIMS_MAX, TxId};

use crate::app::AppError;
use crate::apps::{Judged, check_own_maps};
use crate::calls::{Call, CallError, Effects, Reply, Request};
use crate::desk::{AppOutcome, Outcome, Resting};
use crate::floor::{Done, EXECUTIONS_MAX, Errand, Purpose, Run};
use crate::guest::{AppReply, Compiled, Completion, Executed, Execution, GuestFault, Task};
use crate::idempotency::{self, Once, RememberedAnswer, Said};
use crate::replica::Replica;

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

impl Replica {
    /// Takes a request to an app.
    pub(crate) fn take_app(&mut self, call: Call, out: &mut Effects) {
        let id = call.id;
        let Some(errand) = errand(call) else { return };
        let refused = match self.first_judgement(&errand) {
            Ok(RouteKind::Write) if !self.leads() => Some(CallError::NotLeader {
                leader: self.engine.leader(),
            }),
            Ok(RouteKind::Write) if self.disk_full => Some(self.disk_refusal()),
            Ok(RouteKind::Write) => self.floor.writes.submit(errand).err().map(busy),
            Ok(RouteKind::Read) if errand.request.local => {
                if self.is_stale() {
                    Some(CallError::Stale)
                } else {
                    self.floor.reads.submit(errand).err().map(busy)
                }
            }
            Err(error) if errand.request.local => Some(error),
            Err(error) if self.leads() => return self.rest_failure(id, error),
            // A follower may know less than the leader: it judges again when its state is new enough.
            Ok(RouteKind::Read) | Err(_) => {
                let taken = self.desk.submit_read(call_of(errand));
                (!taken).then_some(CallError::Busy)
            }
        };
        if let Some(error) = refused {
            out.replies.push((id, Reply::Failed(error)));
        }
    }

    /// Whether a request reads or writes, from what this replica knows now.
    fn first_judgement(&mut self, errand: &Errand) -> Result<RouteKind, CallError> {
        let newest = self.leads() && !errand.request.local;
        let judged = if newest {
            self.judge_newest(errand)
        } else {
            self.judge_certified(errand)
        };
        judged.map(|judged| judged.kind)
    }

    fn judge_newest(&mut self, errand: &Errand) -> Result<Judged, CallError> {
        let state = self.machine.newest_state();
        let mark = self.machine.governance_mark(&state);
        let request = &errand.request;
        let (caller, app) = (errand.caller, &request.app);
        self.apps
            .newest
            .judge(mark, &state, caller, app, &request.request)
    }

    fn judge_certified(&mut self, errand: &Errand) -> Result<Judged, CallError> {
        let state = self.machine.certified_state();
        let mark = self.machine.governance_mark(&state);
        let request = &errand.request;
        let (caller, app) = (errand.caller, &request.app);
        self.apps
            .certified
            .judge(mark, &state, caller, app, &request.request)
    }

    /// Gives out executions, as many as there is room for.
    pub(crate) fn start_executions(&mut self, out: &mut Effects) {
        while let Some(errand) = self.floor.reads.next() {
            self.start_read(errand, out);
        }
        while self.is_settled_leader() && self.floor.has_room() {
            let Some(errand) = self.floor.writes.next() else {
                return;
            };
            self.start_write(errand, out);
        }
    }

    fn start_read(&mut self, errand: Errand, out: &mut Effects) {
        let judged = self.judge_certified(&errand);
        let refused = match &judged {
            Ok(judged) if judged.kind == RouteKind::Write => Some(CallError::NotLeader {
                leader: self.engine.leader(),
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
        let snapshot = self.machine.history().certified_seqno();
        let tx = self.machine.history().certified_tx(snapshot);
        let time_ms = self.machine.sequence().certified().time_ms;
        self.give_out(errand, judged, (snapshot, tx, time_ms), out);
    }

    fn start_write(&mut self, errand: Errand, out: &mut Effects) {
        let judged = match self.judge_newest(&errand) {
            Ok(judged) if judged.kind == RouteKind::Read => {
                // The app's routes changed since it came in.
                self.floor.writes.finish(&errand);
                return self.take_app(call_of(errand), out);
            }
            Ok(judged) if self.is_ready_for(&judged) => judged,
            other => {
                self.floor.writes.finish(&errand);
                let error = other.err().unwrap_or(CallError::AppNotReady);
                return self.rest_failure(errand.call, error);
            }
        };
        let head = self.machine.newest_state().seqno();
        if let Some(outcome) = self.repeated(&errand) {
            self.floor.writes.finish(&errand);
            return self.rest_answer(errand.call, outcome);
        }
        let tx = TxId {
            view: self.engine.term(),
            seqno: head + 1,
        };
        let time_ms = self.machine.sequence().last().time_ms;
        self.give_out(errand, judged, (head, tx, time_ms), out);
    }

    /// Whether the app was compiled here, and its next version does not ask its callers to wait.
    fn is_ready_for(&self, judged: &Judged) -> bool {
        let app = &judged.app.key;
        self.apps.is_ready(app) && !self.deploying.holds(&app.name)
    }

    /// The answer that the caller's idempotency key has already, or why it has none.
    fn repeated(&self, errand: &Errand) -> Option<Outcome> {
        let state = self.machine.newest_state();
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
        errand: Errand,
        judged: Judged,
        (snapshot, tx, time_ms): (u64, TxId, u64),
        out: &mut Effects,
    ) {
        let read_only = judged.kind == RouteKind::Read;
        let seed = self.entropy.take();
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
            id: self.floor.begin(purpose),
            app: app.key.clone(),
            manifest: app.manifest.clone(),
            task,
            caller,
            state: self.machine.state().clone(),
            snapshot,
            tx,
            time_ms,
            seed,
            read_only,
        });
    }

    /// An execution came to its end.
    pub(crate) fn executed(&mut self, executed: Executed, out: &mut Effects) {
        match self.floor.end(executed.id) {
            Some(Purpose::Read(run)) => self.read_executed(*run, executed.result, out),
            Some(Purpose::Write(run)) => self.write_executed(*run, executed.result),
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
        result: Result<Completion, GuestFault>,
        out: &mut Effects,
    ) {
        let moved = matches!(result, Err(GuestFault::StateMoved));
        run.errand.executions += 1;
        if moved && run.errand.executions < EXECUTIONS_MAX {
            return self.floor.reads.again(run.errand);
        }
        self.floor.reads.finish(&run.errand);
        let reply = match result {
            Ok(completion) if !completion.writes.is_empty() => {
                Reply::Failed(GuestFault::WriteInQuery.into())
            }
            Ok(completion) => Reply::App(Box::new(AppReply {
                tx: None,
                as_of: run.tx,
                response: completion.response,
                receipt: None,
                repeated: false,
            })),
            Err(fault) => Reply::Failed(error_of(fault)),
        };
        out.replies.push((run.errand.call, reply));
    }

    fn write_executed(&mut self, run: Run, result: Result<Completion, GuestFault>) {
        let completion = match result {
            Ok(completion) => completion,
            Err(GuestFault::StateMoved) => {
                if let Some(resting) = self.run_again(run.errand) {
                    self.rest_on_newest(vec![resting]);
                }
                return;
            }
            Err(fault) => {
                self.floor.writes.finish(&run.errand);
                return self.rest_failure(run.errand.call, error_of(fault));
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
            return self.rest_answer(run.errand.call, outcome);
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
            call: errand.call,
            tx: None,
            outcome: Outcome::Failed(CallError::Contended),
        })
    }

    /// Judges a write that ran, at the head, for the transaction `next`.
    pub(crate) fn placement(&mut self, done: &mut Done, next: TxId) -> Placement {
        let Done { run, completion } = done;
        if self.deploying.holds(&run.judged.app.key.name) {
            return Placement::Answered(Outcome::Failed(CallError::AppNotReady));
        }
        match self.judge_newest(&run.errand) {
            Ok(judged) if judged == run.judged => {}
            Ok(_) => return Placement::Moved,
            Err(error) => return Placement::Answered(Outcome::Failed(error)),
        }
        if let Some(outcome) = self.repeated(&run.errand) {
            return Placement::Answered(outcome);
        }
        let moved = self.machine.store().validate(&completion.reads).is_err();
        if moved || (completion.asked_id && run.tx != next) {
            return Placement::Moved;
        }
        let failed = |error| Placement::Answered(Outcome::Failed(error));
        if let Err(fault) = check_own_maps(&run.judged.app.key.name, &completion.writes) {
            return failed(fault.into());
        }
        if completion.claims.len() > CLAIMS_MAX {
            return failed(GuestFault::TooManyClaims.into());
        }
        let writes = std::mem::take(&mut completion.writes);
        let state = self.machine.newest_state();
        let said = Said::App(&completion.response);
        match with_memory(state.begin(), &once(&run.errand), next, &said, writes) {
            Ok(writes) => Placement::Writes(writes),
            Err(error) => failed(error),
        }
    }

    fn rest_failure(&mut self, call: u64, error: CallError) {
        self.rest_answer(call, Outcome::Failed(error));
    }

    fn rest_answer(&mut self, call: u64, outcome: Outcome) {
        let tx = None;
        self.rest_on_newest(vec![Resting { call, tx, outcome }]);
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
    pub(crate) fn pinned(&self) -> Option<u64> {
        let certified = self.machine.history().certified_seqno();
        let of_calls = self.floor.oldest_snapshot().into_iter();
        let oldest = of_calls.chain(self.deploying.snapshot()).min()?;
        Some(oldest.max(certified.saturating_sub(PINNED_SEQNOS_MAX)))
    }
}

fn busy(_: Errand) -> CallError {
    CallError::Busy
}

/// The call's way to an app; none for calls of another kind.
pub(crate) fn errand(call: Call) -> Option<Errand> {
    let Request::App(request) = call.request else {
        return None;
    };
    Some(Errand {
        call: call.id,
        caller: call.caller,
        request,
        executions: 0,
    })
}

fn call_of(errand: Errand) -> Call {
    Call {
        id: errand.call,
        caller: errand.caller,
        request: Request::App(errand.request),
    }
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
        added.map_err(|error| AppError::Limit(error.to_string()))?;
    }
    Ok(writes)
}

fn error_of(fault: GuestFault) -> CallError {
    match fault {
        GuestFault::NotInstalled => CallError::AppNotReady,
        GuestFault::Overloaded => CallError::Busy,
        GuestFault::StateMoved => CallError::Contended,
        fault => CallError::Guest(fault),
    }
}
