//! When this replica last heard from each other one, and what the voters say of those that they do
//! not hear.
//!
//! Whatever comes over the channel between two replicas counts, for the channel authenticates its
//! sender. Time is counted in this replica's ticks, so it needs no clock, and a process that stood
//! still blames nobody for it.

use std::collections::BTreeMap;

use synod_governance::UnheardStatement;

/// A statement of another voter is used for so many ticks (3 s of 20 ms): it makes one every
/// second.
const STATEMENT_TICKS: u64 = 150;

/// The tick at which each peer was last heard, and the newest statements of each voter.
#[derive(Debug)]
pub(crate) struct Hearing {
    tick_ms: u64,
    newest: BTreeMap<u64, u64>,
    /// By silent voter and signer: what was said, and at which tick it came.
    statements: BTreeMap<(u64, u64), (UnheardStatement, u64)>,
}

impl Hearing {
    /// Nobody was heard yet.
    pub(crate) fn new(tick_ms: u64) -> Self {
        Self {
            tick_ms,
            newest: BTreeMap::new(),
            statements: BTreeMap::new(),
        }
    }

    /// Something came from this peer.
    pub(crate) fn note(&mut self, peer: u64, tick: u64) {
        self.newest.insert(peer, tick);
    }

    /// From now on these peers are expected to be heard, and no others.
    pub(crate) fn expect(&mut self, peers: &[u64], tick: u64) {
        self.newest.retain(|peer, _| peers.contains(peer));
        for peer in peers {
            self.newest.entry(*peer).or_insert(tick);
        }
    }

    /// Whether something came from this peer at this tick or later.
    pub(crate) fn heard_since(&self, peer: u64, tick: u64) -> bool {
        self.newest.get(&peer).is_some_and(|newest| *newest >= tick)
    }

    /// For how long (milliseconds) nothing has come from this peer; none if it is not expected.
    pub(crate) fn silent_ms(&self, peer: u64, tick: u64) -> Option<u64> {
        let newest = self.newest.get(&peer)?;
        Some(tick.saturating_sub(*newest).saturating_mul(self.tick_ms))
    }

    /// Keeps what a voter says of a silent one.
    pub(crate) fn keep(&mut self, about: u64, statement: UnheardStatement, tick: u64) {
        self.statements
            .insert((about, statement.signer), (statement, tick));
    }

    /// What the voters said of a silent one just now, by rising signer.
    pub(crate) fn statements(&self, about: u64, tick: u64) -> Vec<UnheardStatement> {
        let range = self.statements.range((about, 0)..=(about, u64::MAX));
        range
            .filter(|(_, (_, came))| *came + STATEMENT_TICKS >= tick)
            .map(|(_, (statement, _))| *statement)
            .collect()
    }

    /// Forgets what was said long ago.
    pub(crate) fn forget_old(&mut self, tick: u64) {
        self.statements
            .retain(|_, (_, came)| *came + STATEMENT_TICKS >= tick);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_from_the_last_word_or_from_when_a_word_was_expected() {
        let mut hearing = Hearing::new(20);
        hearing.expect(&[2, 3], 100);
        hearing.note(3, 150);
        hearing.expect(&[2, 3], 160);
        assert_eq!(hearing.silent_ms(2, 200), Some(2000));
        assert_eq!(hearing.silent_ms(3, 200), Some(1000));
        assert_eq!(hearing.silent_ms(4, 200), None);
        hearing.expect(&[3], 200);
        hearing.expect(&[2, 3], 300);
        assert_eq!(hearing.silent_ms(2, 300), Some(0), "it is a voter anew");
    }
}
