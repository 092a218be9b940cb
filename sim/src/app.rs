//! The apps of the simulation, made of Rust instead of WebAssembly: a replica cannot tell, for it
//! runs no component itself.
//!
//! `notes` keeps pairs of registers, as the clients do with their own maps; so the same checks hold
//! for what it answers. Its reads go through the round of linearizable reads on any replica.

use bytes::Bytes;
use synod_crypto::sha256;
use synod_governance::Act;
use synod_governance::app::AppName;
use synod_replica::app::{
    AppCall, AppFault, AppReply, AppRequest, AppResponse, Completion, Execution, Task,
};
use synod_replica::state::DetachedTransaction;

use crate::checks::ledger::Ledger;
use crate::history::{Ask, Told, TxStep, Versioned};
use crate::values::{NOTES, PRIVATE_PAIR, key_bytes, key_of, map_of, value_bytes, value_of};

/// An app that nobody calls: it is set and removed.
pub(crate) const BRIEF: &str = "brief";

/// What `notes` writes of its own versions, in the map of its private pair.
const LIFECYCLE_KEY: &[u8] = b"lifecycle";

/// The component of a version.
pub(crate) fn component(name: &str, version: u64) -> Bytes {
    Bytes::from(format!("the component of {name} {version}"))
}

/// Sets a version.
pub(crate) fn set(name: &str, version: u64) -> Act {
    let component = component(name, version);
    let digest = sha256(&[&component]);
    let manifest = format!(
        "name = \"{name}\"\nversion = \"{version}\"\nimports = [\"maps\", \"map-writes\"]\n\
         [maps]\nprivate = [\"rows\"]\npublic = [\"open\"]\n\
         [[routes]]\npath = \"/pair/{{partition}}/{{side}}\"\nwho = [\"user\"]\n\
         [[routes]]\npath = \"/pair/{{partition}}\"\nmethods = [\"POST\"]\nwho = [\"user\"]"
    );
    Act::SetApp {
        manifest,
        component: digest,
        size: component.len() as u64,
        chunks: vec![digest],
        openapi: None,
    }
}

/// Removes an app.
pub(crate) fn removal(name: &str) -> Act {
    Act::RemoveApp {
        name: name_of(name),
    }
}

pub(crate) fn name_of(name: &str) -> AppName {
    AppName::new(name).expect("a sound name")
}

/// An operation as a request to `notes`; `key` names it, and each attempt bears it.
pub(crate) fn call(partition: u64, ask: &Ask, key: &Bytes) -> AppCall {
    let (method, path, local) = match ask {
        Ask::Get { side, local } => ("GET", format!("/pair/{partition}/{side}"), *local),
        _ => ("POST", format!("/pair/{partition}"), false),
    };
    AppCall {
        app: NOTES.to_owned(),
        request: AppRequest {
            method: method.to_owned(),
            path,
            query: None,
            headers: Vec::new(),
            body: Bytes::from(steps_of(ask).join(" ")),
        },
        digest: sha256(&[b"sim app call", key]),
        local,
        receipt: true,
        idempotency: (!ask.is_read()).then(|| key.clone()),
    }
}

fn steps_of(ask: &Ask) -> Vec<String> {
    let step = |step: &TxStep| match step {
        TxStep::Put(side, value) => format!("put:{side}:{value}"),
        TxStep::Delete(side) => format!("delete:{side}"),
        TxStep::Get(side) => format!("get:{side}"),
    };
    match ask {
        Ask::Put { side, value, .. } => vec![step(&TxStep::Put(*side, *value))],
        Ask::Delete { side, .. } => vec![step(&TxStep::Delete(*side))],
        Ask::Get { .. } => Vec::new(),
        Ask::Transaction { steps, .. } => steps.iter().map(step).collect(),
    }
}

/// Runs an execution as an app would.
pub(crate) fn run(execution: &Execution) -> Result<Completion, AppFault> {
    let mut tx = DetachedTransaction::new(execution.state.clone(), execution.snapshot);
    let said = match &execution.task {
        Task::Init | Task::Migrate { .. } => {
            prepare(&mut tx, execution)?;
            Vec::new()
        }
        Task::Handle {
            request, params, ..
        } => {
            let number = |at: usize| -> Result<u64, AppFault> {
                let (_, text) = params.get(at).ok_or(AppFault::Trapped)?;
                text.parse().map_err(|_| AppFault::Trapped)
            };
            let partition = number(0)?;
            if request.method == "GET" {
                vec![read(&mut tx, partition, side_of(number(1)?))?]
            } else {
                let text = std::str::from_utf8(&request.body).map_err(|_| AppFault::Trapped)?;
                carry_out(&mut tx, partition, text)?
            }
        }
    };
    let (reads, writes) = tx.finish().map_err(|_| AppFault::StateMoved)?;
    Ok(Completion {
        response: AppResponse {
            status: 200,
            headers: Vec::new(),
            body: Bytes::from(said.join(" ")),
        },
        reads,
        writes,
        claims: Vec::new(),
        asked_id: false,
        keep: false,
    })
}

/// Counts the versions that `notes` has had.
fn prepare(tx: &mut DetachedTransaction, execution: &Execution) -> Result<(), AppFault> {
    if execution.app.name.as_str() != NOTES {
        return Ok(());
    }
    let map = map_of(PRIVATE_PAIR);
    let before = tx.get(&map, LIFECYCLE_KEY);
    let before = before.map_err(|_| AppFault::StateMoved)?;
    if before.is_none() != (execution.task == Task::Init) {
        return Err(AppFault::LifecycleRefused(format!(
            "{:?} on {before:?}",
            execution.task
        )));
    }
    let count = before.map_or(0, |before| value_of(&before)) + 1;
    tx.put(
        &map,
        Bytes::from_static(LIFECYCLE_KEY),
        value_bytes(PRIVATE_PAIR, count),
    )
    .map_err(|_| AppFault::Trapped)
}

fn side_of(number: u64) -> usize {
    usize::from(number != 0)
}

/// Carries the steps out; says what was read.
fn carry_out(
    tx: &mut DetachedTransaction,
    partition: u64,
    steps: &str,
) -> Result<Vec<String>, AppFault> {
    let mut said = Vec::new();
    for step in steps.split(' ') {
        let parts: Vec<&str> = step.split(':').collect();
        let number = |at: usize| -> Result<u64, AppFault> {
            let text = parts.get(at).ok_or(AppFault::Trapped)?;
            text.parse().map_err(|_| AppFault::Trapped)
        };
        let side = side_of(number(1)?);
        let (map, key) = (map_of(partition), key_bytes(partition, side));
        match parts[0] {
            "put" => {
                let value = value_bytes(partition, number(2)?);
                tx.put(&map, key, value).map_err(|_| AppFault::Trapped)?;
            }
            "delete" => tx.delete(&map, key).map_err(|_| AppFault::Trapped)?,
            "get" => said.push(read(tx, partition, side)?),
            _ => return Err(AppFault::Trapped),
        }
    }
    Ok(said)
}

fn read(tx: &mut DetachedTransaction, partition: u64, side: usize) -> Result<String, AppFault> {
    let found = tx.get(&map_of(partition), &key_bytes(partition, side));
    let found = found.map_err(|_| AppFault::StateMoved)?;
    Ok(found.map_or("none".to_owned(), |value| value_of(&value).to_string()))
}

/// An answer of `notes` in the words of the checkers; none where it is no answer to this. The app
/// is not told which transaction wrote a value: since each value is written once, the ledger knows.
pub(crate) fn told(partition: u64, ask: &Ask, reply: &AppReply, ledger: &Ledger) -> Option<Told> {
    if reply.response.status != 200 {
        return None;
    }
    let text = std::str::from_utf8(&reply.response.body).ok()?;
    let mut reads = text.split(' ').filter(|word| !word.is_empty());
    let mut next = |side: usize| -> Option<Option<Versioned>> {
        let word = reads.next()?;
        if word == "none" {
            return Some(None);
        }
        let value: u64 = word.parse().ok()?;
        let own = ask.values().contains(&value);
        let wrote = || ledger.writer_of(&key_of(partition, side), value);
        let version = if own { 0 } else { wrote().unwrap_or(u64::MAX) };
        Some(Some((value, version)))
    };
    match ask {
        Ask::Put { .. } | Ask::Delete { .. } => Some(Told::Written),
        Ask::Get { side, .. } => Some(Told::Read(next(*side)?)),
        Ask::Transaction { steps, .. } => {
            let gets = steps.iter().filter_map(|step| match step {
                TxStep::Get(side) => Some(*side),
                _ => None,
            });
            Some(Told::Done(gets.map(next).collect::<Option<_>>()?))
        }
    }
}
