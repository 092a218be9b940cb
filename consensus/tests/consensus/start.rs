//! Where an engine may start, and what it holds then.

use bytes::Bytes;
use synod_consensus::{
    Body, Engine, Entry, Groups, Input, Message, Payload, Role, Start, StartError, TermRun, Tuning,
};

fn start() -> Start {
    Start {
        id: 2,
        voters: vec![1, 2, 3],
        learners: vec![],
        groups: Groups::none(),
        index: 10,
        term: 4,
        seed: 1,
        history: vec![],
        tail: vec![],
    }
}

fn refusal(change: impl FnOnce(&mut Start)) -> Option<StartError> {
    let mut start = start();
    change(&mut start);
    Engine::new(start, Tuning::default()).err()
}

fn entries(range: std::ops::RangeInclusive<u64>, term: u64) -> Vec<Entry> {
    let entry = |index| Entry {
        index,
        term,
        payload: Payload::Block(Bytes::from_static(b"block")),
    };
    range.map(entry).collect()
}

fn run(first: u64, term: u64) -> TermRun {
    TermRun { first, term }
}

#[test]
fn engine_starts_as_a_follower_at_the_end_of_its_ledger() {
    let engine = Engine::new(start(), Tuning::default()).unwrap();
    assert_eq!(engine.role(), Role::Follower);
    assert_eq!(engine.leader(), None);
    assert_eq!((engine.last_index(), engine.last_term()), (10, 4));
    let marks = (engine.commit(), engine.applied(), engine.persisted());
    assert_eq!(marks, (10, 10, 10));
    assert_eq!(engine.term(), 4);
    assert_eq!(engine.voters(), [1, 2, 3]);
    assert_eq!((engine.term_at(10), engine.term_at(9)), (Some(4), None));
    assert_eq!(engine.entry(10), None);
}

#[test]
fn appends_continue_after_the_start() {
    let mut engine = Engine::new(start(), Tuning::default()).unwrap();
    let message = Message {
        from: 1,
        to: 2,
        term: 5,
        body: Body::Append {
            index: 10,
            log_term: 4,
            commit: 10,
            entry: entries(11..=11, 5).pop(),
        },
    };
    let effects = engine.step(Input::Received(message)).unwrap();
    let batch = effects.persist.unwrap();
    assert_eq!(batch.truncate_from, None);
    assert_eq!(batch.entries[0].index, 11);
}

#[test]
fn tail_and_history_are_known_from_the_start() {
    let mut with_tail = start();
    with_tail.tail = entries(8..=10, 4);
    let engine = Engine::new(with_tail.clone(), Tuning::default()).unwrap();
    assert_eq!(engine.entry(9), entries(9..=9, 4).pop());
    assert_eq!((engine.term_at(8), engine.term_at(7)), (Some(4), None));
    with_tail.history = vec![run(1, 1), run(5, 3), run(8, 4)];
    let engine = Engine::new(with_tail, Tuning::default()).unwrap();
    let terms: Vec<_> = [1, 4, 5, 7, 8, 10]
        .map(|index| engine.term_at(index))
        .into();
    assert_eq!(terms, [1, 1, 3, 3, 4, 4].map(Some));
}

#[test]
fn zero_and_huge_numbers_are_refused() {
    for wrong in [0, 1 << 62, u64::MAX] {
        assert_eq!(refusal(|s| s.id = wrong), Some(StartError::OutOfRange));
        assert_eq!(refusal(|s| s.index = wrong), Some(StartError::OutOfRange));
        assert_eq!(refusal(|s| s.term = wrong), Some(StartError::OutOfRange));
    }
}

#[test]
fn membership_must_be_a_set_with_a_voter() {
    let wrong = Some(StartError::Membership);
    assert_eq!(refusal(|s| s.voters = vec![]), wrong);
    assert_eq!(refusal(|s| s.voters = vec![1, 2, 2]), wrong);
    assert_eq!(refusal(|s| s.voters = vec![0, 1]), wrong);
    assert_eq!(refusal(|s| s.learners = vec![3]), wrong);
}

#[test]
fn history_and_tail_must_end_at_the_start() {
    let wrong = Some(StartError::History { index: 10, term: 4 });
    assert_eq!(refusal(|s| s.tail = entries(8..=9, 4)), wrong);
    assert_eq!(refusal(|s| s.tail = entries(8..=11, 4)), wrong);
    assert_eq!(refusal(|s| s.tail = entries(8..=10, 3)), wrong);
    assert_eq!(
        refusal(|s| s.tail = entries(1..=10, 4)),
        wrong,
        "index 1 is no entry"
    );
    assert_eq!(refusal(|s| s.tail[..].reverse()), None);
    let gap = |s: &mut Start| {
        s.tail = entries(7..=10, 4);
        s.tail.remove(1);
    };
    assert_eq!(refusal(gap), wrong);
    assert_eq!(
        refusal(|s| s.history = vec![run(1, 1)]),
        wrong,
        "ends with another term"
    );
    assert_eq!(refusal(|s| s.history = vec![run(11, 4)]), wrong);
    assert_eq!(refusal(|s| s.history = vec![run(0, 4)]), wrong);
    assert_eq!(refusal(|s| s.history = vec![run(3, 2), run(3, 4)]), wrong);
    assert_eq!(refusal(|s| s.history = vec![run(3, 4), run(5, 4)]), wrong);
    let later_than_tail = |s: &mut Start| {
        s.tail = entries(6..=10, 4);
        s.history = vec![run(8, 4)];
    };
    assert_eq!(refusal(later_than_tail), wrong);
}

#[test]
fn impossible_tuning_is_refused() {
    let defaults = Tuning::default();
    let impossible = [
        Tuning {
            heartbeat_ticks: 0,
            ..defaults
        },
        Tuning {
            election_ticks_min: defaults.heartbeat_ticks,
            ..defaults
        },
        Tuning {
            election_ticks_max: defaults.election_ticks_min,
            ..defaults
        },
        Tuning {
            inflight_max: 0,
            ..defaults
        },
        Tuning {
            unpersisted_max: 0,
            ..defaults
        },
        Tuning {
            fetch_max: 0,
            ..defaults
        },
    ];
    for tuning in impossible {
        let refused = Engine::new(start(), tuning).err();
        assert!(matches!(refused, Some(StartError::Tuning(_))), "{tuning:?}");
    }
}
