//! Executing a recorded call of an app again, and comparing what it writes.
//!
//! The record that is sealed with a transaction holds all that an app is shown beside the state:
//! the request, the caller, the time, the seed. So whoever holds the ledger's secret and the
//! component can check that the writes are those that the component makes. An auditor does; a
//! replica does not, since the leader runs the same attested code.

use std::sync::Arc;

use synod_governance::app::{AppPath, NoRoute};
use synod_kv::{OutOfWindow, WriteSet};
use synod_ledger::TxId;

use crate::app::{AppFault, AppKey, Completion, Execution, ExecutionId, Task};
use crate::apps::{active, is_own_map};
use crate::machine::Machine;
use crate::record::{ExecutionRecord, MalformedRecord};
use crate::state::StateAt;

/// What a call of an app wrote, once when it was recorded and once when it was executed again.
#[derive(Debug)]
pub struct Replayed {
    /// The transaction.
    pub tx: TxId,
    /// The record.
    pub record: ExecutionRecord,
    /// The recorded writes to maps of the app.
    pub recorded: WriteSet,
    /// What the execution came to.
    pub again: Completion,
    /// Whether writes, status, body and claims are the recorded ones.
    pub same: bool,
}

/// A transaction cannot be executed again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It is not in the blocks at hand, or the secret that opens it is not.
    #[error("transaction {0} is not at hand")]
    NotAtHand(u64),
    /// It is not a call of an app.
    #[error("transaction {0} is not a call of an app")]
    NotOfApp(u64),
    /// Its app does not have requests recorded.
    #[error("transaction {0} was recorded without its request")]
    NotRecorded(u64),
    /// The record is malformed: whoever led was at fault.
    #[error(transparent)]
    Record(#[from] MalformedRecord),
    /// The state before it is not at hand any more.
    #[error(transparent)]
    State(#[from] OutOfWindow),
    /// The version that ran was not in force: whoever led was at fault.
    #[error("the version that ran was not in force")]
    NotInForce(AppKey),
    /// The app has no such route: whoever led was at fault.
    #[error(transparent)]
    Route(#[from] NoRoute),
    /// The execution did not run to its end.
    #[error(transparent)]
    Fault(#[from] AppFault),
}

/// Executes transaction `seqno` again on the state before it, through `execute`, and compares.
///
/// The machine must still have that state: at the head, or not compacted.
///
/// # Errors
/// [`ReplayError`]. Writes that differ are not an error here: see [`Replayed::same`].
pub fn replay(
    machine: &mut Machine,
    seqno: u64,
    execute: impl FnOnce(Execution) -> Result<Completion, AppFault>,
) -> Result<Replayed, ReplayError> {
    let not_at_hand = ReplayError::NotAtHand(seqno);
    let Some(interior) = machine.interior(seqno) else {
        return Err(not_at_hand);
    };
    let record = interior.execution.ok_or(ReplayError::NotOfApp(seqno))?;
    let record = ExecutionRecord::decode(&record)?;
    let (tx, recorded) = machine.recorded(seqno).ok_or(not_at_hand)?;
    let again = execute(execution(machine, tx, &record)?)?;
    let recorded = of_app(&recorded, &record.app);
    let reply = &interior.reply;
    let same = recorded == again.writes
        && reply.status == again.response.status
        && reply.response == synod_crypto::sha256(&[&again.response.body])
        && reply.claims == again.claims;
    Ok(Replayed {
        tx,
        record,
        recorded,
        again,
        same,
    })
}

fn execution(
    machine: &Machine,
    tx: TxId,
    record: &ExecutionRecord,
) -> Result<Execution, ReplayError> {
    let snapshot = tx.seqno - 1;
    let store = machine.store();
    store.snapshot(snapshot)?;
    let app = active(&StateAt::new(store, snapshot), &record.app.name)
        .filter(|app| app.key == record.app)
        .ok_or_else(|| ReplayError::NotInForce(record.app.clone()))?;
    let request = record
        .request
        .clone()
        .ok_or(ReplayError::NotRecorded(tx.seqno))?;
    let path = AppPath::parse(&request.path).map_err(|_| NoRoute::NotFound)?;
    let routed = app.manifest.route(&request.method, &path)?;
    let (route, params) = (routed.pattern.to_string(), routed.params);
    Ok(Execution {
        id: ExecutionId::Call(0),
        app: app.key,
        manifest: Arc::clone(&app.manifest),
        task: Task::Handle {
            request,
            route,
            params,
        },
        caller: record.caller.clone(),
        state: machine.state().clone(),
        snapshot,
        tx,
        time_ms: record.time_ms,
        seed: record.seed,
        read_only: false,
    })
}

/// The writes that are the app's own; beside them the service remembers answers.
fn of_app(writes: &WriteSet, app: &AppKey) -> WriteSet {
    let mut own = WriteSet::new();
    for (map, key, value) in writes.iter().filter(|(map, ..)| is_own_map(&app.name, map)) {
        let added = match value {
            Some(value) => own.put(map, key.clone(), value.clone()),
            None => own.delete(map, key.clone()),
        };
        added.expect("a part of a write set is within its limits");
    }
    own
}
