//! How a replica leaves. Governance decides whether the request is valid. The leader adds what is
//! not on the ledger: which replicas it hears, and how far they are.
//!
//! Invariants
//! - a voter goes only while the voters that are heard are, without it, a diverse quorum of what
//!   remains;
//! - and only once such a quorum holds every certified block: what was acknowledged does not go
//!   with it;
//! - a leader that leaves hands over first, and the next leader lets it go.

use synod_governance::Input;

use crate::core::Core;
use crate::leave_decision::LeaveDecision;
use crate::unheard::Silence;

/// A voter counts as heard if something came from it within so many ticks (2 s of 20 ms).
const HEARD_TICKS: u64 = 100;
/// A new leader that leaves itself lets the others go first for so many ticks (1 s of 20 ms): else
/// replicas that all leave would hand leadership round for ever.
const OTHERS_FIRST_TICKS: u64 = 50;
/// Writes wait at most so many ticks (1 s of 20 ms) until those who remain hold all that was
/// written before.
const CATCH_UP_TICKS: u64 = 50;

/// What a leader keeps of the leave that is at hand.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// Since when writes wait until those who remain have caught up.
    held_since: Option<u64>,
}

impl Leaves {
    /// The voter that leaves by this input, if it is one.
    pub(crate) fn leaving_voter(core: &Core, input: &Input) -> Option<u64> {
        let Input::Leave(leave) = input else {
            return None;
        };
        let configuration = core.machine.sequence().newest_configuration();
        configuration.voter(leave.id).map(|voter| voter.id)
    }

    /// Whether what remains works without voter `id`.
    pub(crate) fn parting(core: &Core, silence: &Silence, id: u64) -> LeaveDecision {
        if id == core.id && core.ticks < core.view_since_tick + OTHERS_FIRST_TICKS {
            return LeaveDecision::NotYet;
        }
        let heard_from = core.ticks.saturating_sub(HEARD_TICKS);
        if core.remaining_suffice(id, |voter| silence.heard_since(voter, heard_from)) {
            return LeaveDecision::Now;
        }
        // A new leader has not heard everybody yet.
        if core.view_since_tick > heard_from {
            return LeaveDecision::NotYet;
        }
        LeaveDecision::Never(format!(
            "without replica {id} the voters that are heard are no quorum of those that remain"
        ))
    }

    /// Whether those who remain without voter `id` hold every certified block. Asked while nothing
    /// is on its way.
    pub(crate) fn parting_is_safe(&mut self, core: &Core, id: u64) -> LeaveDecision {
        let certified = core.certified_index();
        let holds = |voter| {
            let matched = core.engine.matched(voter);
            matched.is_some_and(|matched| matched >= certified)
        };
        if core.remaining_suffice(id, holds) {
            self.held_since = None;
            return LeaveDecision::Now;
        }
        let since = *self.held_since.get_or_insert(core.ticks);
        if core.ticks < since + CATCH_UP_TICKS {
            return LeaveDecision::Hold;
        }
        self.held_since = None;
        LeaveDecision::NotYet
    }
}
