//! The members, and nobody else, can recover the ledger secret from block 0.

use synod_crypto::{Digest, Secret};
use synod_governance::{ShareError, WrappedSecret};

use crate::network::{LEDGER_SECRET, Network, entropy, key, manifest, share_key};

fn recorded() -> WrappedSecret {
    let network = Network::founded();
    network
        .view(|view| view.wrapped_secret())
        .expect("sound")
        .expect("founded")
}

fn open(wrapped: &WrappedSecret, n: u8) -> Result<synod_crypto::shares::Share, ShareError> {
    wrapped.open_share(&key(n).public(), &share_key(n), &manifest().digest())
}

#[test]
fn any_two_of_three_members_recover_the_secret() {
    let wrapped = recorded();
    for pair in [[1, 2], [1, 3], [2, 3]] {
        let shares = pair.map(|n| open(&wrapped, n).expect("own share"));
        let secret = wrapped
            .unwrap(&shares, &manifest().digest())
            .expect("enough shares");
        assert_eq!(secret, Secret::new(LEDGER_SECRET));
    }
}

#[test]
fn one_member_alone_cannot() {
    let wrapped = recorded();
    let shares = [open(&wrapped, 1).expect("own share")];
    let refused = wrapped.unwrap(&shares, &manifest().digest());
    assert!(matches!(refused, Err(ShareError::Combine(_))));
}

#[test]
fn a_share_opens_for_its_member_and_network_alone() {
    let wrapped = recorded();
    let digest = manifest().digest();
    let with = |signing, hpke, digest: &Digest| {
        wrapped.open_share(&key(signing).public(), &share_key(hpke), digest)
    };
    assert_eq!(with(9, 9, &digest), Err(ShareError::NotAMember));
    assert_eq!(with(1, 2, &digest), Err(ShareError::NotSealedToYou));
    assert_eq!(
        with(1, 1, &Digest::default()),
        Err(ShareError::NotSealedToYou)
    );
}

#[test]
fn a_swapped_or_falsified_share_is_noticed_by_its_member() {
    let mut swapped = recorded();
    let (first, second) = (
        swapped.shares[0].sealed.clone(),
        swapped.shares[1].sealed.clone(),
    );
    (swapped.shares[0].sealed, swapped.shares[1].sealed) = (second, first);
    assert_eq!(open(&swapped, 1), Err(ShareError::NotSealedToYou));

    let mut other_commitment = recorded();
    let fresh = recorded()
        .rewrap(
            &Secret::new([1; 32]),
            manifest().members(),
            2,
            &manifest().digest(),
            &mut entropy(),
        )
        .expect("sound members");
    other_commitment.shares = fresh.shares;
    assert!(open(&other_commitment, 1).is_err());
}

#[test]
fn a_secret_under_other_shares_does_not_open() {
    let mut wrapped = recorded();
    let shares = [1, 2].map(|n| open(&wrapped, n).expect("own share"));
    wrapped.wrapped[0] ^= 1;
    let refused = wrapped.unwrap(&shares, &manifest().digest());
    assert_eq!(refused, Err(ShareError::NotWrappedByThem));
}

#[test]
fn rewrapping_gives_the_next_generation_under_a_fresh_key() {
    let first = recorded();
    let (secret, digest) = (Secret::new([7; 32]), manifest().digest());
    let mut other_entropy = entropy().fork("rekey");
    let next = first
        .rewrap(
            &secret,
            manifest().members(),
            3,
            &digest,
            &mut other_entropy,
        )
        .expect("sound members");
    assert_eq!(next.generation, 1);
    assert_ne!(next.commitment, first.commitment);
    let shares = [1, 2, 3].map(|n| open(&next, n).expect("own share"));
    assert_eq!(next.unwrap(&shares, &digest), Ok(secret));
    assert!(first.unwrap(&shares, &digest).is_err());
}

#[test]
fn the_encoding_reads_back() {
    let wrapped = recorded();
    assert_eq!(WrappedSecret::decode(&wrapped.encode()), Ok(wrapped));
}
