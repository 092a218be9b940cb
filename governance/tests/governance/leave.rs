//! A replica leaves of its own will, and only so; never the last voter, never diversity.

use synod_attestation::Tee;
use synod_crypto::Digest;
use synod_governance::{
    Act, BlockRef, FRESH_MS, Input, Leave, Manifest, ManifestFile, MembershipChange, Outcome,
    Refusal, RemovalReason, ReplacementRefusal, ReplicaRecord, ReplicaStatus,
};

use crate::network::{Network, Node, manifest_file};

fn node(id: u64) -> Node {
    let tee = [Tee::SevSnp, Tee::Tdx, Tee::Nitro][(id - 1) as usize % 3];
    Node::new(100 + id as u8, tee)
}

fn record(network: &Network, id: u64) -> ReplicaRecord {
    network.view(|view| view.replica(id).expect("sound").expect("recorded"))
}

fn leave_of(network: &Network, id: u64) -> Leave {
    Leave::sign(&network.id, id, network.newest(), &node(id).identity)
}

fn leave(network: &Network, id: u64) -> Input {
    Input::Leave(leave_of(network, id))
}

/// So many voters, of which one vendor is enough.
fn network_of_any_vendor(voters: u64) -> Network {
    let file = ManifestFile {
        required_vendors: 1,
        ..manifest_file()
    };
    let mut network = Network::founded_on(&Manifest::try_from(file).expect("valid"));
    (2..=voters).for_each(|id| {
        network.add_voter(&node(id));
    });
    network
}

#[test]
fn voter_that_leaves_is_removed_with_its_vote() {
    let mut network = Network::of_three();
    let (time_ms, seqno) = (network.time_ms, network.store.head() + 1);
    let input = leave(&network, 3);
    let expected = Outcome {
        change: Some(MembershipChange::Remove(3)),
        configuration: Some(3),
        replica: Some(3),
    };
    assert_eq!(network.execute(&input), Ok(expected));
    let record = record(&network, 3);
    assert_eq!(record.status, ReplicaStatus::Removed);
    assert_eq!(record.cause.as_deref(), Some("it left"));
    let removal = record.removal.expect("it is said how");
    assert_eq!(
        (
            removal.reason,
            removal.voted,
            removal.time_ms,
            removal.seqno
        ),
        (RemovalReason::Left, true, time_ms, seqno)
    );
    let voters = network.view(|view| view.voters()).expect("sound");
    assert_eq!(voters.len(), 2);
    assert_eq!(
        network.refused(&leave(&network, 3)),
        Refusal::AlreadyRemoved { id: 3 }
    );
}

#[test]
fn replicas_without_a_vote_leave_as_well() {
    let mut network = Network::of_three();
    let learner = network.add_learner(&node(4));
    let trusted = network.join(&node(5)).expect("joins");
    let change = Some(MembershipChange::Remove(learner));
    let left = network.execute(&leave(&network, learner)).expect("leaves");
    assert_eq!((left.change, left.configuration), (change, None));
    let left = network.execute(&leave(&network, trusted)).expect("leaves");
    assert_eq!((left.change, left.configuration), (None, None));
    let removal = record(&network, trusted).removal.expect("it left");
    assert!(!removal.voted);
}

#[test]
fn last_voter_stays() {
    let network = Network::founded();
    assert_eq!(network.refused(&leave(&network, 1)), Refusal::NoVoterLeft);
}

#[test]
fn voter_stays_whose_leave_would_end_diversity() {
    let mut network = Network::of_three();
    network.execute(&leave(&network, 3)).expect("two vendors");
    let (required, found) = (2, 1);
    assert_eq!(
        network.refused(&leave(&network, 2)),
        Refusal::TooFewVendors { required, found }
    );
}

#[test]
fn voters_that_leave_one_after_the_other_never_leave_a_single_one() {
    let mut network = network_of_any_vendor(3);
    network.execute(&leave(&network, 3)).expect("two remain");
    assert_eq!(
        network.refused(&leave(&network, 2)),
        Refusal::Replacement(ReplacementRefusal::OneVoterLeft { id: 2, before: 3 })
    );
    let fresh = network.add_voter(&node(4));
    network
        .execute(&leave(&network, fresh))
        .expect("the one before was replaced");
    assert_eq!(
        network.refused(&leave(&network, 2)),
        Refusal::Replacement(ReplacementRefusal::OneVoterLeft {
            id: 2,
            before: fresh
        })
    );
    let cause = "members may do it".to_owned();
    network
        .act(Act::RemoveReplica { id: 2, cause })
        .expect("the members may");
}

#[test]
fn one_of_two_leaves_and_is_replaced_again_and_again() {
    let mut network = network_of_any_vendor(2);
    for old in 2..5 {
        network.execute(&leave(&network, old)).expect("one remains");
        assert_eq!(network.add_voter(&node(old + 1)), old + 1);
    }
}

#[test]
fn leave_of_another_replica_is_forged() {
    let network = Network::of_three();
    let forged = Leave::sign(&network.id, 3, network.newest(), &node(2).identity);
    assert_eq!(
        network.refused(&Input::Leave(forged)),
        Refusal::ReplicaSignature
    );
    let renamed = Leave {
        id: 3,
        ..leave_of(&network, 2)
    };
    assert_eq!(
        network.refused(&Input::Leave(renamed)),
        Refusal::ReplicaSignature
    );
}

#[test]
fn leave_of_another_network_is_refused() {
    let network = Network::of_three();
    let elsewhere = Digest::from([7; 32]);
    let leave = Leave::sign(&elsewhere, 3, network.newest(), &node(3).identity);
    assert_eq!(
        network.refused(&Input::Leave(leave)),
        Refusal::ReplicaSignature
    );
}

#[test]
fn leave_over_another_block_than_it_was_signed_for_is_refused() {
    let mut network = Network::of_three();
    let signed = leave_of(&network, 3);
    network.end_block();
    let block = network.newest();
    assert_eq!(
        network.refused(&Input::Leave(Leave { block, ..signed })),
        Refusal::ReplicaSignature
    );
}

#[test]
fn old_leave_has_no_effect() {
    let mut network = Network::of_three();
    let kept_back = leave(&network, 3);
    let index = network.newest().index;
    network.time_ms += FRESH_MS + 1;
    (0..20).for_each(|_| network.end_block());
    assert_eq!(network.refused(&kept_back), Refusal::BlockTooOld { index });
}

#[test]
fn leave_names_a_block_of_this_chain() {
    let network = Network::of_three();
    let index = network.newest().index;
    let at = |index, hash| {
        let block = BlockRef { index, hash };
        let leave = Leave::sign(&network.id, 3, block, &node(3).identity);
        network.refused(&Input::Leave(leave))
    };
    let differs = at(index, Digest::ZERO);
    assert_eq!(differs, Refusal::BlockDiffers { index });
    let index = index + 1;
    let unknown = at(index, network.newest().hash);
    assert_eq!(unknown, Refusal::BlockUnknown { index });
}

#[test]
fn leave_waits_while_another_change_is_under_way() {
    let mut network = Network::of_three();
    network.settles = false;
    network.add_voter(&node(4));
    assert!(network.refused(&leave(&network, 3)).is_transient());
}

#[test]
fn members_and_lapses_say_who_removed_a_replica() {
    let mut network = Network::of_three();
    let cause = "it left".to_owned();
    network
        .act(Act::RemoveReplica { id: 3, cause })
        .expect("removed");
    let removal = record(&network, 3).removal.expect("it is said how");
    assert_eq!(removal.reason, RemovalReason::Members);
}
