//! Any threshold of good shares gives the secret back; bad ones are named.

use synod_crypto::{
    Entropy, Secret,
    shares::{CombineError, Commitment, Share, SharedSecret, combine, split},
};

fn sharing(seed: u8) -> (SharedSecret, Commitment, Vec<Share>) {
    let mut entropy = Entropy::from_seed(Secret::new([seed; 32]));
    split(3, 5, &mut entropy).expect("3 of 5 can be")
}

fn copies(shares: &[Share], indices: &[usize]) -> Vec<Share> {
    let copy = |&index: &usize| Share::from_bytes(shares[index].to_bytes().expose());
    indices
        .iter()
        .map(|i| copy(i).expect("reads back"))
        .collect()
}

/// The share with one bit of its value changed.
fn spoilt(share: &Share) -> Share {
    let mut bytes = *share.to_bytes().expose();
    bytes[1] ^= 1;
    Share::from_bytes(&bytes).expect("still a scalar")
}

#[test]
fn every_choice_of_three_of_five_gives_the_same_key() {
    let (secret, commitment, shares) = sharing(1);
    for a in 0..5 {
        for b in 0..a {
            for c in 0..b {
                let found = combine(&commitment, &copies(&shares, &[a, b, c])).expect("combines");
                assert_eq!(found.wrap_key(), secret.wrap_key());
            }
        }
    }
}

#[test]
fn two_shares_or_one_twice_are_too_few() {
    let (_, commitment, shares) = sharing(1);
    for choice in [&[0, 1][..], &[0, 1, 1], &[]] {
        let refused = combine(&commitment, &copies(&shares, choice)).expect_err("too few");
        assert!(matches!(refused, CombineError::TooFew { needed: 3, .. }));
    }
}

#[test]
fn bad_shares_are_named_even_among_enough_good_ones() {
    let (_, commitment, shares) = sharing(1);
    let mut given = copies(&shares, &[0, 1, 2]);
    given.push(spoilt(&shares[3]));
    given.push(spoilt(&shares[4]));
    assert_eq!(
        combine(&commitment, &given).expect_err("two are bad"),
        CombineError::BadShares {
            indices: vec![4, 5]
        }
    );
}

#[test]
fn share_under_another_index_or_of_another_sharing_is_bad() {
    let (_, commitment, shares) = sharing(1);
    let (_, _, others) = sharing(2);
    let mut moved = *shares[0].to_bytes().expose();
    moved[0] = 2;
    let moved = Share::from_bytes(&moved).expect("well-formed");
    assert!(commitment.verify(&shares[0]).is_ok());
    assert!(commitment.verify(&moved).is_err());
    assert!(commitment.verify(&others[0]).is_err());
}

#[test]
fn commitment_reads_back_and_refuses_other_lengths_and_points() {
    let (_, commitment, _) = sharing(1);
    let bytes = commitment.encode();
    assert_eq!(Commitment::decode(&bytes).as_ref(), Ok(&commitment));
    assert_eq!(commitment.threshold(), 3);
    assert!(Commitment::decode(&bytes[..95]).is_err());
    assert!(Commitment::decode(&bytes[..32]).is_err(), "threshold 1");
    assert!(Commitment::decode(&[]).is_err());
    assert!(Commitment::decode(&[0; 32 * 256]).is_err(), "too long");
    let mut no_point = bytes;
    no_point[32..64].fill(0xff);
    assert!(Commitment::decode(&no_point).is_err());
}

#[test]
fn share_with_index_zero_or_a_scalar_above_the_order_is_refused() {
    let (_, _, shares) = sharing(1);
    let bytes = *shares[0].to_bytes().expose();
    let mut zero = bytes;
    zero[0] = 0;
    assert!(Share::from_bytes(&zero).is_err());
    let mut large = bytes;
    large[1..].fill(0xff);
    assert!(Share::from_bytes(&large).is_err());
    assert!(Share::from_bytes(&bytes[..32]).is_err());
    assert!(Share::from_bytes(&[]).is_err());
}

#[test]
fn thresholds_below_two_or_above_the_shares_are_refused() {
    let mut entropy = Entropy::from_seed(Secret::new([1; 32]));
    for (threshold, shares) in [(0, 3), (1, 3), (1, 1), (4, 3), (2, 0)] {
        assert!(split(threshold, shares, &mut entropy).is_err());
    }
    assert!(split(2, 2, &mut entropy).is_ok());
    assert!(split(255, 255, &mut entropy).is_ok());
}

#[test]
fn two_sharings_never_give_one_key() {
    let (one, _, _) = sharing(1);
    let (two, _, _) = sharing(2);
    assert_ne!(one.wrap_key(), two.wrap_key());
}
