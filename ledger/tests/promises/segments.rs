//! A damaged segment is never read past the damage.

use bytes::Bytes;
use synod_ledger::{
    BlockSignature, Corruption, Damage, Placed, RECORD_HEADER_LEN, Record, SEGMENT_HEADER_LEN,
    Scanner, SignedAt,
};

use crate::network::Network;

fn prepared() -> Network {
    let mut network = Network::usual();
    for count in [1, 5, 0, 20] {
        let head = network.transact(count).head();
        let signature = BlockSignature::sign(&network.keys[&1], 1, &network.network(), &head);
        let signed = SignedAt {
            index: head.index,
            header_hash: head.hash,
            signature,
        };
        network.records.push(Record::Signature(signed));
        network.certify(&[1, 2]);
    }
    network
        .records
        .push(Record::Proof(Bytes::from_static(b"something refused")));
    network
}

/// The whole records before the damage, and the damage.
fn scan(bytes: &[u8]) -> (Vec<Placed>, Option<Damage>) {
    match Scanner::new(Bytes::copy_from_slice(bytes)) {
        Err(damage) => (vec![], Some(damage)),
        Ok(mut scanner) => {
            let whole = scanner.by_ref().map_while(Result::ok).collect();
            let at = scanner.valid_len();
            assert!(scanner.next().is_none(), "nothing follows damage");
            let again = Scanner::new(Bytes::copy_from_slice(bytes))
                .expect("header")
                .find_map(Result::err);
            if again.is_none() {
                assert_eq!(at, bytes.len() as u64);
            }
            (whole, again)
        }
    }
}

#[test]
fn records_read_back_in_order() {
    let network = prepared();
    let bytes = network.segment();
    let (whole, damage) = scan(&bytes);
    assert_eq!(damage, None);
    let records: Vec<Record> = whole.iter().map(|p| p.record.clone()).collect();
    assert_eq!(records, network.records);
    let header = *Scanner::new(bytes.into()).expect("header").header();
    assert_eq!((header.network, header.first_index), (network.network(), 1));
}

#[test]
fn a_segment_cut_anywhere_is_torn_at_the_last_whole_record() {
    let bytes = prepared().segment();
    let (all, _) = scan(&bytes);
    for cut in (0..bytes.len())
        .step_by(7)
        .chain([SEGMENT_HEADER_LEN, bytes.len() - 1])
    {
        let (whole, damage) = scan(&bytes[..cut]);
        let kept = all.iter().take_while(|p| p.end <= cut as u64).count();
        assert_eq!(whole[..], all[..kept]);
        let end = whole.last().map_or(SEGMENT_HEADER_LEN as u64, |p| p.end);
        let expected = match cut {
            _ if cut < SEGMENT_HEADER_LEN => Some(Damage::Torn { at: 0 }),
            _ if cut as u64 == end => None,
            _ => Some(Damage::Torn { at: end }),
        };
        assert_eq!(damage, expected, "cut at {cut}");
    }
}

#[test]
fn a_tail_of_zeros_is_torn() {
    let mut bytes = prepared().segment();
    let end = bytes.len() as u64;
    bytes.resize(bytes.len() + 4096, 0);
    assert_eq!(scan(&bytes).1, Some(Damage::Torn { at: end }));
    assert_eq!(scan(&[0; 100]).1, Some(Damage::Torn { at: 0 }));
}

#[test]
fn a_flipped_bit_is_corruption_and_never_passes_for_a_torn_tail() {
    let bytes = prepared().segment();
    let (all, _) = scan(&bytes);
    for at in (0..bytes.len()).step_by(97).chain(0..200) {
        for bit in [0, 3, 7] {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1 << bit;
            let (whole, damage) = scan(&wrong);
            let kept = all.iter().take_while(|p| p.end <= at as u64).count();
            assert_eq!(whole[..], all[..kept]);
            assert!(
                matches!(damage, Some(Damage::Corrupt { .. })),
                "byte {at}: {damage:?}"
            );
        }
    }
}

#[test]
fn damage_is_named() {
    let bytes = prepared().segment();
    let flipped = |at: usize| {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        scan(&wrong).1
    };
    let first = SEGMENT_HEADER_LEN as u64;
    let corrupt = |at, what| Some(Damage::Corrupt { at, what });
    assert_eq!(flipped(9), corrupt(0, Corruption::SegmentHeader));
    assert_eq!(
        flipped(SEGMENT_HEADER_LEN),
        corrupt(first, Corruption::RecordHeader)
    );
    let payload = SEGMENT_HEADER_LEN + RECORD_HEADER_LEN;
    assert_eq!(flipped(payload), corrupt(first, Corruption::Payload));
}

#[test]
fn a_truncated_header_is_torn_from_the_start() {
    let bytes = prepared().segment();
    for len in 0..SEGMENT_HEADER_LEN {
        assert_eq!(
            Scanner::new(Bytes::copy_from_slice(&bytes[..len])).err(),
            Some(Damage::Torn { at: 0 })
        );
    }
}
