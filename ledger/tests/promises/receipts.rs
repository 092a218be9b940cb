//! A receipt is believed only if every part of it holds.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_ledger::{
    AnswerError, CoseReceiptError, Malformed, QuorumError, Receipt, ReceiptError, ReceiptPolicy,
    TxId,
};

use crate::network::{Network, altered, preimage, write_set};

fn prepared() -> Network {
    let mut network = Network::usual();
    network.transact(4);
    network.certify(&[1, 2]);
    network.propose(vec![
        write_set("public:notes", b"k", Some(b"v")),
        write_set("public:x", b"", None),
    ]);
    network.certify(&[1, 2, 3]);
    network
}

fn error(network: &Network, receipt: &Receipt) -> ReceiptError {
    receipt
        .verify(&network.chain(), &ReceiptPolicy::default())
        .expect_err("must be refused")
}

/// Refusal of a receipt for transaction 3 after `change`.
fn refusal(change: impl FnOnce(&mut Receipt)) -> ReceiptError {
    let network = prepared();
    let mut receipt = network.receipt(3, &[1, 2]);
    change(&mut receipt);
    error(&network, &receipt)
}

/// Refusal after replacing the bytes `from` by `to` in the first COSE receipt.
fn cose_refusal(from: &[u8], to: &[u8]) -> ReceiptError {
    refusal(|r| r.cose[0] = replaced(&r.cose[0], from, to))
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Bytes {
    let at = bytes
        .windows(from.len())
        .position(|w| w == from)
        .expect("the bytes are there");
    [&bytes[..at], to, &bytes[at + from.len()..]]
        .concat()
        .into()
}

#[test]
fn a_receipt_proves_its_transaction_with_opening_and_writes() {
    let network = prepared();
    let policy = ReceiptPolicy {
        signers_min: 3,
        vendors_min: 3,
        ..ReceiptPolicy::default()
    };
    for seqno in 1..=7 {
        let receipt = network.receipt(seqno, &[1, 2, 3]);
        let committed = receipt.verify(&network.chain(), &policy).expect("valid");
        assert_eq!(committed.id(), TxId { view: 1, seqno });
        assert_eq!(committed.signers.len(), 3);
        let answer = format!("answer {seqno}");
        let request = preimage(seqno).request;
        assert_eq!(
            committed.check_answer(&request, 200, answer.as_bytes()),
            Ok(())
        );
        assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
    }
}

#[test]
fn another_answer_than_the_proven_one_is_refused() {
    let network = prepared();
    let mut receipt = network.receipt(3, &[1, 2]);
    let policy = ReceiptPolicy::default();
    let committed = receipt.verify(&network.chain(), &policy).expect("valid");
    let request = preimage(3).request;
    let check =
        |request: &Digest, status, body: &[u8]| committed.check_answer(request, status, body);
    assert_eq!(
        check(&Digest::default(), 200, b"answer 3"),
        Err(AnswerError::Request)
    );
    assert_eq!(
        check(&request, 404, b"answer 3"),
        Err(AnswerError::Status { proven: 200 })
    );
    assert_eq!(
        check(&request, 200, b"answer 4"),
        Err(AnswerError::Response)
    );
    receipt.opening = None;
    let closed = receipt.verify(&network.chain(), &policy).expect("valid");
    assert_eq!(
        closed.check_answer(&request, 200, b"answer 3"),
        Err(AnswerError::NotOpened)
    );
}

#[test]
fn a_receipt_of_an_old_view_block_stands_under_the_first_block_of_the_new_view() {
    let mut network = prepared();
    network.transact(2);
    network.elect(2);
    network.transact(0);
    network.certify(&[2, 3]);
    let receipt = network.receipt(9, &[2, 3]);
    let committed = receipt
        .verify(&network.chain(), &ReceiptPolicy::default())
        .expect("valid");
    assert_eq!((committed.leaf.view, committed.head.view), (1, 2));
}

#[test]
fn a_malformed_header_is_refused() {
    let error = refusal(|r| r.header = r.header.slice(1..));
    assert!(matches!(error, ReceiptError::Header(_)), "{error}");
}

#[test]
fn a_header_of_another_network_is_refused() {
    let network = prepared();
    let mut receipt = network.receipt(3, &[1, 2]);
    let foreign = altered(network.blocks.last().expect("block"), |h| {
        h.network = Digest::default();
    });
    receipt.header = foreign.header_bytes().clone();
    let found = Digest::default();
    assert_eq!(error(&network, &receipt), ReceiptError::Network { found });
}

#[test]
fn a_header_of_an_unknown_configuration_is_refused() {
    let network = prepared();
    let mut receipt = network.receipt(3, &[1, 2]);
    let digest = network.with_voter(4, "amd").digest();
    let forged = altered(network.blocks.last().expect("block"), |h| {
        h.configuration = digest;
    });
    receipt.header = forged.header_bytes().clone();
    assert_eq!(
        error(&network, &receipt),
        ReceiptError::UnknownConfiguration { digest }
    );
}

#[test]
fn a_changed_header_is_refused() {
    let network = prepared();
    let mut receipt = network.receipt(3, &[1, 2]);
    let forged = altered(network.blocks.last().expect("block"), |h| h.time_ms += 1);
    receipt.header = forged.header_bytes().clone();
    assert_eq!(
        error(&network, &receipt),
        ReceiptError::WrongBlock { signer: 1 }
    );
}

#[test]
fn a_leaf_from_outside_the_tree_is_refused() {
    assert_eq!(refusal(|r| r.leaf.seqno = 99), ReceiptError::Leaf);
    assert_eq!(refusal(|r| r.leaf.seqno = 0), ReceiptError::Leaf);
    assert_eq!(refusal(|r| r.leaf.view = 2), ReceiptError::Leaf);
    assert_eq!(refusal(|r| r.leaf.version = 2), ReceiptError::Leaf);
}

#[test]
fn a_changed_leaf_is_refused() {
    let proof = |e: &ReceiptError| matches!(e, ReceiptError::Proof { signer: 1, .. });
    assert!(proof(&refusal(|r| r.leaf.sealed = Digest::default())));
    assert!(proof(&refusal(|r| {
        r.leaf.public = Digest::default();
        r.public = None;
    })));
    assert!(proof(&refusal(|r| {
        r.leaf.reply = Digest::default();
        r.opening = None;
    })));
    assert!(proof(&refusal(|r| r.leaf.view = 0)));
    assert_eq!(
        refusal(|r| r.leaf.seqno = 4),
        ReceiptError::ProofPlace { signer: 1 }
    );
}

#[test]
fn another_opening_is_refused() {
    assert_eq!(
        refusal(|r| r.opening = Some(preimage(4))),
        ReceiptError::Opening
    );
}

#[test]
fn other_public_writes_are_refused() {
    let other = write_set("public:x", b"k", None);
    assert_eq!(
        refusal(|r| r.public = Some(other)),
        ReceiptError::PublicWrites
    );
}

#[test]
fn more_signatures_than_voters_are_refused() {
    let extra = |r: &mut Receipt| r.cose.extend(vec![r.cose[0].clone(); 2]);
    assert_eq!(refusal(extra), ReceiptError::TooManySigners);
}

#[test]
fn a_signer_counts_once() {
    let twice = |r: &mut Receipt| r.cose[1] = r.cose[0].clone();
    assert_eq!(refusal(twice), ReceiptError::DuplicateSigner { signer: 1 });
}

#[test]
fn a_minority_is_refused_whatever_the_policy() {
    let error = refusal(|r| r.cose.truncate(1));
    assert_eq!(
        error,
        QuorumError::TooFew {
            found: 1,
            needed: 2
        }
        .into()
    );
    let error = refusal(|r| r.cose.clear());
    assert_eq!(
        error,
        QuorumError::TooFew {
            found: 0,
            needed: 2
        }
        .into()
    );
}

#[test]
fn signers_of_one_vendor_are_refused_where_two_are_required() {
    let mut network = Network::of(&["amd", "amd", "intel"], 2);
    network.transact(2);
    let receipt = network.receipt(2, &[1, 2]);
    assert_eq!(
        error(&network, &receipt),
        QuorumError::TooFewVendors {
            found: 1,
            needed: 2
        }
        .into()
    );
}

#[test]
fn a_policy_may_ask_for_more_signers_and_vendors() {
    let network = prepared();
    let receipt = network.receipt(3, &[1, 2]);
    let with = |signers_min, vendors_min| {
        let policy = ReceiptPolicy {
            signers_min,
            vendors_min,
            ..ReceiptPolicy::default()
        };
        receipt.verify(&network.chain(), &policy).err()
    };
    assert_eq!(with(2, 2), None);
    assert_eq!(
        with(3, 1),
        Some(ReceiptError::PolicySigners {
            found: 2,
            needed: 3
        })
    );
    assert_eq!(
        with(1, 3),
        Some(ReceiptError::PolicyVendors {
            found: 2,
            needed: 3
        })
    );
}

#[test]
fn a_signature_of_a_stranger_is_refused() {
    let network = prepared();
    let kid = |id: u64| network.keys[&id].public().digest();
    let error = cose_refusal(kid(1).as_bytes(), kid(9).as_bytes());
    assert_eq!(error, ReceiptError::UnknownSigner { position: 0 });
}

#[test]
fn a_signature_for_another_network_is_refused() {
    let issuer = prepared().network().to_string();
    let other = Digest::default().to_string();
    let error = cose_refusal(issuer.as_bytes(), other.as_bytes());
    assert_eq!(error, ReceiptError::Issuer { signer: 1 });
}

#[test]
fn a_signature_over_another_block_is_refused() {
    let network = prepared();
    let hash = network.sequence.last().hash;
    let error = cose_refusal(hash.as_bytes(), network.blocks[0].hash().as_bytes());
    assert_eq!(error, ReceiptError::WrongBlock { signer: 1 });
}

#[test]
fn a_signature_of_another_view_is_refused() {
    let error = cose_refusal(b"synod.view\x01", b"synod.view\x02");
    assert_eq!(error, ReceiptError::WrongView { signer: 1 });
}

#[test]
fn a_flipped_signature_is_refused() {
    let error = refusal(|r| {
        let mut bytes = r.cose[1].to_vec();
        *bytes.last_mut().expect("bytes") ^= 1;
        r.cose[1] = bytes.into();
    });
    assert_eq!(error, ReceiptError::BadSignature { signer: 2 });
}

#[test]
fn a_swapped_sibling_is_refused() {
    let network = prepared();
    let path = network
        .sequence
        .tree()
        .inclusion_proof(2, 7)
        .expect("proof");
    for sibling in path {
        let error = cose_refusal(sibling.as_bytes(), Digest::default().as_bytes());
        assert!(
            matches!(error, ReceiptError::Proof { signer: 1, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_proof_for_another_place_or_tree_is_refused() {
    let place = ReceiptError::ProofPlace { signer: 1 };
    assert_eq!(cose_refusal(&[0x83, 7, 2], &[0x83, 7, 3]), place);
    assert_eq!(cose_refusal(&[0x83, 7, 2], &[0x83, 6, 2]), place);
}

fn cose_error(from: &[u8], to: &[u8]) -> CoseReceiptError {
    match cose_refusal(from, to) {
        ReceiptError::Cose { position: 0, error } => error,
        other => panic!("{other}"),
    }
}

#[test]
fn other_algorithms_claims_and_shapes_are_refused() {
    // alg -8 becomes ES256 (-7); RFC9162_SHA256 becomes another structure.
    assert_eq!(
        cose_error(&[0xa6, 1, 0x27], &[0xa6, 1, 0x26]),
        CoseReceiptError::Algorithm(-7)
    );
    let vds = [0x19, 0x01, 0x8b];
    let (one, two) = ([&vds[..], &[1]].concat(), [&vds[..], &[2]].concat());
    assert_eq!(cose_error(&one, &two), CoseReceiptError::TreeAlgorithm(2));
    assert_eq!(
        cose_error(b"synod.block", b"synod.blocc"),
        CoseReceiptError::Claims
    );
    assert_eq!(
        cose_error(b"synod.header", b"synod.hedaer"),
        CoseReceiptError::Shape
    );
    // An attached payload, an untagged message.
    assert_eq!(
        cose_error(&[0xf6, 0x58, 0x40], &[0x41, 0, 0x58, 0x40]),
        CoseReceiptError::AttachedPayload
    );
    assert_eq!(cose_error(&[0xd2, 0x84], &[0x84]), CoseReceiptError::Shape);
}

#[test]
fn no_byte_of_a_receipt_can_be_changed_unnoticed() {
    let network = prepared();
    let chain = network.chain();
    let bytes = network.receipt(3, &[1, 2]).encode();
    for at in 0..bytes.len() {
        let mut wrong = bytes.to_vec();
        wrong[at] ^= 0x10;
        let believed = Receipt::decode(&wrong)
            .is_ok_and(|r| r.verify(&chain, &ReceiptPolicy::default()).is_ok());
        assert!(!believed, "byte {at}");
    }
}

#[test]
fn another_format_is_refused_by_its_number() {
    for found in [1, 3] {
        let mut bytes = prepared().receipt(3, &[1, 2]).encode().to_vec();
        assert_eq!(bytes[1], 2);
        bytes[1] = found;
        let found = u16::from(found);
        let refused = Receipt::decode(&bytes).expect_err("another format");
        assert_eq!(refused, Malformed::Version { found, known: 2 });
    }
}

#[test]
fn transaction_ids_are_written_in_one_way() {
    let id = TxId { view: 3, seqno: 41 };
    assert_eq!(id.to_string(), "3.41");
    assert_eq!("3.41".parse(), Ok(id));
    for text in [
        "",
        "3",
        "3.",
        ".41",
        "03.41",
        "+3.41",
        "3.41.1",
        "3. 41",
        "18446744073709551616.1",
    ] {
        assert!(text.parse::<TxId>().is_err(), "{text}");
    }
}
