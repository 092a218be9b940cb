//! The forms in which AMD's endorsements come: PEM of the key service, and the
//! table of the host.

use synod_attestation::snp::certificate_table::{self, CertificateTable, TableError};

use super::*;

fn pem(der: &[u8]) -> String {
    let body = base64(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
}

/// Base64 in lines (RFC 7468).
fn base64(der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let mut bytes = [0; 4];
            bytes[1..=group.len()].copy_from_slice(group);
            let number = u32::from_be_bytes(bytes);
            for digit in 0..4_usize {
                let value = number >> (18 - 6 * digit) & 63;
                let padding = digit > group.len();
                text.push(if padding {
                    '='
                } else {
                    DIGITS[value as usize].into()
                });
            }
        }
        text.push('\n');
    }
    text
}

#[test]
fn endorsements_are_read_from_the_files_of_the_key_service() {
    let case = Case::new();
    let sound = &case.endorsements;
    let chain = pem(&sound.intermediate) + &pem(&sound.root);
    let read = SnpEndorsements::from_pem_chain(&sound.signer, &chain).expect("a chain");
    let expected = SnpEndorsements {
        crl: None,
        ..sound.clone()
    };
    assert_eq!(read, expected);
}

#[test]
fn chain_in_pem_is_refused_when_it_is_not_two_certificates() {
    let (ask, ark) = (pem(simulated::AMD_ASK), pem(simulated::AMD_ARK));
    let error = |text: &str| SnpEndorsements::from_pem_chain(&[], text).expect_err("refused");
    assert_eq!(error(""), SnpError::Missing(Link::Intermediate));
    assert_eq!(error(&ask), SnpError::Missing(Link::Ark));
    assert_eq!(error(&(ask.clone() + &ark + &ark)), SnpError::PemMalformed);
    let broken = ask.replacen('M', "*", 1);
    assert_eq!(error(&(broken + &ark)), SnpError::PemMalformed);
    let long = " ".repeat(SnpEndorsements::PEM_BYTES_MAX + 1);
    assert_eq!(error(&long), SnpError::PemTooLong(long.len()));
}

/// A table as Linux hands it on: entries, an entry of zeros, certificates.
fn table(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut table = Vec::new();
    let mut content = Vec::new();
    let content_at = (entries.len() + 1) * 24;
    for (guid, certificate) in entries {
        let mut guid = hex::decode(guid.replace('-', "")).expect("hexadecimal");
        guid[..4].reverse();
        guid[4..6].reverse();
        guid[6..8].reverse();
        let offset = u32::try_from(content_at + content.len()).expect("short");
        let length = u32::try_from(certificate.len()).expect("short");
        table.extend(guid);
        table.extend(offset.to_le_bytes());
        table.extend(length.to_le_bytes());
        content.extend_from_slice(certificate);
    }
    table.extend([0; 24]);
    table.extend(content);
    table
}

const VCEK: &str = "63da758d-e664-4564-adc5-f4b93be8accd";
const VLEK: &str = "a8074bc2-a25a-483e-aae6-39c045a0b8a1";
const ASK: &str = "4ab7b379-bbac-4fe4-a02f-05aef327c782";
const ARK: &str = "c0b406a4-a803-4952-9743-3fb6014cd0ae";
const CRL: &str = "92f81bc3-5811-4d3d-97ff-d19f88dc67ea";
const UNKNOWN: &str = "11111111-2222-3333-4444-555555555555";

#[test]
fn endorsements_are_read_from_the_table_of_the_host() {
    let case = Case::new();
    let sound = &case.endorsements;
    let crl = sound.crl.as_deref().expect("a list");
    let bytes = table(&[
        (CRL, crl),
        (UNKNOWN, b"host"),
        (ARK, &sound.root),
        (VCEK, &sound.signer),
        (ASK, &sound.intermediate),
    ]);
    let read = certificate_table::parse(&bytes).expect("a table");
    assert_eq!(read.endorsements(KeyKind::Vcek).as_ref(), Ok(sound));
    let missing = Err(TableError::Missing(Link::Signer));
    assert_eq!(read.endorsements(KeyKind::Vlek), missing);
}

#[test]
fn table_names_the_member_of_the_chain_that_it_lacks() {
    let all: [(&str, &[u8]); 3] = [(VLEK, b"v"), (ASK, b"i"), (ARK, b"r")];
    let links = [Link::Signer, Link::Intermediate, Link::Ark];
    for (left_out, link) in links.into_iter().enumerate() {
        let mut some = all.to_vec();
        some.remove(left_out);
        let read = certificate_table::parse(&table(&some)).expect("a table");
        let missing = Err(TableError::Missing(link));
        assert_eq!(read.endorsements(KeyKind::Vlek), missing);
    }
    let empty = certificate_table::parse(&[0; 24]).expect("an empty table");
    assert_eq!(empty, CertificateTable::default());
}

#[test]
fn table_is_refused_when_it_is_malformed() {
    let error = |bytes: &[u8]| certificate_table::parse(bytes).expect_err("refused");
    let sound = table(&[(ASK, b"ask"), (ARK, b"ark")]);
    for length in 0..72 {
        assert_eq!(error(&sound[..length]), TableError::Endless);
    }
    for (length, entry) in [(72, 0), (74, 0), (75, 1), (77, 1)] {
        assert_eq!(error(&sound[..length]), TableError::OutOfBounds(entry));
    }
    // An offset into the table, a length beyond the end, a sum beyond 32 bits.
    for (at, field) in [(16, 71_u32), (20, 7), (16, u32::MAX), (20, u32::MAX)] {
        let mut bytes = sound.clone();
        bytes[at..at + 4].copy_from_slice(&field.to_le_bytes());
        assert_eq!(error(&bytes), TableError::OutOfBounds(0));
    }
    let twice = table(&[(ASK, b"a"), (ARK, b"r"), (ASK, b"b")]);
    assert_eq!(error(&twice), TableError::Repeated(2));
    let endless = table(&[(UNKNOWN, b"".as_slice()); 32]);
    assert_eq!(error(&endless), TableError::Endless);
    let long = vec![0; CertificateTable::BYTES_MAX + 1];
    assert_eq!(error(&long), TableError::TooLong(long.len()));
}

#[test]
fn mutated_table_never_panics() {
    let mut bytes = table(&[(VCEK, b"v"), (ASK, b"i"), (ARK, b"r")]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..10_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = (state >> 33) as usize % bytes.len();
        let flip = 1 << (state >> 60 & 7);
        bytes[at] ^= flip;
        let _ = certificate_table::parse(&bytes);
        if state >> 59 & 1 == 0 {
            bytes[at] ^= flip;
        }
    }
}
