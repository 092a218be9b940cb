//! A network is founded by what the members approved, and by nothing else.

use synod_attestation::{NodeStatement, Rule, Tee};
use synod_crypto::{Digest, cose::CoseError, sha256};
use synod_governance::{
    Approval, Genesis, Input, JoinRule, Manifest, Refusal, ReplicaStatus, SignatureError,
    StatementKey, WrapError,
};

use crate::network::{
    Network, Node, START_MS, address, entropy, founder, genesis, key, manifest, manifest_file,
    policy, wrapped,
};

fn refused(change: impl FnOnce(&mut Genesis)) -> Refusal {
    let mut genesis = genesis(&manifest());
    change(&mut genesis);
    Network::unfounded().refused(&Input::Genesis(Box::new(genesis)))
}

#[test]
fn block_zero_holds_what_the_manifest_says() {
    let network = Network::founded();
    network.view(|view| {
        let service = view.service().expect("sound").expect("founded");
        assert_eq!(service.manifest, manifest().digest());
        assert_eq!((service.threshold, service.recovery_threshold), (2, 2));
        assert_eq!((service.opening, service.open_voters), (None, 3));
        assert_eq!(service.join, JoinRule::Verdict);
        assert_eq!(view.members().expect("sound"), manifest_file().members);
        assert_eq!(view.users().expect("sound"), manifest_file().users);
        assert_eq!(view.policy().expect("sound").digest(), policy().digest());
        assert_eq!(view.wrapped_secret(), Ok(Some(wrapped(&manifest()))));
        assert_eq!(view.next_sequence(), Ok(1));
        assert!(matches!(view.input(1), Ok(Some(Input::Genesis(_)))));

        let replicas = view.replicas().expect("sound");
        let [replica] = replicas.as_slice() else {
            panic!("one founder")
        };
        assert_eq!((replica.id, replica.status), (1, ReplicaStatus::Voter));
        assert!(replica.simulated && replica.vendor() == "amd");
        assert_eq!(
            view.replica_by_identity(&replica.identity()),
            Ok(Some(replica.clone()))
        );
    });
    assert_eq!(network.configuration_text(), "0 None [(1, \"amd\")] 1");
}

#[test]
fn several_founders_of_two_vendors_start_under_the_diversity_rule() {
    let mut genesis = genesis(&manifest());
    genesis
        .founders
        .push(founder(&Node::new(102, Tee::Tdx), &manifest(), &[2, 3]));
    let mut network = Network::unfounded();
    network
        .execute(&Input::Genesis(Box::new(genesis)))
        .expect("a sound genesis");
    assert_eq!(
        network.configuration_text(),
        "0 None [(1, \"amd\"), (2, \"intel\")] 2"
    );
}

#[test]
fn a_network_is_founded_once_and_first() {
    let network = Network::founded();
    let again = Input::Genesis(Box::new(genesis(&manifest())));
    assert_eq!(network.refused(&again), Refusal::AlreadyFounded);
    let action = Input::Action(synod_governance::SignedAction {
        signatures: Vec::new(),
    });
    assert_eq!(Network::unfounded().refused(&action), Refusal::NotFounded);
}

#[test]
fn genesis_belongs_in_block_zero() {
    let input = Input::Genesis(Box::new(genesis(&manifest())));
    let mut late = Network::unfounded();
    late.index = 2;
    assert_eq!(late.refused(&input), Refusal::NotBlockZero);
    let mut named = Network::unfounded();
    named.id = sha256(&[b"a network"]);
    assert_eq!(named.refused(&input), Refusal::NotBlockZero);
}

#[test]
fn the_clock_does_not_begin_before_the_start_time() {
    let mut early = Network::unfounded();
    early.time_ms -= 1;
    let refusal = early.refused(&Input::Genesis(Box::new(genesis(&manifest()))));
    assert_eq!(
        refusal,
        Refusal::BeforeStart {
            time_ms: START_MS - 1,
            start_time_ms: START_MS
        }
    );
}

#[test]
fn a_manifest_that_is_none_is_refused() {
    assert!(matches!(
        refused(|g| g.manifest.truncate(10)),
        Refusal::Manifest(_)
    ));
}

#[test]
fn there_are_founders_and_not_too_many() {
    assert_eq!(refused(|g| g.founders.clear()), Refusal::Founders(0));
    let crowd = refused(|g| g.founders = vec![g.founders[0].clone(); 9]);
    assert_eq!(crowd, Refusal::Founders(9));
}

#[test]
fn fewer_approvals_than_the_threshold_are_refused() {
    let refusal = refused(|g| g.founders[0].approvals.truncate(1));
    let few = SignatureError::TooFew {
        needed: 2,
        found: 1,
    };
    assert_eq!(refusal, Refusal::Signatures(few));
}

#[test]
fn a_member_cannot_approve_twice() {
    let refusal = refused(|g| g.founders[0].approvals[1] = g.founders[0].approvals[0].clone());
    assert_eq!(refusal, Refusal::Signatures(SignatureError::Repeated));
}

#[test]
fn a_stranger_cannot_approve() {
    let refusal = refused(|g| {
        let approval = Approval::of(manifest().digest(), &g.founders[0].attested);
        g.founders[0].approvals[1] = approval.sign(&key(9));
    });
    let unknown = CoseError::UnknownKey {
        kid: key(9).public().digest(),
    };
    assert_eq!(refusal, Refusal::Signatures(SignatureError::Cose(unknown)));
}

fn approved_differently(change: impl FnOnce(&mut Approval)) -> Refusal {
    refused(|g| {
        let mut approval = Approval::of(manifest().digest(), &g.founders[0].attested);
        change(&mut approval);
        g.founders[0].approvals = vec![approval.sign(&key(1)), approval.sign(&key(2))];
    })
}

#[test]
fn approvals_of_another_manifest_identity_or_evidence_do_not_count() {
    let other = Digest::from([1; 32]);
    let refusals = [
        approved_differently(|a| a.manifest = other),
        approved_differently(|a| a.identity = key(9).public()),
        approved_differently(|a| a.evidence = other),
    ];
    assert!(
        refusals
            .iter()
            .all(|refusal| *refusal == Refusal::ApprovalOfAnother)
    );
}

#[test]
fn members_who_approved_different_founders_approved_none() {
    let refusal = refused(|g| {
        let mut approval = Approval::of(manifest().digest(), &g.founders[0].attested);
        approval.evidence = Digest::from([1; 32]);
        g.founders[0].approvals[1] = approval.sign(&key(2));
    });
    assert_eq!(refusal, Refusal::Signatures(SignatureError::PayloadsDiffer));
}

#[test]
fn a_founder_needs_the_policys_verdict_too() {
    let mut other_workload = Node::new(101, Tee::SevSnp);
    other_workload.measurement = [0; 48];
    let refusal = refused(|g| g.founders[0] = founder(&other_workload, &manifest(), &[1, 2]));
    let Refusal::Appraisal(refusal) = refusal else {
        panic!("{refusal}")
    };
    assert_eq!(refusal.rule(), Rule::Measurement);
}

#[test]
fn a_founder_of_another_manifest_is_refused() {
    let other = Manifest::try_from(synod_governance::ManifestFile {
        name: "other".to_owned(),
        ..manifest_file()
    });
    let other = other.expect("valid");
    let refusal = refused(|g| {
        let node = Node::new(101, Tee::SevSnp);
        let mut founder = founder(&node, &other, &[]);
        let approval = Approval::of(manifest().digest(), &founder.attested);
        founder.approvals = vec![approval.sign(&key(1)), approval.sign(&key(2))];
        g.founders[0] = founder;
    });
    let Refusal::Appraisal(refusal) = refusal else {
        panic!("{refusal}")
    };
    assert_eq!(refusal.rule(), Rule::Context);
}

#[test]
fn one_identity_cannot_found_twice() {
    let refusal = refused(|g| g.founders.push(g.founders[0].clone()));
    assert_eq!(
        refusal,
        Refusal::KeyUsed {
            id: 1,
            key: StatementKey::Identity
        }
    );
}

/// Why two founders are refused of whom the second takes a key of the first.
fn refused_with_a_key_of_the_first(take: fn(&mut NodeStatement, NodeStatement)) -> Refusal {
    refused(|g| {
        let (manifest, second) = (manifest(), Node::new(102, Tee::Tdx));
        let first = g.founders[0].attested.statement.clone();
        let mut founder = founder(&second, &manifest, &[]);
        let mut statement = founder.attested.statement.clone();
        take(&mut statement, first);
        founder.attested = second.attest(statement, START_MS);
        let approval = Approval::of(manifest.digest(), &founder.attested);
        founder.approvals = vec![approval.sign(&key(1)), approval.sign(&key(2))];
        g.founders.push(founder);
    })
}

#[test]
fn founders_share_no_tls_key() {
    let refusal = refused_with_a_key_of_the_first(|own, first| own.tls = first.tls);
    assert_eq!(
        refusal,
        Refusal::KeyUsed {
            id: 1,
            key: StatementKey::Tls
        }
    );
}

#[test]
fn founders_share_no_hpke_key() {
    let refusal = refused_with_a_key_of_the_first(|own, first| own.hpke = first.hpke);
    assert_eq!(
        refusal,
        Refusal::KeyUsed {
            id: 1,
            key: StatementKey::Hpke
        }
    );
}

#[test]
fn a_founders_address_is_checked() {
    let mut bad = address(1);
    bad.peer.clear();
    assert!(matches!(
        refused(|g| g.founders[0].address = bad),
        Refusal::Address(_)
    ));
}

#[test]
fn shares_must_be_those_that_the_manifest_asks_for() {
    let shares = |change: fn(&mut Genesis)| match refused(change) {
        Refusal::Shares(cause) => cause,
        other => panic!("{other}"),
    };
    assert_eq!(shares(|g| g.secret.shares.swap(0, 1)), WrapError::Members);
    assert_eq!(shares(|g| g.secret.shares.truncate(2)), WrapError::Members);
    assert_eq!(
        shares(|g| g.secret.commitment.truncate(33)),
        WrapError::Commitment
    );
    assert_eq!(shares(|g| g.secret.wrapped.truncate(3)), WrapError::Length);
    assert_eq!(
        shares(|g| g.secret.shares[0].sealed.push(0)),
        WrapError::Length
    );
    assert_eq!(
        shares(|g| g.secret.generation = 1),
        WrapError::Generation {
            expected: 0,
            found: 1
        }
    );
    let other_threshold = shares(|g| {
        let secret = synod_crypto::Secret::new([1; 32]);
        let manifest = manifest();
        let members = manifest.members();
        g.secret = synod_governance::WrappedSecret::wrap(
            &secret,
            0,
            members,
            3,
            &manifest.digest(),
            &mut entropy(),
        )
        .expect("three members");
    });
    assert_eq!(
        other_threshold,
        WrapError::Threshold {
            expected: 2,
            found: 3
        }
    );
}
