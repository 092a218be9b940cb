//! Are the histories of clients linearizable? By the search of Wing and Gong (1993) with the memory
//! of Lowe (2017).
//!
//! The search looks for an order of the operations that a single pair of registers could have
//! carried out one after the other, and that keeps the order of operations of which one ended
//! before the other began. A state that was reached once with the same operations behind it is not
//! searched again.
//!
//! What it never does: look at the ledger. It judges only what clients saw, and is so independent
//! of the checks that hold answers against the certified blocks.

use std::collections::HashSet;

use crate::history::{Ask, Done, Expected, Told, TxStep, Want};

/// What the search came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none.
    Violated,
    /// The search was given up.
    Undecided,
}

/// So many states are looked at before the search is given up.
const STATES_MAX: usize = 400_000;

/// A register: value and, where it is known, the seqno that wrote it.
type Register = Option<(u64, Option<u64>)>;
type Pair = [Register; 2];

#[derive(Clone, PartialEq, Eq, Hash)]
struct Node {
    /// All answered operations before this one are in the order.
    low: usize,
    /// Answered operations after `low` that are, too; ascending.
    ahead: Vec<usize>,
    /// Unanswered operations that are; ascending.
    unanswered: Vec<usize>,
    state: Pair,
}

/// Judges the history of one partition.
pub(crate) fn judge(history: &[&Done]) -> Verdict {
    let (mut answered, mut unanswered): (Vec<&Done>, Vec<&Done>) = history
        .iter()
        .filter(|done| !matches!(done.ask, Ask::Get { local: true, .. }))
        .partition(|done| done.told.is_some());
    unanswered.retain(|done| !done.ask.is_read());
    answered.sort_by_key(|done| done.asked);
    let mut seen = HashSet::new();
    let mut open = vec![Node {
        low: 0,
        ahead: Vec::new(),
        unanswered: Vec::new(),
        state: [None, None],
    }];
    while let Some(node) = open.pop() {
        if node.low == answered.len() {
            return Verdict::Linearizable;
        }
        if !seen.insert(node.clone()) {
            continue;
        }
        if seen.len() > STATES_MAX {
            return Verdict::Undecided;
        }
        // The last one pushed is tried first: answered operations, the earliest first.
        let horizon = horizon(&node, &answered);
        for (at, done) in unanswered.iter().enumerate().rev() {
            if done.asked < horizon && !node.unanswered.contains(&at) {
                open.extend(after(&node, done).map(|state| with_unanswered(&node, at, state)));
            }
        }
        for at in candidates(&node, &answered, horizon).into_iter().rev() {
            open.extend(after(&node, answered[at]).map(|state| with_answered(&node, at, state)));
        }
    }
    Verdict::Violated
}

/// The earliest answer among the operations that are not in the order: what was asked later must
/// wait for it.
fn horizon(node: &Node, answered: &[&Done]) -> u64 {
    let mut earliest = u64::MAX;
    for (at, done) in answered.iter().enumerate().skip(node.low) {
        if done.asked > earliest {
            break;
        }
        if node.ahead.binary_search(&at).is_err() {
            earliest = earliest.min(done.told_at.unwrap_or(u64::MAX));
        }
    }
    earliest
}

fn candidates(node: &Node, answered: &[&Done], horizon: u64) -> Vec<usize> {
    let from_low = answered.iter().enumerate().skip(node.low);
    from_low
        .take_while(|(_, done)| done.asked < horizon)
        .map(|(at, _)| at)
        .filter(|at| node.ahead.binary_search(at).is_err())
        .collect()
}

fn with_answered(node: &Node, at: usize, state: Pair) -> Node {
    let mut next = node.clone();
    next.state = state;
    if let Err(place) = next.ahead.binary_search(&at) {
        next.ahead.insert(place, at);
    }
    while next.ahead.first() == Some(&next.low) {
        next.ahead.remove(0);
        next.low += 1;
    }
    next
}

fn with_unanswered(node: &Node, at: usize, state: Pair) -> Node {
    let mut next = node.clone();
    next.state = state;
    if let Err(place) = next.unanswered.binary_search(&at) {
        next.unanswered.insert(place, at);
    }
    next
}

/// The states that the operation may leave, given what was told of it: none, one, or two where a
/// version is not known.
fn after(node: &Node, done: &Done) -> impl Iterator<Item = Pair> + use<> {
    let state = node.state;
    let outcomes: Vec<Pair> = match &done.told {
        Some(told) => told_outcome(state, done, told).into_iter().collect(),
        None => {
            carried_out(state, &done.ask, done.seqno).map_or_else(Vec::new, |(next, _)| vec![next])
        }
    };
    outcomes.into_iter()
}

fn told_outcome(state: Pair, done: &Done, told: &Told) -> Option<Pair> {
    if let Told::Refused { at, version } = told {
        return refused(state, &done.ask, *at, *version).then_some(state);
    }
    let (next, reads) = carried_out(state, &done.ask, done.seqno)?;
    let fits = match told {
        Told::Written => true,
        Told::Read(read) => reads.first().is_some_and(|found| same(*found, *read)),
        Told::Done(told) => {
            told.len() == reads.len() && reads.iter().zip(told).all(|(a, b)| same(*a, *b))
        }
        Told::Refused { .. } => false,
    };
    fits.then_some(next)
}

/// Whether the comparison at this place may fail with this version, and those before it may hold.
fn refused(state: Pair, ask: &Ask, at: usize, version: u64) -> bool {
    let stands = |register: Register| match register {
        None => version == 0,
        Some((_, Some(known))) => known == version,
        Some((_, None)) => version != 0,
    };
    match ask {
        Ask::Put { side, want, .. } | Ask::Delete { side, want } => {
            stands(state[*side]) && may_hold(state[*side], *want) != Some(true)
        }
        Ask::Get { .. } => false,
        Ask::Transaction { compares, .. } => {
            let failed = compares.get(at);
            failed.is_some_and(|(side, expected)| {
                stands(state[*side]) && may_meet(state[*side], *expected) != Some(true)
            }) && compares[..at]
                .iter()
                .all(|(side, expected)| may_meet(state[*side], *expected) != Some(false))
        }
    }
}

/// The state after the operation was carried out, and what it read; none if a condition cannot
/// hold.
fn carried_out(state: Pair, ask: &Ask, seqno: Option<u64>) -> Option<(Pair, Vec<Register>)> {
    let mut next = state;
    let mut reads = Vec::new();
    match ask {
        Ask::Put { side, value, want } => {
            (may_hold(state[*side], *want) != Some(false)).then_some(())?;
            next[*side] = Some((*value, seqno));
        }
        Ask::Delete { side, want } => {
            (may_hold(state[*side], *want) != Some(false)).then_some(())?;
            next[*side] = None;
        }
        Ask::Get { side, .. } => reads.push(state[*side]),
        Ask::Transaction { compares, steps } => {
            let met = |(side, expected): &(usize, Expected)| {
                may_meet(state[*side], *expected) != Some(false)
            };
            compares.iter().all(met).then_some(())?;
            let mut own = [false; 2];
            for step in steps {
                match step {
                    TxStep::Put(side, value) => {
                        (next[*side], own[*side]) = (Some((*value, seqno)), true);
                    }
                    TxStep::Delete(side) => (next[*side], own[*side]) = (None, true),
                    TxStep::Get(side) if own[*side] => {
                        reads.push(next[*side].map(|(value, _)| (value, Some(0))));
                    }
                    TxStep::Get(side) => reads.push(next[*side]),
                }
            }
        }
    }
    Some((next, reads))
}

fn may_hold(register: Register, want: Want) -> Option<bool> {
    match want {
        Want::Any => Some(true),
        Want::Present => Some(register.is_some()),
        Want::Absent => Some(register.is_none()),
        Want::Version(wanted) => match register {
            None => Some(false),
            Some((_, version)) => version.map(|version| version == wanted),
        },
    }
}

fn may_meet(register: Register, expected: Expected) -> Option<bool> {
    match (expected, register) {
        (Expected::Version(wanted), None) => Some(wanted == 0),
        (Expected::Version(wanted), Some((_, version))) => version.map(|version| version == wanted),
        (Expected::Value(_), None) => Some(false),
        (Expected::Value(wanted), Some((value, _))) => Some(value == wanted),
    }
}

fn same(register: Register, read: Option<(u64, u64)>) -> bool {
    match (register, read) {
        (None, None) => true,
        (Some((value, version)), Some((read, seen))) => {
            value == read && version.is_none_or(|version| version == seen)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(value: u64, asked: u64, told_at: Option<u64>) -> Done {
        Done {
            partition: 0,
            ask: Ask::Put {
                side: 0,
                value,
                want: Want::Any,
            },
            asked,
            told_at,
            told: told_at.map(|_| Told::Written),
            seqno: Some(value),
        }
    }

    fn get(read: Option<u64>, asked: u64, told_at: u64) -> Done {
        Done {
            ask: Ask::Get {
                side: 0,
                local: false,
            },
            told: Some(Told::Read(read.map(|value| (value, value)))),
            seqno: None,
            ..put(0, asked, Some(told_at))
        }
    }

    fn verdict(history: &[Done]) -> Verdict {
        judge(&history.iter().collect::<Vec<_>>())
    }

    #[test]
    fn overlapping_operations_may_come_in_either_order() {
        let history = [
            put(1, 1, Some(10)),
            put(2, 2, Some(9)),
            get(Some(1), 11, 12),
        ];
        assert_eq!(verdict(&history), Verdict::Linearizable);
    }

    #[test]
    fn stale_read_is_a_violation() {
        let history = [put(1, 1, Some(2)), put(2, 3, Some(4)), get(Some(1), 5, 6)];
        assert_eq!(verdict(&history), Verdict::Violated);
    }

    #[test]
    fn lost_update_is_a_violation() {
        let history = [put(1, 1, Some(2)), get(None, 3, 4)];
        assert_eq!(verdict(&history), Verdict::Violated);
    }

    #[test]
    fn two_reads_that_go_back_in_time_are_a_violation() {
        let history = [
            put(1, 1, Some(2)),
            put(2, 3, None),
            get(Some(2), 5, 6),
            get(Some(1), 7, 8),
        ];
        assert_eq!(verdict(&history), Verdict::Violated);
        assert_eq!(verdict(&history[..3]), Verdict::Linearizable);
    }

    #[test]
    fn unanswered_write_may_have_happened_or_not() {
        let read = |value| [put(1, 1, Some(2)), put(2, 3, None), get(value, 4, 5)];
        assert_eq!(verdict(&read(Some(1))), Verdict::Linearizable);
        assert_eq!(verdict(&read(Some(2))), Verdict::Linearizable);
        assert_eq!(verdict(&read(None)), Verdict::Violated);
    }

    #[test]
    fn refusal_by_a_state_of_the_past_is_a_violation() {
        let mut refused = put(3, 5, Some(6));
        refused.ask = Ask::Put {
            side: 0,
            value: 3,
            want: Want::Present,
        };
        refused.told = Some(Told::Refused { at: 0, version: 0 });
        refused.seqno = None;
        assert_eq!(verdict(&[refused.clone()]), Verdict::Linearizable);
        assert_eq!(verdict(&[put(1, 1, Some(2)), refused]), Verdict::Violated);
    }

    #[test]
    fn transaction_that_saw_half_of_another_is_a_violation() {
        let both = Done {
            ask: Ask::Transaction {
                compares: Vec::new(),
                steps: vec![TxStep::Put(0, 7), TxStep::Put(1, 8)],
            },
            told: Some(Told::Done(Vec::new())),
            ..put(7, 1, Some(2))
        };
        let saw = |first, second| Done {
            ask: Ask::Transaction {
                compares: Vec::new(),
                steps: vec![TxStep::Get(0), TxStep::Get(1)],
            },
            told: Some(Told::Done(vec![first, second])),
            seqno: None,
            ..put(0, 1, Some(2))
        };
        let all = saw(Some((7, 7)), Some((8, 7)));
        assert_eq!(verdict(&[both.clone(), all]), Verdict::Linearizable);
        assert_eq!(
            verdict(&[both.clone(), saw(None, None)]),
            Verdict::Linearizable
        );
        assert_eq!(verdict(&[both, saw(Some((7, 7)), None)]), Verdict::Violated);
    }
}
