//! Keys and certificates are made as asked, or not at all.

use crate::wire;

use synod_channel::{
    Certificate, CertificateError, Identity, IdentityError, KeyFiles, MalformedKey, Spki, TlsKey,
};
use synod_crypto::{Digest, Secret};
use wire::{DAY_MS, NOW_MS, issued, key, local_names, self_signed, service};

fn issue(names: &[&str], from_ms: u64, until_ms: u64) -> Result<Certificate, CertificateError> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    service(1).issue(key(1).spki(), &names, from_ms, until_ms)
}

#[test]
fn seed_gives_one_key_and_its_pkcs8_reads_back() {
    let (one, again, other) = (key(1), key(1), key(2));
    assert_eq!(one.spki(), again.spki());
    assert_eq!(one.pkcs8(), again.pkcs8());
    assert_ne!(one.spki(), other.spki());
    let read = TlsKey::from_pkcs8(one.pkcs8()).expect("reads back");
    assert_eq!(read.spki(), one.spki());
}

#[test]
fn bytes_that_are_no_key_are_refused() {
    assert_eq!(TlsKey::from_pkcs8(b"").err(), Some(MalformedKey));
    let mut broken = key(1).pkcs8().to_vec();
    broken[0] ^= 1;
    assert_eq!(TlsKey::from_pkcs8(&broken).err(), Some(MalformedKey));
}

#[test]
fn certificate_carries_the_key_that_it_is_for() {
    let key = key(1);
    for certificate in [self_signed(&key), issued(&service(1), &key)] {
        let found = Spki::of_certificate(certificate.der()).expect("a certificate");
        assert_eq!(&found, key.spki());
        assert_eq!(found.fingerprint(), key.spki().fingerprint());
    }
}

#[test]
fn bytes_that_are_no_certificate_have_no_key() {
    let whole = self_signed(&key(1)).der().to_vec();
    assert!(Spki::of_certificate(b"").is_err());
    for length in (0..whole.len()).step_by(7) {
        assert!(Spki::of_certificate(&whole[..length]).is_err());
    }
    assert!(Spki::of_certificate(&[&whole[..], &[0]].concat()).is_err());
}

#[test]
fn changed_certificates_do_not_panic() {
    let whole = self_signed(&key(1)).der().to_vec();
    let mut state = 1_u32;
    for _ in 0..10_000 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let position = (state >> 8) as usize % bytes.len();
            bytes[position] = state as u8;
        }
        let _ = Spki::of_certificate(&bytes);
    }
}

#[test]
fn issued_certificate_lives_for_a_day_at_most_and_asks_for_the_next_before() {
    let certificate = issue(&["localhost"], NOW_MS, NOW_MS + DAY_MS).expect("a day");
    assert_eq!(certificate.until_ms(), NOW_MS + DAY_MS);
    assert_eq!(certificate.reissue_at_ms(), NOW_MS + DAY_MS / 3 * 2);
    assert_eq!(
        issue(&["localhost"], NOW_MS, NOW_MS + DAY_MS + 1).err(),
        Some(CertificateError::LifetimeTooLong)
    );
    assert_eq!(
        issue(&["localhost"], NOW_MS, NOW_MS).err(),
        Some(CertificateError::NoTimeSpan)
    );
}

#[test]
fn issued_certificate_has_names_that_are_names() {
    let end = NOW_MS + DAY_MS;
    assert!(issue(&["127.0.0.1", "::1", "localhost"], NOW_MS, end).is_ok());
    assert_eq!(
        issue(&[], NOW_MS, end).err(),
        Some(CertificateError::NoNames)
    );
    assert_eq!(
        issue(&["no name"], NOW_MS, end).err(),
        Some(CertificateError::BadName("no name".into()))
    );
}

#[test]
fn certificate_is_issued_to_p256_keys_alone() {
    let names = local_names();
    let mut other_curve = key(1).spki().as_der().to_vec();
    other_curve[22] ^= 1;
    for spki in [&b""[..], b"no key", &other_curve] {
        let refused = service(1).issue(&Spki::from_der(spki), &names, NOW_MS, NOW_MS + DAY_MS);
        assert_eq!(refused.err(), Some(CertificateError::NotP256));
    }
}

#[test]
fn common_name_is_short_and_printable() {
    let make = |name: &str| Certificate::self_signed(&key(1), name, NOW_MS, NOW_MS + DAY_MS).err();
    assert_eq!(make("member0"), None);
    for name in ["", "line\nbreak", &"x".repeat(65)] {
        assert_eq!(make(name), Some(CertificateError::BadCommonName));
    }
}

#[test]
fn authority_of_one_secret_has_one_key_and_differs_by_secret() {
    let ca = |seed| service(seed).certificate().spki().clone();
    assert_eq!(ca(1), ca(1));
    assert_ne!(ca(1), ca(2));
    let other_network =
        synod_channel::ServiceCa::new(&Secret::new([1; 32]), Digest::from([9; 32]), NOW_MS);
    assert!(other_network.is_ok());
}

#[test]
fn key_files_that_do_not_belong_together_are_refused() {
    let files = |seed| {
        KeyFiles::generate(&Secret::new([seed; 32]), "user", NOW_MS, NOW_MS + DAY_MS)
            .expect("sound")
    };
    let (one, two) = (files(1), files(2));
    assert_eq!(
        Identity::from_pem(&one.certificate, &two.key).err(),
        Some(IdentityError::KeyMismatch)
    );
    assert_eq!(
        Identity::from_pem("", &one.key).err(),
        Some(IdentityError::MalformedCertificate)
    );
    assert_eq!(
        Identity::from_pem(&one.certificate, "").err(),
        Some(IdentityError::MalformedKey)
    );
    assert_eq!(
        Identity::new(&key(1), &self_signed(&key(2))).err(),
        Some(IdentityError::KeyMismatch)
    );
}

#[test]
fn private_keys_do_not_print() {
    let seed = Secret::new([7; 32]);
    let files = KeyFiles::generate(&seed, "user", NOW_MS, NOW_MS + DAY_MS).expect("sound");
    let printed = format!("{files:?} {:?} {:?}", key(7), service(7));
    assert!(!printed.contains("PRIVATE") && !printed.contains("[4"));
}
