//! The leader's part in the membership: it proposes what is due, one replica and one step at a time.
//!
//! A trusted replica becomes a learner, and a learner that signed a recent block of this chain becomes a voter.
//! Who is trusted and who is removed is never the leader's to say: evidence, time and members decide.

use synod_consensus::{Groups, Input as EngineInput};
use synod_governance::{Input, Learner, Promote, ReplicaRecord, ReplicaStatus};

use crate::calls::{Effects, Notice};
use crate::replica::{Replica, groups};

/// A learner is promoted once it holds the log, and has certified, up to so many entries below the end.
pub const PROMOTION_LAG_MAX: u64 = 256;
/// After a proposal that governance refused the leader waits so many ticks.
const RETRY_TICKS: u64 = 50;

impl Replica {
    /// Proposes the next step of a membership that grows, if one is due.
    pub(crate) fn propose_membership(&mut self, out: &mut Effects) {
        if self.ticks < self.membership_tick || !self.may_change() {
            return;
        }
        self.membership_tick = self.ticks + 1;
        if self.propose_lapse(out) || self.propose_replacement(out) {
            return;
        }
        let Some(input) = self.due() else { return };
        self.propose_input(&input, out);
    }

    /// Tells the engine how many vendors a commit must span, once a configuration with another rule and the same
    /// voters is in force. Where the voters change too, the rule comes with their change. Before, the block that
    /// writes the new rule is counted by the old one, as its certificate is.
    pub(crate) fn apply_rule(&mut self, out: &mut Effects) {
        let in_force = self.machine.sequence().in_force();
        let required = in_force.required_vendors();
        if self.engine.groups().required == required || self.engine.pending_change().is_some() {
            return;
        }
        let voters = in_force.voters().iter().map(|voter| voter.id);
        if voters.eq(self.engine.voters().iter().copied()) {
            let groups = Groups {
                required,
                ..groups(&self.machine)
            };
            self.drive(EngineInput::Groups(groups), out);
        }
    }

    /// Enacts and proposes an input of the leader's own.
    pub(crate) fn propose_input(&mut self, input: &Input, out: &mut Effects) {
        self.membership_tick = self.ticks + RETRY_TICKS;
        match self.machine.enact(input, self.engine.last_index() + 1) {
            Ok(enacted) => self.propose_enacted(enacted, input, None, out),
            Err(error) => out.notices.push(Notice::Dropped {
                peer: self.id,
                why: error.to_string(),
            }),
        }
    }

    fn due(&self) -> Option<Input> {
        let time_ms = self.machine.sequence().last().time_ms;
        let rows = self.seen_rows.newest(&self.machine);
        let replicas = rows.replicas.iter();
        let replicas = replicas.filter(|replica| replica.verdict_holds(time_ms));
        let learner = replicas
            .clone()
            .find(|replica| replica.status == ReplicaStatus::Trusted);
        if let Some(replica) = learner {
            return Some(Input::Learner(Learner { id: replica.id }));
        }
        if !self.may_promote() {
            return None;
        }
        let mut learners = replicas.filter(|replica| replica.status == ReplicaStatus::Learner);
        learners.find_map(|replica| self.promotion(replica))
    }

    /// The promotion of a learner that has caught up. What it signed before it became a learner, in an earlier time as a
    /// voter or learner, does not count: one that is dead would else keep all others from being promoted.
    fn promotion(&self, learner: &ReplicaRecord) -> Option<Input> {
        let id = learner.id;
        let (index, header_hash, signature) = self.learners.get(&id)?;
        let recent = *index <= self.certified_index()
            && *index >= learner.since_index
            && index + PROMOTION_LAG_MAX >= self.engine.last_index();
        let caught_up = self.engine.matched(id)? + PROMOTION_LAG_MAX >= self.engine.last_index();
        let certifies =
            self.keeping_up.acknowledged(id) + PROMOTION_LAG_MAX >= self.certified_index();
        if !recent || !caught_up || !certifies {
            return None;
        }
        let signature = minicbor::to_vec(signature).expect("encoding into memory does not fail");
        Some(Input::Promote(Promote {
            id,
            index: *index,
            header_hash: *header_hash,
            signature,
        }))
    }
}
