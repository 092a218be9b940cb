//! A verdict has expired.

use crate::execute::configuration::{claim_change, write_next};
use crate::execute::membership;
use crate::execute::state::{MembershipChange, Outcome, State};
use crate::lapse::{LAPSED_CAUSE, Lapse, LapseStep, step};
use crate::records::{RemovalReason, ReplicaRecord, ReplicaStatus};
use crate::refusal::Refusal;

pub(super) fn lapse(state: &mut State<'_, '_>, lapse: Lapse) -> Result<Outcome, Refusal> {
    let replica = state.replica(lapse.id)?;
    let replicas = state.view().replicas()?;
    let grace_ms = state.service.removal_grace_ms();
    let time_ms = state.ctx.time_ms;
    match step(&replica, &replicas, &state.governance, grace_ms, time_ms)? {
        LapseStep::Demote => {
            let demoted_ms = Some(state.ctx.time_ms);
            demote(
                state,
                ReplicaRecord {
                    demoted_ms,
                    ..replica
                },
            )
        }
        LapseStep::Remove => {
            membership::take_out(state, replica, LAPSED_CAUSE, RemovalReason::Lapsed)
        }
    }
}

/// Takes a voter's vote; it continues as a learner.
pub(super) fn demote(
    state: &mut State<'_, '_>,
    replica: ReplicaRecord,
) -> Result<Outcome, Refusal> {
    let id = replica.id;
    claim_change(state)?;
    let mut voters = state.view().voters()?;
    voters.retain(|voter| voter.id != id);
    let number = write_next(state, &voters)?;
    state.set_status(replica, ReplicaStatus::Learner)?;
    Ok(Outcome {
        change: Some(MembershipChange::Demote(id)),
        configuration: Some(number),
        replica: Some(id),
    })
}
