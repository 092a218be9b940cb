//! Replicas attest anew and keep their votes; those that do not lose them, but never the service.

use synod_attestation::Tee;
use synod_consensus::Body;
use synod_governance::{Act, Input as GovernanceInput, Reattest, ReplicaStatus};
use synod_ledger::{Receipt, ReceiptPolicy};
use synod_replica::governance::Recorded;
use synod_replica::{
    CallError, Caller, Envelope, Input, LEADER_LAPSED_MAX_MS, Notice, REFUSAL_BYTES_MAX, Reply,
    Request, governance, kv, ledger,
};

use crate::cluster::{Cluster, GRACE_MS, LIFETIME_MS, user};
use crate::life::chain;

const TWO_OF_TWO: ReceiptPolicy = ReceiptPolicy {
    signers_min: 2,
    vendors_min: 2,
    before_opening: false,
};

fn others(cluster: &Cluster, without: u64) -> Vec<u64> {
    let ids = cluster.nodes.keys().copied();
    ids.filter(|id| *id != without).collect()
}

fn follower(cluster: &Cluster) -> u64 {
    others(cluster, cluster.leader())[0]
}

fn status(cluster: &Cluster, id: u64) -> ReplicaStatus {
    cluster.record(id).status
}

fn voters(cluster: &Cluster) -> Vec<u64> {
    let configuration = cluster.leader_node().replica.network_view().configuration;
    configuration
        .voters()
        .iter()
        .map(|voter| voter.id)
        .collect()
}

fn receipt(cluster: &mut Cluster, key: &str) -> Receipt {
    let reply = cluster.ask(Cluster::put_request("records", key, "v"), user());
    let Reply::Kv(kv::Reply::Answered {
        receipt: Some(receipt),
        ..
    }) = reply
    else {
        panic!("{reply:?}")
    };
    Receipt::decode(&receipt).expect("a receipt")
}

/// The hindrances that a replica told its operator of, for this voter.
fn told(cluster: &Cluster, by: u64, of: u64) -> Vec<Option<String>> {
    let notices = cluster.nodes[&by].notices.iter();
    notices
        .filter_map(|notice| match notice {
            Notice::Lapsed { replica, hindrance } if *replica == of => Some(hindrance.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn replicas_that_attest_anew_keep_their_votes_for_long() {
    let mut cluster = Cluster::short_lived(60, &[Tee::Tdx, Tee::Nitro]);
    let before = cluster.leader_node().replica.network_view().configuration;
    cluster.run_attesting(8 * LIFETIME_MS, &[1, 2, 3]);
    let view = cluster.leader_node().replica.network_view();
    assert_eq!(view.configuration, before, "nobody lost a vote");
    assert!(view.lapsed.is_empty());
    for id in 1..=3 {
        let record = cluster.record(id);
        assert!(record.expires_ms > cluster.now_ms);
        assert_eq!(record.statement.context, cluster.network);
        assert_eq!(told(&cluster, id, id), []);
    }
    let audited = cluster.import(&cluster.nodes[&2].disk, None);
    audited
        .finish()
        .expect("an audit judges all evidence again");
}

#[test]
fn replica_that_stops_is_demoted_and_then_removed() {
    let mut cluster = Cluster::short_lived(61, &[Tee::Tdx, Tee::Nitro]);
    let silent = follower(&cluster);
    let attesting = others(&cluster, silent);
    let before = receipt(&mut cluster, "before");
    cluster.run_attesting(LIFETIME_MS, &attesting);
    cluster.run_attesting(GRACE_MS / 2, &attesting);
    assert_eq!(status(&cluster, silent), ReplicaStatus::Learner);
    assert!(cluster.record(silent).demoted_ms.is_some());
    assert_eq!(voters(&cluster), attesting);
    let between = receipt(&mut cluster, "between");
    cluster.run_attesting(2 * GRACE_MS, &attesting);
    assert_eq!(status(&cluster, silent), ReplicaStatus::Removed);
    let after = receipt(&mut cluster, "after");
    let chain = chain(&cluster);
    assert_eq!(chain.current().voters().len(), 2);
    for receipt in [before, between, after] {
        let call = cluster.send(
            attesting[0],
            Request::Ledger(ledger::Request::Receipt(receipt.leaf.id())),
            user(),
        );
        let Some(Reply::Ledger(ledger::Reply::Receipt(renewed))) = cluster.replies.remove(&call)
        else {
            panic!("no receipt of {}", receipt.leaf.id())
        };
        let renewed = Receipt::decode(&renewed).expect("a receipt");
        renewed.verify(&chain, &TWO_OF_TWO).expect("it verifies");
        assert_eq!(renewed.leaf, receipt.leaf);
    }
    for id in attesting {
        let audited = cluster.import(&cluster.nodes[&id].disk, None);
        audited.finish().expect("an audit recomputes every lapse");
    }
}

#[test]
fn demoted_replica_that_attests_anew_votes_again() {
    let mut cluster = Cluster::short_lived(62, &[Tee::Tdx, Tee::Nitro]);
    let silent = follower(&cluster);
    let attesting = others(&cluster, silent);
    cluster.run_attesting(LIFETIME_MS + GRACE_MS / 2, &attesting);
    assert_eq!(status(&cluster, silent), ReplicaStatus::Learner);
    let call = cluster.reattest(silent);
    cluster.run(2000);
    assert!(matches!(
        cluster.replies.remove(&call),
        Some(Reply::Governance(Recorded { .. }))
    ));
    cluster.run_attesting(3000, &attesting);
    assert_eq!(status(&cluster, silent), ReplicaStatus::Voter);
    assert_eq!(cluster.record(silent).demoted_ms, None);
    let receipt = receipt(&mut cluster, "k");
    let chain = chain(&cluster);
    assert!(chain.current().voter(silent).is_some(), "clients follow");
    receipt.verify(&chain, &TWO_OF_TWO).expect("it verifies");
    let dead = attesting[0];
    cluster.stop(dead);
    cluster.await_leader();
    cluster.put("k", "its vote counts");
}

#[test]
fn idle_ledger_notices_a_lapse() {
    let mut cluster = Cluster::short_lived(63, &[Tee::Tdx, Tee::Nitro]);
    let silent = follower(&cluster);
    let attesting = others(&cluster, silent);
    // The others attest once, late; then nothing happens but that time passes.
    cluster.run_attesting(LIFETIME_MS * 3 / 4, &attesting);
    cluster.run(LIFETIME_MS / 2);
    assert_eq!(status(&cluster, silent), ReplicaStatus::Learner);
}

#[test]
fn last_voter_of_a_required_vendor_keeps_its_vote_and_raises_an_alarm() {
    let mut cluster = Cluster::short_lived(64, &[Tee::SevSnp, Tee::Tdx]);
    cluster.run_attesting(3 * LIFETIME_MS, &[1, 2]);
    assert_eq!(status(&cluster, 3), ReplicaStatus::Voter);
    let view = cluster.leader_node().replica.network_view();
    assert_eq!(view.lapsed.len(), 1);
    assert!(view.lapsed[0].step.is_err());
    for id in 1..=3 {
        let told = told(&cluster, id, 3);
        assert_eq!(told.len(), 1, "once");
        let hindrance = told[0].as_ref().expect("a hindrance");
        assert!(hindrance.contains("vendors"), "{hindrance}");
    }
    cluster.put("k", "the service goes on");
}

#[test]
fn lapses_of_a_majority_demote_nobody() {
    let mut cluster = Cluster::short_lived(65, &[Tee::Tdx, Tee::Nitro]);
    cluster.run(1000);
    for id in 1..=3 {
        cluster.reattest(id);
    }
    cluster.run_attesting(3 * LIFETIME_MS, &[1]);
    assert_eq!(voters(&cluster), [1, 2, 3]);
    cluster.put("k", "the service goes on");
    cluster.run_attesting(LIFETIME_MS, &[1, 2, 3]);
    assert!(
        cluster
            .leader_node()
            .replica
            .network_view()
            .lapsed
            .is_empty(),
        "they may attest anew at any time"
    );
}

#[test]
fn voter_is_not_demoted_while_another_is_out_of_reach() {
    let mut cluster = Cluster::short_lived(66, &[Tee::Tdx, Tee::Nitro]);
    let leader = cluster.leader();
    let [silent, dead] = others(&cluster, leader)[..] else {
        panic!("three replicas");
    };
    cluster.run_attesting(LIFETIME_MS * 3 / 4, &[leader, dead]);
    cluster.stop(dead);
    cluster.run_attesting(LIFETIME_MS / 2, &[leader]);
    let view = cluster.leader_node().replica.network_view();
    assert_eq!(view.lapsed[0].id, silent);
    assert!(view.lapsed[0].step.is_ok(), "the rule allows it");
    assert_eq!(voters(&cluster), [1, 2, 3], "the leader knows better");
    cluster.put("k", "the service goes on");
}

#[test]
fn leader_whose_verdict_lapsed_hands_over_and_is_demoted() {
    for seed in 67..70 {
        let mut cluster = Cluster::short_lived(seed, &[Tee::Tdx, Tee::Nitro]);
        let leader = cluster.leader();
        let attesting = others(&cluster, leader);
        cluster.run_attesting(LIFETIME_MS + GRACE_MS / 2, &attesting);
        assert_ne!(cluster.leader(), leader);
        assert_eq!(status(&cluster, leader), ReplicaStatus::Learner);
        assert_eq!(voters(&cluster), attesting);
        cluster.put("k", "under the next leader");
        chain(&cluster);
    }
}

/// A leader that never hands over, though it says that it tries.
fn hold_on(envelope: &mut Envelope) {
    let hands_over = |message: &synod_consensus::Message| matches!(message.body, Body::TimeoutNow);
    if envelope.message.as_ref().is_some_and(hands_over) {
        envelope.message = None;
    }
}

#[test]
fn leader_that_does_not_hand_over_is_not_heard_for_ever() {
    let mut cluster = Cluster::short_lived(70, &[Tee::Tdx, Tee::Nitro]);
    let leader = cluster.leader();
    let attesting = others(&cluster, leader);
    cluster.tamper(leader, hold_on);
    cluster.run_attesting(LIFETIME_MS + LEADER_LAPSED_MAX_MS / 2, &attesting);
    assert_eq!(cluster.leader(), leader, "it is given time");
    cluster.run_attesting(3 * LEADER_LAPSED_MAX_MS, &attesting);
    assert_ne!(cluster.leader(), leader);
    assert!(!voters(&cluster).contains(&leader));
    cluster.put("k", "under the next leader");
}

fn failed(cluster: &mut Cluster, call: u64) -> CallError {
    for _ in 0..30 {
        if let Some(reply) = cluster.replies.remove(&call) {
            let Reply::Failed(error) = reply else {
                panic!("{reply:?}")
            };
            return error;
        }
        cluster.run(500);
    }
    panic!("call {call} was not answered");
}

fn submit(cluster: &mut Cluster, at: u64, request: Reattest) -> u64 {
    let bytes = GovernanceInput::Reattest(Box::new(request)).encode();
    cluster.send(
        at,
        Request::Governance(governance::Request::Reattest(bytes.into())),
        Caller::default(),
    )
}

#[test]
fn refusal_comes_back_with_its_explanation_to_follower_and_leader() {
    let mut cluster = Cluster::short_lived(71, &[Tee::Tdx, Tee::Nitro]);
    for id in [follower(&cluster), cluster.leader()] {
        cluster.run(1000);
        let mut request = cluster.reattest_request(id);
        request.attested.statement.nonce = synod_crypto::Digest::ZERO;
        let identity = cluster.birth(id).keys().identity;
        let request = Reattest::sign(id, request.attested, request.block, &identity);
        let before = cluster.record(id);
        let call = submit(&mut cluster, id, request);
        let why = failed(&mut cluster, call)
            .refusal()
            .expect("it is refused for good");
        assert!(why.contains("rule `binding`"), "{why}");
        assert_eq!(cluster.record(id), before);
    }
}

#[test]
fn submission_and_refusal_travel_whole_and_explanations_are_bounded() {
    let envelope = |length| Envelope {
        submission: Some(bytes::Bytes::from_static(b"evidence")),
        refusal: Some("x".repeat(length)),
        ..Envelope::default()
    };
    let longest = envelope(REFUSAL_BYTES_MAX);
    let read = Envelope::decode(&longest.encode()).expect("whole");
    assert_eq!(
        (&read.submission, &read.refusal),
        (&longest.submission, &longest.refusal)
    );
    let too_long = envelope(REFUSAL_BYTES_MAX + 1);
    assert!(Envelope::decode(&too_long.encode()).is_err());
}

#[test]
fn replica_takes_no_request_of_another() {
    let mut cluster = Cluster::short_lived(72, &[Tee::Tdx, Tee::Nitro]);
    let (leader, follower) = (cluster.leader(), follower(&cluster));
    let request = cluster.reattest_request(leader);
    let call = submit(&mut cluster, follower, request.clone());
    assert!(matches!(
        failed(&mut cluster, call),
        CallError::Malformed(_)
    ));
    // Nor does the leader take from a peer what is not the peer's own.
    let before = cluster.record(leader);
    let bytes = GovernanceInput::Reattest(Box::new(request)).encode();
    let envelope = Envelope {
        submission: Some(bytes.into()),
        ..Envelope::default()
    };
    let from = follower;
    cluster.step(leader, Input::Received { from, envelope });
    cluster.run(1000);
    assert_eq!(cluster.record(leader), before);
    let dropped = cluster.nodes[&leader].notices.iter().any(|notice| {
        matches!(notice, Notice::Dropped { peer, why } if *peer == from && why.contains("not its own"))
    });
    assert!(dropped);
}

#[test]
fn request_waits_for_a_leader_and_is_given_up_in_time() {
    let mut cluster = Cluster::short_lived(73, &[Tee::Tdx, Tee::Nitro]);
    let asking = follower(&cluster);
    for other in others(&cluster, asking) {
        cluster.stop(other);
    }
    let request = cluster.nodes[&asking].replica.network_view();
    let (index, hash, _) = request.certified;
    let own = request.replicas.iter().find(|replica| replica.id == asking);
    let identity = own.expect("it knows itself").identity();
    let nonce = synod_governance::join_nonce(&hash, &identity);
    let birth = cluster.birth_of(&identity);
    let attested = birth.attest(cluster.network, nonce, cluster.now_ms);
    let block = synod_governance::BlockRef { index, hash };
    let request = Reattest::sign(asking, attested, block, &birth.keys().identity);
    let call = submit(&mut cluster, asking, request.clone());
    let second = submit(&mut cluster, asking, request);
    assert_eq!(failed(&mut cluster, second), CallError::Busy);
    assert_eq!(failed(&mut cluster, call), CallError::Retry);
}

#[test]
fn request_outlives_a_change_of_leader() {
    let mut cluster = Cluster::short_lived(74, &[Tee::Tdx, Tee::Nitro]);
    let (leader, asking) = (cluster.leader(), follower(&cluster));
    let before = cluster.record(asking);
    cluster.stop(leader);
    let (index, hash, _) = cluster.nodes[&asking].replica.network_view().certified;
    let birth = cluster.birth_of(&before.identity());
    let nonce = synod_governance::join_nonce(&hash, &before.identity());
    let attested = birth.attest(cluster.network, nonce, cluster.now_ms);
    let block = synod_governance::BlockRef { index, hash };
    let request = Reattest::sign(asking, attested, block, &birth.keys().identity);
    let call = submit(&mut cluster, asking, request);
    cluster.await_leader();
    cluster.run(3000);
    assert!(matches!(
        cluster.replies.remove(&call),
        Some(Reply::Governance(Recorded { .. }))
    ));
    assert!(cluster.record(asking).attested_ms > before.attested_ms);
}

#[test]
fn keys_are_not_given_to_a_replica_whose_verdict_lapsed() {
    let mut cluster = Cluster::short_lived(75, &[Tee::Tdx, Tee::Nitro]);
    let silent = follower(&cluster);
    let attesting = others(&cluster, silent);
    let identity = cluster.record(silent).identity();
    cluster.run_attesting(LIFETIME_MS + GRACE_MS / 2, &attesting);
    assert_eq!(status(&cluster, silent), ReplicaStatus::Learner);
    let leader = cluster.leader();
    let replica = &mut cluster.nodes.get_mut(&leader).expect("the leader").replica;
    assert_eq!(replica.keys_for(&identity), Err(CallError::NotFound));
}

#[test]
fn lapse_takes_its_course_once_members_lower_the_rule() {
    let mut cluster = Cluster::short_lived(76, &[Tee::SevSnp, Tee::Tdx]);
    cluster.run_attesting(2 * LIFETIME_MS, &[1, 2]);
    let reply = cluster.act(Act::SetRequiredVendors { n: 1 });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    cluster.run_attesting(3000, &[1, 2]);
    assert_eq!(status(&cluster, 3), ReplicaStatus::Learner);
    assert_eq!(voters(&cluster), [1, 2]);
}

#[test]
fn removed_replica_signs_the_block_that_removes_it() {
    // Of two voters both are needed for the certificate of that block.
    let mut cluster = Cluster::found(77, 2);
    cluster.join(Tee::SevSnp);
    let reply = cluster.act(Act::RemoveReplica {
        id: 2,
        cause: "its host is given up".to_owned(),
    });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    assert_eq!(voters(&cluster), [1]);
}
