//! Questions of peers that wait for a quorum's word; a leader's.

use std::collections::BTreeMap;

use crate::read_rounds::READ_TICKS_MAX;

/// So many questions of one peer stand at a time; the oldest gives way.
const ASKS_OF_PEER_MAX: usize = 8;

/// The questions of peers that a quorum is to confirm, by the context under which it does; a
/// leader's.
#[derive(Debug, Default)]
pub(crate) struct PeerAsks(BTreeMap<u64, PeerAsk>);

/// A question of a peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerAsk {
    pub peer: u64,
    /// The number under which it asks.
    pub ask: u64,
    pub since_tick: u64,
}

impl PeerAsks {
    /// Keeps a question until a quorum has spoken under `ctx`.
    pub(crate) fn push(&mut self, ctx: u64, ask: PeerAsk) {
        let of_peer = || self.0.iter().filter(|(_, known)| known.peer == ask.peer);
        if of_peer().count() >= ASKS_OF_PEER_MAX
            && let Some(oldest) = of_peer().map(|(ctx, _)| *ctx).next()
        {
            self.0.remove(&oldest);
        }
        self.0.insert(ctx, ask);
    }

    /// Whether nobody asks.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A quorum has spoken under `ctx`.
    pub(crate) fn take(&mut self, ctx: u64) -> Option<PeerAsk> {
        self.0.remove(&ctx)
    }

    /// Forgets what waited too long; whoever asked has given it up as well.
    pub(crate) fn expire(&mut self, tick: u64) {
        self.0
            .retain(|_, ask| tick < ask.since_tick + READ_TICKS_MAX);
    }

    /// Panics where a peer has more questions here than it may.
    pub(crate) fn check_invariants(&self) {
        let mut of_peers = BTreeMap::<u64, usize>::new();
        for ask in self.0.values() {
            *of_peers.entry(ask.peer).or_default() += 1;
        }
        assert!(
            of_peers.values().all(|count| *count <= ASKS_OF_PEER_MAX),
            "the questions of each peer are bounded"
        );
    }

    /// Leadership was lost.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_asks_without_end_pushes_out_its_own_questions_only() {
        let mut asks = PeerAsks::default();
        let ask = |peer, ask| PeerAsk {
            peer,
            ask,
            since_tick: ask,
        };
        asks.push(1, ask(2, 1));
        (2..100).for_each(|ctx| asks.push(ctx, ask(3, ctx)));
        assert_eq!(asks.0.len(), 1 + ASKS_OF_PEER_MAX);
        assert_eq!(asks.take(1).map(|ask| ask.peer), Some(2));
        assert!(asks.take(50).is_none());
        assert_eq!(asks.take(99).map(|ask| ask.ask), Some(99));
        asks.expire(95 + READ_TICKS_MAX);
        assert!(asks.take(95).is_none());
        assert!(asks.take(96).is_some());
    }
}
