//! What becomes of voters that are not heard, and of replicas that others replace.
//!
//! Once a second each voter says a word to each other one, so that all know whom they hear; to the
//! leader it also says, signed, whom it has not heard for long. Once a diverse quorum of the others
//! says so, the leader puts it on the ledger, where everybody judges it anew.
//!
//! Order: the old one goes first where it is silent, for it answers nothing and its place is better
//! held by nobody than together with its successor; it goes last where it is heard and the members
//! want it replaced. Everything that decides stands in the state, so that any leader goes on.
//!
//! Invariants
//! - nobody loses a vote on the leader's word;
//! - while a voter is silent, a learner is promoted only if the voters that are heard can bear more
//!   losses after it.

use std::collections::BTreeSet;

use synod_governance::{
    BlockRef, Input, REPLACED_UNHEARD_MS, Replaced, ReplicaRecord, ReplicaStatus, Unheard,
    UnheardStatement,
};

use crate::calls::Effects;
use crate::core::Core;
use crate::envelope::{Envelope, UnheardWord};
use crate::hearing::Hearing;

/// A voter says a word to each other one every so many ticks (1 s of 20 ms).
const WORD_TICKS: u64 = 50;
/// A voter from which nothing came for so long (milliseconds) is silent.
pub const SILENT_MS: u64 = 2_000;

/// Who is heard, who is not, and what becomes of whom nobody hears or another replaces.
#[derive(Debug)]
pub(crate) struct Silence {
    hearing: Hearing,
    /// Nobody is let go before this tick; a leader's.
    step_tick: u64,
}

impl Silence {
    /// Nobody was heard yet; a tick takes so many milliseconds.
    pub(crate) fn new(tick_ms: u64) -> Self {
        Self {
            hearing: Hearing::new(tick_ms),
            step_tick: 0,
        }
    }

    /// Something came from this peer.
    pub(crate) fn note(&mut self, peer: u64, tick: u64) {
        self.hearing.note(peer, tick);
    }

    /// Whether something came from this peer at this tick or later.
    pub(crate) fn heard_since(&self, peer: u64, tick: u64) -> bool {
        self.hearing.heard_since(peer, tick)
    }

    /// Says the word of the second.
    pub(crate) fn tick(&mut self, core: &Core, out: &mut Effects) {
        if !core.ticks.is_multiple_of(WORD_TICKS) {
            return;
        }
        let voters = core.voters();
        let others: Vec<u64> = voters.iter().copied().filter(|id| *id != core.id).collect();
        self.hearing.expect(&others, core.ticks);
        self.hearing.forget_old(core.ticks);
        if others.len() == voters.len() {
            return;
        }
        let leader = core.engine.leader();
        for to in &others {
            let unheard = if leader == Some(*to) {
                self.own_statements(core, &others)
            } else {
                Vec::new()
            };
            let envelope = Envelope {
                unheard: unheard.into(),
                ..Envelope::default()
            };
            out.send.push((*to, envelope));
        }
        if core.leads() {
            for word in self.own_statements(core, &others) {
                self.hearing.keep(word.about, word.statement, core.ticks);
            }
        }
    }

    /// What this voter signs of those that it has not heard for long.
    fn own_statements(&self, core: &Core, others: &[u64]) -> Vec<UnheardWord> {
        let head = core.machine.sequence().certified();
        let block = BlockRef {
            index: head.index,
            hash: head.hash,
        };
        let silent = others.iter().filter_map(|about| {
            let for_ms = self.hearing.silent_ms(*about, core.ticks)?;
            (for_ms >= REPLACED_UNHEARD_MS).then_some((*about, for_ms))
        });
        silent
            .map(|(about, for_ms)| UnheardWord {
                about,
                statement: UnheardStatement::sign(
                    &core.network,
                    about,
                    core.id,
                    block,
                    for_ms,
                    &core.keys.identity,
                ),
            })
            .collect()
    }

    /// A leader keeps what a voter says of silent ones.
    pub(crate) fn take_unheard(&mut self, core: &Core, from: u64, words: &[UnheardWord]) {
        if !core.leads() {
            return;
        }
        let configuration = core.machine.sequence().newest_configuration().clone();
        let Some(voter) = configuration.voter(from) else {
            return;
        };
        for UnheardWord { about, statement } in words {
            let sound = statement.signer == from
                && *about != from
                && configuration.voter(*about).is_some()
                && statement.verify(&core.network, *about, &voter.key).is_ok();
            if sound {
                self.hearing.keep(*about, *statement, core.ticks);
            }
        }
    }

    /// A leader's part: lets go whom nobody hears, and whom another has replaced. True if a step
    /// was taken.
    pub(crate) fn propose(&mut self, core: &mut Core, out: &mut Effects) -> bool {
        if core.ticks < self.step_tick {
            return false;
        }
        self.step_tick = core.ticks + WORD_TICKS;
        let replicas = core.seen_rows.newest(&core.machine).replicas;
        if let Some(unheard) = self.due_unheard(core, &replicas) {
            core.propose_input(&Input::Unheard(Box::new(unheard)), out);
            return true;
        }
        let Some((old, by)) = due_replaced(&replicas) else {
            return false;
        };
        if old == core.id {
            return core.transfer_leadership(|id| id == by, out);
        }
        let stays = core.voters().contains(&old) && !core.stands_without(old);
        if stays {
            return false;
        }
        core.propose_input(&Input::Replaced(Replaced { by }), out);
        true
    }

    fn due_unheard(&self, core: &Core, replicas: &[ReplicaRecord]) -> Option<Unheard> {
        let others = core.voters().into_iter().filter(|id| *id != core.id);
        others
            .into_iter()
            .find_map(|id| self.unheard(core, id, replicas))
    }

    /// What is to be put on the ledger of a silent voter, once enough others say so.
    fn unheard(&self, core: &Core, id: u64, replicas: &[ReplicaRecord]) -> Option<Unheard> {
        let time_ms = core.machine.sequence().last().time_ms;
        let successor = replicas.iter().find(|replica| {
            replica.replaces == Some(id)
                && replica.status.is_trusted()
                && replica.verdict_holds(time_ms)
        });
        let least_ms = if successor.is_some() {
            REPLACED_UNHEARD_MS
        } else {
            core.seen_rows.newest(&core.machine).service.unheard_ms()
        };
        if self.hearing.silent_ms(id, core.ticks)? < least_ms {
            return None;
        }
        let mut statements = self.hearing.statements(id, core.ticks);
        statements.retain(|statement| statement.for_ms >= least_ms);
        let signers: BTreeSet<u64> = statements.iter().map(|one| one.signer).collect();
        let by = successor.map(|replica| replica.id);
        Self::others_suffice(core, id, &signers).then_some(Unheard { id, statements, by })
    }

    /// Whether these voters are a diverse quorum of those without `id`.
    fn others_suffice(core: &Core, id: u64, signers: &BTreeSet<u64>) -> bool {
        let configuration = core.machine.sequence().newest_configuration();
        let others = configuration.voters().iter().filter(|voter| voter.id != id);
        let signed = others.clone().filter(|voter| signers.contains(&voter.id));
        let vendors: BTreeSet<&str> = signed.clone().map(|voter| voter.vendor.as_str()).collect();
        let rows = core.seen_rows.newest(&core.machine);
        let required = rows.vendors_required(vendors.len());
        signed.count() > others.count() / 2 && vendors.len() >= usize::from(required)
    }

    /// Whether a learner may be promoted by what this leader hears.
    pub(crate) fn may_promote(&self, core: &Core) -> bool {
        let heard = |id: &u64| {
            let silent_ms = self.hearing.silent_ms(*id, core.ticks);
            *id == core.id || silent_ms.is_some_and(|ms| ms < SILENT_MS)
        };
        let voters = core.voters();
        let heard = voters.iter().filter(|id| heard(id)).count();
        let bears = |voters: usize, heard: usize| heard.checked_sub(voters / 2 + 1);
        heard == voters.len() || bears(voters.len() + 1, heard + 1) > bears(voters.len(), heard)
    }

    /// The voters that this replica has not heard for long, and for how long (milliseconds).
    pub(crate) fn silent_voters(&self, core: &Core) -> Vec<(u64, u64)> {
        let silent = core.voters().into_iter().filter_map(|id| {
            let for_ms = self.hearing.silent_ms(id, core.ticks)?;
            (for_ms >= REPLACED_UNHEARD_MS).then_some((id, for_ms))
        });
        silent.collect()
    }
}

/// A replica that is to go now that another votes in its place: (old, new).
fn due_replaced(replicas: &[ReplicaRecord]) -> Option<(u64, u64)> {
    let voters = replicas
        .iter()
        .filter(|replica| replica.status == ReplicaStatus::Voter);
    let mut pairs = voters.filter_map(|new| {
        let old = replicas.iter().find(|old| Some(old.id) == new.replaces)?;
        let due = match old.status {
            ReplicaStatus::Removed => false,
            ReplicaStatus::Voter => old.replaceable,
            ReplicaStatus::Pending | ReplicaStatus::Trusted | ReplicaStatus::Learner => true,
        };
        due.then_some((old.id, new.id))
    });
    pairs.next()
}
