//! A replica leaves.

use crate::execute::join::check_fresh;
use crate::execute::membership;
use crate::execute::state::{Outcome, State};
use crate::leave::{LEFT_CAUSE, Leave};
use crate::records::{RemovalReason, ReplicaRecord, ReplicaStatus};
use crate::refusal::Refusal;
use crate::replacement::ReplacementRefusal;

pub(super) fn leave(state: &mut State<'_, '_>, leave: &Leave) -> Result<Outcome, Refusal> {
    let replica = state.replica(leave.id)?;
    if replica.status == ReplicaStatus::Removed {
        return Err(Refusal::AlreadyRemoved { id: replica.id });
    }
    check_fresh(state.ctx, leave.block)?;
    leave
        .verify(&state.ctx.network, &replica.identity())
        .map_err(|_| Refusal::ReplicaSignature)?;
    let slide = check_no_slide(&replica, &state.view().replicas()?);
    let outcome = membership::take_out(state, replica, LEFT_CAUSE, RemovalReason::Left)?;
    slide?;
    Ok(outcome)
}

/// Hosts that stop all replicas one after the other must not leave a single voter behind: the last
/// step to one voter needs a promotion after the newest leave of a voter.
fn check_no_slide(leaving: &ReplicaRecord, replicas: &[ReplicaRecord]) -> Result<(), Refusal> {
    let voters = || {
        replicas
            .iter()
            .filter(|replica| replica.status == ReplicaStatus::Voter)
    };
    if leaving.status != ReplicaStatus::Voter || voters().count() != 2 {
        return Ok(());
    }
    let newest_promotion = voters().map(|voter| voter.since_index).max();
    let unreplaced = replicas.iter().rev().find(|replica| {
        let left = replica
            .removal
            .is_some_and(|removal| removal.voted && removal.reason == RemovalReason::Left);
        left && Some(replica.since_index) > newest_promotion
    });
    match unreplaced {
        Some(before) => Err(Refusal::Replacement(ReplacementRefusal::OneVoterLeft {
            id: leaving.id,
            before: before.id,
        })),
        None => Ok(()),
    }
}
