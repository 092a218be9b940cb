//! The chain takes a block only if every field is what the blocks before ask for.

use bytes::Bytes;
use synod_crypto::{Digest, sha256};
use synod_ledger::{
    Block, Configuration, Frame, Header, Malformed, RetractsCertified, Sequence, SequenceError,
    SuccessorError, Voter, public_writes::CONFIGURATIONS_MAP,
};

use crate::network::{
    Network, altered, block_of, configuration_write, no_writes, voter, write_set,
};

/// What a follower says of a leader's block after `change`; and that it takes the
/// true block afterwards, so that the refusal left no trace.
fn refusal(change: impl FnOnce(&mut Header)) -> SequenceError {
    let mut network = Network::usual();
    network.transact(2);
    network.elect(2);
    let mut follower = network.sequence.clone();
    let block = network.transact(2);
    let refused = follower
        .append(&altered(&block, change))
        .expect_err("must be refused");
    follower.append(&block).expect("the true block follows");
    assert_eq!(follower.last(), network.sequence.last());
    refused
}

#[test]
fn followers_reach_the_leaders_state() {
    let mut network = Network::usual();
    let mut follower = network.sequence.clone();
    for count in [3, 0, 1, 40] {
        let block = network.transact(count);
        let appended = follower.append(&block).expect("follows");
        assert_eq!(appended.leaves, block.leaves());
    }
    assert_eq!(follower.last(), network.sequence.last());
    assert_eq!(follower.tree().root(), follower.last().root);
    assert_eq!(follower.next_seqno(), 46);
}

#[test]
fn a_block_reads_back_from_its_bytes() {
    let mut network = Network::usual();
    let block = network.transact(3);
    assert_eq!(Block::decode(block.bytes().clone()), Ok(block));
}

#[test]
fn a_block_of_another_network_is_refused() {
    assert_eq!(
        refusal(|h| h.network = Digest::default()),
        SequenceError::Network
    );
}

#[test]
fn a_block_that_follows_another_is_refused() {
    assert_eq!(
        refusal(|h| h.previous = Digest::default()),
        SequenceError::Previous
    );
}

#[test]
fn a_block_of_a_lower_view_is_refused() {
    assert_eq!(
        refusal(|h| h.view = 0),
        SequenceError::View {
            previous: 1,
            found: 0
        }
    );
}

#[test]
fn a_block_of_another_view_than_its_opening_entry_is_refused() {
    assert_eq!(refusal(|h| h.view = 3), SequenceError::Empties);
}

#[test]
fn a_new_view_that_hides_its_empty_entry_is_refused() {
    assert_eq!(refusal(|h| h.empties.clear()), SequenceError::Empties);
}

#[test]
fn an_empty_entry_out_of_place_is_refused() {
    assert_eq!(refusal(|h| h.empties[0].0 += 1), SequenceError::Empties);
}

#[test]
fn an_empty_entry_of_a_later_view_is_refused() {
    assert_eq!(refusal(|h| h.empties[0].1 += 1), SequenceError::Empties);
}

#[test]
fn an_index_that_leaves_a_gap_is_refused() {
    assert_eq!(refusal(|h| h.index += 1), SequenceError::Empties);
    assert_eq!(refusal(|h| h.index = 0), SequenceError::Empties);
}

#[test]
fn a_proposer_without_a_vote_is_refused() {
    assert_eq!(
        refusal(|h| h.proposer = 9),
        SequenceError::Proposer { proposer: 9 }
    );
}

#[test]
fn a_first_seqno_that_leaves_a_gap_is_refused() {
    let gap = |h: &mut Header| {
        h.first_seqno += 1;
        h.tree_size += 1;
    };
    assert_eq!(
        refusal(gap),
        SequenceError::FirstSeqno {
            expected: 4,
            found: 5
        }
    );
}

#[test]
fn another_root_is_refused() {
    assert_eq!(refusal(|h| h.root = Digest::default()), SequenceError::Root);
}

#[test]
fn another_configuration_is_refused() {
    assert_eq!(
        refusal(|h| h.configuration = Digest::default()),
        SequenceError::Configuration
    );
}

#[test]
fn a_time_that_no_reading_gives_is_refused() {
    let error = refusal(|h| h.time_ms += 1);
    assert!(matches!(error, SequenceError::Time { .. }), "{error}");
    let error = refusal(|h| h.time_ms -= 1);
    assert!(matches!(error, SequenceError::Time { .. }), "{error}");
}

#[test]
fn a_changed_frame_is_refused_by_the_root() {
    let mut network = Network::usual();
    let mut follower = network.sequence.clone();
    let block = network.transact(2);
    for part in 0..3 {
        let mut frames = block.frames().to_vec();
        match part {
            0 => frames[1].public = write_set("public:x", b"k", None),
            1 => frames[1].sealed = Bytes::from_static(b"other"),
            _ => frames[1].reply = Digest::default(),
        }
        let forged = block_of(block.header(), &frames).expect("well-formed");
        assert_eq!(follower.append(&forged).err(), Some(SequenceError::Root));
    }
}

#[test]
fn malformed_public_writes_are_refused() {
    let mut network = Network::usual();
    let broken = network.try_propose(vec![no_writes(), Bytes::from_static(b"\x00")], &[]);
    assert_eq!(broken.err(), Some(SequenceError::PublicWrites { seqno: 3 }));
}

#[test]
fn counts_that_disagree_are_no_block() {
    let mut network = Network::usual();
    let block = network.transact(2);
    let cases: [fn(&mut Header); 5] = [
        |h| h.count = 1,
        |h| h.tree_size += 1,
        |h| h.first_seqno = 0,
        |h| h.first_seqno = u64::MAX,
        |h| h.format = 2,
    ];
    for change in cases {
        let mut header = block.header().clone();
        change(&mut header);
        assert_eq!(block_of(&header, block.frames()), Err(Malformed::Shape));
    }
}

#[test]
fn an_uncertified_tail_can_be_retracted_and_another_one_follow() {
    let mut network = Network::usual();
    network.transact(2);
    network.certify(&[1, 2]);
    let kept = *network.sequence.last();
    network.transact(5);
    network.transact(1);
    network.sequence.retract(kept.index).expect("uncertified");
    assert_eq!(*network.sequence.last(), kept);
    assert_eq!(network.sequence.tree().root(), kept.root);
    network.elect(2);
    let block = network.transact(1);
    assert_eq!(block.header().previous, kept.hash);
}

#[test]
fn a_certified_block_cannot_be_retracted() {
    let mut network = Network::usual();
    network.transact(2);
    network.certify(&[1, 2]);
    assert_eq!(
        network.sequence.retract(1),
        Err(RetractsCertified { certified: 2 })
    );
}

#[test]
fn blocks_are_found_at_and_below_an_index() {
    let mut network = Network::usual();
    let first = network.transact(1).head();
    network.certify(&[1, 2]);
    network.elect(2);
    let second = network.transact(1).head();
    assert_eq!((first.index, second.index), (2, 4));
    let sequence = &network.sequence;
    assert_eq!(sequence.head_at(3), None);
    assert_eq!(sequence.head_at_or_below(3), Some(&first));
    assert_eq!(sequence.head_at_or_below(9), Some(&second));
    assert_eq!(
        sequence.head_at_or_below(1),
        Some(&network.blocks[0].head())
    );
    assert_eq!(sequence.head_at_or_below(0), None);
}

// The frames of a block that the chain has.

#[test]
fn frames_are_the_chains_if_and_only_if_no_part_of_one_was_changed() {
    let mut network = Network::usual();
    network.transact(2);
    let block = network.transact(3);
    network.transact(1);
    let next = network.with_voter(4, "amd");
    let with_frame = |at: usize, change: &dyn Fn(&mut Frame)| {
        let mut frames = block.frames().to_vec();
        change(&mut frames[at]);
        let other = block_of(block.header(), &frames).expect("well-formed");
        network.sequence.has_frames_of(&other)
    };
    assert!(network.sequence.has_frames_of(&block));
    for at in 0..3 {
        assert!(with_frame(at, &|_| ()));
        assert!(!with_frame(at, &|f| f.sealed = Bytes::from_static(b"x")));
        assert!(!with_frame(at, &|f| f.public = configuration_write(&next)));
        assert!(!with_frame(at, &|f| f.reply = Digest::default()));
    }
}

#[test]
fn frames_at_another_place_are_not_the_chains() {
    let mut network = Network::usual();
    let block = network.transact(3);
    let first = block.header().first_seqno;
    let stands_at = |first_seqno| {
        let moved = altered(&block, |h| {
            h.first_seqno = first_seqno;
            h.tree_size = first_seqno + 2;
        });
        network.sequence.has_frames_of(&moved)
    };
    assert!(stands_at(first));
    for wrong in [1, first - 1, first + 1, first + 3, u64::MAX / 2] {
        assert!(!stands_at(wrong), "{wrong}");
    }
}

// Block 0.

fn genesis_refusal(change: impl FnOnce(&mut Header)) -> SequenceError {
    let block = altered(&Network::usual().blocks[0], change);
    Sequence::from_block0(block.hash(), &block).expect_err("must be refused")
}

fn genesis_field(change: impl FnOnce(&mut Header)) -> &'static str {
    match genesis_refusal(change) {
        SequenceError::Genesis { field } => field,
        other => panic!("{other}"),
    }
}

#[test]
fn block_0_must_have_the_pinned_hash() {
    let network = Network::usual();
    let pin = sha256(&[b"another"]);
    let error = Sequence::from_block0(pin, &network.blocks[0]).err();
    assert_eq!(
        error,
        Some(SequenceError::Pin {
            expected: pin,
            found: network.network()
        })
    );
}

#[test]
fn block_0_has_no_other_fields_than_a_first_block() {
    assert_eq!(genesis_field(|h| h.network = sha256(&[b"x"])), "network");
    assert_eq!(genesis_field(|h| h.view = 2), "view");
    assert_eq!(genesis_field(|h| h.index = 2), "index");
    assert_eq!(
        genesis_field(|h| h.previous = sha256(&[b"x"])),
        "previous hash"
    );
    assert_eq!(
        genesis_field(|h| h.empties.push((1, 1))),
        "list of empty entries"
    );
    assert_eq!(
        genesis_field(|h| h.configuration = Digest::default()),
        "configuration"
    );
    assert_eq!(genesis_field(|h| h.proposer = 9), "proposer");
    assert_eq!(
        genesis_refusal(|h| h.root = Digest::default()),
        SequenceError::Root
    );
    let later = |h: &mut Header| {
        h.first_seqno += 1;
        h.tree_size += 1;
    };
    assert_eq!(genesis_field(later), "first seqno");
    let network = Network::usual();
    let reading = network.reading(1, 5);
    assert_eq!(genesis_field(|h| h.readings.push(reading)), "reading");
}

#[test]
fn block_0_seals_nothing_and_writes_configuration_0() {
    let network = Network::usual();
    let block = &network.blocks[0];
    let with_frame = |change: &dyn Fn(&mut synod_ledger::Frame)| {
        let mut frames = block.frames().to_vec();
        change(&mut frames[0]);
        let forged = block_of(block.header(), &frames).expect("well-formed");
        Sequence::from_block0(forged.hash(), &forged).err()
    };
    assert_eq!(
        with_frame(&|f| f.sealed = Bytes::from_static(b"x")),
        Some(SequenceError::Genesis {
            field: "sealed part"
        })
    );
    assert_eq!(
        with_frame(&|f| f.public = no_writes()),
        Some(SequenceError::Genesis {
            field: "configuration write"
        })
    );
    let next = network.with_voter(4, "amd");
    assert_eq!(
        with_frame(&|f| f.public = configuration_write(&next)),
        Some(SequenceError::Genesis {
            field: "configuration number"
        })
    );
}

// Changes of configuration.

fn change_refusal(next: &Configuration) -> SequenceError {
    let mut network = Network::usual();
    let written = configuration_write(next);
    network
        .try_propose(vec![written], &[])
        .expect_err("must be refused")
}

#[test]
fn a_change_is_named_only_once_it_is_certified() {
    let mut network = Network::usual();
    let next = network.with_voter(4, "amd");
    let change = network.propose(vec![configuration_write(&next)]);
    assert_ne!(
        change.header().configuration,
        next.digest(),
        "built under the old one"
    );
    assert_eq!(network.sequence.pending().map(|(_, at)| at), Some(2));
    let blocked = network.try_propose(vec![no_writes()], &[]);
    assert_eq!(blocked.err(), Some(SequenceError::ChangePending));

    let mut uninformed = network.sequence.clone();
    network.certify(&[1, 2]);
    assert!(network.sequence.pending_is_certified());
    let block = network.transact(1);
    assert_eq!(block.header().configuration, next.digest());
    assert_eq!(network.sequence.pending(), None);
    assert_eq!(
        uninformed.append(&block).err(),
        Some(SequenceError::ChangeNotCertified { number: 1 })
    );
}

#[test]
fn a_new_leader_may_open_under_the_old_configuration_while_a_change_is_pending() {
    let mut network = Network::usual();
    let next = network.with_voter(4, "amd");
    network.propose(vec![configuration_write(&next)]);
    let mut informed = network.sequence.clone();
    let certificate = network.certificate(network.sequence.last(), &[1, 2]);
    informed.certify(&certificate).expect("valid");

    network.elect(2);
    let opening = network.transact(0);
    assert_eq!(
        opening.header().configuration,
        network.sequence.configuration().digest()
    );
    informed
        .append(&opening)
        .expect("whoever has the certificate takes it too");
    let second = network.try_propose(vec![no_writes()], &[]);
    assert_eq!(second.err(), Some(SequenceError::ChangePending));

    network.certify(&[2, 3]);
    let block = network.transact(1);
    assert_eq!(block.header().configuration, next.digest());
}

#[test]
fn the_old_configuration_is_not_named_once_the_new_one_was() {
    let mut network = Network::usual();
    let old = network.sequence.configuration().digest();
    let next = network.with_voter(4, "amd");
    network.propose(vec![configuration_write(&next)]);
    network.certify(&[1, 2]);
    network.transact(1);
    network.elect(2);
    let mut follower = network.sequence.clone();
    let block = network.transact(0);
    let forged = altered(&block, |h| h.configuration = old);
    assert_eq!(
        follower.append(&forged).err(),
        Some(SequenceError::Configuration)
    );
}

#[test]
fn a_voter_of_the_pending_configuration_may_open_a_view() {
    let mut network = Network::usual();
    let next = network.with_voter(4, "amd");
    network.propose(vec![configuration_write(&next)]);
    network.elect(4);
    network.transact(0);
}

#[test]
fn a_change_vanishes_with_its_retracted_block() {
    let mut network = Network::usual();
    let next = network.with_voter(4, "amd");
    network.propose(vec![configuration_write(&next)]);
    network.sequence.retract(1).expect("uncertified");
    assert_eq!(network.sequence.pending(), None);
    assert_eq!(network.sequence.configurations().len(), 1);
    network.transact(1);
}

#[test]
fn one_change_at_a_time() {
    let mut network = Network::usual();
    let next = network.with_voter(4, "amd");
    let write = configuration_write(&next);
    let twice = network.try_propose(vec![write.clone(), write.clone()], &[]);
    assert_eq!(twice.err(), Some(SequenceError::SecondChange));
    network.propose(vec![write]);
    network.elect(2);
    let after = network.with_voter(5, "amd");
    let pending = network.try_propose(vec![configuration_write(&after)], &[]);
    assert_eq!(pending.err(), Some(SequenceError::SecondChange));
}

#[test]
fn a_configuration_that_skips_a_number_is_refused() {
    let network = Network::usual();
    let current = network.sequence.configuration();
    let next = Configuration::new(2, current.digest(), current.voters().to_vec(), 1);
    assert_eq!(
        change_refusal(&next.expect("valid")),
        SuccessorError::Number {
            previous: 0,
            found: 2
        }
        .into()
    );
}

#[test]
fn a_configuration_with_another_predecessor_is_refused() {
    let network = Network::usual();
    let current = network.sequence.configuration();
    let next = Configuration::new(1, Digest::default(), current.voters().to_vec(), 1);
    assert_eq!(
        change_refusal(&next.expect("valid")),
        SuccessorError::Predecessor.into()
    );
}

#[test]
fn a_configuration_that_changes_two_voters_is_refused() {
    let network = Network::usual();
    let voters = vec![voter(1, "amd"), voter(2, "intel"), voter(4, "aws")];
    assert_eq!(
        change_refusal(&network.next_configuration(voters, 2)),
        SuccessorError::NotOneChange { changed: 2 }.into()
    );
    let same = network.sequence.configuration().voters().to_vec();
    assert_eq!(
        change_refusal(&network.next_configuration(same, 2)),
        SuccessorError::NotOneChange { changed: 0 }.into()
    );
}

/// Voter 3 of vendor aws lost its vote.
fn without_the_third() -> Network {
    let mut network = Network::usual();
    let fewer = vec![voter(1, "amd"), voter(2, "intel")];
    network.propose(vec![configuration_write(
        &network.next_configuration(fewer, 2),
    )]);
    network.certify(&[1, 2]);
    network.transact(0);
    network
}

#[test]
fn the_very_same_replica_may_vote_again() {
    let mut network = without_the_third();
    let back = network.with_voter(3, "aws");
    network
        .try_propose(vec![configuration_write(&back)], &[])
        .expect("the same id, key and vendor");
}

#[test]
fn neither_id_nor_key_of_a_former_voter_is_used_by_another() {
    let mut network = without_the_third();
    let (same, other) = (voter(3, "aws"), voter(4, "aws"));
    let reused = [
        Voter {
            key: other.key,
            ..same.clone()
        },
        Voter {
            id: 4,
            ..same.clone()
        },
        voter(3, "amd"),
    ];
    for reused in reused {
        let id = reused.id;
        let mut voters = network.sequence.configuration().voters().to_vec();
        voters.push(reused);
        let next = network.next_configuration(voters, 2);
        let refused = network.try_propose(vec![configuration_write(&next)], &[]);
        assert_eq!(
            refused.err(),
            Some(SuccessorError::VoterReused { id }.into())
        );
    }
}

#[test]
fn a_configuration_under_a_wrong_key_or_removed_is_refused() {
    let mut network = Network::usual();
    let next = network.with_voter(4, "amd").encode();
    for write in [
        write_set(CONFIGURATIONS_MAP, &2u64.to_be_bytes(), Some(&next)),
        write_set(CONFIGURATIONS_MAP, &0u64.to_be_bytes(), None),
    ] {
        let refused = network.try_propose(vec![write], &[]);
        assert_eq!(refused.err(), Some(SequenceError::ConfigurationKey));
    }
    let garbage = write_set(CONFIGURATIONS_MAP, &1u64.to_be_bytes(), Some(b"garbage"));
    let refused = network.try_propose(vec![garbage], &[]);
    assert!(matches!(
        refused.err(),
        Some(SequenceError::WrittenConfiguration(_))
    ));
}
