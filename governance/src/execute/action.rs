//! What the members decided takes effect.

use synod_crypto::{Digest, sha256};

use crate::act::{Act, SignedAction};
use crate::entries::UserEntry;
use crate::execute::app::{self, NewVersion};
use crate::execute::configuration::{claim_change, vendors_of, write_next};
use crate::execute::genesis::write_user;
use crate::execute::state::{Outcome, State};
use crate::execute::{membership, unheard};
use crate::manifest::is_required_vendors;
use crate::opening::OpeningRefusal;
use crate::records::Opening;
use crate::refusal::Refusal;
use crate::tables::{self, CorruptState, map};

pub(super) fn decide(state: &mut State<'_, '_>, signed: &SignedAction) -> Result<Outcome, Refusal> {
    let action = signed.verify(&state.view().members()?, state.service.threshold)?;
    if action.network != state.ctx.network {
        let (expected, found) = (state.ctx.network, action.network);
        return Err(Refusal::WrongNetwork { expected, found });
    }
    let expected = state.governance.next_sequence;
    if action.sequence != expected {
        return Err(Refusal::WrongSequence {
            expected,
            found: action.sequence,
        });
    }
    state.governance.next_sequence += 1;
    match action.act {
        Act::Open {
            configuration,
            digest,
        } => open(state, configuration, digest)?,
        Act::SetUser {
            name,
            fingerprint,
            roles,
        } => {
            set_user(
                state,
                &UserEntry {
                    name,
                    fingerprint,
                    roles,
                },
            )?;
        }
        Act::RemoveUser { name } => remove_user(state, &name)?,
        Act::TrustReplica { id } => return membership::trust(state, id),
        Act::RemoveReplica { id, cause } => return membership::remove(state, id, &cause),
        Act::ReplaceReplica { id, with } => return unheard::order(state, id, with),
        Act::SetRequiredVendors { n } => return require_vendors(state, n),
        Act::SetApp {
            manifest,
            component,
            size,
            chunks,
            openapi,
        } => {
            let new = NewVersion {
                manifest,
                component,
                size,
                chunks,
                openapi,
            };
            app::set(state, new)?;
        }
        Act::RemoveApp { name } => app::remove(state, &name)?,
    }
    Ok(Outcome::default())
}

/// Opens the configuration in force, if it is the one that the members name and has the voters that
/// they require.
fn open(state: &mut State<'_, '_>, configuration: u64, digest: Digest) -> Result<(), Refusal> {
    if state.service.is_open() {
        return Err(OpeningRefusal::AlreadyOpen.into());
    }
    let (newest, in_force) = (state.governance.configuration, state.ctx.configuration);
    if newest != in_force {
        return Err(Refusal::ChangeInFlight { newest, in_force });
    }
    let encoded = state.view().configuration(in_force);
    let encoded = encoded.ok_or(CorruptState::missing(map::CONFIGURATIONS))?;
    if (configuration, digest) != (in_force, sha256(&[&encoded])) {
        let named = configuration;
        return Err(OpeningRefusal::AnotherConfiguration { named, in_force }.into());
    }
    check_voters(state)?;
    state.service.opening = Some(Opening {
        configuration,
        digest,
        seqno: state.ctx.seqno,
    });
    Ok(())
}

/// Checks that there are as many voters and vendors as the members require for opening.
fn check_voters(state: &State<'_, '_>) -> Result<(), Refusal> {
    let voters = state.view().voters()?;
    let needed = state.service.open_voters;
    if voters.len() < usize::from(needed) {
        let found = voters.len();
        return Err(OpeningRefusal::TooFewVoters { found, needed }.into());
    }
    let (found, required) = (vendors_of(&voters).len(), state.governance.vendors_demanded);
    if found < usize::from(required) {
        return Err(Refusal::TooFewVendors { required, found });
    }
    Ok(())
}

fn set_user(state: &mut State<'_, '_>, user: &UserEntry) -> Result<(), Refusal> {
    user.check()?;
    check_unused(state, user)?;
    if let Some(before) = state.view().user(&user.name)? {
        tables::delete(state.tx, map::FINGERPRINTS, before.fingerprint.as_bytes())?;
    }
    write_user(state.tx, user)
}

/// A certificate is one user's or one member's.
fn check_unused(state: &State<'_, '_>, user: &UserEntry) -> Result<(), Refusal> {
    let view = state.view();
    if let Some(member) = view.member_by_fingerprint(&user.fingerprint)? {
        return Err(Refusal::FingerprintInUse(member.name));
    }
    match view.user_by_fingerprint(&user.fingerprint)? {
        Some(other) if other.name != user.name => Err(Refusal::FingerprintInUse(other.name)),
        _ => Ok(()),
    }
}

fn remove_user(state: &mut State<'_, '_>, name: &str) -> Result<(), Refusal> {
    let user = state.view().user(name)?;
    let user = user.ok_or_else(|| Refusal::UserNotFound(name.chars().take(64).collect()))?;
    tables::delete(state.tx, map::USERS, name.as_bytes())?;
    Ok(tables::delete(
        state.tx,
        map::FINGERPRINTS,
        user.fingerprint.as_bytes(),
    )?)
}

/// If this changes the rule for the current voters, a configuration with the new rule is written at
/// once.
fn require_vendors(state: &mut State<'_, '_>, n: u8) -> Result<Outcome, Refusal> {
    if !is_required_vendors(n) {
        return Err(Refusal::RequiredVendors(n));
    }
    let voters = state.view().voters()?;
    let vendors = vendors_of(&voters).len();
    let before = state.governance.vendors_required(vendors);
    state.governance.vendors_demanded = n;
    if state.governance.vendors_required(vendors) == before {
        return Ok(Outcome::default());
    }
    claim_change(state)?;
    let configuration = Some(write_next(state, &voters)?);
    Ok(Outcome {
        configuration,
        ..Outcome::default()
    })
}
