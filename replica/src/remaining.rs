//! Whether the voters that remain without one of them suffice: more than half of them, of enough vendors.

use std::collections::BTreeSet;

use crate::core::Core;

impl Core {
    /// Whether the voters that this leader hears from suffice without voter `id`.
    pub(crate) fn stands_without(&self, id: u64) -> bool {
        let configuration = self.machine.sequence().newest_configuration();
        let active: BTreeSet<u64> = self
            .engine
            .peers()
            .into_iter()
            .filter(|peer| peer.active && peer.id != id)
            .map(|peer| peer.id)
            .collect();
        let active = configuration
            .voters()
            .iter()
            .filter(|voter| active.contains(&voter.id));
        let vendors: BTreeSet<&str> = active.clone().map(|voter| voter.vendor.as_str()).collect();
        let remaining = configuration.voters().len().saturating_sub(1);
        let rows = self.seen_rows.newest(&self.machine);
        let required = rows.vendors_required(vendors.len());
        active.count() > remaining / 2 && vendors.len() >= usize::from(required)
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
