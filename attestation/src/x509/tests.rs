//! The parts of certificates and lists, read alone.

use super::*;

fn element(bytes: &[u8]) -> Element<'_> {
    Reader::new(bytes).any().expect("an element")
}

fn utc(text: &str) -> Result<u64, CertificateError> {
    let bytes = [&[tag::UTC_TIME, text.len() as u8], text.as_bytes()].concat();
    time(&element(&bytes))
}

fn generalized(text: &str) -> Result<u64, CertificateError> {
    let bytes = [&[tag::GENERALIZED_TIME, text.len() as u8], text.as_bytes()].concat();
    time(&element(&bytes))
}

#[test]
fn time_is_utc_to_the_second_and_nothing_else() {
    assert_eq!(utc("700101000000Z"), Ok(0));
    assert_eq!(utc("261120000000Z"), Ok(1_795_132_800));
    assert_eq!(generalized("20261120000000Z"), Ok(1_795_132_800));
    for wrong in [
        "261120000000",
        "261120000000+",
        "2611200000Z",
        "26112000000000Z",
        "261120000000.5Z",
        "261320000000Z",
        "261131000000Z",
        "261120240000Z",
        "261120006000Z",
        "2611200000 0Z",
        "+61120000000Z",
        "",
    ] {
        assert_eq!(utc(wrong), Err(CertificateError::Malformed), "{wrong}");
    }
    assert!(generalized("20261120000000.0Z").is_err());
    assert!(generalized("261120000000Z").is_err());
    let integer = [tag::INTEGER, 1, 0];
    assert_eq!(time(&element(&integer)), Err(CertificateError::Malformed));
}

#[test]
fn window_holds_from_its_first_second_to_its_last() {
    for now_s in [10, 15, 20] {
        assert_eq!(check_window(10, 20, now_s), Ok(()));
    }
    assert_eq!(
        check_window(10, 20, 9),
        Err(CertificateError::NotYetValid {
            from_s: 10,
            now_s: 9
        })
    );
    assert_eq!(
        check_window(10, 20, 21),
        Err(CertificateError::Expired {
            until_s: 20,
            now_s: 21
        })
    );
}

#[test]
fn entries_of_a_list_are_read_to_the_last_byte() {
    let date = [&[tag::UTC_TIME, 13], &b"261120000000Z"[..]].concat();
    let entries = |fields: &[u8]| {
        let length = fields.len() as u8;
        let list = [&[tag::SEQUENCE, length + 2, tag::SEQUENCE, length], fields].concat();
        checked_entries(&element(&list)).map(|_| ())
    };
    let serial = [tag::INTEGER, 1, 7];
    assert_eq!(entries(&[&serial[..], &date].concat()), Ok(()));
    let malformed = Err(CertificateError::Malformed);
    let undated = [&[tag::UTC_TIME, 13], &b"261320000000Z"[..]].concat();
    assert_eq!(entries(&[&serial[..], &undated].concat()), malformed);
    assert_eq!(entries(&serial), malformed);
    assert_eq!(entries(&date), malformed);
    let negative = [tag::INTEGER, 1, 0x80];
    assert_eq!(entries(&[&negative[..], &date].concat()), malformed);
    let more = [&serial[..], &date, &[5, 0]].concat();
    assert_eq!(entries(&more), malformed);
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [high, low] = (content.len() as u16).to_be_bytes();
    let length = match content.len() {
        0..=0x7f => vec![low],
        0x80..=0xff => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag][..], &length, &content].concat()
}

fn parts(whole: &[u8]) -> Vec<Vec<u8>> {
    let mut inside = element(whole).inside();
    let mut parts = Vec::new();
    while !inside.is_empty() {
        parts.push(inside.any().expect("a part").whole.to_vec());
    }
    parts
}

fn joined(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
    tlv(tag, &parts)
}

const NULL: [u8; 2] = [5, 0];

type Change = fn(&mut Vec<Vec<u8>>);

/// The certificate or list with its outer parts, or those that are signed,
/// changed.
fn rebuilt(der: &[u8], outer: Change, signed: Change) -> Vec<u8> {
    let mut whole = parts(der);
    let mut fields = parts(&whole[0]);
    signed(&mut fields);
    whole[0] = joined(tag::SEQUENCE, &fields);
    outer(&mut whole);
    joined(tag::SEQUENCE, &whole)
}

/// Puts something behind the last part of a field.
fn lengthen(field: &mut Vec<u8>) {
    let mut inside = parts(field);
    inside.push(NULL.to_vec());
    *field = joined(field[0], &inside);
}

/// Says that a bit string ends within a byte.
fn cut_bits(bits: &mut [u8]) {
    let start = bits.len() - element(bits).content.len();
    bits[start] = 1;
}

const KEPT: Change = |_| ();

#[test]
fn certificate_has_nothing_behind_any_of_its_parts() {
    let root = include_bytes!("../../roots/intel-sgx-root.der");
    assert_eq!(rebuilt(root, KEPT, KEPT), root);
    let cases: [(Change, Change); 9] = [
        (|whole| whole.push(NULL.to_vec()), KEPT),
        (|whole| cut_bits(&mut whole[2]), KEPT),
        (KEPT, |fields| fields[1] = vec![tag::INTEGER, 1, 0x80]),
        (KEPT, |fields| lengthen(&mut fields[4])),
        (KEPT, |fields| lengthen(&mut fields[6])),
        (KEPT, |fields| lengthen(&mut fields[7])),
        (KEPT, |fields| fields.push(NULL.to_vec())),
        (KEPT, |fields| {
            let mut key = parts(&fields[6]);
            cut_bits(&mut key[1]);
            fields[6] = joined(tag::SEQUENCE, &key);
        }),
        (KEPT, |fields| {
            let mut list = parts(&parts(&fields[7])[0]);
            lengthen(&mut list[0]);
            fields[7] = tlv(tag::CONTEXT_3, &[&joined(tag::SEQUENCE, &list)]);
        }),
    ];
    for (index, (outer, signed)) in cases.into_iter().enumerate() {
        let parsed = Certificate::parse(&rebuilt(root, outer, signed));
        assert_eq!(parsed, Err(CertificateError::Malformed), "case {index}");
    }
}

#[test]
fn list_has_nothing_behind_any_of_its_parts() {
    let algorithm = tlv(tag::SEQUENCE, &[&tlv(6, &[&[42, 3]])]);
    let date = tlv(tag::UTC_TIME, &[b"261120000000Z"]);
    let number = [
        tlv(6, &[&[85, 29, 20]]),
        tlv(tag::OCTET_STRING, &[&[2, 1, 1]]),
    ];
    let extensions = tlv(tag::SEQUENCE, &[&joined(tag::SEQUENCE, &number)]);
    let fields = [
        vec![tag::INTEGER, 1, 1],
        algorithm.clone(),
        tlv(tag::SEQUENCE, &[]),
        date.clone(),
        date,
        tlv(tag::CONTEXT_0, &[&extensions]),
    ];
    let signed = joined(tag::SEQUENCE, &fields);
    let list = [signed, algorithm, tlv(tag::BIT_STRING, &[&[0, 1]])];
    let list = joined(tag::SEQUENCE, &list);
    assert!(RevocationList::parse(&rebuilt(&list, KEPT, KEPT)).is_ok());
    let cases: [(Change, Change); 6] = [
        (|whole| whole.push(NULL.to_vec()), KEPT),
        (|whole| cut_bits(&mut whole[2]), KEPT),
        (KEPT, |fields| fields[0] = vec![tag::INTEGER, 1, 0]),
        (KEPT, |fields| lengthen(&mut fields[5])),
        (KEPT, |fields| fields.push(NULL.to_vec())),
        (KEPT, |fields| {
            let mut extensions = parts(&parts(&fields[5])[0]);
            lengthen(&mut extensions[0]);
            let extensions = joined(tag::SEQUENCE, &extensions);
            fields[5] = tlv(tag::CONTEXT_0, &[&extensions]);
        }),
    ];
    for (index, (outer, signed)) in cases.into_iter().enumerate() {
        let parsed = RevocationList::parse(&rebuilt(&list, outer, signed));
        assert_eq!(parsed, Err(CertificateError::Malformed), "case {index}");
    }
    let other = |fields: &mut Vec<Vec<u8>>| fields[1] = tlv(tag::SEQUENCE, &[]);
    assert_eq!(
        RevocationList::parse(&rebuilt(&list, KEPT, other)),
        Err(CertificateError::Algorithm)
    );
}
