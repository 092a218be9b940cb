//! A client follows the configurations from the pin, and is not led astray.

use bytes::Bytes;
use synod_crypto::{Digest, sha256};
use synod_ledger::{CertificateError, Chain, ChainError, ChainRecord, QuorumError, SuccessorError};

use crate::network::{Network, altered, configuration_write, voter, write_set};

/// A network whose voter 4 was added; its chain before, and the record.
fn changed() -> (Network, Chain, ChainRecord) {
    let mut network = Network::usual();
    network.transact(2);
    let before = network.chain();
    let next = network.with_voter(4, "amd");
    network.propose(vec![
        write_set("public:a", b"k", None),
        configuration_write(&next),
    ]);
    network.certify(&[1, 2]);
    network.transact(1);
    let record = network.recorder.records()[0].clone();
    (network, before, record)
}

fn refusal(change: impl FnOnce(&Network, &mut ChainRecord)) -> ChainError {
    let (network, mut chain, true_record) = changed();
    let mut record = true_record.clone();
    change(&network, &mut record);
    let error = chain.follow(&record).expect_err("must be refused");
    chain
        .follow(&true_record)
        .expect("a refusal leaves no trace");
    error
}

#[test]
fn a_client_follows_additions_and_removals() {
    let (mut network, _, _) = changed();
    let fewer = vec![voter(2, "intel"), voter(3, "aws"), voter(4, "amd")];
    network.elect(2);
    network.transact(1);
    network.propose(vec![configuration_write(
        &network.next_configuration(fewer, 2),
    )]);
    // The certificate comes only with the next leader's opening block.
    network.elect(3);
    network.transact(0);
    network.certify(&[2, 3, 4]);
    network.transact(0);
    let chain = network.chain();
    assert_eq!(chain.configurations().len(), 3);
    assert_eq!(chain.current(), network.sequence.configuration());
    let digests: Vec<Digest> = chain.configurations().map(|c| c.digest()).collect();
    let ended = |n: usize| {
        chain
            .ended(&digests[n])
            .map(|e| (e.head().index, e.signers()))
    };
    assert_eq!(ended(0), Some((3, &[1, 2][..])));
    assert_eq!(ended(1).map(|(_, signers)| signers), Some(&[2, 3, 4][..]));
    assert_eq!(ended(2), None);
}

#[test]
fn a_record_reads_back_from_its_bytes() {
    let (_, _, record) = changed();
    assert_eq!(ChainRecord::decode(&record.encode()), Ok(record));
}

#[test]
fn the_pin_decides_which_block_0_counts() {
    let (network, _, _) = changed();
    let block0 = network.blocks[0].bytes().clone();
    let other = Chain::start(sha256(&[b"other"]), block0.clone());
    assert!(matches!(other, Err(ChainError::Genesis(_))));
    let broken = Chain::start(network.network(), block0.slice(1..));
    assert!(matches!(broken, Err(ChainError::Block(_))));
}

#[test]
fn a_malformed_header_is_refused() {
    let error = refusal(|_, r| r.header = Bytes::from_static(b"\x80"));
    assert!(matches!(error, ChainError::Header(_)), "{error}");
}

#[test]
fn a_header_of_another_network_is_refused() {
    let error = refusal(|n, r| {
        let foreign = altered(&n.blocks[2], |h| h.network = Digest::default());
        r.header = foreign.header_bytes().clone();
    });
    assert_eq!(error, ChainError::Network);
}

#[test]
fn a_record_cannot_be_followed_twice() {
    let (_, mut chain, record) = changed();
    chain.follow(&record).expect("valid");
    assert_eq!(chain.follow(&record), Err(ChainError::Order));
}

#[test]
fn a_certificate_without_diverse_quorum_is_refused() {
    let error = refusal(|_, r| {
        r.certificate.signatures.pop();
    });
    let quorum = QuorumError::TooFew {
        found: 1,
        needed: 2,
    };
    assert_eq!(error, CertificateError::from(quorum).into());
}

#[test]
fn a_certificate_of_another_configuration_is_refused() {
    let error = refusal(|n, r| {
        let later = n.blocks.last().expect("block");
        r.header = later.header_bytes().clone();
        r.certificate = n.certificate(&later.head(), &[1, 2, 4]);
    });
    assert_eq!(error, CertificateError::WrongConfiguration.into());
}

#[test]
fn a_changed_header_is_refused() {
    let error = refusal(|n, r| {
        r.header = altered(&n.blocks[2], |h| h.time_ms += 1)
            .header_bytes()
            .clone();
    });
    assert_eq!(error, CertificateError::WrongBlock.into());
}

#[test]
fn a_leaf_of_another_version_or_view_is_refused() {
    assert_eq!(refusal(|_, r| r.leaf.version = 2), ChainError::Leaf);
    assert_eq!(refusal(|_, r| r.leaf.view = 9), ChainError::Leaf);
}

#[test]
fn a_proof_for_another_place_is_refused() {
    assert_eq!(
        refusal(|_, r| r.proof.leaf_index -= 1),
        ChainError::ProofPlace
    );
    assert_eq!(
        refusal(|_, r| r.proof.tree_size -= 1),
        ChainError::ProofPlace
    );
}

#[test]
fn a_changed_leaf_or_sibling_is_refused() {
    let error = refusal(|_, r| r.leaf.reply = Digest::default());
    assert!(matches!(error, ChainError::Proof(_)), "{error}");
    let error = refusal(|_, r| r.proof.path[0] = Digest::default());
    assert!(matches!(error, ChainError::Proof(_)), "{error}");
}

#[test]
fn other_writes_than_the_leafs_are_refused() {
    let error = refusal(|n, r| r.public = configuration_write(&n.with_voter(5, "amd")));
    assert_eq!(error, ChainError::Writes);
}

#[test]
fn a_leaf_without_the_configuration_is_refused() {
    let error = refusal(|n, r| {
        let block = &n.blocks[2];
        r.leaf = block.leaf(0).expect("leaf");
        r.public = block.frames()[0].public.clone();
        r.proof = n
            .sequence
            .tree()
            .prove(r.leaf.seqno - 1, r.proof.tree_size)
            .expect("proof");
    });
    assert_eq!(error, ChainError::NoConfiguration { number: 1 });
}

/// What a client says when a quorum certified `next`, which no honest replica signs.
fn certified_refusal(next: &synod_ledger::Configuration) -> ChainError {
    let (network, mut chain, mut record) = changed();
    let block = network.blocks[2].clone();
    let mut frames = block.frames().to_vec();
    frames[1].public = configuration_write(next);
    let mut forged = crate::network::block_of(block.header(), &frames).expect("well-formed");
    let mut tree = network.sequence.tree().clone();
    tree.retract(block.header().first_seqno - 1);
    tree.extend(forged.leaves().iter().map(synod_ledger::Leaf::hash));
    forged = altered(&forged, |h| h.root = tree.root());
    record.header = forged.header_bytes().clone();
    record.leaf = forged.leaf(1).expect("leaf");
    record.public = frames[1].public.clone();
    record.proof = tree
        .prove(record.leaf.seqno - 1, tree.size())
        .expect("proof");
    record.certificate = network.certificate(&forged.head(), &[1, 2]);
    chain.follow(&record).expect_err("must be refused")
}

#[test]
fn a_configuration_that_cannot_follow_is_refused() {
    let network = Network::usual();
    let other = vec![voter(1, "amd"), voter(5, "intel"), voter(6, "aws")];
    let changed = network.next_configuration(other, 2);
    assert_eq!(
        certified_refusal(&changed),
        SuccessorError::NotOneChange { changed: 4 }.into()
    );
    let current = network.sequence.configuration();
    let orphan =
        synod_ledger::Configuration::new(1, Digest::default(), current.voters().to_vec(), 1);
    assert_eq!(
        certified_refusal(&orphan.expect("valid")),
        SuccessorError::Predecessor.into()
    );
}
