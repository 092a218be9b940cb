//! A lapsed verdict costs the vote, then the place; never the quorum and never diversity.

use synod_attestation::Tee;
use synod_governance::{
    Act, Input, Lapse, LapseStep, Manifest, ManifestError, ManifestFile, MembershipChange, Outcome,
    REMOVAL_GRACE_S_DEFAULT, REMOVAL_GRACE_S_MAX, Refusal, ReplicaRecord, ReplicaStatus,
};

use crate::network::{GRACE_S, Network, Node, manifest_file};

const GRACE_MS: u64 = GRACE_S * 1000;

fn node(id: u64) -> Node {
    let tee = [Tee::SevSnp, Tee::Tdx, Tee::Nitro][(id - 1) as usize % 3];
    Node::new(100 + id as u8, tee)
}

fn record(network: &Network, id: u64) -> ReplicaRecord {
    network.view(|view| view.replica(id).expect("sound").expect("recorded"))
}

fn lapse(id: u64) -> Input {
    Input::Lapse(Lapse { id })
}

/// So many voters, of three vendors in turn.
fn network_of(voters: u64) -> Network {
    let mut network = Network::founded();
    (2..=voters).for_each(|id| {
        network.add_voter(&node(id));
    });
    network
}

/// The time at which all verdicts but those of `renewed` have lapsed.
fn let_lapse(network: &mut Network, renewed: &[u64]) {
    network.time_ms += 2 * GRACE_MS;
    network.end_block();
    let ids: Vec<u64> = network.view(|view| {
        let replicas = view.replicas().expect("sound");
        replicas.iter().map(|replica| replica.id).collect()
    });
    for id in renewed {
        network.reattest(*id, &node(*id)).expect("sound");
    }
    let others = ids.iter().filter(|id| !renewed.contains(id));
    let expired = others.map(|id| record(network, *id).expires_ms).max();
    network.time_ms = expired.expect("somebody lapses");
    network.end_block();
}

#[test]
fn voter_whose_verdict_lapsed_is_demoted_and_then_removed() {
    let mut network = network_of(3);
    let_lapse(&mut network, &[1, 2]);
    let time_ms = network.time_ms;
    let demoted = network.execute(&lapse(3)).expect("two vendors remain");
    let expected = Outcome {
        change: Some(MembershipChange::Demote(3)),
        configuration: Some(3),
        replica: Some(3),
    };
    assert_eq!(demoted, expected);
    assert!(
        network
            .configuration_text()
            .ends_with("[(1, \"amd\"), (2, \"intel\")] 2")
    );
    let replica = record(&network, 3);
    assert_eq!(
        (replica.status, replica.demoted_ms, replica.cause),
        (ReplicaStatus::Learner, Some(time_ms), None)
    );
    let until_ms = time_ms + GRACE_MS;
    network.time_ms = until_ms - 1;
    assert_eq!(
        network.refused(&lapse(3)),
        Refusal::GraceLasts { id: 3, until_ms }
    );
    network.time_ms = until_ms;
    let removed = network.execute(&lapse(3)).expect("the grace is over");
    assert_eq!(removed.change, Some(MembershipChange::Remove(3)));
    let replica = record(&network, 3);
    assert_eq!(
        (replica.status, replica.cause.as_deref()),
        (ReplicaStatus::Removed, Some("its verdict lapsed"))
    );
    assert_eq!(
        network.refused(&lapse(3)),
        Refusal::AlreadyRemoved { id: 3 }
    );
}

#[test]
fn verdict_that_holds_is_not_said_to_have_lapsed() {
    let mut network = network_of(3);
    let expires_ms = record(&network, 3).expires_ms;
    network.time_ms = expires_ms - 1;
    assert_eq!(
        network.refused(&lapse(3)),
        Refusal::VerdictHolds { id: 3, expires_ms }
    );
    assert_eq!(
        network.refused(&lapse(9)),
        Refusal::ReplicaNotFound { id: 9 }
    );
}

#[test]
fn demoted_replica_that_attests_anew_votes_again() {
    let mut network = network_of(3);
    let_lapse(&mut network, &[1, 2]);
    network.execute(&lapse(3)).expect("two vendors remain");
    let early = network.refused(&Input::Promote(network.promotion(3, &node(3))));
    assert!(matches!(early, Refusal::VerdictExpired { id: 3, .. }));
    network.reattest(3, &node(3)).expect("sound");
    assert!(matches!(
        network.refused(&lapse(3)),
        Refusal::VerdictHolds { .. }
    ));
    network.promote(3, &node(3)).expect("caught up");
    let replica = record(&network, 3);
    assert_eq!(
        (replica.status, replica.demoted_ms),
        (ReplicaStatus::Voter, None)
    );
}

#[test]
fn no_majority_loses_its_votes_by_lapses() {
    let mut network = network_of(3);
    let_lapse(&mut network, &[1]);
    let below = |id, holding, needed| Refusal::BelowQuorum {
        id,
        holding,
        needed,
    };
    for id in [2, 3] {
        assert_eq!(network.refused(&lapse(id)), below(id, 1, 2));
    }
    let mut network = network_of(5);
    let_lapse(&mut network, &[1, 2]);
    assert_eq!(network.refused(&lapse(5)), below(5, 2, 3));
}

#[test]
fn minority_loses_its_votes_one_after_the_other() {
    let mut network = network_of(5);
    let_lapse(&mut network, &[1, 2, 3]);
    network.execute(&lapse(4)).expect("three of five hold");
    network.execute(&lapse(5)).expect("three of four hold");
    let voters = network.view(|view| view.voters()).expect("sound");
    assert_eq!(voters.len(), 3);
}

#[test]
fn two_voters_and_one_keep_their_votes() {
    let mut network = network_of(2);
    let_lapse(&mut network, &[1]);
    let below = |holding, needed| Refusal::BelowQuorum {
        id: 2,
        holding,
        needed,
    };
    assert_eq!(network.refused(&lapse(2)), below(1, 2));
    let mut network = Network::founded();
    network.time_ms = record(&network, 1).expires_ms;
    assert!(matches!(
        network.refused(&lapse(1)),
        Refusal::BelowQuorum {
            holding: 0,
            needed: 1,
            ..
        }
    ));
}

#[test]
fn last_voter_of_a_required_vendor_keeps_its_vote() {
    let mut network = Network::founded();
    let second = Node::new(104, Tee::SevSnp);
    network.add_voter(&second);
    network.add_voter(&Node::new(102, Tee::Tdx));
    network.time_ms += 1_000_000;
    network.end_block();
    network.reattest(1, &node(1)).expect("sound");
    network.reattest(2, &second).expect("sound");
    network.time_ms = record(&network, 3).expires_ms;
    let refusal = network.refused(&lapse(3));
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
    network.execute(&lapse(3)).expect("the rule is lowered");
}

#[test]
fn lapsed_voter_does_not_vouch_for_diversity() {
    // Voters 1 and 4 are amd's, 2 intel's, 3 aws's; with 3 lapsed as well, 2 alone stands for
    // another vendor.
    let mut network = network_of(4);
    let_lapse(&mut network, &[1, 4, 3]);
    network.execute(&lapse(2)).expect("amd and aws remain");
    let mut network = network_of(5);
    let_lapse(&mut network, &[1, 4, 3]);
    network.execute(&lapse(2)).expect("amd and aws remain");
    let refusal = network.refused(&lapse(3));
    assert!(matches!(refusal, Refusal::VerdictHolds { .. }));
}

#[test]
fn replica_that_never_voted_is_removed_after_the_grace() {
    let mut network = Network::founded();
    let waiting = network.join(&node(2)).expect("joins");
    let learner = network.add_learner(&node(3));
    let expires_ms = record(&network, learner).expires_ms;
    network.time_ms = expires_ms + GRACE_MS;
    let removed = network.execute(&lapse(waiting)).expect("no vote is lost");
    assert_eq!(removed.change, None);
    let removed = network.execute(&lapse(learner)).expect("no vote is lost");
    assert_eq!(removed.change, Some(MembershipChange::Remove(learner)));
}

#[test]
fn nothing_lapses_while_a_configuration_is_under_way() {
    let mut network = network_of(5);
    let_lapse(&mut network, &[1, 2, 3]);
    network.settles = false;
    network.execute(&lapse(4)).expect("a quorum remains");
    assert!(network.refused(&lapse(5)).is_transient());
}

#[test]
fn what_follows_and_what_stands_in_the_way_can_be_looked_up() {
    let mut network = network_of(3);
    let now_ms = network.time_ms;
    assert_eq!(network.view(|view| view.lapsed(now_ms)), Ok(Vec::new()));
    let_lapse(&mut network, &[1, 2]);
    let look = |network: &Network| {
        let found = network.view(|view| view.lapsed(network.time_ms));
        found.expect("sound")
    };
    let found = look(&network);
    assert_eq!((found[0].id, &found[0].step), (3, &Ok(LapseStep::Demote)));
    network.execute(&lapse(3)).expect("two vendors remain");
    assert!(matches!(
        look(&network)[0].step,
        Err(Refusal::GraceLasts { id: 3, .. })
    ));
    network.time_ms += GRACE_MS;
    assert_eq!(look(&network)[0].step, Ok(LapseStep::Remove));
    network.time_ms += 30 * 24 * GRACE_MS;
    let hindered = look(&network).iter().filter(|l| l.step.is_err()).count();
    assert_eq!(hindered, 2, "both voters have lapsed by then");
}

#[test]
fn grace_of_the_manifest_has_a_default_and_a_bound() {
    let text = Manifest::try_from(manifest_file())
        .expect("valid")
        .to_toml();
    let line = format!("removal_grace_s = {GRACE_S}\n");
    assert!(text.contains(&line));
    let without = Manifest::from_toml(text.replace(&line, "").as_bytes()).expect("valid");
    assert_eq!(without.file().removal_grace_s, REMOVAL_GRACE_S_DEFAULT);
    let too_long = ManifestFile {
        removal_grace_s: REMOVAL_GRACE_S_MAX + 1,
        ..manifest_file()
    };
    assert_eq!(
        Manifest::try_from(too_long),
        Err(ManifestError::RemovalGrace(REMOVAL_GRACE_S_MAX + 1))
    );
}
