//! Values of fixed length read back from text and CBOR, and from nothing
//! shorter or longer.

use synod_crypto::{Digest, HpkePublicKey, PublicKey, Signature, equal, sha256};

#[test]
fn value_in_cbor_is_a_byte_string_of_its_exact_length() {
    let digest = sha256(&[b"abc"]);
    let bytes = minicbor::to_vec(digest).expect("memory takes all");
    assert_eq!(bytes[..2], [0x58, 0x20]);
    assert_eq!(minicbor::decode::<Digest>(&bytes).ok(), Some(digest));
    assert!(minicbor::decode::<Signature>(&bytes).is_err());
    assert!(minicbor::decode::<PublicKey>(&bytes[..33]).is_err());
    assert!(minicbor::decode::<HpkePublicKey>(&[0x42, 0, 0]).is_err());
    assert!(minicbor::decode::<Digest>(&[0x01]).is_err());
}

#[test]
fn value_is_made_of_a_slice_of_its_length_alone() {
    assert!(Digest::try_from(&[0_u8; 32][..]).is_ok());
    assert!(Digest::try_from(&[0_u8; 31][..]).is_err());
    assert!(Signature::try_from(&[0_u8; 65][..]).is_err());
}

#[test]
fn bytes_are_equal_only_with_equal_length_and_content() {
    assert!(equal(b"same", b"same"));
    assert!(!equal(b"same", b"sane"));
    assert!(!equal(b"same", b"sam"));
}
