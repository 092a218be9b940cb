//! What a replica does when a verdict lapses. Governance decides whether the lapse costs the vote
//! or the place. This file decides when the leader proposes that, and what happens to a leader
//! whose own verdict has lapsed.
//!
//! Invariants
//! - the leader proposes a demotion only while the replicas that it hears from are a diverse quorum
//!   of what remains;
//! - a leader that must be demoted transfers leadership to a voter whose verdict holds, and the
//!   next leader demotes it;
//! - if it does not, the other replicas stop accepting its messages in that view after a stated
//!   time.

use std::collections::BTreeSet;

use synod_governance::{Input, Lapse, LapseStep, Lapsed, ReplicaStatus};

use crate::calls::{Effects, Notice};
use crate::core::Core;

/// Verdicts are looked at every so many ticks (1 s of 20 ms).
const LAPSE_TICKS: u64 = 50;
/// An idle ledger's time is brought up to date for a lapse every so many ticks (5 s of 20 ms) at
/// most.
const FRESHEN_TICKS: u64 = 250;
/// A leader has this many ticks (60 s of 20 ms) in its view to transfer leadership.
const HAND_OVER_TICKS: u64 = 3000;
/// Its verdict must have lapsed this long ago (milliseconds of ledger time).
pub const LEADER_LAPSED_MAX_MS: u64 = 60 * 1000;

/// What this replica does about verdicts that lapse.
#[derive(Debug, Default)]
pub(crate) struct Lapses {
    /// They are not acted on before this tick; a leader's.
    step_tick: u64,
    /// The voters whose lapsed verdicts the operator was told of.
    told: BTreeSet<u64>,
}

impl Lapses {
    /// Checks the verdicts: tells the operator which voters lost theirs, and ignores a leader that
    /// should not lead.
    pub(crate) fn watch(&mut self, core: &mut Core, out: &mut Effects) {
        if !core.ticks.is_multiple_of(LAPSE_TICKS) {
            return;
        }
        let time_ms = core.machine.sequence().certified().time_ms;
        let lapsed = core.seen_rows.network(&core.machine).lapsed(time_ms);
        self.tell_lapses(core, &lapsed, out);
        let leader = core.engine.leader().filter(|leader| *leader != core.id);
        let due = lapsed
            .iter()
            .any(|found| Some(found.id) == leader && found.step == Ok(LapseStep::Demote));
        if let Some(leader) = leader.filter(|_| due) {
            Self::turn_from(core, leader, time_ms, out);
        }
    }

    /// One notice for each voter when its verdict lapses.
    fn tell_lapses(&mut self, core: &Core, lapsed: &[Lapsed], out: &mut Effects) {
        let rows = core.seen_rows.network(&core.machine);
        let votes = |id| {
            let mut voters = rows.replicas.iter();
            voters.any(|replica| replica.id == id && replica.status == ReplicaStatus::Voter)
        };
        let now: BTreeSet<u64> = lapsed
            .iter()
            .map(|found| found.id)
            .filter(|id| votes(*id))
            .collect();
        for found in lapsed.iter().filter(|found| now.contains(&found.id)) {
            if !self.told.contains(&found.id) {
                let hindrance = found.step.as_ref().err().map(ToString::to_string);
                out.notices.push(Notice::Lapsed {
                    replica: found.id,
                    hindrance,
                });
            }
        }
        self.told = now;
    }

    /// Ignores a leader whose demotion has been due for too long, so that an election follows.
    fn turn_from(core: &mut Core, leader: u64, time_ms: u64, out: &mut Effects) {
        let view = core.engine.term();
        let rows = core.seen_rows.network(&core.machine);
        let record = rows.replicas.iter().find(|replica| replica.id == leader);
        let long = record.is_some_and(|record| {
            time_ms >= record.expires_ms.saturating_add(LEADER_LAPSED_MAX_MS)
        });
        let given = core.ticks >= core.view_since_tick + HAND_OVER_TICKS;
        if long && given && core.ignored.insert(leader, view) != Some(view) {
            out.notices.push(Notice::Dropped {
                peer: leader,
                why: "it leads though its verdict has lapsed: it is not heard in this view"
                    .to_owned(),
            });
        }
    }

    /// A leader's part: takes the next step that a lapse leads to. True if one was taken.
    pub(crate) fn propose(&mut self, core: &mut Core, out: &mut Effects) -> bool {
        if core.ticks < self.step_tick {
            return false;
        }
        self.step_tick = core.ticks + LAPSE_TICKS;
        let time_ms = core.machine.sequence().last().time_ms;
        let lapsed = core.seen_rows.newest(&core.machine).lapsed(time_ms);
        for (id, step) in steps(&lapsed) {
            let done = match step {
                LapseStep::Demote if !core.stands_without(id) => false,
                LapseStep::Demote if id == core.id => core.transfer_leadership(|_| true, out),
                LapseStep::Demote | LapseStep::Remove => {
                    core.propose_input(&Input::Lapse(Lapse { id }), out);
                    true
                }
            };
            if done {
                return true;
            }
        }
        Self::freshen_for_lapse(core, &lapsed, out)
    }

    /// The time of an idle ledger stands still. If this leader's clock says that something is due,
    /// it proposes a block, so that the others can confirm the time.
    fn freshen_for_lapse(core: &mut Core, lapsed: &[Lapsed], out: &mut Effects) -> bool {
        let known: BTreeSet<u64> = steps(lapsed).map(|(id, _)| id).collect();
        let rows = core.seen_rows.newest(&core.machine);
        let soon = rows.lapsed(core.clock.time_ms());
        let due = steps(&soon).any(|(id, _)| !known.contains(&id));
        due && core.freshen(FRESHEN_TICKS, out)
    }
}

fn steps(lapsed: &[Lapsed]) -> impl Iterator<Item = (u64, LapseStep)> {
    lapsed
        .iter()
        .filter_map(|found| Some((found.id, *found.step.as_ref().ok()?)))
}
