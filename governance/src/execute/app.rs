//! Apps are set, come into force or fail, and are removed.
//!
//! The transaction that drops a version also deletes its chunks.

use synod_crypto::Digest;

use crate::app::{
    APPS_MAX, AppFailure, AppManifest, AppName, AppRecord, AppStatus, AppVersion,
    COMPONENT_BYTES_MAX, Compiled, CompiledStatement, Deploy, DeployStep, OPENAPI_BYTES_MAX,
    chunk_count, chunk_key, component_map, is_failure_code,
};
use crate::execute::state::State;
use crate::refusal::Refusal;
use crate::tables::{self, map};

/// What the members signed of a version.
pub(super) struct NewVersion {
    pub(super) manifest: String,
    pub(super) component: Digest,
    pub(super) size: u64,
    pub(super) chunks: Vec<Digest>,
    pub(super) openapi: Option<String>,
}

pub(super) fn set(state: &mut State<'_, '_>, new: NewVersion) -> Result<(), Refusal> {
    let manifest = AppManifest::from_toml(&new.manifest)?;
    check(&new)?;
    let name = manifest.name();
    let mut record = match state.view().app(name)? {
        Some(record) if record.status == AppStatus::Removing => {
            return Err(Refusal::AppRemoving(record.name));
        }
        Some(record) => record,
        None => first(state, name)?,
    };
    if let Some(replaced) = record.pending.take() {
        delete_chunks(state, name, &replaced)?;
    }
    record.failed = None;
    record.pending = Some(AppVersion {
        number: next_number(state, name)?,
        manifest: new.manifest,
        component: new.component,
        size: new.size,
        chunks: new.chunks,
        openapi: new.openapi,
        set_seqno: state.ctx.seqno,
    });
    write(state, &record)
}

pub(super) fn remove(state: &mut State<'_, '_>, name: &AppName) -> Result<(), Refusal> {
    let mut record = find(state, name)?;
    if record.status == AppStatus::Removing {
        return Err(Refusal::AppRemoving(record.name));
    }
    for version in record.active.take().iter().chain(&record.pending.take()) {
        delete_chunks(state, name, version)?;
    }
    record.status = AppStatus::Removing;
    write(state, &record)
}

pub(super) fn deploy(state: &mut State<'_, '_>, deploy: &Deploy) -> Result<(), Refusal> {
    let record = find(state, &deploy.name)?;
    match &deploy.step {
        DeployStep::Activate { number, compiled } => activate(state, record, *number, compiled),
        DeployStep::Fail { number, code } => fail(state, record, *number, code),
        DeployStep::Swept => forget(state, &record),
    }
}

fn check(new: &NewVersion) -> Result<(), Refusal> {
    let (size, max) = (new.size, COMPONENT_BYTES_MAX);
    if !(1..=max).contains(&size) {
        return Err(Refusal::ComponentSize { size, max });
    }
    let (found, needed) = (new.chunks.len(), chunk_count(size));
    if found != needed {
        return Err(Refusal::ComponentChunks { found, needed });
    }
    match new.openapi.as_ref().map(String::len) {
        Some(length) if length > OPENAPI_BYTES_MAX => Err(Refusal::OpenapiTooLong(length)),
        _ => Ok(()),
    }
}

fn first(state: &State<'_, '_>, name: &AppName) -> Result<AppRecord, Refusal> {
    let standing = state.view().apps()?.len();
    if standing >= APPS_MAX {
        return Err(Refusal::TooManyApps(standing));
    }
    Ok(AppRecord {
        name: name.clone(),
        active: None,
        pending: None,
        failed: None,
        status: AppStatus::Set,
    })
}

/// Returns the next number for this name. No number is used twice, even if the app was removed in
/// between.
fn next_number(state: &mut State<'_, '_>, name: &AppName) -> Result<u64, Refusal> {
    let number = state.view().app_number(name)? + 1;
    let key = name.as_str().as_bytes();
    tables::write(state.tx, map::APP_NUMBERS, key, &number)?;
    Ok(number)
}

fn activate(
    state: &mut State<'_, '_>,
    mut record: AppRecord,
    number: u64,
    compiled: &[Compiled],
) -> Result<(), Refusal> {
    let version = take_pending(&mut record, number)?;
    let statement = CompiledStatement {
        network: state.ctx.network,
        name: record.name.clone(),
        number,
        component: version.component,
    };
    check_quorum(state, &statement, compiled)?;
    if let Some(replaced) = record.active.replace(version) {
        delete_chunks(state, &record.name, &replaced)?;
    }
    write(state, &record)
}

/// Whether a quorum of the voters in force signed that they compiled the version.
fn check_quorum(
    state: &State<'_, '_>,
    statement: &CompiledStatement,
    compiled: &[Compiled],
) -> Result<(), Refusal> {
    let (newest, in_force) = (state.governance.configuration, state.ctx.configuration);
    if newest != in_force {
        return Err(Refusal::ChangeInFlight { newest, in_force });
    }
    let voters = state.view().voters()?;
    let needed = voters.len() / 2 + 1;
    let found = compiled.len();
    if found < needed {
        return Err(Refusal::TooFewCompiled { found, needed });
    }
    let mut before = None;
    for Compiled { replica, signature } in compiled {
        let id = *replica;
        if before.is_some_and(|before| before >= id) {
            return Err(Refusal::SignersNotRising { id });
        }
        before = Some(id);
        let voter = voters.iter().find(|voter| voter.id == id);
        let voter = voter.ok_or(Refusal::NotAVoter { id })?;
        let verified = statement.verify(&voter.key, signature);
        verified.map_err(|_| Refusal::CompiledSignature { id })?;
    }
    Ok(())
}

fn fail(
    state: &mut State<'_, '_>,
    mut record: AppRecord,
    number: u64,
    code: &str,
) -> Result<(), Refusal> {
    if !is_failure_code(code) {
        return Err(Refusal::FailureCode(code.chars().take(64).collect()));
    }
    let version = take_pending(&mut record, number)?;
    delete_chunks(state, &record.name, &version)?;
    record.failed = Some(AppFailure {
        number,
        code: code.to_owned(),
        seqno: state.ctx.seqno,
    });
    write(state, &record)
}

fn forget(state: &mut State<'_, '_>, record: &AppRecord) -> Result<(), Refusal> {
    if record.status != AppStatus::Removing {
        return Err(Refusal::AppNotRemoving(record.name.clone()));
    }
    let key = record.name.as_str().as_bytes();
    Ok(tables::delete(state.tx, map::APPS, key)?)
}

fn find(state: &State<'_, '_>, name: &AppName) -> Result<AppRecord, Refusal> {
    let record = state.view().app(name)?;
    record.ok_or_else(|| Refusal::AppNotFound(name.clone()))
}

fn take_pending(record: &mut AppRecord, number: u64) -> Result<AppVersion, Refusal> {
    let due = record.pending.take_if(|version| version.number == number);
    due.ok_or_else(|| Refusal::NotPending {
        name: record.name.clone(),
        number,
    })
}

fn delete_chunks(
    state: &mut State<'_, '_>,
    name: &AppName,
    version: &AppVersion,
) -> Result<(), Refusal> {
    let map = component_map(name);
    for index in (0..).take(version.chunks.len()) {
        let key = chunk_key(version.number, index);
        state.tx.delete(&map, key.to_vec())?;
    }
    Ok(())
}

fn write(state: &mut State<'_, '_>, record: &AppRecord) -> Result<(), Refusal> {
    let key = record.name.as_str().as_bytes();
    Ok(tables::write(state.tx, map::APPS, key, record)?)
}
