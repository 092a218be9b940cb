//! When this replica last heard from each other one.
//!
//! Whatever comes over the channel between two replicas counts, for the channel authenticates its sender. Time is
//! counted in this replica's ticks, so it needs no clock.

use std::collections::BTreeMap;

/// The tick at which each peer was last heard.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    newest: BTreeMap<u64, u64>,
}

impl Hearing {
    /// Something came from this peer.
    pub(crate) fn note(&mut self, peer: u64, tick: u64) {
        self.newest.insert(peer, tick);
    }

    /// Whether something came from this peer at this tick or later.
    pub(crate) fn heard_since(&self, peer: u64, tick: u64) -> bool {
        self.newest.get(&peer).is_some_and(|newest| *newest >= tick)
    }
}
