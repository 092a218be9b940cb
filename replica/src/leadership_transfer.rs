//! Leadership transfer: one rule for who leads next, whatever the reason is.
//!
//! An heir is a voter that was heard lately, has taken up the log and its certificates up to near
//! the end, whose verdict holds, and whose disk takes writes. Of several the furthest is chosen.

use std::collections::BTreeSet;

use synod_consensus::{Input as EngineInput, Peer};

use crate::calls::{CallError, Effects};
use crate::core::Core;
use crate::keeping_up::PROMOTION_LAG_MAX;

/// A leader whose disk refuses writes tries to transfer leadership every this many ticks (200 ms of
/// 20 ms).
const TRY_TICKS: u64 = 10;

impl Core {
    /// While its disk refuses writes, a replica does not stand for election: it could write none of
    /// the blocks that it would have to propose. It still votes, since votes live in memory; the
    /// engine holds a vote back only while entries before it wait for the disk.
    pub(crate) fn note_disk_full(&mut self, full: bool, out: &mut Effects) {
        self.disk_full = full;
        self.drive(EngineInput::MayStand(!full), out);
    }

    /// Transfers leadership to the best heir among those that `fit`; false if there is no heir.
    pub(crate) fn transfer_leadership(
        &mut self,
        fit: impl Fn(u64) -> bool,
        out: &mut Effects,
    ) -> bool {
        let heirs = self.heirs().into_iter().filter(|peer| fit(peer.id));
        let Some(heir) = heirs.max_by_key(|peer| peer.matched) else {
            return false;
        };
        self.drive(EngineInput::Transfer(heir.id), out)
    }

    fn heirs(&self) -> Vec<Peer> {
        let time_ms = self.machine.sequence().last().time_ms;
        let rows = self.seen_rows.newest(&self.machine);
        let holds = |id| {
            let mut known = rows.replicas.iter();
            known.any(|replica| replica.id == id && replica.verdict_holds(time_ms))
        };
        let mut peers = self.engine.peers();
        peers.retain(|peer| {
            peer.voter && peer.active && peer.id != self.id && self.is_level(peer) && holds(peer.id)
        });
        peers
    }

    fn is_level(&self, peer: &Peer) -> bool {
        let certified = self.keeping_up.acknowledged(peer.id);
        peer.matched + PROMOTION_LAG_MAX >= self.engine.last_index()
            && certified + PROMOTION_LAG_MAX >= self.certified_index()
            && !self.keeping_up.disk_refuses(peer.id)
    }

    /// A leader whose disk refuses writes lets another lead, if that helps.
    pub(crate) fn transfer_if_full(&mut self, out: &mut Effects) {
        let due = self.ticks.is_multiple_of(TRY_TICKS) && self.engine.transferring_to().is_none();
        if due && self.leads() && self.disk_full && self.others_can_write() {
            self.transfer_leadership(|_| true, out);
        }
    }

    /// Whether the other voters that were heard lately, and whose disks take writes, certify
    /// without this replica.
    fn others_can_write(&self) -> bool {
        let able: BTreeSet<u64> = self
            .engine
            .peers()
            .into_iter()
            .filter(|peer| peer.voter && peer.active && peer.id != self.id)
            .filter(|peer| !self.keeping_up.disk_refuses(peer.id))
            .map(|peer| peer.id)
            .collect();
        let configuration = self.machine.sequence().newest_configuration();
        configuration.is_quorum_and_diverse(&able).is_ok()
    }

    /// What a caller is told while this replica's disk refuses writes: to ask again where another
    /// is about to lead.
    pub(crate) fn disk_refusal(&self) -> CallError {
        if self.leads() && self.others_can_write() && !self.heirs().is_empty() {
            CallError::Retry
        } else {
            CallError::DiskFull
        }
    }
}
