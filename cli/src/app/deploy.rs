//! Setting an app on a running service: the members' act, the component in pieces, and waiting
//! until it is in force.

use std::time::{Duration, Instant};

use bytes::Bytes;
use synod_api::{AppInfo, PendingAppInfo};
use synod_client::Service;
use synod_crypto::Digest;
use synod_governance::{Act, Action};
use synod_testbed::AppFiles;

use crate::app::project::Project;
use crate::member_key::MemberKey;
use crate::outcome::{Failure, Outcome};
use crate::output::say;

/// How long a version may take until it is in force, once its component was handed in.
const FORCE_TIMEOUT: Duration = Duration::from_mins(2);
/// After so long without an end, those who have compiled it are named.
const TOLD_AFTER: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);

/// What is set, from an app's folder.
pub(crate) fn files_of(project: &Project, component: Vec<u8>) -> Outcome<AppFiles> {
    Ok(AppFiles {
        manifest: project.toml.clone(),
        component: component.into(),
        openapi: project.openapi()?,
    })
}

/// The act as the members sign it next.
pub(crate) async fn action(service: &Service, network: Digest, act: Act) -> Outcome<Action> {
    Ok(Action {
        network,
        sequence: service.governance().await?.next_sequence,
        act,
    })
}

/// The signatures of these members.
pub(crate) fn signed(action: &Action, members: &[MemberKey]) -> Vec<Bytes> {
    members
        .iter()
        .map(|member| action.sign(&member.signing_key()).into())
        .collect()
}

/// Hands an act in that sets the app, then its component, and waits until the version is in force.
pub(crate) async fn set(
    service: &Service,
    name: &str,
    files: &AppFiles,
    signatures: Vec<Bytes>,
) -> Outcome<AppInfo> {
    let reply = service.act(signatures).await?;
    say(format!(
        "  ✓ the members' act {} is committed as transaction {}",
        reply.sequence, reply.transaction_id
    ));
    let seqno = reply.transaction_id.seqno;
    let pending = awaited(service, name, |app| {
        app.pending
            .clone()
            .filter(|pending| pending.version.set_by >= seqno)
    })
    .await?;
    hand_in(service, name, files, &pending).await?;
    in_force(service, name, pending.version.number).await
}

/// Hands in the pieces that are missing.
async fn hand_in(
    service: &Service,
    name: &str,
    files: &AppFiles,
    pending: &PendingAppInfo,
) -> Outcome {
    let chunks: Vec<Bytes> = files.chunks().collect();
    let missing = pending.chunks_missing.len();
    let began = Instant::now();
    for (done, index) in pending.chunks_missing.iter().enumerate() {
        let bytes = chunks.get(*index as usize).cloned().ok_or_else(|| {
            Failure::mistake(
                "the version that is being deployed has a different component than this one",
            )
        })?;
        service
            .app(name)
            .put_chunk(pending.version.number, *index, bytes)
            .await?;
        if began.elapsed() > TOLD_AFTER {
            say(format!("    {} of {missing} chunks uploaded", done + 1));
        }
    }
    say(format!(
        "  ✓ {} bytes of component {} uploaded, in {missing} chunks",
        files.component.len(),
        pending.version.component
    ));
    Ok(())
}

/// Waits until the version is in force, or never will be.
async fn in_force(service: &Service, name: &str, number: u64) -> Outcome<AppInfo> {
    let (began, mut told) = (Instant::now(), Vec::new());
    while began.elapsed() < FORCE_TIMEOUT {
        let app = service.app(name).info().await?;
        if app
            .active
            .as_ref()
            .is_some_and(|active| active.number == number)
        {
            say(format!(
                "  ✓ version {number} is in force, {} ms after the upload of its component",
                began.elapsed().as_millis()
            ));
            return Ok(app);
        }
        if let Some(failure) = app.failure.filter(|failure| failure.number == number) {
            return Err(Failure::mistake(format!(
                "version {number} of `{name}` did not come into force: {}",
                failure.code
            ))
            .with_hint(format!(
                "see `synod app logs {name}`; the previous version stays in force"
            )));
        }
        if let Some(pending) = app.pending
            && began.elapsed() > TOLD_AFTER
            && pending.compiled_by != told
        {
            say(format!(
                "    compiled by the replicas {:?}",
                pending.compiled_by
            ));
            told = pending.compiled_by;
        }
        tokio::time::sleep(POLL).await;
    }
    Err(Failure::broken(format!(
        "version {number} of `{name}` did not come into force within {FORCE_TIMEOUT:?}"
    ))
    .with_hint(format!(
        "`synod app list` shows its state; compiled by {told:?}"
    )))
}

/// Waits until the replicas that answer know the app in the state that is looked for.
async fn awaited<T>(
    service: &Service,
    name: &str,
    mut wanted: impl FnMut(&AppInfo) -> Option<T>,
) -> Outcome<T> {
    let began = Instant::now();
    loop {
        let known = service.app(name).info().await;
        if let Some(found) = known.as_ref().ok().and_then(&mut wanted) {
            return Ok(found);
        }
        if began.elapsed() > FORCE_TIMEOUT {
            known?;
            return Err(Failure::broken(format!("`{name}` is not being deployed")));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until an app is gone with all that it held.
pub(crate) async fn gone(service: &Service, name: &str) -> Outcome {
    let began = Instant::now();
    while began.elapsed() < FORCE_TIMEOUT {
        let apps = service.apps().await?.apps;
        if !apps.iter().any(|app| app.name == name) {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err(Failure::broken(format!(
        "`{name}` was not removed within {FORCE_TIMEOUT:?}"
    )))
}
