//! Room for joining replicas: the places of all replicas, and the fewer places of those that wait
//! for the members' decision.
//!
//! Anyone with a machine that runs accepted code can ask to join, again and again. So waiting
//! replicas have few places, one for each piece of hardware, and new replicas may take their places
//! after a day. There is no timer: places are cleared when another replica needs them, by the
//! ledger's time.

use crate::execute::state::State;
use crate::records::{Removal, RemovalReason, ReplicaRecord, ReplicaStatus};
use crate::refusal::Refusal;

/// Most replicas that are not removed.
pub const REPLICAS_MAX: usize = 64;
/// Most replicas that wait for the members' word.
pub const PENDING_MAX: usize = 8;
/// A new replica may take the place of one that has waited this long for the members' decision
/// (milliseconds of ledger time, a day).
pub const PENDING_MS: u64 = 24 * 3600 * 1000;

/// Makes room for a replica that joins as `status`, on `hardware` if its evidence names one piece
/// of it.
///
/// # Errors
/// [`Refusal::TooManyPending`], [`Refusal::TooManyReplicas`].
pub(super) fn make_room(
    state: &mut State<'_, '_>,
    hardware: Option<&str>,
    status: ReplicaStatus,
) -> Result<(), Refusal> {
    let mut present = state.view().replicas()?;
    present.retain(|replica| replica.status != ReplicaStatus::Removed);
    if status == ReplicaStatus::Pending {
        let same = |replica: &ReplicaRecord| {
            is_pending(replica) && hardware.is_some() && replica.hardware.as_deref() == hardware
        };
        while let Some(at) = present.iter().position(same) {
            give_way(
                state,
                present.remove(at),
                "another replica asked to join on the same hardware",
            )?;
        }
        let pending = present.iter().filter(|replica| is_pending(replica)).count();
        if pending >= PENDING_MAX && !clear_one(state, &mut present)? {
            return Err(Refusal::TooManyPending(pending));
        }
    }
    if present.len() >= REPLICAS_MAX && !clear_one(state, &mut present)? {
        return Err(Refusal::TooManyReplicas(present.len()));
    }
    Ok(())
}

fn is_pending(replica: &ReplicaRecord) -> bool {
    replica.status == ReplicaStatus::Pending
}

/// Removes the replica that has waited longest, if it has waited long enough.
fn clear_one(state: &mut State<'_, '_>, present: &mut Vec<ReplicaRecord>) -> Result<bool, Refusal> {
    let time_ms = state.ctx.time_ms;
    let has_waited = |replica: &ReplicaRecord| {
        is_pending(replica) && time_ms >= replica.attested_ms.saturating_add(PENDING_MS)
    };
    // Rows stand in the order of joining.
    let Some(at) = present.iter().position(has_waited) else {
        return Ok(false);
    };
    give_way(
        state,
        present.remove(at),
        "the members did not decide within a day",
    )?;
    Ok(true)
}

fn give_way(
    state: &mut State<'_, '_>,
    mut replica: ReplicaRecord,
    cause: &str,
) -> Result<(), Refusal> {
    replica.cause = Some(cause.to_owned());
    replica.removal = Some(Removal {
        reason: RemovalReason::GaveWay,
        voted: false,
        time_ms: state.ctx.time_ms,
        seqno: state.ctx.seqno,
    });
    // A replica that waits has no part in the engine's membership, so nothing follows from it.
    state.set_status(replica, ReplicaStatus::Removed)
}
