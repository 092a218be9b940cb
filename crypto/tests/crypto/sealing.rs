//! What is sealed opens only as it was sealed.

use synod_crypto::{
    Entropy, HpkePublicKey, HpkeSecretKey, OpenError, SEALED_OVERHEAD, SealKey, Secret, TAG_LENGTH,
    UnsoundKey,
};

const NONCE: [u8; 12] = [7; 12];

fn sealed() -> (SealKey, Vec<u8>) {
    let key = SealKey::new(&Secret::new([1; 32]));
    let mut buffer = b"private".to_vec();
    key.seal(NONCE, b"context", &mut buffer);
    assert_eq!(buffer.len(), b"private".len() + TAG_LENGTH);
    (key, buffer)
}

#[test]
fn sealed_bytes_do_not_open_after_any_bit_flips() {
    let (key, original) = sealed();
    for position in 0..original.len() * 8 {
        let mut buffer = original.clone();
        buffer[position / 8] ^= 1 << (position % 8);
        assert_eq!(key.open(NONCE, b"context", &mut buffer), Err(OpenError));
        assert!(buffer.is_empty(), "nothing unauthenticated is left");
    }
}

#[test]
fn sealed_bytes_do_not_open_under_another_nonce_context_or_key() {
    let (key, original) = sealed();
    let other = SealKey::new(&Secret::new([2; 32]));
    let open = |key: &SealKey, nonce, aad: &[u8]| key.open(nonce, aad, &mut original.clone());
    assert_eq!(open(&key, [8; 12], b"context"), Err(OpenError));
    assert_eq!(open(&key, NONCE, b"Context"), Err(OpenError));
    assert_eq!(open(&other, NONCE, b"context"), Err(OpenError));
    assert_eq!(open(&key, NONCE, b"context"), Ok(()));
}

#[test]
fn bytes_shorter_than_a_tag_do_not_open() {
    let (key, original) = sealed();
    for length in 0..TAG_LENGTH {
        let mut buffer = original[..length].to_vec();
        assert_eq!(key.open(NONCE, b"context", &mut buffer), Err(OpenError));
    }
}

fn recipient() -> HpkeSecretKey {
    HpkeSecretKey::from_seed(&Secret::new([3; 32]))
}

fn message() -> Vec<u8> {
    let mut entropy = Entropy::from_seed(Secret::new([4; 32]));
    recipient()
        .public()
        .seal(b"info", b"aad", b"ledger secret", &mut entropy)
        .expect("a derived key is sound")
}

#[test]
fn hpke_message_opens_for_its_recipient_alone() {
    let sealed = message();
    assert_eq!(sealed.len(), b"ledger secret".len() + SEALED_OVERHEAD);
    let opened = recipient().open(b"info", b"aad", &sealed).expect("opens");
    assert_eq!(opened.as_slice(), b"ledger secret");

    let other = HpkeSecretKey::from_seed(&Secret::new([5; 32]));
    assert!(other.open(b"info", b"aad", &sealed).is_err());
    assert!(recipient().open(b"Info", b"aad", &sealed).is_err());
    assert!(recipient().open(b"info", b"Aad", &sealed).is_err());
}

#[test]
fn hpke_message_does_not_open_after_any_byte_changes() {
    let original = message();
    for position in 0..original.len() {
        let mut sealed = original.clone();
        // The lowest bit: X25519 ignores the highest one of `enc`.
        sealed[position] ^= 1;
        assert!(recipient().open(b"info", b"aad", &sealed).is_err());
        assert!(
            recipient()
                .open(b"info", b"aad", &original[..position])
                .is_err()
        );
    }
}

#[test]
fn one_seed_seals_one_message_in_one_way() {
    assert_eq!(message(), message());
}

#[test]
fn nothing_is_sealed_to_a_key_of_small_order() {
    let mut entropy = Entropy::from_seed(Secret::new([4; 32]));
    let key = HpkePublicKey::from([0; 32]);
    assert_eq!(key.seal(b"", b"", b"x", &mut entropy), Err(UnsoundKey));
}

#[test]
fn forks_of_one_stream_differ_by_label_and_by_turn() {
    let stream = || Entropy::from_seed(Secret::new([6; 32]));
    let (mut a, mut b) = (stream(), stream());
    assert_ne!(
        a.fork("one").take::<32>(),
        b.fork("two").take::<32>(),
        "labels tell forks apart"
    );
    let mut c = stream();
    assert_ne!(c.fork("one").take::<32>(), c.fork("one").take::<32>());
    assert_eq!(a.take::<32>(), b.take::<32>(), "parents move on alike");
}

#[test]
fn secrets_and_keys_do_not_print_what_they_hold() {
    let secret = Secret::new([0xab; 32]);
    let entropy = Entropy::from_seed(secret.duplicate());
    let printed = format!("{secret:?} {entropy:?} {:?}", recipient());
    assert!(!printed.contains("171") && !printed.contains("abab"));
    assert!(printed.starts_with("Secret(..)"));
}
