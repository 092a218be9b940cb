//! A replica's way to the vote and out, and the rules of diversity.

use synod_attestation::Tee;
use synod_crypto::sha256;
use synod_governance::{
    Act, FRESH_BLOCKS, FRESH_MS, Input, Learner, Manifest, ManifestFile, MembershipChange, Outcome,
    Promote, Refusal, ReplicaStatus, VOTERS_MAX,
};

use crate::network::{Network, Node, block_signature, manifest_file};

fn intel() -> Node {
    Node::new(102, Tee::Tdx)
}

fn remove(id: u64) -> Act {
    Act::RemoveReplica {
        id,
        cause: "test".to_owned(),
    }
}

fn status(network: &Network, id: u64) -> ReplicaStatus {
    network
        .view(|view| view.replica(id))
        .expect("sound")
        .expect("recorded")
        .status
}

#[test]
fn a_replica_learns_then_votes() {
    let mut network = Network::founded();
    let id = network.join(&intel()).expect("joins");
    let learns = network.learn(id).expect("trusted");
    assert_eq!(learns.change, Some(MembershipChange::AddLearner(id)));
    assert_eq!(
        (learns.configuration, status(&network, id)),
        (None, ReplicaStatus::Learner)
    );
    let votes = network.promote(id, &intel()).expect("caught up");
    let expected = Outcome {
        change: Some(MembershipChange::Promote(id)),
        configuration: Some(1),
        replica: Some(id),
    };
    assert_eq!(
        (votes, status(&network, id)),
        (expected, ReplicaStatus::Voter)
    );
}

#[test]
fn each_configuration_names_the_one_before() {
    let mut network = Network::founded();
    let first = network.configuration_text();
    network.add_voter(&intel());
    let predecessor = sha256(&[first.as_bytes()]);
    let expected = format!("1 Some({predecessor:?}) [(1, \"amd\"), (2, \"intel\")] 2");
    assert_eq!(network.configuration_text(), expected);
}

#[test]
fn the_leader_cannot_propose_a_step_that_is_not_due() {
    let mut network = Network::founded();
    let id = network.join(&intel()).expect("joins");
    let not_due = |status, needed| Refusal::NotDue { id, status, needed };
    assert_eq!(
        network.refused(&Input::Promote(network.promotion(id, &intel()))),
        not_due(ReplicaStatus::Trusted, ReplicaStatus::Learner)
    );
    network.learn(id).expect("trusted");
    assert_eq!(
        network.refused(&Input::Learner(Learner { id })),
        not_due(ReplicaStatus::Learner, ReplicaStatus::Trusted)
    );
    network.promote(id, &intel()).expect("caught up");
    assert_eq!(
        network.refused(&Input::Promote(network.promotion(id, &intel()))),
        not_due(ReplicaStatus::Voter, ReplicaStatus::Learner)
    );
    let unknown = network.refused(&Input::Learner(Learner { id: 9 }));
    assert_eq!(unknown, Refusal::ReplicaNotFound { id: 9 });
}

fn promotion_refused(change: impl FnOnce(&mut Network, u64, &mut Promote)) -> Refusal {
    let mut network = Network::founded();
    let id = network.add_learner(&intel());
    let mut promote = network.promotion(id, &intel());
    change(&mut network, id, &mut promote);
    network.refused(&Input::Promote(promote))
}

#[test]
fn a_promotion_needs_the_learners_own_signature() {
    let forged = promotion_refused(|_, _, promote| promote.signature[0] ^= 1);
    assert_eq!(forged, Refusal::BlockSignature { id: 2 });
    let by_another = promotion_refused(|network, id, promote| {
        let other = Node::new(103, Tee::Nitro);
        promote.signature = block_signature(&other.identity, id, network.newest());
    });
    assert_eq!(by_another, Refusal::BlockSignature { id: 2 });
}

#[test]
fn a_promotion_needs_a_recent_certified_block_of_this_chain() {
    let unknown = promotion_refused(|_, _, promote| promote.index += 1);
    assert!(matches!(unknown, Refusal::BlockUnknown { .. }));
    let fork = promotion_refused(|_, _, promote| promote.header_hash = sha256(&[b"a fork"]));
    assert!(matches!(fork, Refusal::BlockDiffers { .. }));
    let stale = promotion_refused(|network, _, _| {
        network.time_ms += FRESH_MS;
        for _ in 0..=FRESH_BLOCKS {
            network.end_block();
        }
    });
    assert!(matches!(stale, Refusal::BlockTooOld { .. }));
}

#[test]
fn a_promotion_needs_a_block_from_after_learning_began() {
    let mut network = Network::founded();
    let id = network.join(&intel()).expect("joins");
    let early = network.promotion(id, &intel());
    network.learn(id).expect("trusted");
    let (index, since) = (early.index, early.index + 1);
    let refusal = network.refused(&Input::Promote(early));
    assert_eq!(refusal, Refusal::SignedBeforeLearning { id, index, since });
}

#[test]
fn a_lapsed_verdict_leads_no_further() {
    let mut network = Network::founded();
    let id = network.join(&intel()).expect("joins");
    let expires_ms = network
        .view(|view| view.replica(id))
        .expect("sound")
        .expect("known")
        .expires_ms;
    network.time_ms = expires_ms;
    let refusal = network.refused(&Input::Learner(Learner { id }));
    assert_eq!(refusal, Refusal::VerdictExpired { id, expires_ms });
    network.time_ms = expires_ms - 1;
    network.learn(id).expect("the verdict holds");
    let refusal = network.refused(&Input::Promote(network.promotion(id, &intel())));
    assert_eq!(refusal, Refusal::VerdictExpired { id, expires_ms });
}

#[test]
fn nothing_changes_while_a_configuration_is_under_way() {
    let mut network = Network::of_three();
    let waiting = network.join(&Node::new(104, Tee::Tdx)).expect("joins");
    network.settles = false;
    network.act(remove(3)).expect("two vendors are left");
    let in_flight = Refusal::ChangeInFlight {
        newest: 3,
        in_force: 2,
    };
    assert!(in_flight.is_transient());
    assert_eq!(
        network.refused(&Input::Learner(Learner { id: waiting })),
        in_flight
    );
    assert_eq!(
        network.refused(&network.signed(remove(2), &[1, 2])),
        in_flight
    );
    network.configuration = 3;
    network
        .learn(waiting)
        .expect("the configuration is in force");
}

#[test]
fn a_block_changes_the_membership_once() {
    let mut network = Network::founded();
    let first = network.join(&intel()).expect("joins");
    let second = network.join(&Node::new(103, Tee::Nitro)).expect("joins");
    network.learn(first).expect("trusted");
    network.index -= 1;
    let refusal = network.refused(&Input::Learner(Learner { id: second }));
    assert_eq!(
        refusal,
        Refusal::SecondChangeInBlock {
            index: network.index
        }
    );
}

#[test]
fn one_vendor_is_enough_until_two_have_stood() {
    let mut network = Network::founded();
    network.add_voter(&Node::new(104, Tee::SevSnp));
    assert!(
        network
            .configuration_text()
            .ends_with("[(1, \"amd\"), (2, \"amd\")] 1")
    );
    network.add_voter(&intel());
    assert!(network.configuration_text().ends_with("(3, \"intel\")] 2"));
    let refusal = network
        .act(remove(3))
        .expect_err("one vendor would be left");
    assert_eq!(
        refusal,
        Refusal::TooFewVendors {
            required: 2,
            found: 1
        }
    );
}

#[test]
fn a_manifest_can_do_without_diversity() {
    let file = ManifestFile {
        required_vendors: 1,
        ..manifest_file()
    };
    let mut network = Network::founded_on(&Manifest::try_from(file).expect("valid"));
    network.add_voter(&intel());
    network.act(remove(2)).expect("one vendor is enough");
    assert!(network.configuration_text().ends_with("[(1, \"amd\")] 1"));
}

#[test]
fn members_lower_the_rule_openly_and_evict_a_vendor() {
    let mut network = Network::founded();
    network.add_voter(&intel());
    let refusal = network
        .act(remove(1))
        .expect_err("one vendor would be left");
    assert_eq!(
        refusal,
        Refusal::TooFewVendors {
            required: 2,
            found: 1
        }
    );
    network
        .act(Act::SetRequiredVendors { n: 1 })
        .expect("members decide");
    network.act(remove(1)).expect("the rule is lowered");
    assert!(network.configuration_text().ends_with("[(2, \"intel\")] 1"));
    let refusal = network
        .act(Act::SetRequiredVendors { n: 2 })
        .expect_err("one vendor stands");
    assert_eq!(
        refusal,
        Refusal::TooFewVendors {
            required: 2,
            found: 1
        }
    );
}

/// Voters 1 (amd) and 2 (intel), both needed.
fn two_vendors() -> Network {
    let mut network = Network::founded();
    network.add_voter(&intel());
    network
}

#[test]
fn another_rule_is_a_configuration_of_its_own_at_once() {
    let mut network = two_vendors();
    let before = network.configuration_text();
    let (outcome, _) = network
        .writes(&network.signed(Act::SetRequiredVendors { n: 1 }, &[1, 2]))
        .expect("members decide");
    assert_eq!((outcome.change, outcome.configuration), (None, Some(2)));
    network
        .act(Act::SetRequiredVendors { n: 1 })
        .expect("members decide");
    let lowered = network.configuration_text();
    assert_ne!(lowered, before);
    assert!(
        lowered.ends_with("[(1, \"amd\"), (2, \"intel\")] 1"),
        "{lowered}"
    );
    network
        .act(Act::SetRequiredVendors { n: 2 })
        .expect("members decide");
    let raised = network.configuration_text();
    assert!(
        raised.ends_with("[(1, \"amd\"), (2, \"intel\")] 2"),
        "{raised}"
    );
}

#[test]
fn a_rule_that_stays_as_it_is_writes_no_configuration() {
    let mut network = two_vendors();
    for n in [2, 2] {
        let act = network.signed(Act::SetRequiredVendors { n }, &[1, 2]);
        let outcome = network.execute(&act).expect("members decide");
        assert_eq!(outcome.configuration, None);
    }
    // Of one vendor nobody is held to two, whatever is demanded.
    let mut alone = Network::founded();
    for n in [1, 2] {
        let act = alone.signed(Act::SetRequiredVendors { n }, &[1, 2]);
        let outcome = alone.execute(&act).expect("members decide");
        assert_eq!(outcome.configuration, None);
    }
}

#[test]
fn another_rule_waits_while_a_change_is_under_way() {
    let mut network = Network::of_three();
    network.settles = false;
    network.act(remove(3)).expect("two vendors are left");
    let refusal = network
        .act(Act::SetRequiredVendors { n: 1 })
        .expect_err("a change is under way");
    assert!(
        matches!(refusal, Refusal::ChangeInFlight { .. }),
        "{refusal}"
    );
}

#[test]
fn the_membership_waits_while_another_rule_is_under_way() {
    let mut network = two_vendors();
    network.settles = false;
    network
        .act(Act::SetRequiredVendors { n: 1 })
        .expect("members decide");
    let refusal = network.act(remove(2)).expect_err("a rule is under way");
    assert!(
        matches!(refusal, Refusal::ChangeInFlight { .. }),
        "{refusal}"
    );
}

#[test]
fn removal_takes_a_voter_out_of_the_configuration_for_ever() {
    let mut network = Network::of_three();
    let outcome = network.act(remove(2)).expect("two vendors are left");
    assert_eq!(outcome.change, Some(MembershipChange::Remove(2)));
    assert!(
        network
            .configuration_text()
            .ends_with("[(1, \"amd\"), (3, \"aws\")] 2")
    );
    let record = network
        .view(|view| view.replica(2))
        .expect("sound")
        .expect("kept");
    assert_eq!(
        (record.status, record.cause.as_deref()),
        (ReplicaStatus::Removed, Some("test"))
    );
    assert_eq!(
        network.act(remove(2)),
        Err(Refusal::AlreadyRemoved { id: 2 })
    );
}

#[test]
fn removal_of_a_learner_changes_the_engine_and_no_configuration() {
    let mut network = Network::founded();
    let id = network.add_learner(&intel());
    let outcome = network.act(remove(id)).expect("no voter");
    assert_eq!(outcome.change, Some(MembershipChange::Remove(id)));
    assert_eq!(outcome.configuration, None);
}

#[test]
fn removal_of_a_replica_that_waits_changes_no_engine() {
    let mut network = Network::founded();
    let id = network.join(&intel()).expect("joins");
    assert_eq!(network.act(remove(id)).expect("no voter").change, None);
    assert_eq!(status(&network, id), ReplicaStatus::Removed);
}

#[test]
fn the_last_voter_stays() {
    let mut network = Network::founded();
    assert_eq!(network.act(remove(1)), Err(Refusal::NoVoterLeft));
}

#[test]
fn removal_needs_a_known_replica_and_a_short_cause() {
    let mut network = Network::founded();
    assert_eq!(
        network.act(remove(7)),
        Err(Refusal::ReplicaNotFound { id: 7 })
    );
    let act = Act::RemoveReplica {
        id: 1,
        cause: "x".repeat(257),
    };
    assert_eq!(network.act(act), Err(Refusal::CauseTooLong(257)));
}

#[test]
fn voters_are_bounded() {
    let mut network = Network::founded();
    for seed in 1..VOTERS_MAX as u8 {
        network.add_voter(&Node::new(110 + seed, Tee::Nitro));
    }
    let one_more = Node::new(109, Tee::Nitro);
    let id = network.add_learner(&one_more);
    let refusal = network
        .promote(id, &one_more)
        .expect_err("as many as can be");
    assert_eq!(refusal, Refusal::TooManyVoters(VOTERS_MAX + 1));
}
