//! A replica joins on fresh evidence for its own keys, and once.

use synod_attestation::{NodeStatement, Role, Rule, Tee};
use synod_crypto::{Digest, sha256};
use synod_governance::{
    Act, AddressChange, BlockRef, FRESH_BLOCKS, FRESH_MS, Input, Join, JoinRule, Manifest,
    ManifestFile, PENDING_MAX, PENDING_MS, REPLICAS_MAX, Refusal, ReplicaStatus, join_nonce,
};

use crate::network::{Network, Node, address, key, manifest_file};

fn node() -> Node {
    Node::new(102, Tee::Tdx)
}

fn status(network: &Network, id: u64) -> ReplicaStatus {
    network
        .view(|view| view.replica(id))
        .expect("sound")
        .expect("recorded")
        .status
}

fn refused(network: &Network, join: Join) -> Refusal {
    network.refused(&Input::Join(Box::new(join)))
}

/// The rule by which the policy refuses a join that is changed and signed anew.
fn broken_rule(change: impl FnOnce(&Network, &Node, Join) -> Join) -> Rule {
    let (network, node) = (Network::founded(), node());
    let join = change(&network, &node, network.join_input(&node));
    let join = Join::sign(
        join.attested,
        join.block,
        join.address,
        None,
        &node.identity,
    );
    match refused(&network, join) {
        Refusal::Appraisal(refusal) => refusal.rule(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_passing_verdict_is_enough_where_the_manifest_says_so() {
    let mut network = Network::founded();
    for (seed, tee, id) in [
        (102, Tee::Tdx, 2),
        (103, Tee::Nitro, 3),
        (104, Tee::SevSnp, 4),
    ] {
        assert_eq!(network.join(&Node::new(seed, tee)), Ok(id));
        let replica = network
            .view(|view| view.replica(id))
            .expect("sound")
            .expect("recorded");
        assert_eq!((replica.status, replica.tee), (ReplicaStatus::Trusted, tee));
        assert_eq!(replica.address, address(seed));
        assert!(replica.simulated && replica.expires_ms > network.time_ms);
    }
}

#[test]
fn members_decide_where_the_manifest_says_so() {
    let file = ManifestFile {
        join: JoinRule::Members,
        ..manifest_file()
    };
    let mut network = Network::founded_on(&Manifest::try_from(file).expect("valid"));
    let id = network.join(&node()).expect("evidence passes");
    assert_eq!(status(&network, id), ReplicaStatus::Pending);
    let early = network.learn(id).expect_err("not trusted");
    let (status_found, needed) = (ReplicaStatus::Pending, ReplicaStatus::Trusted);
    assert_eq!(
        early,
        Refusal::NotDue {
            id,
            status: status_found,
            needed
        }
    );
    network
        .act(Act::TrustReplica { id })
        .expect("members decide");
    assert_eq!(status(&network, id), ReplicaStatus::Trusted);
    let again = network.act(Act::TrustReplica { id });
    assert!(matches!(again, Err(Refusal::NotDue { .. })));
}

fn where_members_decide() -> Network {
    let file = ManifestFile {
        join: JoinRule::Members,
        ..manifest_file()
    };
    Network::founded_on(&Manifest::try_from(file).expect("valid"))
}

fn cause(network: &Network, id: u64) -> Option<String> {
    let replica = network.view(|view| view.replica(id)).expect("sound");
    replica.expect("recorded").cause
}

/// As many replicas as can wait for the members; returns their ids.
fn full_of_pending(network: &mut Network) -> Vec<u64> {
    let seeds = (0..PENDING_MAX as u8).map(|seed| seed + 110);
    seeds
        .map(|seed| network.join(&Node::new(seed, Tee::Nitro)).expect("room"))
        .collect()
}

#[test]
fn few_replicas_wait_for_the_members() {
    let mut network = where_members_decide();
    let waiting = full_of_pending(&mut network);
    let late = network.join(&node());
    assert_eq!(late, Err(Refusal::TooManyPending(PENDING_MAX)));
    let id = waiting[3];
    network.act(Act::TrustReplica { id }).expect("trusted");
    network.join(&node()).expect("one does not wait any more");
}

#[test]
fn replica_that_waited_for_a_day_gives_way_to_a_newcomer_and_to_nobody_else() {
    let mut network = where_members_decide();
    let first_ms = network.time_ms;
    let waiting = full_of_pending(&mut network);
    network.time_ms = first_ms + PENDING_MS - 1;
    let early = network.refused(&Input::Join(Box::new(network.join_input(&node()))));
    assert_eq!(early, Refusal::TooManyPending(PENDING_MAX));
    network.end_block();
    assert_eq!(
        status(&network, waiting[0]),
        ReplicaStatus::Pending,
        "nobody needs the place"
    );
    network.join(&node()).expect("the first gives way");
    assert_eq!(status(&network, waiting[0]), ReplicaStatus::Removed);
    assert!(cause(&network, waiting[0]).is_some_and(|cause| cause.contains("within a day")));
    assert_eq!(status(&network, waiting[1]), ReplicaStatus::Pending);
}

/// A join of a node with keys of its own on the hardware of `node()`.
fn join_on_the_same_hardware(network: &Network, seed: u8) -> Input {
    let newcomer = Node::new(seed, Tee::Tdx);
    let block = network.newest();
    let nonce = join_nonce(&block.hash, &newcomer.identity.public());
    let statement = newcomer.statement(network.id, nonce);
    let attested = node().attest(statement, network.time_ms);
    let join = Join::sign(attested, block, address(seed), None, &newcomer.identity);
    Input::Join(Box::new(join))
}

#[test]
fn one_piece_of_hardware_waits_for_the_members_once() {
    let mut network = where_members_decide();
    let first = network.join(&node()).expect("joins");
    let other = network.join(&Node::new(103, Tee::Tdx)).expect("joins");
    let newcomer = join_on_the_same_hardware(&network, 150);
    let second = network
        .execute(&newcomer)
        .expect("joins")
        .replica
        .expect("an id");
    let hardware = |id| {
        let replica = network.view(|view| view.replica(id)).expect("sound");
        replica.expect("recorded").hardware
    };
    assert!(hardware(first).is_some_and(|id| id.starts_with("intel-ppid:")));
    assert_eq!(hardware(first), hardware(second));
    assert_eq!(status(&network, first), ReplicaStatus::Removed);
    assert!(cause(&network, first).is_some_and(|cause| cause.contains("same hardware")));
    for id in [other, second] {
        assert_eq!(status(&network, id), ReplicaStatus::Pending);
    }
}

#[test]
fn trusted_replica_gives_way_to_nobody_on_its_hardware() {
    let mut network = where_members_decide();
    let id = network.join(&node()).expect("joins");
    network.act(Act::TrustReplica { id }).expect("trusted");
    let newcomer = join_on_the_same_hardware(&network, 150);
    network.execute(&newcomer).expect("joins");
    assert_eq!(status(&network, id), ReplicaStatus::Trusted);
}

#[test]
fn an_identity_key_is_accepted_once_even_after_removal() {
    let mut network = Network::founded();
    let id = network.join(&node()).expect("joins");
    assert_eq!(
        refused(&network, network.join_input(&node())),
        Refusal::IdentityUsed { id }
    );
    network
        .act(Act::RemoveReplica {
            id,
            cause: "test".to_owned(),
        })
        .expect("removed");
    assert_eq!(
        refused(&network, network.join_input(&node())),
        Refusal::IdentityUsed { id }
    );
    let next = network
        .join(&Node::new(103, Tee::Tdx))
        .expect("a new identity");
    assert_eq!(next, id + 1, "ids are never reused");
}

#[test]
fn a_founders_identity_cannot_join() {
    let network = Network::founded();
    let join = network.join_input(&Node::new(101, Tee::SevSnp));
    assert_eq!(refused(&network, join), Refusal::IdentityUsed { id: 1 });
}

/// A join of `node()`, whose statement names other keys, with evidence for exactly these.
fn join_naming(network: &Network, change: impl FnOnce(&mut NodeStatement)) -> Join {
    let (node, join) = (node(), network.join_input(&node()));
    let mut statement = join.attested.statement.clone();
    change(&mut statement);
    let attested = node.attest(statement, network.time_ms);
    Join::sign(attested, join.block, join.address, None, &node.identity)
}

#[test]
fn a_tls_key_of_another_replica_is_refused_even_after_removal() {
    let mut network = Network::founded();
    let other = Node::new(103, Tee::Nitro);
    let id = network.join(&other).expect("joins");
    let stolen = other.statement(network.id, Digest::default()).tls;
    let take = |statement: &mut NodeStatement| statement.tls.clone_from(&stolen);
    let used = Refusal::TlsKeyUsed { id };
    assert_eq!(refused(&network, join_naming(&network, take)), used);
    let founder = Node::new(101, Tee::SevSnp).statement(network.id, Digest::default());
    let of_founder = join_naming(&network, |statement| statement.tls = founder.tls);
    let of_founder = refused(&network, of_founder);
    assert_eq!(of_founder, Refusal::TlsKeyUsed { id: 1 });
    let cause = "test".to_owned();
    network
        .act(Act::RemoveReplica { id, cause })
        .expect("removed");
    assert_eq!(refused(&network, join_naming(&network, take)), used);
    assert_eq!(used.code(), "tls-key-used");
}

#[test]
fn an_hpke_key_of_another_replica_is_refused_even_after_removal() {
    let mut network = Network::founded();
    let other = Node::new(103, Tee::Nitro);
    let id = network.join(&other).expect("joins");
    let stolen = other.statement(network.id, Digest::default()).hpke;
    let take = |statement: &mut NodeStatement| statement.hpke = stolen;
    let used = Refusal::HpkeKeyUsed { id };
    assert_eq!(refused(&network, join_naming(&network, take)), used);
    let founder = Node::new(101, Tee::SevSnp).statement(network.id, Digest::default());
    let of_founder = join_naming(&network, |statement| statement.hpke = founder.hpke);
    let of_founder = refused(&network, of_founder);
    assert_eq!(of_founder, Refusal::HpkeKeyUsed { id: 1 });
    let cause = "test".to_owned();
    network
        .act(Act::RemoveReplica { id, cause })
        .expect("removed");
    assert_eq!(refused(&network, join_naming(&network, take)), used);
    assert_eq!(used.code(), "hpke-key-used");
}

#[test]
fn a_block_that_is_not_certified_or_not_ours_proves_nothing() {
    let network = Network::founded();
    let mut join = network.join_input(&node());
    let index = join.block.index + 1;
    join.block.index = index;
    assert_eq!(
        refused(&network, join.clone()),
        Refusal::BlockUnknown { index }
    );
    join.block = BlockRef {
        index: index - 1,
        hash: sha256(&[b"a fork"]),
    };
    assert_eq!(
        refused(&network, join),
        Refusal::BlockDiffers { index: index - 1 }
    );
}

#[test]
fn a_stale_block_proves_nothing() {
    let mut network = Network::founded();
    let join = network.join_input(&node());
    let index = join.block.index;
    network.time_ms += FRESH_MS + 1;
    network
        .writes(&Input::Join(Box::new(join.clone())))
        .expect("an idle chain has no newer block");
    for _ in 0..FRESH_BLOCKS {
        network.end_block();
    }
    assert_eq!(refused(&network, join), Refusal::BlockTooOld { index });
}

#[test]
fn a_replayed_or_foreign_nonce_is_refused() {
    let stale = broken_rule(|network, node, join| {
        let nonce = join_nonce(&sha256(&[b"an older block"]), &node.identity.public());
        let attested = node.attest(node.statement(network.id, nonce), network.time_ms);
        Join { attested, ..join }
    });
    assert_eq!(stale, Rule::Nonce);
    let foreign = broken_rule(|network, node, join| {
        let nonce = join_nonce(&join.block.hash, &key(9).public());
        let attested = node.attest(node.statement(network.id, nonce), network.time_ms);
        Join { attested, ..join }
    });
    assert_eq!(foreign, Rule::Nonce);
}

#[test]
fn evidence_for_another_network_is_refused() {
    let rule = broken_rule(|network, node, join| {
        let statement = node.statement(Digest::from([1; 32]), join.attested.statement.nonce);
        Join {
            attested: node.attest(statement, network.time_ms),
            ..join
        }
    });
    assert_eq!(rule, Rule::Context);
}

#[test]
fn evidence_for_another_role_is_refused() {
    let rule = broken_rule(|network, node, join| {
        let mut statement = join.attested.statement.clone();
        statement.role = Role::Worker;
        Join {
            attested: node.attest(statement, network.time_ms),
            ..join
        }
    });
    assert_eq!(rule, Rule::Role);
}

#[test]
fn evidence_of_another_key_is_refused() {
    let rule = broken_rule(|network, _, join| {
        let mut other = network.join_input(&Node::new(103, Tee::Tdx)).attested;
        other.statement = join.attested.statement;
        Join {
            attested: other,
            ..join
        }
    });
    assert_eq!(rule, Rule::Binding);
}

#[test]
fn another_workload_is_refused() {
    let rule = broken_rule(|network, _, join| {
        let other = Node {
            measurement: [0; 48],
            ..node()
        };
        let attested = other.attest(join.attested.statement.clone(), network.time_ms);
        Join { attested, ..join }
    });
    assert_eq!(rule, Rule::Measurement);
}

#[test]
fn only_the_owner_of_the_identity_key_can_ask() {
    let network = Network::founded();
    let mut join = network.join_input(&node());
    join.address = address(9);
    assert_eq!(refused(&network, join.clone()), Refusal::ReplicaSignature);
    let join = Join::sign(join.attested, join.block, join.address, None, &key(9));
    assert_eq!(refused(&network, join), Refusal::ReplicaSignature);
}

#[test]
fn addresses_are_checked() {
    let (network, node) = (Network::founded(), node());
    let join = network.join_input(&node);
    let mut bad = address(2);
    bad.public_url.clear();
    let join = Join::sign(join.attested, join.block, bad, None, &node.identity);
    assert!(matches!(refused(&network, join), Refusal::Address(_)));
}

#[test]
fn replicas_are_bounded() {
    let mut network = Network::founded();
    let join = network.join_input(&node());
    for seed in 0..REPLICAS_MAX as u8 - 1 {
        let input = crowd_member(&network, seed);
        network.execute(&input).expect("there is room");
    }
    network.ledger.blocks.insert(
        join.block.index,
        synod_governance::CertifiedBlock {
            hash: join.block.hash,
            time_ms: network.time_ms,
        },
    );
    assert_eq!(
        refused(&network, join),
        Refusal::TooManyReplicas(REPLICAS_MAX)
    );
}

/// Evidence of Nitro is the cheapest to make and to judge.
fn crowd_member(network: &Network, seed: u8) -> Input {
    Input::Join(Box::new(
        network.join_input(&Node::new(seed + 110, Tee::Nitro)),
    ))
}

#[test]
fn a_replica_can_move_and_an_old_address_cannot_be_replayed() {
    let mut network = Network::founded();
    let (node, id) = (node(), network.join(&node()).expect("joins"));
    let change = |number, identity: &Node| {
        let change = AddressChange::sign(&network.id, id, number, address(7), &identity.identity);
        Input::Address(change)
    };
    let (first, stranger) = (change(1, &node), change(2, &Node::new(103, Tee::Tdx)));
    let other_network = AddressChange::sign(&Digest::default(), id, 2, address(7), &node.identity);
    network.execute(&first).expect("moves");
    let replica = network
        .view(|view| view.replica(id))
        .expect("sound")
        .expect("recorded");
    assert_eq!((replica.address, replica.address_number), (address(7), 1));
    assert_eq!(
        network.refused(&first),
        Refusal::AddressNumber {
            newest: 1,
            found: 1
        }
    );
    assert_eq!(network.refused(&stranger), Refusal::ReplicaSignature);
    assert_eq!(
        network.refused(&Input::Address(other_network)),
        Refusal::ReplicaSignature
    );
}
