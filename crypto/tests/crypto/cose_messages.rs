//! A signed message is accepted in exactly one form.

use synod_crypto::{
    Digest, PublicKey, Secret, SigningKey,
    cose::{CoseError, sign1, verify1},
};

const KIND: &str = "application/synod-test+cbor";

fn key() -> SigningKey {
    SigningKey::from_seed(&Secret::new([9; 32]))
}

fn known(kid: &Digest) -> Option<PublicKey> {
    Some(key().public()).filter(|public| public.digest() == *kid)
}

/// The message, written by hand from RFC 9052 with these parts.
struct ByHand {
    tag: Vec<u8>,
    protected: Vec<u8>,
    unprotected: Vec<u8>,
    payload: Vec<u8>,
    signature: Option<Vec<u8>>,
}

fn by_hand() -> ByHand {
    let kid = key().public().digest();
    let protected = [
        &[0xa3, 0x01, 0x27, 0x03, 0x78, KIND.len() as u8],
        KIND.as_bytes(),
        &[0x04, 0x58, 0x20],
        kid.as_bytes(),
    ]
    .concat();
    ByHand {
        tag: vec![0xd2],
        protected,
        unprotected: vec![0xa0],
        payload: vec![0x42, 0x68, 0x69],
        signature: None,
    }
}

impl ByHand {
    fn protected_bstr(&self) -> Vec<u8> {
        [&[0x58, self.protected.len() as u8], &self.protected[..]].concat()
    }

    fn bytes(&self) -> Vec<u8> {
        let signed = [
            &[0x84, 0x6a],
            &b"Signature1"[..],
            &self.protected_bstr(),
            &[0x40],
            &self.payload,
        ]
        .concat();
        let signature = self
            .signature
            .clone()
            .unwrap_or_else(|| key().sign(&signed).as_bytes().to_vec());
        [
            &self.tag[..],
            &[0x84],
            &self.protected_bstr(),
            &self.unprotected,
            &self.payload,
            &[0x58, signature.len() as u8],
            &signature,
        ]
        .concat()
    }

    fn refusal(&self) -> CoseError {
        verify1(&self.bytes(), KIND, known).expect_err("must be refused")
    }
}

#[test]
fn message_is_what_rfc_9052_says_byte_for_byte() {
    assert_eq!(sign1(&key(), KIND, b"hi"), by_hand().bytes());
}

#[test]
fn message_verifies_and_names_its_signer() {
    let verified = verify1(&sign1(&key(), KIND, b"hi"), KIND, known).expect("verifies");
    assert_eq!(verified.kid(), key().public().digest());
    assert_eq!(verified.payload(), b"hi");
}

#[test]
fn message_is_refused_when_untagged_or_followed_by_a_byte() {
    let untagged = ByHand {
        tag: vec![],
        ..by_hand()
    };
    assert_eq!(untagged.refusal(), CoseError::Malformed);
    let mut longer = by_hand().bytes();
    longer.push(0);
    assert_eq!(verify1(&longer, KIND, known), Err(CoseError::Malformed));
}

#[test]
fn message_of_another_kind_is_refused() {
    let bytes = sign1(&key(), "application/other", b"hi");
    assert!(matches!(
        verify1(&bytes, KIND, known),
        Err(CoseError::WrongContentType { .. })
    ));
}

#[test]
fn message_with_another_algorithm_is_refused() {
    let mut message = by_hand();
    message.protected[2] = 0x26; // ES256
    assert_eq!(message.refusal(), CoseError::WrongAlgorithm);
}

#[test]
fn message_with_a_critical_or_unknown_header_is_refused() {
    let mut critical = by_hand();
    critical.protected[0] = 0xa5;
    critical.protected.splice(3..3, [0x02, 0x81, 0x61, b'x']);
    critical.protected.extend([0x61, b'x', 0x01]);
    assert_eq!(critical.refusal(), CoseError::NotCanonical);

    let mut unknown = by_hand();
    unknown.protected[0] = 0xa4;
    unknown.protected.extend([0x18, 0x63, 0x01]);
    assert_eq!(unknown.refusal(), CoseError::NotCanonical);
}

#[test]
fn message_with_an_unprotected_header_is_refused() {
    let message = ByHand {
        unprotected: vec![0xa1, 0x18, 0x63, 0x01],
        ..by_hand()
    };
    assert_eq!(message.refusal(), CoseError::NotCanonical);
}

#[test]
fn message_with_a_longer_than_needed_length_is_refused() {
    let message = ByHand {
        payload: vec![0x58, 0x02, 0x68, 0x69],
        ..by_hand()
    };
    assert_eq!(message.refusal(), CoseError::NotCanonical);
}

#[test]
fn message_without_payload_is_refused() {
    let message = ByHand {
        payload: vec![0xf6],
        ..by_hand()
    };
    assert_eq!(message.refusal(), CoseError::Malformed);
}

#[test]
fn message_of_an_unknown_key_is_refused() {
    let stranger = SigningKey::from_seed(&Secret::new([8; 32]));
    let bytes = sign1(&stranger, KIND, b"hi");
    let kid = stranger.public().digest();
    assert_eq!(
        verify1(&bytes, KIND, known),
        Err(CoseError::UnknownKey { kid })
    );
    assert_eq!(
        verify1(&bytes, KIND, |_| Some(key().public())),
        Err(CoseError::UnknownKey { kid }),
        "a key that is not the named one does not count"
    );
}

#[test]
fn message_is_refused_when_payload_or_signature_changes() {
    let original = by_hand().bytes();
    let kid = key().public().digest();
    let payload_at = original.len() - 66 - 1;
    for position in [payload_at, original.len() - 64, original.len() - 1] {
        let mut bytes = original.clone();
        bytes[position] ^= 1;
        assert_eq!(
            verify1(&bytes, KIND, known),
            Err(CoseError::BadSignature { kid })
        );
    }
}

#[test]
fn no_change_of_one_byte_is_accepted_and_none_panics() {
    let original = by_hand().bytes();
    for position in 0..original.len() {
        for change in 1..=255 {
            let mut bytes = original.clone();
            bytes[position] ^= change;
            assert!(verify1(&bytes, KIND, known).is_err());
        }
        assert!(verify1(&original[..position], KIND, known).is_err());
    }
}

#[test]
fn signature_by_a_key_of_small_order_is_refused() {
    // The neutral point as key and `R`, zero as `S`: fits every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(
        PublicKey::from(neutral)
            .verify(b"anything", &signature.into())
            .is_err()
    );
}

#[test]
fn signature_with_a_scalar_above_the_order_is_refused() {
    // RFC 8032 §5.1.7: S must be below L, or signatures could be varied.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let signature = key().sign(b"m");
    let mut varied = *signature.as_bytes();
    let mut carry = 0;
    for (byte, add) in varied[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert!(key().public().verify(b"m", &signature).is_ok());
    assert!(key().public().verify(b"m", &varied.into()).is_err());
}
