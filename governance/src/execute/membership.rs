//! A replica's way to the vote, and out.

use crate::execute::configuration::{claim_change, write_next};
use crate::execute::join::check_fresh;
use crate::execute::state::{MembershipChange, Outcome, State};
use crate::facts::BlockRef;
use crate::input::{Learner, Promote};
use crate::records::{Removal, RemovalReason, ReplicaRecord, ReplicaStatus};
use crate::refusal::Refusal;
use crate::view::voter;

const CAUSE_LENGTH_MAX: usize = 256;

pub(super) fn learn(state: &mut State<'_, '_>, learner: Learner) -> Result<Outcome, Refusal> {
    let id = learner.id;
    let replica = due(state, id, ReplicaStatus::Trusted)?;
    claim_change(state)?;
    state.set_status(replica, ReplicaStatus::Learner)?;
    Ok(Outcome {
        change: Some(MembershipChange::AddLearner(id)),
        ..Outcome::about(id)
    })
}

pub(super) fn promote(state: &mut State<'_, '_>, promote: &Promote) -> Result<Outcome, Refusal> {
    let id = promote.id;
    let mut replica = due(state, id, ReplicaStatus::Learner)?;
    check_caught_up(state, &replica, promote)?;
    claim_change(state)?;
    let mut voters = state.view().voters()?;
    voters.push(voter(&replica));
    voters.sort_by_key(|voter| voter.id);
    let number = write_next(state, &voters)?;
    replica.demoted_ms = None;
    replica.unheard_ms = None;
    state.set_status(replica, ReplicaStatus::Voter)?;
    Ok(Outcome {
        change: Some(MembershipChange::Promote(id)),
        configuration: Some(number),
        replica: Some(id),
    })
}

pub(super) fn trust(state: &mut State<'_, '_>, id: u64) -> Result<Outcome, Refusal> {
    let replica = due(state, id, ReplicaStatus::Pending)?;
    state.set_status(replica, ReplicaStatus::Trusted)?;
    Ok(Outcome::about(id))
}

pub(super) fn remove(state: &mut State<'_, '_>, id: u64, cause: &str) -> Result<Outcome, Refusal> {
    if cause.len() > CAUSE_LENGTH_MAX {
        return Err(Refusal::CauseTooLong(cause.len()));
    }
    let replica = state.replica(id)?;
    take_out(state, replica, cause, RemovalReason::Members)
}

/// Removes a replica for ever, with its vote if it has one.
pub(super) fn take_out(
    state: &mut State<'_, '_>,
    mut replica: ReplicaRecord,
    cause: &str,
    reason: RemovalReason,
) -> Result<Outcome, Refusal> {
    let id = replica.id;
    let mut outcome = Outcome::about(id);
    match replica.status {
        ReplicaStatus::Removed => return Err(Refusal::AlreadyRemoved { id }),
        ReplicaStatus::Pending | ReplicaStatus::Trusted => {}
        ReplicaStatus::Learner => {
            claim_change(state)?;
            outcome.change = Some(MembershipChange::Remove(id));
        }
        ReplicaStatus::Voter => {
            claim_change(state)?;
            let mut voters = state.view().voters()?;
            voters.retain(|voter| voter.id != id);
            outcome.configuration = Some(write_next(state, &voters)?);
            outcome.change = Some(MembershipChange::Remove(id));
        }
    }
    replica.cause = Some(cause.to_owned());
    replica.removal = Some(Removal {
        reason,
        voted: replica.status == ReplicaStatus::Voter,
        time_ms: state.ctx.time_ms,
        seqno: state.ctx.seqno,
    });
    state.set_status(replica, ReplicaStatus::Removed)?;
    Ok(outcome)
}

/// The replica, if it has the status that this step starts from and a valid verdict.
fn due(state: &State<'_, '_>, id: u64, needed: ReplicaStatus) -> Result<ReplicaRecord, Refusal> {
    let replica = state.replica(id)?;
    if replica.status != needed {
        return Err(Refusal::NotDue {
            id,
            status: replica.status,
            needed,
        });
    }
    let expires_ms = replica.expires_ms;
    if !replica.verdict_holds(state.ctx.time_ms) {
        return Err(Refusal::VerdictExpired { id, expires_ms });
    }
    Ok(replica)
}

/// A learner has caught up when it signed a recent block that it learned as a
/// learner.
fn check_caught_up(
    state: &State<'_, '_>,
    replica: &ReplicaRecord,
    promote: &Promote,
) -> Result<(), Refusal> {
    let (id, index, since) = (replica.id, promote.index, replica.since_index);
    let block = BlockRef {
        index,
        hash: promote.header_hash,
    };
    check_fresh(state.ctx, block)?;
    if index < since {
        return Err(Refusal::SignedBeforeLearning { id, index, since });
    }
    let (facts, key) = (state.ctx.facts, replica.identity());
    if !facts.is_signed_block(id, &key, block, &promote.signature) {
        return Err(Refusal::BlockSignature { id });
    }
    Ok(())
}
