//! Raft's promises (Ongaro 2014, figure 3.2), checked from outside, and one of ours: what is
//! committed stands on the disks of a quorum that is as diverse as the rule says.

use std::collections::{BTreeMap, BTreeSet};

use synod_consensus::{Effects, Entry, Role};

use super::Node;

#[derive(Default)]
pub(crate) struct Oracle {
    /// Everything that anybody committed.
    pub(crate) committed: BTreeMap<u64, Entry>,
    leaders: BTreeMap<u64, u64>,
}

impl Oracle {
    pub(crate) fn check_step(&mut self, nodes: &BTreeMap<u64, Node>, id: u64, effects: &Effects) {
        let node = &nodes[&id];
        for entry in &effects.committed {
            self.check_commit(nodes, id, entry);
        }
        if node.engine.role() == Role::Leader {
            let term = node.engine.term();
            let leader = *self.leaders.entry(term).or_insert(id);
            assert_eq!(leader, id, "election safety: two leaders in term {term}");
        }
        if effects
            .role
            .is_some_and(|change| change.role == Role::Leader)
        {
            self.check_completeness(node, id);
        }
        if let Some(from) = effects
            .persist
            .as_ref()
            .and_then(|batch| batch.truncate_from)
        {
            let commit = node.engine.commit();
            assert!(
                node.committed
                    .last()
                    .is_none_or(|newest| newest.index < from),
                "{id} truncates committed entries from {from} on, commit {commit}"
            );
        }
    }

    fn check_commit(&mut self, nodes: &BTreeMap<u64, Node>, id: u64, entry: &Entry) {
        let first = !self.committed.contains_key(&entry.index);
        let agreed = self
            .committed
            .entry(entry.index)
            .or_insert_with(|| entry.clone());
        assert_eq!(
            agreed, entry,
            "state machine safety: {id} committed something else"
        );
        if !first {
            return;
        }
        let engine = &nodes[&id].engine;
        let (voters, groups) = (engine.voters(), engine.groups());
        let holders: Vec<u64> = voters
            .iter()
            .copied()
            .filter(|voter| nodes.get(voter).is_some_and(|node| holds(node, entry)))
            .collect();
        assert!(
            holders.len() > voters.len() / 2,
            "entry {} committed by {id} stands only on the disks of {holders:?} of {voters:?}",
            entry.index
        );
        let spanned: BTreeSet<u64> = holders
            .iter()
            .filter_map(|h| groups.of.get(h))
            .copied()
            .collect();
        let diverse = groups.required < 2 || spanned.len() >= 2;
        assert!(
            diverse,
            "entry {} committed by {holders:?} of one group",
            entry.index
        );
    }

    fn check_completeness(&self, node: &Node, id: u64) {
        for entry in self.committed.values() {
            if let Some(term) = node.engine.term_at(entry.index) {
                assert_eq!(term, entry.term, "leader {id} lacks entry {}", entry.index);
            } else {
                let beyond = entry.index > node.engine.last_index();
                assert!(!beyond, "leader {id} lacks committed entry {}", entry.index);
            }
        }
    }
}

/// Log matching: equal terms at an index mean equal logs up to there.
pub(crate) fn check_logs(nodes: &BTreeMap<u64, Node>) {
    let nodes: Vec<&Node> = nodes.values().collect();
    for (at, one) in nodes.iter().enumerate() {
        for other in &nodes[at + 1..] {
            check_pair(one, other);
        }
    }
}

fn holds(node: &Node, entry: &Entry) -> bool {
    node.disk.stored.get(&entry.index) == Some(entry)
}

fn check_pair(one: &Node, other: &Node) {
    let last = one.engine.last_index().min(other.engine.last_index());
    let lowest = last.saturating_sub(50).max(2);
    let mut matched = false;
    for index in (lowest..=last).rev() {
        let (a, b) = (one.engine.term_at(index), other.engine.term_at(index));
        let (Some(a), Some(b)) = (a, b) else { continue };
        assert!(
            !matched || a == b,
            "log matching: terms differ below a match, at {index}"
        );
        matched |= a == b;
        if let (true, Some(x), Some(y)) =
            (a == b, one.engine.entry(index), other.engine.entry(index))
        {
            assert_eq!(x, y, "log matching: one term, two entries at {index}");
        }
    }
}
