//! Whether the voters certify: a leader hears how far each has, and names who stays behind.
//!
//! A voter that takes no certificates looks alive: it answers heartbeats. But it cannot sign what
//! follows a change of the configuration, so the service may not bear the loss of another. Nothing
//! here decides anything that must be safe: a peer is believed about itself only.

use synod_consensus::{Body, Message};

use crate::core::Core;
use crate::keeping_up::Mark;

/// The leader notes its own position every so many ticks (1 s of 20 ms).
const MARK_TICKS: u64 = 50;

impl Core {
    /// What a member says of its own certified position and disk, if this replica leads it.
    pub(crate) fn note_certified_by(&mut self, message: &Message, disk_refuses: bool) {
        let (Body::Accepted { commit, .. } | Body::HeartbeatReply { commit, .. }) = message.body
        else {
            return;
        };
        let of_mine = self.leads() && message.term == self.engine.term();
        if of_mine && self.engine.matched(message.from).is_some() {
            self.keeping_up.acknowledge(message.from, commit);
            if matches!(message.body, Body::HeartbeatReply { .. }) {
                self.keeping_up.note_disk(message.from, disk_refuses);
            }
        }
    }

    /// Notes where this leader stands now.
    pub(crate) fn mark_position(&mut self) {
        if self.leads() && self.ticks.is_multiple_of(MARK_TICKS) {
            self.keeping_up.mark(Mark {
                tick: self.ticks,
                certified: self.certified_index(),
                proposed: self.machine.sequence().last().index,
            });
        }
    }

    /// The voters that have not certified what this leader had certified 10 s ago; nobody where
    /// another leads.
    pub(crate) fn behind(&self) -> Vec<u64> {
        let Some(due) = self.keeping_up.due(self.ticks).filter(|_| self.leads()) else {
            return Vec::new();
        };
        let voters = self.engine.voters().into_iter();
        voters
            .filter(|id| *id != self.id && self.keeping_up.acknowledged(*id) < due.certified)
            .collect()
    }

    /// Whether a block that this leader proposed 10 s ago or more is not certified: too few voters
    /// sign.
    pub(crate) fn is_stalled(&self) -> bool {
        let due = self.keeping_up.due(self.ticks).filter(|_| self.leads());
        due.is_some_and(|due| self.certified_index() < due.proposed)
    }
}
