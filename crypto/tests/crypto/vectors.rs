//! Published test vectors, whatever library stands behind the face.

use synod_crypto::{
    Digest, Entropy, HpkeSecretKey, PublicKey, SealKey, Secret, Signature, SigningKey, ecdsa,
    hkdf_sha256, rsa, sha256, sha384, sha512,
};

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).expect("vectors are hex")
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    bytes(text).try_into().expect("vectors have their length")
}

#[test]
fn hashes_match_fips_180_4_for_abc_in_any_division() {
    let abc: [&[u8]; 2] = [b"a", b"bc"];
    assert_eq!(
        sha256(&abc).to_string(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(
        hex::encode(sha384(&abc)),
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
         8086072ba1e7cc2358baeca134c825a7"
    );
    assert_eq!(
        hex::encode(sha512(&abc)),
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    );
}

#[test]
fn hkdf_matches_rfc_5869_case_1() {
    let info = bytes("f0f1f2f3f4f5f6f7f8f9");
    let okm = hkdf_sha256::<42>(
        &[0x0b; 22],
        &bytes("000102030405060708090a0b0c"),
        &[&info[..4], &info[4..]],
    );
    assert_eq!(
        hex::encode(okm.expose()),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    );
}

#[test]
fn ed25519_matches_rfc_8032_section_7_1() {
    let cases = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ];
    for (seed, public, message, signature) in cases {
        let key = SigningKey::from_seed(&Secret::new(array(seed)));
        let signature = Signature::from(array(signature));
        assert_eq!(key.public(), PublicKey::from(array(public)));
        assert_eq!(key.sign(&bytes(message)), signature);
        assert_eq!(key.public().verify(&bytes(message), &signature), Ok(()));
    }
}

#[test]
fn aes_256_gcm_matches_the_submission_to_nist() {
    // Cases 14 and 16 of "The Galois/Counter Mode of Operation".
    let zero = SealKey::new(&Secret::new([0; 32]));
    let mut buffer = vec![0; 16];
    zero.seal([0; 12], b"", &mut buffer);
    assert_eq!(
        hex::encode(&buffer),
        "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    );

    let key = SealKey::new(&Secret::new(array(
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
    )));
    let nonce = array("cafebabefacedbaddecaf888");
    let aad = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let plain = bytes(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    );
    let mut buffer = plain.clone();
    key.seal(nonce, &aad, &mut buffer);
    assert_eq!(
        hex::encode(&buffer),
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662\
         76fc6ece0f4e1768cddf8853bb2d551b"
    );
    assert_eq!(key.open(nonce, &aad, &mut buffer), Ok(()));
    assert_eq!(buffer, plain);
}

#[test]
fn hpke_opens_the_official_vector_of_its_suite() {
    // The vectors that RFC 9180 points to: mode 0, KEM 0x0020, KDF 1, AEAD 2.
    let key = HpkeSecretKey::from_seed(&Secret::new(array(
        "dac33b0e9db1b59dbbea58d59a14e7b5896e9bdf98fad6891e99d1686492b9ee",
    )));
    assert_eq!(
        key.public().to_string(),
        "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c"
    );
    let sealed = bytes(
        "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256\
         e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be99319\
         80a41de125a925cdad859d5b7a",
    );
    let opened = key
        .open(b"Ode on a Grecian Urn", b"Count-0", &sealed)
        .expect("the vector opens");
    assert_eq!(opened.as_slice(), b"Beauty is truth, truth beauty");
}

#[test]
fn ecdsa_accepts_rfc_6979_and_refuses_another_message() {
    let p256 = bytes(
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
         7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    );
    let signature = bytes(
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
         f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    );
    assert!(ecdsa::verify_p256_sha256(&p256, b"sample", &signature).is_ok());
    assert!(ecdsa::verify_p256_sha256(&p256, b"simple", &signature).is_err());

    let p384 = bytes(
        "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64\
         def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c62189\
         6708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
    );
    let signature = bytes(
        "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c\
         81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f\
         130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
    );
    assert!(ecdsa::verify_p384_sha384(&p384, b"sample", &signature).is_ok());
    assert!(ecdsa::verify_p384_sha384(&p384, b"simple", &signature).is_err());
}

/// A 2048-bit key.
const RSA_PUBLIC: &str = "3082010a0282010100bf1069501c6936a1689fa0d41d2c15d24a32dd81ba91f1c86adcfd4465d3ec9333b956\
    bcb319e769464958d0e3666ee9dcad58f97dee1f715a0ef87050c6972b3668af16f2e61bbefc1634d7b01dd5\
    62ede87f94eeaf582fee9f2c0911c73ea67616d9019db7f867801995345c10e5a592d53708a337664a34909d\
    1c8f4524ddca1b2d1f4a9fa8c050423d07253be17ea83ff7513b1d13e32d9213121a75559c66a08d1638fe64\
    38717deec4c5c4c52002abd2148e7ec539afb3e38697bf04b85304f28dc635ea74886cccd319ce7d1df40a75\
    31864cf92f08db02eda4f0adba5bb2e0bcd3a6a1eaa46225fbcf68a905f1fb27e06734ab609d5e2a8724e1bc\
    d50203010001";
/// PSS, SHA-256, salt of 32 bytes.
const RSA_PSS_SHA256: &str = "a20c9cfc29854dfa94697057bfbf0534bb47e31e1d27c9394b295968ef9236b75f7ada8bb1861dca8e252836\
    89c0df2515942596bcda511eaf39406b73c2f1635e8455d03f0e8195fa83260fe452dae13b036ab2699d4d1b\
    40592ae94bed6739e7b3787000f7b1438836006c166b2629e51459cb996c09ea271ebb867dc8cfe226d79907\
    d6792b943562d1659af643994d09c289f33e34757be881ff772f18f20b5003707bfd548895fd18e74065d8ee\
    a0e67877607032b6d280c377b2b6c36e435e634b50a59aeb5e856777e33ceaa27d1596e5dd1fc0d04d70f7c9\
    d7981dc2f66fec953bf0bbf1fbb26d9385f5054f467a42d19f8683110897757e5b5d9f8d";
/// PSS, SHA-384, salt of 48 bytes.
const RSA_PSS_SHA384: &str = "b89fa0b4edd28c738b39902c0b08072c12e4fe98b4e5bc3f382bc0cb5eb45ea4cadc44a8094fcc836e47d5a8\
    71107406f6ff92ba0595b17fc315aabd10cd2ed3031bbc94ae3d84b88400db2046826032123c2b994a1b5728\
    c470592353aa09cf1b916687f3860460d60f449e9c5ea420826f79db26784b8eee7c2c3e30ca2fa069a4180c\
    199d1f60515bc9064c812f2086233019a39ac078bd12a69db409aae666480f30c5f9f6085664474311d420db\
    74c6db921aaedfb1cf9b2885de7e99d5d992ef5bf70d17f9e8445c7a085e4af0a9455a97c310e5d1cf335407\
    891fbfdff58738da9a0135d680c1dda499878d18b3be76c66eab5a94d7a439df554ed03e";
/// PKCS #1 v1.5, SHA-256.
const RSA_PKCS1_SHA256: &str = "a5074fc9784586debed6ff4aaea827ded7ef1285ea5dd853f72847fd9ee95730229ca882156e16195586139c\
    0c8be0ceacd7933d5d12f44347b952953415f7d7c527182ec02e4093ba3eaa6c8c1842da6a938f397e05b479\
    9a86eb4b1106e1e0139b798d2cc070227c973da457a23e5b9965bf9b99c8447a59c4d22b194fcfda5c8f1bfd\
    f4ce92159bfe025d7b8fd42552b7c1e35974787eb1a03d1572aab6ab0515faddba19e4adfc803fe870da5ca4\
    8e0e710c7e8e23b974581981f2c93ac0d1b6b7d1ee0327d122e82097c83872bf058832395be17f21e10e8fc3\
    825edd4f839ceabdd69b53dd3803e23037f2c2a109e3f22c104399ebe838abd9937ddc22";

#[test]
fn rsa_accepts_what_openssl_signed_and_only_in_its_own_scheme() {
    let public = bytes(RSA_PUBLIC);
    let (pss256, pss384) = (bytes(RSA_PSS_SHA256), bytes(RSA_PSS_SHA384));
    let pkcs1 = bytes(RSA_PKCS1_SHA256);
    assert!(rsa::verify_pss_sha256(&public, b"sample", &pss256).is_ok());
    assert!(rsa::verify_pss_sha384(&public, b"sample", &pss384).is_ok());
    assert!(rsa::verify_pkcs1_sha256(&public, b"sample", &pkcs1).is_ok());

    assert!(rsa::verify_pss_sha256(&public, b"sample", &pss384).is_err());
    assert!(rsa::verify_pss_sha384(&public, b"sample", &pss256).is_err());
    assert!(rsa::verify_pkcs1_sha256(&public, b"sample", &pss256).is_err());
    assert!(rsa::verify_pss_sha384(&public, b"simple", &pss384).is_err());
}

#[test]
fn entropy_is_the_chacha20_key_stream_of_rfc_8439() {
    // Appendix A.1, test vector 1. Its first 32 bytes become the next key.
    let mut entropy = Entropy::from_seed(Secret::new([0; 32]));
    assert_eq!(
        hex::encode(entropy.take::<32>()),
        "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
    );
    let mut next = Entropy::from_seed(Secret::new(array(
        "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7",
    )));
    assert_eq!(entropy.take::<100>(), next.take::<100>());
}

#[test]
fn the_text_form_of_a_digest_is_lower_case_hex_and_reads_back() {
    let digest = sha256(&[b"abc"]);
    assert_eq!(digest.to_string().parse(), Ok(digest));
    assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
    assert!(digest.to_string()[2..].parse::<Digest>().is_err());
    let json = serde_json::to_string(&digest).expect("a digest is text in JSON");
    assert_eq!(serde_json::from_str::<Digest>(&json).ok(), Some(digest));
}
