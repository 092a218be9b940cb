//! A sealed part opens where it was sealed and nowhere else.

use bytes::Bytes;
use synod_crypto::{Digest, Secret, sha256};
use synod_ledger::{Interior, LedgerSecret, Malformed, Opener, Place, Purpose, SealError, Sealer};

use crate::network::preimage;

const PURPOSE: Purpose = Purpose::Transaction;

fn secret(generation: u64) -> LedgerSecret {
    LedgerSecret {
        generation,
        secret: Secret::new([generation as u8; 32]),
    }
}

fn place() -> Place {
    Place {
        network: sha256(&[b"network"]),
        replica: 3,
        view: 5,
        seqno: 70,
        previous: sha256(&[b"previous"]),
    }
}

fn sealer(place: &Place) -> Sealer {
    Sealer::new(
        &secret(1),
        place.network,
        place.replica,
        place.view,
        PURPOSE,
    )
}

fn opener() -> Opener {
    let mut opener = Opener::new();
    opener.add(secret(1));
    opener
}

fn sealed() -> Vec<u8> {
    let place = place();
    sealer(&place)
        .seal(place.seqno, place.previous, b"the interior".to_vec())
        .expect("sealed")
}

fn open_at(change: impl FnOnce(&mut Place)) -> Result<Vec<u8>, SealError> {
    let mut place = place();
    change(&mut place);
    opener().open(&sealed(), &place, PURPOSE)
}

#[test]
fn it_opens_at_its_place() {
    assert_eq!(open_at(|_| {}), Ok(b"the interior".to_vec()));
}

#[test]
fn it_does_not_open_in_another_network() {
    assert_eq!(
        open_at(|p| p.network = Digest::default()),
        Err(SealError::Refused)
    );
}

#[test]
fn it_does_not_open_as_another_leaders() {
    assert_eq!(open_at(|p| p.replica = 4), Err(SealError::Refused));
}

#[test]
fn it_does_not_open_in_another_view() {
    assert_eq!(open_at(|p| p.view = 6), Err(SealError::Refused));
}

#[test]
fn it_does_not_open_as_another_transaction() {
    assert_eq!(open_at(|p| p.seqno = 71), Err(SealError::Refused));
}

#[test]
fn it_does_not_open_after_another_block() {
    assert_eq!(
        open_at(|p| p.previous = Digest::default()),
        Err(SealError::Refused)
    );
}

#[test]
fn no_byte_of_it_can_be_changed() {
    let sealed = sealed();
    for at in 0..sealed.len() {
        let mut wrong = sealed.clone();
        wrong[at] ^= 1;
        assert!(
            opener().open(&wrong, &place(), PURPOSE).is_err(),
            "byte {at}"
        );
    }
}

#[test]
fn longer_spellings_and_pieces_are_malformed() {
    let sealed = sealed();
    let mut longer = sealed.clone();
    longer.splice(2..3, [0x18, 1]);
    let cases = [
        (longer, Malformed::NotCanonical),
        ([&sealed[..], &[0]].concat(), Malformed::Trailing),
        (sealed[..sealed.len() - 1].to_vec(), Malformed::Shape),
        (vec![], Malformed::Shape),
    ];
    for (bytes, fault) in cases {
        let opened = opener().open(&bytes, &place(), PURPOSE);
        assert_eq!(opened, Err(SealError::Malformed(fault)));
    }
}

#[test]
fn a_generation_that_is_not_at_hand_is_named() {
    let place = place();
    let mut sealer = sealer(&place);
    sealer.rekey(&secret(2), PURPOSE);
    let sealed = sealer
        .seal(place.seqno, place.previous, vec![1])
        .expect("sealed");
    let mut opener = opener();
    assert_eq!(
        opener.open(&sealed, &place, PURPOSE),
        Err(SealError::UnknownGeneration(2))
    );
    opener.add(secret(2));
    assert_eq!(opener.open(&sealed, &place, PURPOSE), Ok(vec![1]));
    assert_eq!(opener.newest().map(|s| s.generation), Some(2));
}

#[test]
fn a_counter_is_never_used_twice_whatever_becomes_of_the_block() {
    let place = place();
    let mut sealer = sealer(&place);
    let mut seal = || {
        sealer
            .seal(place.seqno, place.previous, b"again".to_vec())
            .expect("sealed")
    };
    // The same transaction is sealed again after its block was dropped.
    let (first, second) = (seal(), seal());
    assert_eq!(
        (first[3], second[3]),
        (0, 1),
        "the counters as they stand in the frames"
    );
    assert_ne!(first[5..], second[5..]);
}

#[test]
fn what_the_seal_holds_reads_back_without_a_copy_and_strictly() {
    let interior = Interior {
        writes: Bytes::from_static(&[0x80]),
        reply: preimage(4),
        caller: Bytes::from_static(b"alice"),
        execution: None,
    };
    let bytes = Bytes::from(interior.encode());
    assert_eq!(bytes[..2], [0x84, 1]);
    assert_eq!(Interior::decode(&bytes).as_ref(), Ok(&interior));
    let executed = Interior {
        execution: Some(Bytes::from_static(b"how it came to be")),
        ..interior
    };
    let with_execution = Bytes::from(executed.encode());
    assert_eq!(with_execution[..2], [0x85, 2]);
    assert_eq!(Interior::decode(&with_execution), Ok(executed));
    for (at, wrong) in [(1, 1), (0, 0x84), (1, 3)] {
        let mut other = with_execution.to_vec();
        other[at] = wrong;
        assert!(Interior::decode(&other.into()).is_err(), "{at} {wrong}");
    }
    let trailing = Bytes::from([&bytes[..], &[0]].concat());
    assert_eq!(Interior::decode(&trailing), Err(Malformed::Trailing));
    let mut longer = bytes.to_vec();
    longer.splice(2..3, [0x58, 1]);
    assert_eq!(
        Interior::decode(&longer.into()),
        Err(Malformed::NotCanonical)
    );
}
