//! What peers have shown of their histories, and what they were shown of this one.

use std::collections::{BTreeMap, BTreeSet};

use synod_ledger::ShownBlock;

/// Bounded by the number of peers: one block and two marks for each.
#[derive(Debug, Default)]
pub(crate) struct Histories {
    /// A block that lies ahead of this replica's certified one, by who showed it.
    ahead: BTreeMap<u64, ShownBlock>,
    /// To whom this replica showed its own history, and in which view.
    shown: BTreeMap<u64, u64>,
    /// Who showed what proves nothing, and in which view that was last reported.
    reported: BTreeMap<u64, u64>,
}

impl Histories {
    /// Keeps a block until it can be compared. The one that is kept already stays: it can be
    /// compared sooner.
    pub(crate) fn keep(&mut self, peer: u64, shown: ShownBlock) {
        self.ahead.entry(peer).or_insert(shown);
    }

    /// Takes out the blocks that can be compared with a history that is certified up to
    /// `certified`.
    pub(crate) fn due(&mut self, certified: u64) -> Vec<(u64, ShownBlock)> {
        let due = |shown: &ShownBlock| shown.certificate.index <= certified;
        let peers = self.ahead.iter().filter(|(_, shown)| due(shown));
        let peers: BTreeSet<u64> = peers.map(|(peer, _)| *peer).collect();
        peers
            .into_iter()
            .filter_map(|peer| Some((peer, self.ahead.remove(&peer)?)))
            .collect()
    }

    /// Whether this replica has not shown its history to `peer` in this view; from now on it has.
    pub(crate) fn may_show(&mut self, peer: u64, view: u64) -> bool {
        self.shown.insert(peer, view) != Some(view)
    }

    /// Whether nothing was reported of `peer` in this view; from now on it was.
    pub(crate) fn may_report(&mut self, peer: u64, view: u64) -> bool {
        self.reported.insert(peer, view) != Some(view)
    }
}
