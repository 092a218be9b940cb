//! Whether the voters that remain without one of them suffice: more than half of them, of enough
//! vendors.

use std::collections::BTreeSet;

use crate::core::Core;

impl Core {
    /// Whether the voters that this leader hears from suffice without voter `id`.
    pub(crate) fn stands_without(&self, id: u64) -> bool {
        let peers = self.engine.peers().into_iter();
        let active: BTreeSet<u64> = peers
            .filter(|peer| peer.active)
            .map(|peer| peer.id)
            .collect();
        self.remaining_suffice(id, |voter| active.contains(&voter))
    }

    /// Whether the voters that `count`, and this replica, are a diverse quorum of the configuration
    /// without `id`.
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
