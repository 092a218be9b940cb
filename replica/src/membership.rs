//! The leader's part in the membership: it proposes what is due, one replica and one step at a
//! time.
//!
//! A trusted replica becomes a learner, and a learner that signed a recent block of this chain
//! becomes a voter. Who is trusted and who is removed is never the leader's to say: evidence, time
//! and members decide.

use synod_governance::{Input, Learner, Promote, ReplicaRecord, ReplicaStatus};

use crate::calls::Effects;
use crate::core::Core;
use crate::keeping_up::PROMOTION_LAG_MAX;
use crate::lapsing::Lapses;
use crate::leave_decision::LeaveDecision;
use crate::leaving::Leaves;
use crate::unheard::Silence;

/// After an input of its own, which governance may have refused, the leader waits so many ticks.
const RETRY_TICKS: u64 = 50;

/// Who votes: what a leader does about it, and what every replica notices.
#[derive(Debug)]
pub(crate) struct Membership {
    /// No step is proposed before this tick.
    step_tick: u64,
    pub(crate) lapses: Lapses,
    pub(crate) leaves: Leaves,
    pub(crate) silence: Silence,
}

impl Membership {
    /// Nothing was done yet.
    pub(crate) fn new(silence: Silence) -> Self {
        Self {
            step_tick: 0,
            lapses: Lapses::default(),
            leaves: Leaves::default(),
            silence,
        }
    }

    /// Proposes the next step of a membership that grows, if one is due.
    pub(crate) fn propose(&mut self, core: &mut Core, out: &mut Effects) {
        let waits = |asked| core.ticks < asked + RETRY_TICKS;
        if core.ticks < self.step_tick
            || core.own_input_tick.is_some_and(waits)
            || !core.may_change()
        {
            return;
        }
        self.step_tick = core.ticks + 1;
        if self.lapses.propose(core, out) || self.silence.propose(core, out) {
            return;
        }
        let Some(input) = self.due(core) else { return };
        core.propose_input(&input, out);
    }

    /// Whether what remains works without voter `id`, which wants to go.
    pub(crate) fn parting(&self, core: &Core, id: u64) -> LeaveDecision {
        Leaves::parting(core, &self.silence, id)
    }

    fn due(&self, core: &Core) -> Option<Input> {
        let time_ms = core.machine.sequence().last().time_ms;
        let rows = core.seen_rows.newest(&core.machine);
        let replicas = rows.replicas.iter();
        let replicas = replicas.filter(|replica| replica.verdict_holds(time_ms));
        let learner = replicas
            .clone()
            .find(|replica| replica.status == ReplicaStatus::Trusted);
        if let Some(replica) = learner {
            return Some(Input::Learner(Learner { id: replica.id }));
        }
        if !self.silence.may_promote(core) {
            return None;
        }
        let mut learners = replicas.filter(|replica| replica.status == ReplicaStatus::Learner);
        learners.find_map(|replica| Self::promotion(core, replica))
    }

    /// The promotion of a learner that has caught up. What it signed before it became a learner, in
    /// an earlier time as a voter or learner, does not count: one that is dead would else keep all
    /// others from being promoted. Nor does what it signed before it fell silent: a dead voter
    /// costs the service a loss that it could have borne.
    fn promotion(core: &Core, learner: &ReplicaRecord) -> Option<Input> {
        let id = learner.id;
        let (index, header_hash, signature) = core.learners.get(&id)?;
        let recent = *index <= core.certified_index()
            && *index >= learner.since_index
            && index + PROMOTION_LAG_MAX >= core.engine.last_index();
        let caught_up = core.engine.matched(id)? + PROMOTION_LAG_MAX >= core.engine.last_index();
        let certifies =
            core.keeping_up.acknowledged(id) + PROMOTION_LAG_MAX >= core.certified_index();
        let mut peers = core.engine.peers().into_iter();
        let is_heard = peers.any(|peer| peer.id == id && peer.active);
        if !recent || !caught_up || !certifies || !is_heard {
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
