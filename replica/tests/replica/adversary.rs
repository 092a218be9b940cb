//! Replicas that lie: what an honest replica refuses, keeps as proof, and survives.

use bytes::Bytes;
use synod_attestation::Tee;
use synod_consensus::{Body, Entry, Message, Payload};
use synod_crypto::{Digest, Entropy, Secret, Signature};
use synod_governance::{Act, Input as GovernanceInput};
use synod_kv::WriteSet;
use synod_ledger::{
    Block, BlockBuilder, BlockSignature, Certificate, Frame, Interior, Purpose, Record,
    ReplyPreimage, Scanner, Sealer, Terms, TxStatus,
};
use synod_replica::governance::Recorded;
use synod_replica::{CallError, Envelope, Input, Notice, Reply, Request, governance};

use crate::cluster::{Cluster, attest, map, user};

pub(crate) fn followers(cluster: &Cluster) -> Vec<u64> {
    let leader = cluster.leader();
    cluster
        .nodes
        .keys()
        .copied()
        .filter(|id| *id != leader)
        .collect()
}

/// A block that the leader could propose next, with these frames.
pub(crate) fn next_block(cluster: &Cluster, frames: &[Frame]) -> Block {
    let leader = cluster.leader();
    let replica = &cluster.nodes[&leader].replica;
    let mut sequence = replica.machine().sequence().clone();
    let gauges = replica.gauges();
    let mut builder = BlockBuilder::new(gauges.view, sequence.next_seqno());
    for frame in frames {
        builder.push(frame.public.clone(), frame.sealed.clone(), frame.reply);
    }
    let terms = Terms {
        index: gauges.last_index + 1,
        proposer: leader,
        readings: &[],
        empties: Vec::new(),
    };
    sequence
        .propose(builder, terms)
        .expect("a block of the right form")
        .0
}

/// Sends the block to a follower as the leader would.
pub(crate) fn inject(cluster: &mut Cluster, to: u64, block: &Block, certificate: Option<Bytes>) {
    let leader = cluster.leader();
    let header = block.header();
    let entry = Entry {
        index: header.index,
        term: header.view,
        payload: Payload::Block(block.bytes().clone()),
    };
    let log_term = cluster.nodes[&leader]
        .replica
        .machine()
        .history()
        .block(header.index - 1)
        .map_or(header.view, |b| b.header().view);
    let body = Body::Append {
        index: header.index - 1,
        log_term,
        commit: header.index - 1,
        entry: Some(entry),
    };
    let message = Message {
        from: leader,
        to,
        term: header.view,
        body,
    };
    let envelope = Envelope {
        message: Some(message),
        tail: Some(header.previous),
        certificate,
        ..Envelope::default()
    };
    cluster.step(
        to,
        Input::Received {
            from: leader,
            envelope,
        },
    );
}

pub(crate) fn misbehaved(cluster: &Cluster, id: u64) -> Option<String> {
    cluster.nodes[&id]
        .notices
        .iter()
        .find_map(|notice| match notice {
            Notice::Misbehaved { what, .. } => Some(what.clone()),
            _ => None,
        })
}

pub(crate) fn proofs(cluster: &Cluster, id: u64) -> usize {
    let scanner = Scanner::new(Bytes::from(cluster.nodes[&id].disk.clone())).expect("a segment");
    scanner
        .into_iter()
        .filter(|placed| matches!(placed, Ok(placed) if matches!(placed.record, Record::Proof(_))))
        .count()
}

fn falsified_user() -> Frame {
    let mut writes = WriteSet::new();
    writes
        .put(
            &map("public:synod.users"),
            Bytes::from_static(b"mallory"),
            Bytes::from_static(b"me"),
        )
        .expect("a write");
    Frame {
        public: writes.encode().into(),
        sealed: Bytes::new(),
        reply: Digest::ZERO,
    }
}

#[test]
fn a_block_with_falsified_governance_is_refused_kept_as_proof_and_costs_the_leadership() {
    let mut cluster = Cluster::three(40);
    cluster.put("k", "v");
    cluster.run(300);
    let (leader, followers) = (cluster.leader(), followers(&cluster));
    let block = next_block(&cluster, &[falsified_user()]);
    for follower in &followers {
        inject(&mut cluster, *follower, &block, None);
        let what = misbehaved(&cluster, *follower).expect("it is reported");
        assert!(what.contains("records no input"), "{what}");
        assert_eq!(proofs(&cluster, *follower), 1);
        assert!(
            cluster.nodes[follower]
                .replica
                .machine()
                .history()
                .block(block.header().index)
                .is_none()
        );
    }
    cluster.run(4000);
    assert_ne!(cluster.leader(), leader, "an election follows");
    cluster.put("after", "v");
}

#[test]
fn a_leader_cannot_demote_a_voter_whose_verdict_holds() {
    let mut cluster = Cluster::three(57);
    cluster.put("k", "v");
    cluster.run(300);
    let (leader, followers) = (cluster.leader(), followers(&cluster));
    let seqno = cluster.leader_node().replica.machine().store().head() + 1;
    let victim = followers[0];
    let lapse = GovernanceInput::Lapse(synod_governance::Lapse { id: victim });
    let mut writes = WriteSet::new();
    writes
        .put(
            &map("public:synod.inputs"),
            Bytes::copy_from_slice(&seqno.to_be_bytes()),
            Bytes::from(lapse.encode()),
        )
        .expect("a write");
    let frame = Frame {
        public: writes.encode().into(),
        sealed: Bytes::new(),
        reply: Digest::ZERO,
    };
    let block = next_block(&cluster, &[frame]);
    for follower in &followers {
        inject(&mut cluster, *follower, &block, None);
        let what = misbehaved(&cluster, *follower).expect("it is reported");
        assert!(what.contains("is valid until"), "{what}");
        assert_eq!(proofs(&cluster, *follower), 1);
    }
    cluster.run(4000);
    assert_ne!(cluster.leader(), leader, "an election follows");
    let view = cluster.leader_node().replica.network_view();
    assert!(view.configuration.voter(victim).is_some());
}

#[test]
fn a_private_write_that_does_not_open_is_refused() {
    let mut cluster = Cluster::three(41);
    cluster.run(300);
    let follower = followers(&cluster)[0];
    let frame = Frame {
        public: WriteSet::new().encode().into(),
        sealed: Bytes::from_static(b"junk"),
        reply: Digest::ZERO,
    };
    let block = next_block(&cluster, &[frame]);
    inject(&mut cluster, follower, &block, None);
    assert!(misbehaved(&cluster, follower).is_some());
}

#[test]
fn another_block_at_the_same_view_and_index_is_refused() {
    let mut cluster = Cluster::three(42);
    cluster.run(300);
    let other = next_block(&cluster, &[]);
    cluster.put("k", "v");
    cluster.run(300);
    let follower = followers(&cluster)[0];
    let certified = cluster.nodes[&follower].replica.gauges().certified_index;
    assert!(other.header().index <= certified);
    inject(&mut cluster, follower, &other, None);
    assert!(misbehaved(&cluster, follower).is_some());
    assert!(
        !cluster.nodes[&follower].replica.gauges().halted,
        "a leader's word alone halts nobody"
    );
}

#[test]
fn a_certificate_that_contradicts_a_certified_block_halts_the_replica() {
    let mut cluster = Cluster::three(43);
    cluster.run(300);
    let other = next_block(&cluster, &[]);
    cluster.put("k", "v");
    cluster.run(300);
    let follower = followers(&cluster)[0];
    let signatures = cluster.nodes.iter().map(|(id, node)| {
        let head = other.head();
        let message = synod_ledger::block_signature_message(
            &cluster.network,
            &node
                .replica
                .machine()
                .sequence()
                .newest_configuration()
                .voter(*id)
                .expect("a voter")
                .key
                .digest(),
            &head.hash,
            head.view,
            &head.root,
        );
        BlockSignature {
            signer: *id,
            signature: node.replica.sign_freshness(&message),
        }
    });
    let certificate = Certificate {
        header_hash: other.hash(),
        view: other.header().view,
        index: other.header().index,
        signatures: signatures.collect(),
    };
    inject(&mut cluster, follower, &other, Some(certificate.encode()));
    assert!(cluster.nodes[&follower].replica.gauges().halted);
    let call = cluster.send(follower, Cluster::get_request("records", "k", true), user());
    assert!(matches!(
        cluster.replies.remove(&call),
        Some(Reply::Failed(CallError::Halted))
    ));
}

/// Claims a commit index that a function makes of the append's end, and withholds every
/// certificate.
fn inflate_commit(envelope: &mut Envelope, claim: fn(u64) -> u64) {
    envelope.certificate = None;
    if let Some(Message {
        body:
            Body::Append {
                index,
                commit,
                entry,
                ..
            },
        ..
    }) = &mut envelope.message
    {
        *commit = claim(*index + u64::from(entry.is_some()));
    }
}

#[test]
fn an_inflated_commit_index_commits_nothing() {
    let beyond_the_log: fn(&mut Envelope) = |envelope| inflate_commit(envelope, |_| 1 << 40);
    let end_of_the_log: fn(&mut Envelope) = |envelope| inflate_commit(envelope, |end| end);
    for tamper in [beyond_the_log, end_of_the_log] {
        let mut cluster = Cluster::three(44);
        let leader = cluster.leader();
        cluster.tamper(leader, tamper);
        let before = cluster.nodes[&followers(&cluster)[0]]
            .replica
            .gauges()
            .certified_index;
        cluster.put("k", "v");
        cluster.run(500);
        for follower in followers(&cluster) {
            let gauges = cluster.nodes[&follower].replica.gauges();
            assert_eq!(
                (gauges.certified_index, gauges.committed_index),
                (before, before)
            );
        }
    }
}

#[test]
fn an_acknowledgement_without_a_signature_counts_for_nothing() {
    let mut cluster = Cluster::three(45);
    for follower in followers(&cluster) {
        cluster.tamper(follower, |envelope| envelope.signature = None);
    }
    let leader = cluster.leader();
    let call = cluster.send(leader, Cluster::put_request("records", "k", "v"), user());
    cluster.run(1000);
    assert!(!cluster.replies.contains_key(&call));
}

#[test]
fn an_acknowledgement_with_a_wrong_signature_counts_for_nothing() {
    let mut cluster = Cluster::three(46);
    for follower in followers(&cluster) {
        cluster.tamper(follower, |envelope| {
            if let Some(signature) = &mut envelope.signature {
                signature.signature = Signature::from([1; 64]);
            }
        });
    }
    let leader = cluster.leader();
    let call = cluster.send(leader, Cluster::put_request("records", "k", "v"), user());
    cluster.run(1000);
    assert!(!cluster.replies.contains_key(&call));
}

#[test]
fn a_message_under_another_name_is_dropped() {
    let mut cluster = Cluster::three(47);
    let (leader, followers) = (cluster.leader(), followers(&cluster));
    let body = Body::Heartbeat {
        commit: 1,
        read: None,
    };
    let term = cluster.nodes[&leader].replica.gauges().view + 5;
    let message = Message {
        from: leader,
        to: followers[0],
        term,
        body,
    };
    let envelope = Envelope {
        message: Some(message),
        ..Envelope::default()
    };
    cluster.step(
        followers[0],
        Input::Received {
            from: followers[1],
            envelope,
        },
    );
    assert!(cluster.nodes[&followers[0]].replica.gauges().view < term);
}

#[test]
fn an_action_is_carried_out_once() {
    let mut cluster = Cluster::three(48);
    let act = Act::RemoveUser {
        name: "user".to_owned(),
    };
    let sequence = cluster
        .leader_node()
        .replica
        .governance_view()
        .governance
        .next_sequence;
    let request = cluster.signed(act, sequence);
    assert!(matches!(
        cluster.ask(request.clone(), user()),
        Reply::Governance(Recorded { .. })
    ));
    let again = cluster.ask(request, user());
    assert!(
        matches!(again, Reply::Failed(CallError::Governance(_))),
        "{again:?}"
    );
}

fn join(cluster: &mut Cluster, change: impl FnOnce(&mut synod_governance::Join)) -> Reply {
    let (_, mut request) = cluster.join_request(Tee::Tdx);
    change(&mut request);
    let bytes = GovernanceInput::Join(Box::new(request)).encode();
    cluster.ask(
        Request::Governance(governance::Request::Join(bytes.into())),
        user(),
    )
}

#[test]
fn a_join_with_evidence_of_another_key_is_refused() {
    let mut cluster = Cluster::three(49);
    let (_, other) = cluster.join_request(Tee::Tdx);
    let reply = join(&mut cluster, |request| {
        request.attested.evidence = other.attested.evidence;
    });
    assert!(
        matches!(reply, Reply::Failed(CallError::Governance(_))),
        "{reply:?}"
    );
}

#[test]
fn a_join_for_another_network_is_refused() {
    let mut cluster = Cluster::three(50);
    let view = cluster.leader_node().replica.network_view();
    let (index, hash, _) = view.certified;
    let mut entropy = Entropy::from_seed(Secret::new([1; 32]));
    let nonce = |key: &synod_crypto::SigningKey| synod_governance::join_nonce(&hash, &key.public());
    let (keys, attested) = attest(
        Tee::Tdx,
        Digest::from([3; 32]),
        nonce,
        cluster.now_ms,
        &mut entropy,
    );
    let address = view.replicas[0].address.clone();
    let request = synod_governance::Join::sign(
        attested,
        synod_governance::BlockRef { index, hash },
        address,
        None,
        &keys.identity,
    );
    let reply = cluster.ask(
        Request::Governance(governance::Request::Join(
            GovernanceInput::Join(Box::new(request)).encode().into(),
        )),
        user(),
    );
    assert!(
        matches!(reply, Reply::Failed(CallError::Governance(_))),
        "{reply:?}"
    );
}

#[test]
fn a_join_replayed_is_refused() {
    let mut cluster = Cluster::three(51);
    let (_, request) = cluster.join_request(Tee::Tdx);
    let bytes: Bytes = GovernanceInput::Join(Box::new(request)).encode().into();
    assert!(matches!(
        cluster.ask(
            Request::Governance(governance::Request::Join(bytes.clone())),
            user()
        ),
        Reply::Governance(Recorded { .. })
    ));
    let again = cluster.ask(
        Request::Governance(governance::Request::Join(bytes)),
        user(),
    );
    assert!(
        matches!(again, Reply::Failed(CallError::Governance(_))),
        "{again:?}"
    );
}

#[test]
fn keys_go_to_trusted_replicas_only() {
    let mut cluster = Cluster::three(52);
    let (keys, _) = cluster.join_request(Tee::Tdx);
    let leader = cluster.leader();
    let identity = keys.identity.public();
    let refused = cluster
        .nodes
        .get_mut(&leader)
        .expect("the leader")
        .replica
        .keys_for(&identity);
    assert_eq!(refused, Err(CallError::NotFound));
}

#[test]
fn a_transaction_is_never_invalid_before_that_is_decided() {
    let mut cluster = Cluster::three(53);
    let tx = cluster.put("k", "v");
    let node = &cluster.nodes[&cluster.leader()];
    let history = node.replica.machine().history();
    let unknown = synod_ledger::TxId {
        view: tx.view,
        seqno: tx.seqno + 1,
    };
    assert_eq!(history.status(unknown), TxStatus::Unknown);
    let older = synod_ledger::TxId {
        view: tx.view - 1,
        seqno: tx.seqno,
    };
    assert_eq!(history.status(older), TxStatus::Invalid);
    let newer = synod_ledger::TxId {
        view: tx.view + 1,
        seqno: tx.seqno,
    };
    assert_eq!(history.status(newer), TxStatus::Unknown);
}

#[test]
fn a_leader_whose_chain_differs_below_an_append_is_refused() {
    let mut cluster = Cluster::three(54);
    cluster.put("k", "v");
    cluster.run(300);
    let follower = followers(&cluster)[0];
    let gauges = cluster.leader_node().replica.gauges();
    let leader = cluster.leader();
    let body = Body::Append {
        index: gauges.last_index,
        log_term: gauges.view,
        commit: 1,
        entry: None,
    };
    let message = Message {
        from: leader,
        to: follower,
        term: gauges.view,
        body,
    };
    let tail = Some(Digest::from([9; 32]));
    let envelope = Envelope {
        message: Some(message),
        tail,
        ..Envelope::default()
    };
    cluster.step(
        follower,
        Input::Received {
            from: leader,
            envelope,
        },
    );
    assert!(misbehaved(&cluster, follower).is_some());
}

#[test]
fn a_frame_that_states_another_reply_than_it_seals_is_refused() {
    let mut cluster = Cluster::three(55);
    cluster.run(300);
    let (leader, follower) = (cluster.leader(), followers(&cluster)[0]);
    let machine = cluster.nodes[&leader].replica.machine();
    let secret = machine
        .opener()
        .expect("a leader's")
        .newest()
        .expect("a secret");
    let view = cluster.nodes[&leader].replica.gauges().view;
    let mut sealer = Sealer::new(secret, cluster.network, leader, view, Purpose::Transaction);
    let reply = ReplyPreimage {
        salt: [1; 32],
        request: Digest::ZERO,
        status: 200,
        response: Digest::ZERO,
        claims: Vec::new(),
    };
    let honest = reply.digest();
    let interior = Interior {
        execution: None,
        writes: WriteSet::new().encode().into(),
        reply,
        caller: Bytes::new(),
    };
    let (seqno, previous) = (
        machine.sequence().next_seqno(),
        machine.sequence().last().hash,
    );
    let sealed: Bytes = sealer
        .seal(seqno, previous, interior.encode())
        .expect("a sealed part")
        .into();
    let frame = |reply| Frame {
        public: WriteSet::new().encode().into(),
        sealed: sealed.clone(),
        reply,
    };
    let (lie, truth) = (
        next_block(&cluster, &[frame(Digest::ZERO)]),
        next_block(&cluster, &[frame(honest)]),
    );
    inject(&mut cluster, follower, &lie, None);
    assert!(misbehaved(&cluster, follower).is_some_and(|what| what.contains("reply")));
    let other = followers(&cluster)[1];
    inject(&mut cluster, other, &truth, None);
    assert_eq!(misbehaved(&cluster, other), None);
}

#[test]
fn keys_are_not_given_to_a_replica_that_was_removed() {
    let mut cluster = Cluster::three(56);
    let id = cluster.join_only(Tee::Tdx);
    let identity = cluster.nodes[&id].replica.network_view().replicas[id as usize - 1].identity();
    cluster.stop(id);
    cluster.run(2000);
    let reply = cluster.act(Act::RemoveReplica {
        id,
        cause: "never needed".to_owned(),
    });
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    let leader = cluster.leader();
    let refused = cluster
        .nodes
        .get_mut(&leader)
        .expect("the leader")
        .replica
        .keys_for(&identity);
    assert_eq!(refused, Err(CallError::NotFound));
}
