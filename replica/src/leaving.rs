//! How a replica that leaves is let go. Governance says whether a leave is lawful; the leader adds what is no fact of
//! the ledger: whom it hears, and what they hold.
//!
//! Invariants
//! - a voter goes only while the voters that are heard are, without it, a diverse quorum of what remains;
//! - and only once such a quorum holds every certified block: what was acknowledged does not go with it;
//! - a leader that leaves hands over first, and the next leader lets it go.

use std::collections::BTreeSet;

use synod_governance::Input;

use crate::parting::Parting;
use crate::replica::Replica;

/// A voter counts as heard if something came from it within so many ticks (2 s of 20 ms).
const HEARD_TICKS: u64 = 100;
/// A new leader that leaves itself lets the others go first for so many ticks (1 s of 20 ms): else replicas that all
/// leave would hand leadership round for ever.
const OTHERS_FIRST_TICKS: u64 = 50;
/// Writes wait at most so many ticks (1 s of 20 ms) until those who remain hold all that was written before.
const CATCH_UP_TICKS: u64 = 50;

impl Replica {
    /// The voter that leaves by this input, if it is one.
    pub(crate) fn leaving_voter(&self, input: &Input) -> Option<u64> {
        let Input::Leave(leave) = input else {
            return None;
        };
        let configuration = self.machine.sequence().newest_configuration();
        configuration.voter(leave.id).map(|voter| voter.id)
    }

    /// Whether what remains works without voter `id`.
    pub(crate) fn parting(&self, id: u64) -> Parting {
        if id == self.id && self.ticks < self.view_since_tick + OTHERS_FIRST_TICKS {
            return Parting::NotYet;
        }
        let heard_from = self.ticks.saturating_sub(HEARD_TICKS);
        if self.remaining_suffice(id, |voter| self.hearing.heard_since(voter, heard_from)) {
            return Parting::Now;
        }
        // A new leader has not heard everybody yet.
        if self.view_since_tick > heard_from {
            return Parting::NotYet;
        }
        Parting::Never(format!(
            "without replica {id} the voters that are heard are no quorum of those that remain"
        ))
    }

    /// Whether those who remain without voter `id` hold every certified block. Asked while nothing is on its way.
    pub(crate) fn parting_is_safe(&mut self, id: u64) -> Parting {
        let certified = self.certified_index();
        let holds = |voter| {
            let matched = self.engine.matched(voter);
            matched.is_some_and(|matched| matched >= certified)
        };
        if self.remaining_suffice(id, holds) {
            self.leaving.held_since = None;
            return Parting::Now;
        }
        let since = *self.leaving.held_since.get_or_insert(self.ticks);
        if self.ticks < since + CATCH_UP_TICKS {
            return Parting::Hold;
        }
        self.leaving.held_since = None;
        Parting::NotYet
    }

    /// Whether the voters that `count`, and this replica, are a diverse quorum of the configuration without `id`.
    pub(crate) fn remaining_suffice(&self, id: u64, count: impl Fn(u64) -> bool) -> bool {
        let configuration = self.machine.sequence().newest_configuration();
        let voters = configuration.voters();
        let counted = voters
            .iter()
            .filter(|voter| voter.id != id && (voter.id == self.id || count(voter.id)));
        let vendors: BTreeSet<&str> = counted.clone().map(|voter| voter.vendor.as_str()).collect();
        let remaining = voters.len().saturating_sub(1);
        let rows = self.seen_rows.newest(&self.machine);
        let required = rows.vendors_required(vendors.len());
        counted.count() > remaining / 2 && vendors.len() >= usize::from(required)
    }
}
