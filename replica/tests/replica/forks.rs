//! Two certified histories, and old keys: who halts, who does not, and what is kept.

use bytes::Bytes;
use synod_attestation::Tee;
use synod_crypto::Digest;
use synod_ledger::{
    BlockSignature, Certificate, Head, Header, Record, Scanner, ShownBlock, Standing,
};
use synod_replica::{Envelope, Input, Notice};

use crate::adversary::{followers, misbehaved, proofs};
use crate::cluster::Cluster;

/// A block that is not of the chain, signed by these replicas' own keys.
fn foreign(cluster: &Cluster, signers: &[u64], change: impl FnOnce(&mut Header)) -> ShownBlock {
    let machine = cluster.leader_node().replica.machine();
    let certified = machine.sequence().certified().index;
    let block = machine.history().block(certified).expect("it is kept");
    let mut header = block.header().clone();
    header.root = Digest::from([9; 32]);
    change(&mut header);
    let bytes = header.encode();
    let (_, head) = Head::of_bytes(&bytes).expect("a header");
    let sign = |id: &u64| {
        let key = cluster.birth(*id).keys().identity;
        BlockSignature::sign(&key, *id, &cluster.network, &head)
    };
    ShownBlock {
        header: bytes,
        certificate: Certificate {
            header_hash: head.hash,
            view: head.view,
            index: head.index,
            signatures: signers.iter().map(sign).collect(),
        },
    }
}

fn show(cluster: &mut Cluster, from: u64, to: u64, shown: &ShownBlock) {
    let envelope = Envelope {
        certificate: Some(shown.certificate.encode()),
        header: Some(shown.header.clone()),
        ..Envelope::default()
    };
    cluster.step(to, Input::Received { from, envelope });
}

fn halted(cluster: &Cluster, id: u64) -> bool {
    let notices = cluster.nodes[&id].notices.iter();
    let told = notices.clone().any(|n| matches!(n, Notice::Halted(_)));
    assert_eq!(told, cluster.nodes[&id].replica.gauges().halted);
    told
}

/// The last thing that a replica kept as proof.
fn proof(cluster: &Cluster, id: u64) -> Bytes {
    let scanner = Scanner::new(Bytes::from(cluster.nodes[&id].disk.clone())).expect("a segment");
    let proofs = scanner
        .into_iter()
        .filter_map(|placed| match placed.ok()?.record {
            Record::Proof(bytes) => Some(bytes),
            _ => None,
        });
    proofs.last().expect("a proof")
}

#[test]
fn a_replica_that_is_shown_another_certified_history_halts_and_keeps_the_proof() {
    let mut cluster = Cluster::three(90);
    cluster.put("k", "v");
    cluster.run(300);
    let victim = followers(&cluster)[0];
    let liar = followers(&cluster)[1];
    // Not the newest block, and from a peer that does not lead: any certified block will do.
    cluster.put("k", "w");
    let fork = foreign(&cluster, &[1, 2], |header| header.index -= 1);
    cluster.run(300);
    show(&mut cluster, liar, victim, &fork);
    assert!(halted(&cluster, victim));
    let kept = ShownBlock::decode(&proof(&cluster, victim)).expect("the proof");
    assert_eq!(kept, fork);
    let machine = cluster.leader_node().replica.machine();
    let standing = kept.standing(machine.sequence(), None);
    assert!(matches!(standing, Ok(Standing::Fork { .. })));
    cluster.put("after", "v");
}

#[test]
fn a_history_that_was_ahead_is_compared_once_the_place_is_reached() {
    let mut cluster = Cluster::three(91);
    cluster.put("k", "v");
    cluster.run(300);
    let victim = followers(&cluster)[0];
    let leader = cluster.leader();
    let fork = foreign(&cluster, &[1, 2], |header| header.index += 3);
    show(&mut cluster, leader, victim, &fork);
    cluster.run(300);
    assert!(!halted(&cluster, victim), "nothing can be said yet");
    for n in 0..5 {
        cluster.put(&format!("k{n}"), "v");
    }
    cluster.run(300);
    assert!(halted(&cluster, victim));
}

#[test]
fn a_replica_that_halts_shows_the_other_side_its_half_of_the_proof() {
    let mut cluster = Cluster::three(92);
    cluster.put("k", "v");
    cluster.run(300);
    let victim = followers(&cluster)[0];
    let leader = cluster.leader();
    let fork = foreign(&cluster, &[1, 2], |_| {});
    let before = cluster.sent.len();
    show(&mut cluster, leader, victim, &fork);
    assert!(halted(&cluster, victim));
    let last_words: Vec<_> = cluster.sent.drain(before..).collect();
    let [(from, to, envelope)] = &last_words[..] else {
        panic!("{} words", last_words.len())
    };
    assert_eq!((*from, *to), (victim, leader));
    let own = ShownBlock {
        header: envelope.header.clone().expect("a header"),
        certificate: Certificate::decode(envelope.certificate.as_ref().expect("a certificate"))
            .expect("a certificate"),
    };
    let machine = cluster.leader_node().replica.machine();
    let standing = own.standing(machine.sequence(), None);
    assert_eq!(standing, Ok(Standing::OnChain), "it is the honest history");
    cluster.run(5000);
    assert!(
        cluster.sent[before..]
            .iter()
            .all(|(from, ..)| *from != victim),
        "after its last word a halted replica says nothing"
    );
}

#[test]
fn a_conflict_that_proves_nothing_is_answered_with_the_own_history() {
    let mut cluster = Cluster::three(93);
    cluster.put("k", "v");
    cluster.run(300);
    let victim = followers(&cluster)[0];
    let liar = followers(&cluster)[1];
    let mut fork = foreign(&cluster, &[1, 2], |_| {});
    let before = cluster.sent.len();
    let certificate = Some(fork.certificate.encode());
    for _ in 0..3 {
        let envelope = Envelope {
            certificate: certificate.clone(),
            ..Envelope::default()
        };
        let from = liar;
        cluster.step(victim, Input::Received { from, envelope });
    }
    let answers = cluster.sent[before..].iter();
    let answers = answers.filter(|(_, to, envelope)| *to == liar && envelope.header.is_some());
    assert_eq!(answers.count(), 1, "once in a view");
    assert!(!halted(&cluster, victim));
    // A certificate that too few signed halts nobody, shown with its header or not.
    fork.certificate.signatures.truncate(1);
    show(&mut cluster, liar, victim, &fork);
    assert!(!halted(&cluster, victim));
    cluster.put("after", "v");
}

#[test]
fn the_founders_old_key_halts_nobody_and_is_reported() {
    let mut cluster = Cluster::three(94);
    cluster.put("k", "v");
    cluster.run(300);
    let machine = cluster.leader_node().replica.machine();
    let first = machine.sequence().configurations().next();
    let founded = first.expect("configuration 0").digest();
    let certified = machine.sequence().certified().index;
    let forged: Vec<ShownBlock> = [(2, 1), (certified, 1000), (certified - 1, 2)]
        .into_iter()
        .map(|(index, view)| {
            foreign(&cluster, &[1], |header| {
                header.configuration = founded;
                (header.index, header.view) = (index, view);
            })
        })
        .collect();
    let ids: Vec<u64> = cluster.nodes.keys().copied().collect();
    for id in &ids {
        let from = if *id == 1 { 2 } else { 1 };
        for forged in &forged {
            show(&mut cluster, from, *id, forged);
        }
        assert!(!halted(&cluster, *id), "replica {id}");
        let what = misbehaved(&cluster, *id).expect("it is reported");
        assert!(what.contains("configuration 0, which has ended"), "{what}");
        assert_eq!(proofs(&cluster, *id), 1, "kept once in a view");
        let kept = ShownBlock::decode(&proof(&cluster, *id)).expect("a shown block");
        assert_eq!(kept, forged[0]);
    }
    cluster.run(6000);
    cluster.await_leader();
    cluster.put("after", "v");
    cluster.join(Tee::SevSnp);
}
