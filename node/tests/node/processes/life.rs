//! Claims about the life of a synod: it is founded, grows, loses its leader, and gets a new
//! replica.

use std::time::Instant;

use synod_api::{Base64, Consistency, ErrorCode, Role, Standing};
use synod_attestation::Tee;
use synod_client::{ClientError, RenewFailure, WriteOptions, verify_answer};
use synod_crypto::Digest;
use synod_governance::Act;
use synod_ledger::{Head, Receipt, ReceiptPolicy, audit_segments, verify_consistency};

use crate::processes::synod::{Node, Synod, segments};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_replica_serves_and_its_folder_passes_the_audit() {
    let mut synod = Synod::alone().await;
    let written = synod.put("a", "1").await;
    assert!(written.receipt.is_some());
    assert_eq!(synod.get("a").await.as_deref(), Some("1"));
    assert!(synod.ready(0).await.expect("health").ok);
    assert!(
        synod.nodes[0].stop(),
        "it ends well when its standard input closes"
    );
    let folders = synod.nodes[0].ledgers();
    assert_eq!(folders.len(), 1);
    let (_, report) = audit_segments(synod.network, segments(&folders[0])).expect("a sound ledger");
    assert!(
        report.torn.is_none(),
        "what stops in order leaves nothing torn"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signal_to_terminate_ends_a_node_in_order() {
    let mut synod = Synod::alone().await;
    synod.put("a", "1").await;
    assert!(synod.nodes[0].terminate(), "it ends well");
    let folder = &synod.nodes[0].ledgers()[0];
    let (_, report) = audit_segments(synod.network, segments(folder)).expect("a sound ledger");
    assert!(report.torn.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_attest_anew_and_one_that_died_loses_its_vote_and_its_place() {
    let mut synod = Synod::short_lived(6, 3).await;
    synod.put("before", "x").await;
    let follower = (synod.leader().await + 1) % 3;
    let dead = follower as u64 + 1;
    synod.nodes[follower].kill();
    let network = synod
        .await_network("a demotion", |network| {
            let mut demoted = network.replicas.iter().filter(|r| r.demoted.is_some());
            demoted.any(|replica| replica.id == dead && replica.standing == Standing::Learner)
        })
        .await;
    assert_eq!(network.configuration, 3, "one voter less");
    let network = synod
        .await_network("a removal", |network| network.replicas.len() == 2)
        .await;
    for replica in &network.replicas {
        assert_eq!(replica.standing, Standing::Voter);
        assert!(replica.attested_ms + 6_000 == replica.verdict_expires_ms);
        assert!(replica.next_attestation_ms < replica.verdict_expires_ms);
    }
    assert_eq!(synod.get("before").await.as_deref(), Some("x"));
    let begun = synod.nodes[(follower + 1) % 3].log();
    assert!(begun.contains("attested anew by transaction"), "{begun}");
    let folder = &synod.nodes[(follower + 1) % 3].ledgers()[0];
    audit_segments(synod.network, segments(folder)).expect("a sound ledger");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_survives_its_leader_and_takes_a_fresh_replica_in_its_place() {
    let mut synod = Synod::three().await;
    for number in 0..20 {
        synod.put(&format!("before{number}"), "x").await;
    }
    let leader = synod.leader().await;
    synod.nodes[leader].kill();
    let begun = Instant::now();
    synod.put("after", "y").await;
    let failover = begun.elapsed();
    assert!(failover.as_secs() < 10, "a new leader took {failover:?}");
    for number in 0..20 {
        assert_eq!(
            synod.get(&format!("before{number}")).await.as_deref(),
            Some("x"),
            "no acknowledged write is lost"
        );
    }
    let lost = leader as u64 + 1;
    synod
        .act(Act::RemoveReplica {
            id: lost,
            cause: "killed".to_owned(),
        })
        .await;
    let tee = synod.nodes[leader]
        .config
        .attester
        .tee()
        .expect("a simulated TEE");
    synod.join(tee).await;
    synod.put("with a new replica", "z").await;
    let network = synod
        .await_network("three voters", |network| network.replicas.len() == 3)
        .await;
    assert!(
        network
            .replicas
            .iter()
            .all(|replica| replica.id != lost && replica.simulated)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipt_of_the_founders_days_is_renewed_once_others_vote() {
    let mut synod = Synod::alone().await;
    let written = synod.put("a", "1").await;
    let old = written.receipt.expect("a receipt");
    synod.join(Tee::Tdx).await;
    let service = synod.service();
    let chain = service.chain(synod.network).await.expect("a chain");
    let policy = ReceiptPolicy {
        signers_min: 2,
        vendors_min: 2,
        ..ReceiptPolicy::default()
    };
    let verify = |file: &[u8]| {
        verify_answer(
            file,
            &chain,
            &policy,
            written.transaction_id,
            &written.bound,
        )
    };
    let refused = verify(&old).expect_err("its only signer votes with another now");
    assert!(refused.is_superseded(), "{refused}");
    let renewed = service.renew_receipt(&old).await.expect("a newer one");
    let proven = verify(&renewed).expect("two vendors signed");
    assert_eq!(proven.configuration, 1);
    // The service holds nothing else under that id than what the receipt proves.
    let mut other = Receipt::decode(&old).expect("a receipt");
    other.leaf.sealed = Digest::default();
    let refused = service.renew_receipt(&other.encode()).await;
    assert!(
        matches!(refused, Err(RenewFailure::OtherLeaf { id }) if id == written.transaction_id),
        "{refused:?}"
    );
}

fn tree_of(receipt: &[u8]) -> (u64, Digest) {
    let receipt = Receipt::decode(receipt).expect("a receipt");
    let (_, head) = Head::of_bytes(&receipt.header).expect("a header");
    (head.tree_size, head.root)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledger_proves_that_it_only_grew_between_two_certified_roots() {
    let synod = Synod::alone().await;
    let old = tree_of(&synod.put("a", "1").await.receipt.expect("a receipt"));
    let new = tree_of(&synod.put("a", "2").await.receipt.expect("a receipt"));
    assert!(old.0 < new.0, "the tree has grown");
    let service = synod.service();
    let proof = service.consistency(old.0, Some(new.0)).await;
    let proof = proof.expect("a proof");
    assert_eq!((proof.from, proof.to), (old.0, new.0));
    let hash = |bytes: &Base64| Digest::from(<[u8; 32]>::try_from(&bytes.0[..]).expect("32 bytes"));
    let path: Vec<Digest> = proof.path.iter().map(hash).collect();
    verify_consistency(old.0, &old.1, new.0, &new.1, &path).expect("it holds");
    let other = Digest::default();
    assert!(verify_consistency(old.0, &other, new.0, &new.1, &path).is_err());
    // Of what is not certified nothing is proven.
    let beyond = service.consistency(old.0, Some(new.0 + 1_000_000)).await;
    let Err(ClientError::Problem(problem)) = beyond else {
        panic!("it proved what nobody has certified: {beyond:?}")
    };
    assert_eq!(problem.code, ErrorCode::TransactionUnknown);
    let newest = service.consistency(new.0, None).await.expect("a proof");
    assert!(newest.to >= new.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_that_restarts_with_its_old_files_comes_back_as_a_new_one() {
    let mut synod = Synod::three().await;
    synod.put("a", "1").await;
    let leader = synod.leader().await;
    let place = (0..3).find(|place| *place != leader).expect("a follower");
    let config = synod.nodes[place].config.clone();
    synod.nodes[place].kill();
    let before = synod.nodes[place].ledgers();
    let old = segments(&before[0]);
    let mut again = synod.joiner(
        &(place + 1).to_string(),
        config.attester.tee().expect("a simulated TEE"),
    );
    again.dir = config.dir;
    synod.nodes[place] = Node::start(again);
    synod.await_voter(place).await;
    let network = synod
        .await_network("three voters", |network| {
            let mut ids = network.replicas.iter().map(|replica| replica.id);
            network.replicas.len() == 3 && ids.any(|id| id == 4)
        })
        .await;
    let mut newest = network.replicas.iter().filter(|replica| replica.id == 4);
    let replaces = newest.next().and_then(|replica| replica.replaces);
    assert_eq!(replaces, Some(place as u64 + 1), "ids are never used again");
    let after = synod.nodes[place].ledgers();
    assert_eq!(after.len(), 2, "a run has a ledger of its own");
    assert_eq!(segments(&before[0]), old, "the older one stays as it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_started_from_copied_folders_are_two_replicas() {
    let mut synod = Synod::alone().await;
    let joiner = synod.joiner("copy", Tee::Tdx);
    let mut twin = synod.joiner("twin", Tee::Nitro);
    twin.dir.clone_from(&joiner.dir);
    synod.nodes.push(Node::start(joiner));
    synod.await_voter(1).await;
    synod.nodes.push(Node::start(twin));
    synod.await_voter(2).await;
    assert_eq!(synod.nodes[2].ledgers().len(), 2);
    synod.put("a", "1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follower_redirects_and_answers_local_reads() {
    let synod = Synod::three().await;
    synod.put("a", "1").await;
    let leader = synod.leader().await;
    let follower = (0..3).find(|place| *place != leader).expect("a follower");
    let service = synod.service();
    let network = service
        .network_of(&synod.nodes[follower].url())
        .await
        .expect("an answer");
    assert_eq!(network.role, Role::Follower);
    assert_eq!(network.leader, Some(leader as u64 + 1));
    let read = service
        .get("records", b"a", Consistency::Local)
        .await
        .expect("an answer");
    assert_eq!(read.expect("a value").value, "1");
    // The client begins with any replica and is sent on.
    service
        .put("records", b"b", "2", &WriteOptions::default())
        .await
        .expect("written");
}
