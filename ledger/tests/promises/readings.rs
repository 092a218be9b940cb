//! The ledger's clock follows a majority of signed readings and never goes back.

use synod_ledger::{ClockReading, SequenceError, WINDOW};

use crate::network::{Network, START_MS, altered, key, no_writes};

const LATER: u64 = START_MS + 500;

/// A network with a block that has readings of all three voters, and a follower
/// that has not seen it.
fn with_readings() -> (Network, synod_ledger::Sequence, synod_ledger::Block) {
    let mut network = Network::usual();
    network.transact(1);
    let follower = network.sequence.clone();
    let readings = [
        network.vetted(1, LATER),
        network.vetted(2, LATER + 7),
        network.vetted(3, LATER + 9),
    ];
    let (block, _) = network
        .try_propose(vec![no_writes()], &readings)
        .expect("valid");
    (network, follower, block)
}

fn refusal(change: impl FnOnce(&Network, &mut Vec<ClockReading>)) -> SequenceError {
    let (network, mut follower, block) = with_readings();
    let forged = altered(&block, |h| change(&network, &mut h.readings));
    follower.append(&forged).expect_err("must be refused")
}

#[test]
fn time_is_the_lower_median() {
    let (_, mut follower, block) = with_readings();
    assert_eq!(block.header().time_ms, LATER + 7);
    assert_eq!(
        follower.append(&block).expect("follows").head.time_ms,
        LATER + 7
    );
}

#[test]
fn a_silent_voter_counts_as_the_time_before() {
    let mut network = Network::usual();
    let one = [network.vetted(1, LATER)];
    let (block, _) = network.try_propose(vec![], &one).expect("valid");
    assert_eq!(
        block.header().time_ms,
        START_MS,
        "one of three moves nothing"
    );
    let two = [network.vetted(1, LATER), network.vetted(2, LATER + 5)];
    let (block, _) = network.try_propose(vec![], &two).expect("valid");
    assert_eq!(block.header().time_ms, LATER);
}

#[test]
fn one_fast_clock_does_not_move_time() {
    let mut network = Network::usual();
    let readings = [
        network.vetted(1, LATER),
        network.vetted(2, u64::MAX),
        network.vetted(3, LATER),
    ];
    let (block, _) = network.try_propose(vec![], &readings).expect("valid");
    assert_eq!(block.header().time_ms, LATER);
}

#[test]
fn a_clock_set_back_does_not_set_time_back() {
    let (mut network, ..) = with_readings();
    let time = network.sequence.last().time_ms;
    let back: Vec<_> = (1..=3)
        .map(|id| network.vetted(id, START_MS - 100))
        .collect();
    let (block, _) = network.try_propose(vec![], &back).expect("valid");
    assert_eq!(block.header().time_ms, time);
    assert!(
        block.header().readings.is_empty(),
        "they say no more than silence"
    );
}

#[test]
fn a_leader_leaves_out_what_others_would_refuse() {
    let mut network = Network::usual();
    let follower = network.sequence.clone();
    let stranger = network.vetted(9, LATER);
    let readings = [
        network.vetted(2, LATER),
        network.vetted(2, LATER + 3),
        stranger,
    ];
    let (block, _) = network.try_propose(vec![], &readings).expect("valid");
    let times: Vec<_> = block
        .header()
        .readings
        .iter()
        .map(|r| (r.replica, r.time_ms))
        .collect();
    assert_eq!(times, [(2, LATER + 3)]);
    follower.clone().append(&block).expect("follows");
}

#[test]
fn readings_out_of_order_or_twice_are_refused() {
    assert_eq!(
        refusal(|_, r| r.swap(0, 1)),
        SequenceError::ClockReadingOrder
    );
    assert_eq!(
        refusal(|_, r| r[1] = r[0].clone()),
        SequenceError::ClockReadingOrder
    );
}

#[test]
fn a_reading_of_a_stranger_is_refused() {
    let error = refusal(|n, r| {
        r.push(ClockReading {
            replica: 9,
            ..n.reading(1, LATER)
        });
    });
    assert_eq!(error, SequenceError::ClockReadingOfStranger { replica: 9 });
}

#[test]
fn a_reading_that_is_not_later_is_refused() {
    let error = refusal(|_, r| r[0].time_ms = START_MS);
    assert_eq!(error, SequenceError::ClockReadingNotLater { replica: 1 });
}

#[test]
fn a_reading_with_a_changed_time_is_refused() {
    let error = refusal(|_, r| r[0].time_ms += 1);
    assert_eq!(error, SequenceError::ClockReadingSignature { replica: 1 });
}

#[test]
fn a_reading_with_a_flipped_signature_is_refused() {
    let error = refusal(|_, r| {
        let mut bytes = *r[2].signature.as_bytes();
        bytes[0] ^= 1;
        r[2].signature = bytes.into();
    });
    assert_eq!(error, SequenceError::ClockReadingSignature { replica: 3 });
}

#[test]
fn a_reading_for_another_network_is_refused() {
    let error = refusal(|n, r| {
        let newest = r[0].newest;
        r[0] = ClockReading::sign(&key(1), &newest, 1, LATER, newest);
        assert_ne!(newest, n.network());
    });
    assert_eq!(error, SequenceError::ClockReadingSignature { replica: 1 });
}

#[test]
fn a_reading_from_another_branch_is_refused() {
    let error = refusal(|n, r| {
        let elsewhere = n.sequence.last().root;
        r[1] = ClockReading::sign(&key(2), &n.network(), 2, LATER, elsewhere);
    });
    assert_eq!(error, SequenceError::ClockReadingOffChain { replica: 2 });
}

#[test]
fn a_reading_counts_for_as_many_blocks_as_the_window_and_no_longer() {
    let mut network = Network::usual();
    network.transact(0);
    let newest = network.sequence.last().hash;
    for _ in 1..WINDOW {
        network.transact(0);
        network.certify(&[1, 2]);
    }
    assert!(network.sequence.is_recent(&newest));
    network.transact(0);
    assert!(!network.sequence.is_recent(&newest));
}
