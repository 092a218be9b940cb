//! The other voters have not heard from a voter, or a replica takes the place of another.

use std::collections::BTreeSet;

use crate::execute::join::check_recent;
use crate::execute::lapse::demote;
use crate::execute::membership;
use crate::execute::state::{Outcome, State};
use crate::facts::BlockRef;
use crate::lapse::check_remaining;
use crate::records::{RemovalReason, ReplicaRecord, ReplicaStatus};
use crate::refusal::Refusal;
use crate::replacement::ReplacementRefusal;
use crate::unheard::{
    REPLACED_CAUSE, REPLACED_UNHEARD_MS, Replaced, UNHEARD_FRESH_BLOCKS, UNHEARD_FRESH_MS, Unheard,
    UnheardStatement,
};

pub(super) fn unheard(state: &mut State<'_, '_>, unheard: &Unheard) -> Result<Outcome, Refusal> {
    let id = unheard.id;
    let voter = state.replica(id)?;
    if voter.status != ReplicaStatus::Voter {
        return Err(Refusal::NotDue {
            id,
            status: voter.status,
            needed: ReplicaStatus::Voter,
        });
    }
    let least_ms = match unheard.by {
        Some(by) => {
            successor(state, by, id)?;
            REPLACED_UNHEARD_MS
        }
        None => state.service.unheard_ms(),
    };
    let replicas = state.view().replicas()?;
    check_statements(state, &voter, &replicas, &unheard.statements, least_ms)?;
    check_remaining(id, &replicas, &state.governance, state.ctx.time_ms)?;
    if unheard.by.is_some() {
        return membership::take_out(state, voter, REPLACED_CAUSE, RemovalReason::Replaced);
    }
    let unheard_ms = Some(state.ctx.time_ms);
    demote(
        state,
        ReplicaRecord {
            unheard_ms,
            ..voter
        },
    )
}

/// The old one is removed once the new one votes, if the members ordered it or if the old one has
/// no vote.
pub(super) fn replaced(state: &mut State<'_, '_>, replaced: Replaced) -> Result<Outcome, Refusal> {
    let new = state.replica(replaced.by)?;
    let id = new
        .replaces
        .ok_or(Refusal::Replacement(ReplacementRefusal::ReplacesNobody {
            id: new.id,
        }))?;
    if new.status != ReplicaStatus::Voter {
        return Err(Refusal::NotDue {
            id: new.id,
            status: new.status,
            needed: ReplicaStatus::Voter,
        });
    }
    let old = state.replica(id)?;
    match old.status {
        ReplicaStatus::Removed => return Err(Refusal::AlreadyRemoved { id }),
        ReplicaStatus::Voter if !old.replaceable => {
            return Err(Refusal::Replacement(ReplacementRefusal::NotOrdered { id }));
        }
        ReplicaStatus::Voter => {
            let replicas = state.view().replicas()?;
            check_remaining(id, &replicas, &state.governance, state.ctx.time_ms)?;
        }
        ReplicaStatus::Pending | ReplicaStatus::Trusted | ReplicaStatus::Learner => {}
    }
    membership::take_out(state, old, REPLACED_CAUSE, RemovalReason::Replaced)
}

/// The members order the replacement of a replica, by the named one or by any that joins in its
/// place.
pub(super) fn order(
    state: &mut State<'_, '_>,
    id: u64,
    with: Option<u64>,
) -> Result<Outcome, Refusal> {
    let mut old = state.replica(id)?;
    if old.status == ReplicaStatus::Removed {
        return Err(Refusal::AlreadyRemoved { id });
    }
    if let Some(by) = with {
        let mut new = state.replica(by)?;
        if new.status == ReplicaStatus::Removed {
            return Err(Refusal::AlreadyRemoved { id: by });
        }
        if by == id {
            return Err(Refusal::Replacement(ReplacementRefusal::ReplacesItself {
                id,
            }));
        }
        new.replaces = Some(id);
        state.write(&new)?;
    }
    old.replaceable = true;
    state.write(&old)?;
    Ok(Outcome::about(id))
}

/// Whether replica `by` joined in the place of `id`, and may hold the keys.
fn successor(state: &State<'_, '_>, by: u64, id: u64) -> Result<(), Refusal> {
    let new = state.replica(by)?;
    if new.replaces != Some(id) {
        return Err(Refusal::Replacement(ReplacementRefusal::ReplacesAnother {
            id: by,
            found: id,
        }));
    }
    if !new.status.is_trusted() {
        let status = new.status;
        return Err(Refusal::NotTrusted { id: by, status });
    }
    if !new.verdict_holds(state.ctx.time_ms) {
        let expires_ms = new.expires_ms;
        return Err(Refusal::VerdictExpired { id: by, expires_ms });
    }
    Ok(())
}

/// Whether a diverse quorum of the other voters has recently signed that they have not heard from
/// the voter for this long.
fn check_statements(
    state: &State<'_, '_>,
    silent: &ReplicaRecord,
    replicas: &[ReplicaRecord],
    statements: &[UnheardStatement],
    least_ms: u64,
) -> Result<(), Refusal> {
    let voters = || {
        replicas
            .iter()
            .filter(|replica| replica.status == ReplicaStatus::Voter && replica.id != silent.id)
    };
    let needed = voters().count() / 2 + 1;
    if statements.len() < needed {
        let (id, found) = (silent.id, statements.len());
        return Err(Refusal::Replacement(ReplacementRefusal::TooFewUnheard {
            id,
            found,
            needed,
        }));
    }
    let mut vendors = BTreeSet::new();
    let mut before = None;
    for statement in statements {
        let id = statement.signer;
        if before.is_some_and(|before| before >= id) {
            return Err(Refusal::Replacement(ReplacementRefusal::UnheardNotRising {
                id,
            }));
        }
        before = Some(id);
        let voter = voters().find(|voter| voter.id == id);
        let voter = voter.ok_or(Refusal::NotAVoter { id })?;
        check_statement(state, silent, voter, statement, least_ms)?;
        vendors.insert(voter.vendor());
    }
    let required = state.governance.vendors_required(vendors.len());
    let found = vendors.len();
    if found < usize::from(required) {
        return Err(Refusal::Replacement(
            ReplacementRefusal::UnheardTooFewVendors { required, found },
        ));
    }
    Ok(())
}

fn check_statement(
    state: &State<'_, '_>,
    silent: &ReplicaRecord,
    voter: &ReplicaRecord,
    statement: &UnheardStatement,
    least_ms: u64,
) -> Result<(), Refusal> {
    let (id, found_ms) = (voter.id, statement.for_ms);
    if found_ms < least_ms {
        return Err(Refusal::Replacement(ReplacementRefusal::HeardLately {
            id,
            found_ms,
            least_ms,
        }));
    }
    check_new(state, silent, statement.block)?;
    statement
        .verify(&state.ctx.network, silent.id, &voter.identity())
        .map_err(|_| Refusal::Replacement(ReplacementRefusal::UnheardSignature { id }))
}

/// A statement must be recent, and made since the voter got its current vote.
fn check_new(
    state: &State<'_, '_>,
    silent: &ReplicaRecord,
    block: BlockRef,
) -> Result<(), Refusal> {
    check_recent(state.ctx, block, UNHEARD_FRESH_MS, UNHEARD_FRESH_BLOCKS)?;
    let index = block.index;
    if index >= silent.since_index {
        Ok(())
    } else {
        Err(Refusal::BlockTooOld { index })
    }
}
