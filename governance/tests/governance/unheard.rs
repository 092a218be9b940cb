//! A voter of which nothing is heard loses its vote on the word of a diverse quorum of the others,
//! and a replica that joined in its place takes it; nobody loses it on less.

use synod_attestation::Tee;
use synod_crypto::Digest;
use synod_governance::{
    Act, BlockRef, Input, Manifest, ManifestError, ManifestFile, MembershipChange,
    REPLACED_UNHEARD_MS, Refusal, RemovalReason, Replaced, ReplacementRefusal, ReplicaRecord,
    ReplicaStatus, UNHEARD_FRESH_MS, UNHEARD_S_DEFAULT, UNHEARD_S_MAX, UNHEARD_S_MIN, Unheard,
    UnheardStatement,
};

use crate::network::{Network, Node, UNHEARD_S, manifest_file};

const UNHEARD_MS: u64 = UNHEARD_S * 1000;

fn node(id: u64) -> Node {
    let tee = [Tee::SevSnp, Tee::Tdx, Tee::Nitro][(id - 1) as usize % 3];
    Node::new(100 + id as u8, tee)
}

fn record(network: &Network, id: u64) -> ReplicaRecord {
    network.view(|view| view.replica(id).expect("sound").expect("recorded"))
}

fn statement_at(
    network: &Network,
    block: BlockRef,
    about: u64,
    by: u64,
    ms: u64,
) -> UnheardStatement {
    UnheardStatement::sign(&network.id, about, by, block, ms, &node(by).identity)
}

fn statement(network: &Network, about: u64, by: u64, ms: u64) -> UnheardStatement {
    statement_at(network, network.newest(), about, by, ms)
}

/// These say that they have not heard of `id` for long enough to take its vote.
fn unheard(network: &Network, id: u64, by: &[u64]) -> Unheard {
    let statements = by.iter().map(|by| statement(network, id, *by, UNHEARD_MS));
    Unheard {
        id,
        statements: statements.collect(),
        by: None,
    }
}

fn input(unheard: Unheard) -> Input {
    Input::Unheard(Box::new(unheard))
}

fn refusal(network: &Network, unheard: Unheard) -> Refusal {
    network.refused(&input(unheard))
}

fn network_of(voters: u64) -> Network {
    let mut network = Network::founded();
    (2..=voters).for_each(|id| {
        network.add_voter(&node(id));
    });
    network
}

/// Replica 4 joins on the machine of replica 3, with new keys, in its place.
fn with_successor(network: &mut Network) -> u64 {
    let fresh = Node {
        machine: node(3).machine,
        tee: node(3).tee,
        ..node(4)
    };
    let join = network.join_input(&fresh);
    let join = synod_governance::Join::sign(
        join.attested,
        join.block,
        join.address,
        Some(3),
        &fresh.identity,
    );
    let outcome = network.execute(&Input::Join(Box::new(join)));
    outcome.expect("it joins").replica.expect("an id")
}

#[test]
fn voter_that_nobody_hears_becomes_a_learner_and_may_vote_again() {
    let mut network = network_of(3);
    let time_ms = network.time_ms;
    let outcome = network.execute(&input(unheard(&network, 3, &[1, 2])));
    let outcome = outcome.expect("the others say so");
    assert_eq!(outcome.change, Some(MembershipChange::Demote(3)));
    let demoted = record(&network, 3);
    assert_eq!(demoted.status, ReplicaStatus::Learner);
    assert_eq!(
        (demoted.unheard_ms, demoted.demoted_ms),
        (Some(time_ms), None)
    );
    network.promote(3, &node(3)).expect("it has caught up");
    assert_eq!(record(&network, 3).unheard_ms, None);
}

#[test]
fn statements_of_too_few_take_no_vote() {
    let network = network_of(5);
    let (id, needed) = (5, 3);
    for found in 0..needed {
        let by: Vec<u64> = (1..=found as u64).collect();
        let refused = refusal(&network, unheard(&network, id, &by));
        assert_eq!(
            refused,
            Refusal::Replacement(ReplacementRefusal::TooFewUnheard { id, found, needed })
        );
    }
}

#[test]
fn one_voter_counts_once() {
    let network = network_of(3);
    let twice = refusal(&network, unheard(&network, 3, &[1, 1]));
    assert_eq!(
        twice,
        Refusal::Replacement(ReplacementRefusal::UnheardNotRising { id: 1 })
    );
}

#[test]
fn statements_of_one_vendor_take_no_vote() {
    let mut network = Network::founded();
    for (seed, tee) in [
        (102, Tee::SevSnp),
        (103, Tee::SevSnp),
        (104, Tee::Tdx),
        (105, Tee::Tdx),
    ] {
        network.add_voter(&Node::new(seed, tee));
    }
    let by = |by: u64| {
        let identity = &node(by).identity;
        UnheardStatement::sign(&network.id, 5, by, network.newest(), UNHEARD_MS, identity)
    };
    let of = |signers: [u64; 3]| Unheard {
        id: 5,
        statements: signers.map(by).into(),
        by: None,
    };
    let (required, found) = (2, 1);
    let refused = refusal(&network, of([1, 2, 3]));
    assert_eq!(
        refused,
        Refusal::Replacement(ReplacementRefusal::UnheardTooFewVendors { required, found })
    );
    network
        .writes(&input(of([1, 2, 4])))
        .expect("of two vendors");
}

#[test]
fn the_silent_one_and_strangers_have_no_say() {
    let mut network = network_of(3);
    let learner = network.add_learner(&node(4));
    let of_itself = refusal(&network, unheard(&network, 3, &[1, 3]));
    assert_eq!(of_itself, Refusal::NotAVoter { id: 3 });
    let of_a_learner = refusal(&network, unheard(&network, 3, &[1, learner]));
    assert_eq!(of_a_learner, Refusal::NotAVoter { id: learner });
}

#[test]
fn silence_that_is_too_short_takes_no_vote() {
    let network = network_of(3);
    let mut short = unheard(&network, 3, &[1, 2]);
    short.statements[1] = statement(&network, 3, 2, UNHEARD_MS - 1);
    assert_eq!(
        refusal(&network, short),
        Refusal::Replacement(ReplacementRefusal::HeardLately {
            id: 2,
            found_ms: UNHEARD_MS - 1,
            least_ms: UNHEARD_MS
        })
    );
}

#[test]
fn statements_about_another_voter_or_network_or_of_another_signer_take_no_vote() {
    let network = network_of(3);
    let with = |other: UnheardStatement| {
        let mut unheard = unheard(&network, 3, &[1, 2]);
        unheard.statements[1] = other;
        refusal(&network, unheard)
    };
    let refused = Refusal::Replacement(ReplacementRefusal::UnheardSignature { id: 2 });
    let block = network.newest();
    let sign = |network: &Digest, about, by: u64| {
        let identity = &node(by).identity;
        UnheardStatement::sign(network, about, 2, block, UNHEARD_MS, identity)
    };
    assert_eq!(
        with(sign(&network.id, 1, 2)),
        refused,
        "about another voter"
    );
    assert_eq!(
        with(sign(&Digest::ZERO, 3, 2)),
        refused,
        "of another network"
    );
    assert_eq!(with(sign(&network.id, 3, 1)), refused, "by another's key");
    let longer = UnheardStatement {
        for_ms: UNHEARD_MS + 1,
        ..sign(&network.id, 3, 2)
    };
    assert_eq!(with(longer), refused, "changed");
}

#[test]
fn old_statements_take_no_vote() {
    let mut network = network_of(3);
    let (kept_back, index) = (unheard(&network, 3, &[1, 2]), network.newest().index);
    network.time_ms += UNHEARD_FRESH_MS + 1;
    (0..5).for_each(|_| network.end_block());
    let refused = refusal(&network, kept_back);
    assert_eq!(refused, Refusal::BlockTooOld { index });
}

#[test]
fn statements_from_before_a_voter_came_back_do_not_count_again() {
    let mut network = network_of(3);
    let first = input(unheard(&network, 3, &[1, 2]));
    let index = network.newest().index;
    network.execute(&first).expect("the others say so");
    network.promote(3, &node(3)).expect("it is back");
    assert_eq!(network.refused(&first), Refusal::BlockTooOld { index });
}

#[test]
fn statements_name_a_block_of_this_chain() {
    let network = network_of(3);
    let at = |block| {
        let mut unheard = unheard(&network, 3, &[1, 2]);
        unheard.statements[0] = statement_at(&network, block, 3, 1, UNHEARD_MS);
        refusal(&network, unheard)
    };
    let BlockRef { index, hash } = network.newest();
    let differs = at(BlockRef {
        index,
        hash: Digest::ZERO,
    });
    assert_eq!(differs, Refusal::BlockDiffers { index });
    let index = index + 1;
    assert_eq!(
        at(BlockRef { index, hash }),
        Refusal::BlockUnknown { index }
    );
}

#[test]
fn silence_never_leaves_less_than_a_quorum_with_verdicts() {
    let network = network_of(2);
    let refused = refusal(&network, unheard(&network, 2, &[1]));
    assert!(
        matches!(
            refused,
            Refusal::Replacement(ReplacementRefusal::UnheardTooFewVendors { .. })
                | Refusal::BelowQuorum { .. }
        ),
        "{refused}"
    );
    let mut network = network_of(3);
    network.time_ms = record(&network, 2).expires_ms;
    network.end_block();
    let refused = refusal(&network, unheard(&network, 3, &[1, 2]));
    assert!(
        matches!(refused, Refusal::BelowQuorum { id: 3, .. }),
        "{refused}"
    );
}

#[test]
fn only_voters_lose_a_vote() {
    let mut network = network_of(3);
    let learner = network.add_learner(&node(4));
    let refused = refusal(&network, unheard(&network, learner, &[1, 2]));
    assert!(matches!(refused, Refusal::NotDue { .. }), "{refused}");
}

#[test]
fn joiner_names_its_former_self_on_the_same_machine_only() {
    let mut network = network_of(3);
    let claim = |network: &Network, former| {
        let join = network.join_input(&node(5));
        let identity = node(5).identity;
        let join = synod_governance::Join::sign(
            join.attested,
            join.block,
            join.address,
            Some(former),
            &identity,
        );
        Input::Join(Box::new(join))
    };
    let elsewhere = network.refused(&claim(&network, 3));
    assert_eq!(
        elsewhere,
        Refusal::Replacement(ReplacementRefusal::NotItsFormerSelf { id: 3 })
    );
    let unknown = network.refused(&claim(&network, 99));
    assert_eq!(unknown, Refusal::ReplicaNotFound { id: 99 });
    let fresh = with_successor(&mut network);
    assert_eq!(record(&network, fresh).replaces, Some(3));
    assert_eq!(record(&network, fresh).machine, record(&network, 3).machine);
    network
        .act(Act::ReplaceReplica { id: 3, with: None })
        .expect("the members order it");
    network
        .writes(&claim(&network, 3))
        .expect("any machine may take its place then");
}

#[test]
fn name_of_the_former_self_is_signed() {
    let network = network_of(3);
    let mut join = network.join_input(&node(4));
    join.replaces = Some(3);
    let refused = network.refused(&Input::Join(Box::new(join)));
    assert_eq!(refused, Refusal::ReplicaSignature);
}

#[test]
fn silent_voter_gives_way_to_its_successor_soon_and_for_ever() {
    let mut network = network_of(3);
    let fresh = with_successor(&mut network);
    let of = |network: &Network, ms, by| Unheard {
        id: 3,
        statements: vec![statement(network, 3, 1, ms), statement(network, 3, 2, ms)],
        by,
    };
    let short = of(&network, REPLACED_UNHEARD_MS - 1, Some(fresh));
    let refused = refusal(&network, short);
    assert!(
        matches!(
            refused,
            Refusal::Replacement(ReplacementRefusal::HeardLately { .. })
        ),
        "{refused}"
    );
    let without = refusal(&network, of(&network, REPLACED_UNHEARD_MS, None));
    assert!(
        matches!(
            without,
            Refusal::Replacement(ReplacementRefusal::HeardLately { .. })
        ),
        "{without}"
    );
    let another = refusal(&network, of(&network, REPLACED_UNHEARD_MS, Some(2)));
    assert_eq!(
        another,
        Refusal::Replacement(ReplacementRefusal::ReplacesAnother { id: 2, found: 3 })
    );
    let sound = of(&network, REPLACED_UNHEARD_MS, Some(fresh));
    let outcome = network.execute(&input(sound)).expect("it gives way");
    assert_eq!(outcome.change, Some(MembershipChange::Remove(3)));
    let removal = record(&network, 3).removal.expect("it is said how");
    assert_eq!(removal.reason, RemovalReason::Replaced);
}

#[test]
fn voter_that_is_heard_is_replaced_by_the_members_only_and_last() {
    let mut network = network_of(4);
    let fresh = network.add_learner(&node(5));
    let replaced = Input::Replaced(Replaced { by: fresh });
    assert_eq!(
        network.refused(&replaced),
        Refusal::Replacement(ReplacementRefusal::ReplacesNobody { id: fresh })
    );
    let order = Act::ReplaceReplica {
        id: 2,
        with: Some(fresh),
    };
    network.act(order).expect("ordered");
    let early = network.refused(&replaced);
    assert!(matches!(early, Refusal::NotDue { .. }), "{early}");
    network.promote(fresh, &node(5)).expect("it votes");
    let outcome = network.execute(&replaced).expect("the old one goes");
    assert_eq!(outcome.change, Some(MembershipChange::Remove(2)));
    let again = network.refused(&replaced);
    assert_eq!(again, Refusal::AlreadyRemoved { id: 2 });
}

#[test]
fn same_machine_alone_takes_no_vote_from_a_voter_that_is_heard() {
    let mut network = network_of(3);
    let fresh = with_successor(&mut network);
    network.learn(fresh).expect("learns");
    network.promote(fresh, &node(4)).expect("votes");
    let replaced = network.refused(&Input::Replaced(Replaced { by: fresh }));
    assert_eq!(
        replaced,
        Refusal::Replacement(ReplacementRefusal::NotOrdered { id: 3 })
    );
}

#[test]
fn orders_name_replicas_that_are_there() {
    let mut network = network_of(3);
    let order = |id, with| Act::ReplaceReplica { id, with };
    let refused = |network: &Network, act| network.refused(&network.signed(act, &[1, 3]));
    let unknown = refused(&network, order(9, None));
    assert_eq!(unknown, Refusal::ReplicaNotFound { id: 9 });
    let unknown = refused(&network, order(2, Some(9)));
    assert_eq!(unknown, Refusal::ReplicaNotFound { id: 9 });
    let itself = refused(&network, order(2, Some(2)));
    assert_eq!(
        itself,
        Refusal::Replacement(ReplacementRefusal::ReplacesItself { id: 2 })
    );
    let cause = String::new();
    network
        .act(Act::RemoveReplica { id: 3, cause })
        .expect("removed");
    for act in [order(3, None), order(2, Some(3))] {
        assert_eq!(refused(&network, act), Refusal::AlreadyRemoved { id: 3 });
    }
}

#[test]
fn time_of_silence_in_the_manifest_has_a_default_and_bounds() {
    let text = Manifest::try_from(manifest_file())
        .expect("valid")
        .to_toml();
    let line = format!("unheard_s = {UNHEARD_S}\n");
    assert!(text.contains(&line));
    let without = Manifest::from_toml(text.replace(&line, "").as_bytes()).expect("valid");
    assert_eq!(without.file().unheard_s, UNHEARD_S_DEFAULT);
    for unheard_s in [UNHEARD_S_MIN - 1, UNHEARD_S_MAX + 1] {
        let file = ManifestFile {
            unheard_s,
            ..manifest_file()
        };
        assert_eq!(
            Manifest::try_from(file),
            Err(ManifestError::Unheard(unheard_s))
        );
    }
}
