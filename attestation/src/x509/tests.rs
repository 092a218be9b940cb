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
