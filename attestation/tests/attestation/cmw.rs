//! A wrapper (RFC 9999) has one form in CBOR and one meaning in either serialization; what breaks a
//! rule or a bound is refused by name.

use synod_attestation::cmw::message::{
    CMW_BYTES_MAX, Cmw, CmwError, Collection, DEPTH_MAX, ENTRIES_MAX, Indicator, Kind, Label,
    MediaType, NAME_BYTES_MAX, Record, Tagged,
};

fn record(value: &[u8], indicator: Option<Indicator>) -> Cmw {
    Cmw::Record(Record {
        kind: Kind::Media(MediaType::new("application/eat+cwt").expect("a media type")),
        value: value.to_vec(),
        indicator,
    })
}

fn numbered(format: u16) -> Cmw {
    Cmw::Record(Record {
        kind: Kind::ContentFormat(format),
        value: vec![1, 2],
        indicator: None,
    })
}

fn collection(entries: Vec<(&str, Cmw)>) -> Cmw {
    let entries = entries
        .into_iter()
        .map(|(label, entry)| (Label::Text(label.to_owned()), entry));
    Cmw::Collection(Collection::new(None, entries.collect()).expect("a collection"))
}

/// One of everything.
fn sample() -> Cmw {
    let entries = vec![
        (
            Label::Text("tee".to_owned()),
            record(&[1, 2, 3], Some(Indicator::EVIDENCE)),
        ),
        (Label::Number(-3), numbered(30_001)),
        (
            Label::Number(7),
            Cmw::Tag(Tagged {
                format: 30_001,
                value: vec![9],
            }),
        ),
        (
            Label::Text("inner".to_owned()),
            collection(vec![("x", record(&[], None))]),
        ),
    ];
    let kind = Some("tag:example.com,2026:composite".to_owned());
    Cmw::Collection(Collection::new(kind, entries).expect("a collection"))
}

fn refused(hex: &str) -> CmwError {
    Cmw::decode(&hex::decode(hex).expect("hexadecimal")).expect_err("it is refused")
}

#[test]
fn every_form_survives_cbor() {
    for cmw in [
        record(&[1], None),
        record(&[1; 300], Some(Indicator::ENDORSEMENTS)),
        numbered(0),
        numbered(65_535),
        sample(),
    ] {
        assert_eq!(Cmw::decode(&cmw.to_cbor()), Ok(cmw));
    }
}

#[test]
fn what_json_can_say_survives_json() {
    for cmw in [
        record(&[0xfb, 0xff], Some(Indicator::EVIDENCE)),
        collection(vec![("a", record(&[1], None)), ("b", record(&[2], None))]),
    ] {
        let json = cmw.to_json().expect("JSON can say it");
        assert_eq!(Cmw::decode(json.as_bytes()), Ok(cmw));
    }
    for cmw in [numbered(1), sample()] {
        assert_eq!(cmw.to_json(), Err(CmwError::NotInJson));
    }
}

#[test]
fn record_and_tag_have_the_bytes_of_the_standard() {
    let record = numbered(30_001);
    assert_eq!(hex::encode(record.to_cbor()), "82197531420102");
    // TN(30001) is 1668576935 (RFC 9277, Appendix B).
    let tagged = Tagged {
        format: 30_001,
        value: vec![1, 2],
    };
    assert_eq!(tagged.tag(), 1_668_576_935);
    assert_eq!(hex::encode(Cmw::Tag(tagged).to_cbor()), "da637476a7420102");
    let json = r#"["application/eat+cwt","-_8",4]"#;
    let decoded = Cmw::decode(json.as_bytes()).expect("a record");
    let Cmw::Record(read) = &decoded else {
        panic!("it is a record");
    };
    assert_eq!(read.value, [0xfb, 0xff]);
    assert_eq!(read.indicator, Some(Indicator::EVIDENCE));
    assert_eq!(decoded.to_json().as_deref(), Ok(json));
}

#[test]
fn every_content_format_has_its_own_tag() {
    let mut earlier = 0;
    for format in [0, 1, 254, 255, 256, 30_001, 65_001, 65_024, 65_535] {
        let value = vec![7];
        let tagged = Tagged { format, value };
        assert!(tagged.tag() > earlier);
        earlier = tagged.tag();
        let decoded = Cmw::decode(&Cmw::Tag(tagged.clone()).to_cbor());
        // Formats above 65024 lie behind the range of RFC 9277.
        if format <= 65_024 {
            assert_eq!(decoded, Ok(Cmw::Tag(tagged)));
        } else {
            assert_eq!(decoded, Err(CmwError::Tag(tagged.tag())));
        }
    }
}

#[test]
fn cbor_that_is_no_wrapper_is_refused() {
    for malformed in [
        "", "00", "40", "60", "f6", "80", "81", "83", "8440", "8200", "820040f6", "82004000",
        "8300", "830040",
    ] {
        assert_eq!(refused(malformed), CmwError::Malformed, "{malformed}");
    }
    assert_eq!(refused("8261614141"), CmwError::MediaType);
    assert_eq!(refused("c24101"), CmwError::Tag(2));
    assert_eq!(refused("da637402004101"), CmwError::Tag(1_668_547_072));
    assert_eq!(refused("83004000"), CmwError::Indicator);
    assert_eq!(refused("a0"), CmwError::Entries(0));
    // A tunnel from JSON.
    let tunnel = [&[0x82, 0x6f], &b"#cmw-j2c-tunnel"[..], &[0x41, 0x5b]].concat();
    assert_eq!(Cmw::decode(&tunnel), Err(CmwError::Tunnel));
}

#[test]
fn cbor_in_another_encoding_is_refused() {
    // A number and a length in more bytes than needed, keys out of order, and a map without a
    // length.
    assert_eq!(refused("82190001420102"), CmwError::NotCanonical);
    assert_eq!(refused("82015802ffff"), CmwError::NotCanonical);
    assert_eq!(refused("a20282014001820140"), CmwError::NotCanonical);
    assert_eq!(refused("bf01820140ff"), CmwError::Malformed);
}

#[test]
fn collection_with_a_label_twice_is_refused_in_either_serialization() {
    assert_eq!(refused("a20182014001820140"), CmwError::Duplicate);
    let json = br#"{"a":["a/b",""],"a":["a/b",""]}"#;
    assert_eq!(Cmw::decode(json), Err(CmwError::Duplicate));
    let kind = br#"{"__cmwc_t":"1.2","__cmwc_t":"1.2","a":["a/b",""]}"#;
    assert_eq!(Cmw::decode(kind), Err(CmwError::Duplicate));
}

#[test]
fn json_that_is_no_wrapper_is_refused() {
    for malformed in [
        &b"["[..],
        b"[]",
        br#"["a/b"]"#,
        br#"["a/b",""]x"#,
        br#"["a/b","",1,1]"#,
        br#"[30001,""]"#,
        br#"["a/b",1]"#,
        br#"{"a":1}"#,
        br#"{"a":null}"#,
        br#"{"__cmwc_t":1,"a":["a/b",""]}"#,
    ] {
        let text = String::from_utf8_lossy(malformed);
        assert_eq!(Cmw::decode(malformed), Err(CmwError::Malformed), "{text}");
    }
    let cases: [(&[u8], CmwError); 7] = [
        (br#"["","AA"]"#, CmwError::MediaType),
        (br#"["a/b","A"]"#, CmwError::NotCanonical),
        (br#"["a/b","AB"]"#, CmwError::NotCanonical),
        (br#"["a/b","AA=="]"#, CmwError::NotCanonical),
        (br#"["a/b","",0]"#, CmwError::Indicator),
        (br##"["#cmw-c2j-tunnel","AA"]"##, CmwError::Tunnel),
        (br"{}", CmwError::Entries(0)),
    ];
    for (json, why) in cases {
        assert_eq!(Cmw::decode(json), Err(why));
    }
}

#[test]
fn media_type_has_the_form_of_one() {
    for sound in [
        "a/b",
        "application/vnd.x+cbor",
        "a/b; profile=\"x\"",
        "a/b;q=1",
    ] {
        assert!(MediaType::new(sound).is_ok(), "{sound}");
    }
    let long = format!("a/{}", "b".repeat(NAME_BYTES_MAX));
    for wrong in [
        "", "a", "/", "a/", "/b", "#a/b", "a/b/c", "a b/c", "a/\u{e4}", "a/b;\n", &long,
    ] {
        assert_eq!(MediaType::new(wrong), Err(CmwError::MediaType), "{wrong:?}");
    }
}

#[test]
fn bounds_hold_in_either_serialization() {
    let too_long = vec![b'['; CMW_BYTES_MAX + 1];
    let refused = Err(CmwError::TooLong(CMW_BYTES_MAX + 1));
    assert_eq!(Cmw::decode(&too_long), refused);
    let too_long = vec![0x82; CMW_BYTES_MAX + 1];
    assert_eq!(Cmw::decode(&too_long), refused);

    let many = |count: usize| {
        let labels: Vec<String> = (0..count).map(|number| format!("{number:03}")).collect();
        let entries = labels
            .iter()
            .map(|label| (Label::Text(label.clone()), record(&[], None)));
        Collection::new(None, entries.collect())
    };
    assert!(many(ENTRIES_MAX).is_ok());
    let refused = CmwError::Entries(ENTRIES_MAX + 1);
    assert_eq!(many(ENTRIES_MAX + 1), Err(refused));
    let members: Vec<String> = (0..=ENTRIES_MAX)
        .map(|number| format!(r#""{number}":["a/b",""]"#))
        .collect();
    let json = format!("{{{}}}", members.join(","));
    assert_eq!(Cmw::decode(json.as_bytes()), Err(refused));
    // A map that claims to be endless costs nothing.
    let claimed = hex::decode("bbffffffffffffffff01").unwrap();
    assert_eq!(Cmw::decode(&claimed), Err(CmwError::Entries(usize::MAX)));

    let nested = |depth: usize| {
        let (open, close) = (r#"{"a":"#.repeat(depth), "}".repeat(depth));
        Cmw::decode(format!(r#"{open}["a/b",""]{close}"#).as_bytes())
    };
    let deepest = nested(DEPTH_MAX).expect("not too deep");
    assert_eq!(Cmw::decode(&deepest.to_cbor()), Ok(deepest));
    assert_eq!(nested(DEPTH_MAX + 1), Err(CmwError::TooDeep));
    assert_eq!(nested(10_000), Err(CmwError::TooDeep));
    let deep = [[0xa1, 1].repeat(10_000), vec![0x82, 1, 0x40]].concat();
    assert_eq!(Cmw::decode(&deep), Err(CmwError::TooDeep));
}

#[test]
fn label_that_is_reserved_empty_or_too_long_is_refused() {
    for label in ["__cmwc_t", "", &"x".repeat(NAME_BYTES_MAX + 1)] {
        let entries = vec![(Label::Text(label.to_owned()), record(&[], None))];
        assert_eq!(Collection::new(None, entries), Err(CmwError::Name));
    }
    let entries = vec![(Label::Number(1), record(&[], None))];
    let kind = Some(String::new());
    assert_eq!(Collection::new(kind, entries), Err(CmwError::Name));
}

#[test]
fn cut_or_mutated_wrapper_is_refused_or_has_one_form() {
    let cbor = sample().to_cbor();
    for end in 0..cbor.len() {
        assert!(Cmw::decode(&cbor[..end]).is_err(), "cut at {end}");
    }
    let longer = [cbor.as_slice(), &[0]].concat();
    assert_eq!(Cmw::decode(&longer), Err(CmwError::Malformed));
    for at in 0..cbor.len() {
        for change in 1..=255 {
            let mut mutated = cbor.clone();
            mutated[at] ^= change;
            if mutated[0] == b'[' || mutated[0] == b'{' {
                continue;
            }
            if let Ok(read) = Cmw::decode(&mutated) {
                assert_eq!(read.to_cbor(), mutated);
            }
        }
    }
}
