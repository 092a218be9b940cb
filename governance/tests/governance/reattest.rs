//! A trusted replica attests anew on fresh evidence for its own keys, and nobody else for it.

use synod_attestation::{Measurement, Policy, Role, Rule, Tee};
use synod_crypto::{Digest, sha256};
use synod_governance::{
    Act, BlockRef, FRESH_BLOCKS, FRESH_MS, Input, JoinRule, Manifest, ManifestFile,
    REATTEST_INTERVAL_MS, Reattest, Refusal, ReplicaRecord, ReplicaStatus, StatementKey,
    join_nonce,
};

use crate::network::{MEASUREMENT, Network, Node, SIMULATED, key, manifest_file, share_key};

const LATER_MS: u64 = 3600 * 1000;

fn intel() -> Node {
    Node::new(102, Tee::Tdx)
}

fn record(network: &Network, id: u64) -> ReplicaRecord {
    network.view(|view| view.replica(id).expect("sound").expect("recorded"))
}

/// The founder and voter 2, an hour later.
fn two() -> Network {
    let mut network = Network::founded();
    network.add_voter(&intel());
    network.time_ms += LATER_MS;
    network.end_block();
    network
}

fn refused(network: &Network, request: Reattest) -> Refusal {
    network.refused(&Input::Reattest(Box::new(request)))
}

/// Why a sound request is refused once it was changed and signed anew.
fn refusal_of(change: impl FnOnce(&Network, &mut Reattest)) -> Refusal {
    let network = two();
    let mut request = network.reattest_input(2, &intel());
    change(&network, &mut request);
    let signed = Reattest::sign(
        request.id,
        request.attested,
        request.block,
        &intel().identity,
    );
    refused(&network, signed)
}

fn rule_of(change: impl FnOnce(&Network, &mut Reattest)) -> Rule {
    match refusal_of(change) {
        Refusal::Appraisal(refusal) => refusal.rule(),
        other => panic!("{other}"),
    }
}

#[test]
fn new_verdict_takes_the_place_of_the_old_one() {
    let mut network = two();
    let before = record(&network, 2);
    let (request, time_ms, seqno) = (
        network.reattest_input(2, &intel()),
        network.time_ms,
        network.context().seqno,
    );
    let outcome = network.reattest(2, &intel()).expect("sound");
    assert_eq!(
        (outcome.change, outcome.configuration, outcome.replica),
        (None, None, Some(2))
    );
    let after = record(&network, 2);
    assert!(after.expires_ms > before.expires_ms);
    let expected = ReplicaRecord {
        statement: request.attested.statement,
        expires_ms: after.expires_ms,
        attested_ms: time_ms,
        attested_index: request.block.index,
        attested_seqno: seqno,
        ..before
    };
    assert_eq!(after, expected);
}

#[test]
fn founder_attests_anew_with_the_network_as_its_context() {
    let mut network = two();
    let founder = Node::new(101, Tee::SevSnp);
    network.reattest(1, &founder).expect("sound");
    assert_eq!(record(&network, 1).statement.context, network.id);
}

#[test]
fn replica_that_waits_to_vote_may_attest_anew() {
    let mut network = Network::founded();
    let id = network.join(&intel()).expect("joins");
    network.end_block();
    network.time_ms += REATTEST_INTERVAL_MS;
    network.reattest(id, &intel()).expect("trusted");
    network.learn(id).expect("trusted");
    network.time_ms += REATTEST_INTERVAL_MS;
    network.reattest(id, &intel()).expect("a learner");
    assert_eq!(record(&network, id).status, ReplicaStatus::Learner);
}

#[test]
fn another_identity_tls_or_hpke_key_is_refused() {
    let other = |key| Refusal::AnotherKey { id: 2, key };
    let identity = refusal_of(|_, r| r.attested.statement.identity = key(7).public());
    assert_eq!(identity, other(StatementKey::Identity));
    let tls = refusal_of(|_, r| r.attested.statement.tls = vec![9; 91]);
    assert_eq!(tls, other(StatementKey::Tls));
    let hpke = refusal_of(|_, r| r.attested.statement.hpke = share_key(9).public());
    assert_eq!(hpke, other(StatementKey::Hpke));
}

#[test]
fn request_counts_only_with_the_recorded_keys_signature() {
    let network = two();
    let mut request = network.reattest_input(2, &intel());
    request.signature = network.reattest_input(2, &Node::new(7, Tee::Tdx)).signature;
    assert_eq!(refused(&network, request), Refusal::ReplicaSignature);
    let mut request = network.reattest_input(2, &intel());
    request.block = network.ledger.block_ref(request.block.index - 1);
    assert_eq!(refused(&network, request), Refusal::ReplicaSignature);
}

#[test]
fn unknown_and_removed_replicas_are_refused() {
    let unknown = refusal_of(|_, r| r.id = 9);
    assert_eq!(unknown, Refusal::ReplicaNotFound { id: 9 });
    let mut network = Network::of_three();
    let node = Node::new(103, Tee::Nitro);
    network
        .act(Act::RemoveReplica {
            id: 3,
            cause: "test".to_owned(),
        })
        .expect("two vendors are left");
    let refusal = refused(&network, network.reattest_input(3, &node));
    assert_eq!(refusal, Refusal::AlreadyRemoved { id: 3 });
}

#[test]
fn replica_that_waits_for_the_members_is_refused() {
    let file = ManifestFile {
        join: JoinRule::Members,
        ..manifest_file()
    };
    let mut network = Network::founded_on(&Manifest::try_from(file).expect("valid"));
    let id = network.join(&intel()).expect("evidence passes");
    network.end_block();
    let refusal = refused(&network, network.reattest_input(id, &intel()));
    let status = ReplicaStatus::Pending;
    assert_eq!(refusal, Refusal::NotTrusted { id, status });
}

#[test]
fn evidence_for_another_network_role_or_nonce_is_refused() {
    let attest = |network: &Network, r: &mut Reattest| {
        let statement = r.attested.statement.clone();
        r.attested = intel().attest(statement, network.time_ms);
    };
    let context = rule_of(|network, r| {
        r.attested.statement.context = sha256(&[b"another network"]);
        attest(network, r);
    });
    assert_eq!(context, Rule::Context);
    let role = rule_of(|network, r| {
        r.attested.statement.role = Role::Worker;
        attest(network, r);
    });
    assert_eq!(role, Rule::Role);
    let nonce = rule_of(|network, r| {
        r.attested.statement.nonce = Digest::default();
        attest(network, r);
    });
    assert_eq!(nonce, Rule::Nonce);
}

#[test]
fn evidence_that_binds_another_statement_is_refused() {
    let rule = rule_of(|_, r| r.attested.statement.nonce = Digest::default());
    assert_eq!(rule, Rule::Binding);
}

#[test]
fn nonce_of_a_block_that_is_unknown_of_a_fork_or_stale_is_refused() {
    let unknown = refusal_of(|_, r| r.block.index += 1);
    assert!(matches!(unknown, Refusal::BlockUnknown { .. }));
    let fork = refusal_of(|_, r| r.block.hash = sha256(&[b"a fork"]));
    assert!(matches!(fork, Refusal::BlockDiffers { .. }));
    let mut network = two();
    let request = network.reattest_input(2, &intel());
    network.time_ms += FRESH_MS;
    for _ in 0..=FRESH_BLOCKS {
        network.end_block();
    }
    assert!(matches!(
        refused(&network, request),
        Refusal::BlockTooOld { .. }
    ));
}

#[test]
fn request_is_not_taken_twice() {
    let mut network = two();
    let request = network.reattest_input(2, &intel());
    let newest = request.block.index;
    network
        .execute(&Input::Reattest(Box::new(request.clone())))
        .expect("sound");
    let again = Refusal::OlderEvidence {
        id: 2,
        newest,
        found: newest,
    };
    assert_eq!(refused(&network, request), again);
}

#[test]
fn evidence_of_before_the_join_is_no_news() {
    let mut network = Network::founded();
    let earlier = network.newest();
    network.end_block();
    let id = network.join(&intel()).expect("joins");
    let block = BlockRef {
        index: earlier.index,
        hash: earlier.hash,
    };
    let nonce = join_nonce(&block.hash, &intel().identity.public());
    let attested = intel().attest(intel().statement(network.id, nonce), network.time_ms);
    let old = Reattest::sign(id, attested, block, &intel().identity);
    assert!(matches!(
        refused(&network, old),
        Refusal::OlderEvidence { .. }
    ));
}

#[test]
fn evidence_of_another_tee_is_refused_though_the_policy_accepts_it() {
    let network = two();
    let elsewhere = Node {
        tee: Tee::Nitro,
        ..intel()
    };
    let another = Refusal::AnotherTee {
        id: 2,
        recorded: Tee::Tdx,
        found: Tee::Nitro,
    };
    assert_eq!(
        refused(&network, network.reattest_input(2, &elsewhere)),
        another
    );
}

#[test]
fn evidence_of_another_workload_is_refused_though_the_policy_accepts_it() {
    let other = [0x77; 48];
    let workloads = [MEASUREMENT, other].map(Measurement::from);
    let workloads: Vec<_> = SIMULATED
        .into_iter()
        .flat_map(|tee| workloads.clone().map(|measurement| (tee, measurement, "")))
        .collect();
    let file = ManifestFile {
        policy: Policy::development(&workloads),
        ..manifest_file()
    };
    let mut network = Network::founded_on(&Manifest::try_from(file).expect("valid"));
    network.add_voter(&intel());
    network.end_block();
    let swapped = Node {
        measurement: other,
        ..intel()
    };
    assert_eq!(
        refused(&network, network.reattest_input(2, &swapped)),
        Refusal::AnotherMeasurement { id: 2 }
    );
}

#[test]
fn evidence_that_the_policy_does_not_accept_is_refused() {
    let network = two();
    let swapped = Node {
        measurement: [0x66; 48],
        ..intel()
    };
    match refused(&network, network.reattest_input(2, &swapped)) {
        Refusal::Appraisal(refusal) => assert_eq!(refusal.rule(), Rule::Measurement),
        other => panic!("{other}"),
    }
}

#[test]
fn evidence_that_comes_too_soon_is_refused() {
    let mut network = two();
    network.reattest(2, &intel()).expect("sound");
    let (attested_ms, until_ms) = (
        record(&network, 2).attested_ms,
        record(&network, 2).attests_again_ms(),
    );
    assert_eq!(until_ms, attested_ms + REATTEST_INTERVAL_MS);
    network.time_ms = until_ms - 1;
    assert_eq!(
        refused(&network, network.reattest_input(2, &intel())),
        Refusal::AttestedTooSoon { id: 2, until_ms }
    );
    network.time_ms = until_ms;
    network.reattest(2, &intel()).expect("it is time");
}

#[test]
fn first_evidence_after_a_lapse_is_never_too_soon() {
    let attested_ms = 1_000_000;
    for lifetime_ms in [0, 1, 1000, 16 * REATTEST_INTERVAL_MS, u64::MAX / 2] {
        let short = ReplicaRecord {
            attested_ms,
            expires_ms: attested_ms + lifetime_ms,
            ..record(&two(), 2)
        };
        let until_ms = short.attests_again_ms();
        assert!(until_ms <= short.expires_ms);
        assert!(
            until_ms <= attested_ms + lifetime_ms / 16,
            "there is time to try again"
        );
    }
}

#[test]
fn verdict_that_would_not_last_longer_is_refused() {
    let mut network = two();
    network.reattest(2, &intel()).expect("sound");
    let expires_ms = record(&network, 2).expires_ms;
    // The ledger's time stands still: the same lifetime from the same time.
    network.time_ms -= 1000;
    let refusal = refused(&network, network.reattest_input(2, &intel()));
    let not_longer = Refusal::NotLonger {
        id: 2,
        recorded_ms: expires_ms,
        found_ms: expires_ms,
    };
    assert_eq!(refusal, not_longer);
}
