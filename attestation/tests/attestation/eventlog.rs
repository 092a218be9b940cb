//! Event logs bind to the registers they were measured into, and to no others.
#![allow(
    clippy::disallowed_methods,
    reason = "the vectors are files beside the repository"
)]

use std::{fs, path::Path};

use serde_json::{Value, json};
use synod_attestation::eventlog::{
    EventLog, Kind,
    error::EventLogError,
    event::{Content, Register},
    log::replay,
};
use synod_crypto::sha384;

use crate::recorded::vectors;

const NO_ACTION: u32 = 3;
const SEPARATOR: u32 = 4;
const TAG: u32 = 6;
const IPL: u32 = 0x0d;
const VARIABLE_BOOT: u32 = 0x8000_0002;
const RUNTIME: u32 = 0x0800_0001;
const SHA384: u16 = 0x0c;
const SHA256: u16 = 0x0b;

/// A header that announces these algorithms.
fn header(algorithms: &[(u16, u16)], vendor: &[u8]) -> Vec<u8> {
    let mut body = b"Spec ID Event03\0".to_vec();
    body.extend([0, 0, 0, 0, 0, 2, 0, 2]);
    body.extend((algorithms.len() as u32).to_le_bytes());
    for (id, length) in algorithms {
        body.extend(id.to_le_bytes());
        body.extend(length.to_le_bytes());
    }
    body.push(u8::try_from(vendor.len()).expect("few words"));
    body.extend(vendor);
    let mut bytes = [1_u32.to_le_bytes(), NO_ACTION.to_le_bytes()].concat();
    bytes.extend([0; 20]);
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes
}

fn event(register: u32, kind: u32, digests: &[(u16, &[u8])], data: &[u8]) -> Vec<u8> {
    let mut bytes = [register.to_le_bytes(), kind.to_le_bytes()].concat();
    bytes.extend((digests.len() as u32).to_le_bytes());
    for (id, digest) in digests {
        bytes.extend(id.to_le_bytes());
        bytes.extend(*digest);
    }
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// An event whose digest is that of its bytes.
fn measured(register: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    event(register, kind, &[(SHA384, &sha384(&[data]))], data)
}

fn ccel(events: &[Vec<u8>]) -> Vec<u8> {
    [header(&[(SHA384, 48)], b""), events.concat()].concat()
}

fn parsed(bytes: &[u8]) -> EventLog {
    EventLog::parse(Kind::Ccel, bytes).expect("the log is well-formed")
}

fn refused(bytes: &[u8]) -> EventLogError {
    EventLog::parse(Kind::Ccel, bytes).expect_err("the log is refused")
}

fn extended(digests: &[&[u8]]) -> [u8; 48] {
    digests
        .iter()
        .fold([0; 48], |register, digest| sha384(&[&register, digest]))
}

#[test]
fn log_adds_up_register_by_register_and_binds_to_no_other_registers() {
    let log = parsed(&ccel(&[
        measured(1, SEPARATOR, b"a"),
        measured(2, SEPARATOR, b"b"),
        measured(4, SEPARATOR, b"c"),
        measured(1, SEPARATOR, b"d"),
    ]));
    let digest = |data: &[u8]| sha384(&[data]);
    let registers = [
        extended(&[&digest(b"a"), &digest(b"d")]),
        extended(&[&digest(b"b")]),
        [0; 48],
        extended(&[&digest(b"c")]),
    ];
    assert_eq!(replay(log.events()), registers);
    assert!(log.clone().bind(&registers).is_ok());
    for register in Register::ALL {
        let mut other = registers;
        other[register.number()][47] ^= 1;
        let expected = EventLogError::RegisterMismatch {
            register,
            replayed: registers[register.number()],
            quoted: other[register.number()],
        };
        assert_eq!(log.clone().bind(&other), Err(expected));
    }
}

#[test]
fn log_does_not_bind_when_an_event_is_added_left_out_or_moved() {
    let events = [
        measured(3, SEPARATOR, b"a"),
        measured(3, SEPARATOR, b"b"),
        measured(4, SEPARATOR, b"c"),
    ];
    let registers = replay(parsed(&ccel(&events)).events());
    let [a, b, c] = events;
    let extra = measured(4, SEPARATOR, b"d");
    for (changed, register) in [
        (vec![b.clone(), a.clone(), c.clone()], Register::Rtmr2),
        (vec![a.clone(), c.clone()], Register::Rtmr2),
        (vec![a.clone(), b.clone()], Register::Rtmr3),
        (vec![a, b, c, extra], Register::Rtmr3),
    ] {
        let refusal = parsed(&ccel(&changed)).bind(&registers);
        assert!(matches!(
            refusal,
            Err(EventLogError::RegisterMismatch { register: found, .. }) if found == register
        ));
    }
}

#[test]
fn remark_is_not_measured_whatever_register_it_names() {
    let with = ccel(&[
        event(0, NO_ACTION, &[], b"x"),
        event(9, NO_ACTION, &[(SHA384, &[7; 48])], b"y"),
        measured(1, SEPARATOR, b"a"),
    ]);
    let without = ccel(&[measured(1, SEPARATOR, b"a")]);
    assert_eq!(parsed(&with), parsed(&without));
}

#[test]
fn padding_may_follow_the_last_event_and_nothing_else() {
    let log = ccel(&[measured(1, SEPARATOR, b"a")]);
    for byte in [0x00, 0xff] {
        for length in [1, 7, 8, 9, 4096] {
            let padded = [log.clone(), vec![byte; length]].concat();
            assert_eq!(parsed(&padded), parsed(&log));
        }
        let mut dirty = [log.clone(), vec![byte; 64]].concat();
        *dirty.last_mut().expect("padding") = 1;
        let offset = log.len();
        assert_eq!(refused(&dirty), EventLogError::TrailingBytes { offset });
    }
    let tail = [log, vec![1; 5]].concat();
    assert_eq!(refused(&tail), EventLogError::Truncated { event: 1 });
}

#[test]
fn log_is_refused_when_it_is_cut_anywhere_but_between_events() {
    let first = measured(1, SEPARATOR, b"a");
    let whole = ccel(&[first.clone(), measured(2, SEPARATOR, b"b")]);
    let header_bytes = header(&[(SHA384, 48)], b"").len();
    let between = header_bytes + first.len();
    for length in 0..whole.len() {
        let result = EventLog::parse(Kind::Ccel, &whole[..length]);
        if length < header_bytes {
            assert_eq!(result, Err(EventLogError::Header));
        } else if length == header_bytes || length == between {
            assert!(result.is_ok());
        } else {
            let event = usize::from(length > between);
            assert_eq!(result, Err(EventLogError::Truncated { event }));
        }
    }
}

#[test]
fn header_announces_at_most_16_algorithms() {
    let with = |count: u16| {
        let algorithms: Vec<_> = (0..count).map(|at| (SHA384 + at, 48)).collect();
        EventLog::parse(Kind::Ccel, &header(&algorithms, b""))
    };
    assert!(with(16).is_ok());
    assert_eq!(with(17), Err(EventLogError::Header));
}

#[test]
fn header_is_refused_when_a_field_of_it_is_wrong() {
    let good = header(&[(SHA384, 48)], b"td-shim");
    parsed(&good);
    // The type, the signature, the number of algorithms, the vendor's length.
    for (at, byte) in [(4, 4), (32, b's'), (56, 17), (64, 8), (64, 6)] {
        let mut bad = good.clone();
        bad[at] = byte;
        assert_eq!(refused(&bad), EventLogError::Header, "offset {at}");
    }
    let twice = header(&[(SHA384, 48), (SHA384, 48)], b"");
    assert_eq!(refused(&twice), EventLogError::Header);
}

#[test]
fn log_is_refused_without_digests_of_sha_384() {
    for algorithms in [&[(0x12, 32)][..], &[], &[(SHA384, 32)], &[(SHA256, 32)]] {
        let log = header(algorithms, b"");
        assert_eq!(refused(&log), EventLogError::NoSha384);
    }
}

#[test]
fn event_is_refused_when_its_digests_are_not_those_announced() {
    let header = header(&[(SHA384, 48), (SHA256, 32)], b"");
    let digest: &[u8] = &sha384(&[b"a"]);
    let with = |digests: &[(u16, &[u8])]| {
        let event = event(1, SEPARATOR, digests, b"a");
        EventLog::parse(Kind::Ccel, &[header.as_slice(), &event].concat())
    };
    assert!(with(&[(SHA384, digest)]).is_ok());
    assert!(with(&[(SHA256, &[1; 32]), (SHA384, digest)]).is_ok());
    let other: &[u8] = &[1; 32];
    for digests in [
        &[][..],
        &[(SHA256, other)],
        &[(0x12, other)],
        &[(SHA384, digest), (SHA384, digest)],
        &[(SHA384, digest), (SHA256, other), (0x12, other)],
    ] {
        assert_eq!(with(digests), Err(EventLogError::Digests { event: 0 }));
    }
}

#[test]
fn event_is_refused_when_its_register_does_not_exist() {
    for register in [0, 5, u32::MAX] {
        let log = ccel(&[measured(1, SEPARATOR, b"a"), measured(register, IPL, b"b")]);
        let expected = EventLogError::NoSuchRegister { event: 1, register };
        assert_eq!(refused(&log), expected);
    }
}

#[test]
fn event_is_refused_when_its_payload_does_not_hash_to_its_digest_as_its_type_demands() {
    let aael = b"LEAA\x05\0\0\0a b c";
    for (kind, data) in [
        (SEPARATOR, &b"a"[..]),
        (5, b"a"),
        (8, b"a"),
        (0x8000_0001, b"a"),
        (0x8000_0006, b"a"),
        (0x8000_0007, b"a"),
        (0x8000_00e0, b"a"),
        (SEPARATOR, b""),
        (TAG, aael),
    ] {
        let log = ccel(&[event(1, kind, &[(SHA384, &[7; 48])], data)]);
        let expected = EventLogError::PayloadMismatch { event: 0, kind };
        assert_eq!(refused(&log), expected);
    }
}

#[test]
fn content_is_vouched_for_as_far_as_the_digest_covers_it() {
    let content = |kind, digest: &[u8], data: &[u8]| {
        let log = parsed(&ccel(&[event(3, kind, &[(SHA384, digest)], data)]));
        (
            log.events()[0].content.clone(),
            log.events()[0].label.clone(),
        )
    };
    let stated = (Content::Stated(b"image".to_vec()), None);
    assert_eq!(content(0x8000_0003, &[7; 48], b"image"), stated);
    let command = (
        Content::Measured(b"linux /vmlinuz ro".to_vec()),
        Some("grub_cmd".into()),
    );
    let digest = sha384(&[b"linux /vmlinuz ro"]);
    assert_eq!(
        content(IPL, &digest, b"grub_cmd: linux /vmlinuz ro\0"),
        command
    );
    let mut variable = vec![0; 16];
    variable.extend(2_u64.to_le_bytes());
    variable.extend(3_u64.to_le_bytes());
    variable.extend(b"B\x000\0xyz");
    let named = (Content::Measured(b"xyz".to_vec()), Some("B0".into()));
    assert_eq!(content(VARIABLE_BOOT, &sha384(&[b"xyz"]), &variable), named);
    // A name that reaches past the end of the event is no name.
    variable[16..24].fill(0xff);
    let stated = (Content::Stated(variable.clone()), None);
    assert_eq!(
        content(VARIABLE_BOOT, &sha384(&[b"xyz"]), &variable),
        stated
    );
    let aael = b"LEAA\x12\0\0\0coco.com put {a b}";
    let application = Content::Application {
        domain: "coco.com".into(),
        operation: "put".into(),
        content: "{a b}".into(),
    };
    assert_eq!(content(TAG, &sha384(&[aael]), aael), (application, None));
}

#[test]
fn log_is_refused_when_it_is_longer_than_any() {
    let long = vec![0; EventLog::BYTES_MAX + 1];
    for kind in Kind::ALL {
        let refusal = EventLog::parse(kind, &long);
        assert_eq!(refusal, Err(EventLogError::TooLong(long.len())));
    }
    let one = event(1, NO_ACTION, &[], b"");
    let most = ccel(&vec![one.clone(); EventLog::EVENTS_MAX]);
    assert!(EventLog::parse(Kind::Ccel, &most).is_ok());
    let more = [most, one].concat();
    assert_eq!(refused(&more), EventLogError::TooManyEvents);
    let entry = json!({"imr": 0, "event_type": 3, "event": "", "event_payload": ""});
    let more = json!(vec![entry; EventLog::EVENTS_MAX + 1]).to_string();
    let refusal = EventLog::parse(Kind::Dstack, more.as_bytes());
    assert_eq!(refusal, Err(EventLogError::TooManyEvents));
}

/// A runtime event of dstack without its digest.
fn runtime(name: &str, payload: &[u8]) -> Value {
    json!({
        "imr": 3, "event_type": RUNTIME, "digest": "",
        "event": name, "event_payload": hex::encode(payload),
    })
}

fn dstack(entries: &[Value]) -> Result<EventLog, EventLogError> {
    EventLog::parse(Kind::Dstack, json!(entries).to_string().as_bytes())
}

#[test]
fn runtime_event_has_the_digest_of_its_version() {
    let first = sha384(&[&RUNTIME.to_le_bytes(), b":app-id:", &[1, 2]]);
    let text = br#"{"event":"a\"b:\n","event_type":134217729,"payload":"0102","version":2}"#;
    let mut second = runtime("a\"b:\n", &[1, 2]);
    second["version"] = json!(2);
    second["hash_input"] = json!(hex::encode(text));
    let log = dstack(&[runtime("app-id", &[1, 2]), second]).expect("the log is well-formed");
    assert_eq!(log.events()[0].digest, first);
    assert_eq!(log.events()[1].digest, sha384(&[text]));
    let registers = replay(log.events());
    let bound = log.bind(&registers).expect("the log adds up");
    let found: Vec<_> = bound.runtime("app-id").collect();
    assert_eq!(found, [[1, 2]]);
}

#[test]
fn runtime_event_is_refused_when_it_is_not_what_was_measured() {
    let mut foreign = runtime("app-id", &[1]);
    foreign["digest"] = json!(hex::encode([7; 48]));
    let expected = EventLogError::PayloadMismatch {
        event: 1,
        kind: RUNTIME,
    };
    assert_eq!(dstack(&[runtime("x", &[]), foreign]), Err(expected));
    let mut misplaced = runtime("app-id", &[1]);
    misplaced["imr"] = json!(2);
    let expected = EventLogError::RuntimeRegister {
        event: 0,
        register: Register::Rtmr2,
    };
    assert_eq!(dstack(&[misplaced]), Err(expected));
    let mut newer = runtime("app-id", &[1]);
    newer["version"] = json!(3);
    let expected = EventLogError::RuntimeVersion {
        event: 0,
        version: 3,
    };
    assert_eq!(dstack(&[newer]), Err(expected));
    let ambiguous = runtime("app:id", &[1]);
    assert_eq!(
        dstack(&[ambiguous]),
        Err(EventLogError::RuntimeName { event: 0 })
    );
}

#[test]
fn boot_event_of_dstack_is_refused_when_it_is_malformed() {
    let good = json!({
        "imr": 1, "event_type": SEPARATOR, "digest": hex::encode(sha384(&[b"a"])),
        "event": "", "event_payload": hex::encode(b"a"),
    });
    assert!(dstack(std::slice::from_ref(&good)).is_ok());
    let with = |field: &str, value: Value| {
        let mut bad = good.clone();
        bad[field] = value;
        dstack(&[bad])
    };
    let expected = EventLogError::NoSuchRegister {
        event: 0,
        register: 4,
    };
    assert_eq!(with("imr", json!(4)), Err(expected));
    let digests = Err(EventLogError::Digests { event: 0 });
    assert_eq!(with("digest", json!("00")), digests);
    let kind = SEPARATOR;
    let mismatch = Err(EventLogError::PayloadMismatch { event: 0, kind });
    assert_eq!(with("event_payload", json!("00")), mismatch);
    for (field, value) in [
        ("imr", json!(-1)),
        ("digest", json!("zz")),
        ("event", json!(1)),
        ("more", json!(1)),
    ] {
        assert_eq!(with(field, value), Err(EventLogError::Malformed), "{field}");
    }
    for text in ["", "{}", "[", "[1]", "[] x", r#"[{"imr":0,"imr":0}]"#] {
        let refusal = EventLog::parse(Kind::Dstack, text.as_bytes());
        assert_eq!(refusal, Err(EventLogError::Malformed), "{text}");
    }
}

#[test]
fn kind_is_told_from_the_first_bytes() {
    assert_eq!(Kind::detect(&header(&[], b"")), Some(Kind::Ccel));
    assert_eq!(Kind::detect(b" \n[]"), Some(Kind::Dstack));
    assert_eq!(Kind::detect(b"{}"), None);
    for kind in Kind::ALL {
        assert_eq!(Kind::from_number(kind.number()), Some(kind));
    }
    assert_eq!(Kind::from_number(0), None);
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `RTMR0` to `RTMR3` of a version 4 quote, read by offset.
fn registers(quote: &[u8]) -> [[u8; 48]; 4] {
    assert_eq!(quote[..2], [4, 0]);
    [328, 376, 424, 472].map(|at| {
        quote[48 + at..48 + at + 48]
            .try_into()
            .expect("a register has 48 bytes")
    })
}

#[test]
fn real_log_binds_to_the_quote_of_its_boot() {
    let Some(vectors) = vectors("") else { return };
    for (set, file, kind, events) in [
        ("ccel/gcp-cos113", "ccel_data.bin", Kind::Ccel, 43),
        ("ccel/attestationrs-live2", "ccel_data.bin", Kind::Ccel, 20),
        (
            "dstack/dstack-quote-report",
            "event_log.json",
            Kind::Dstack,
            28,
        ),
        (
            "dstack/dstack-tdx-lite-getquote",
            "event_log.json",
            Kind::Dstack,
            29,
        ),
    ] {
        let set = vectors.join(set);
        let bytes = read(&set.join(file));
        assert_eq!(Kind::detect(&bytes), Some(kind));
        let log = EventLog::parse(kind, &bytes).expect("a real log parses");
        assert_eq!(log.events().len(), events);
        let quoted = registers(&read(&set.join("quote.bin")));
        let bound = log.bind(&quoted).expect("the log is of this boot");
        if kind == Kind::Dstack {
            let hashes: Vec<_> = bound.runtime("compose-hash").collect();
            assert_eq!(hashes.len(), 1);
            assert_eq!(hashes[0].len(), 32);
        }
    }
}

#[test]
fn real_log_of_another_boot_is_refused_by_the_register_that_differs() {
    let Some(vectors) = vectors("") else { return };
    let set = vectors.join("ccel/neg-attestationrs-live1");
    let log = EventLog::parse(Kind::Ccel, &read(&set.join("ccel_data.bin")));
    let quoted = registers(&read(&set.join("quote.bin")));
    let refusal = log.expect("the log is well-formed").bind(&quoted);
    assert!(matches!(
        refusal,
        Err(EventLogError::RegisterMismatch {
            register: Register::Rtmr2,
            ..
        })
    ));
}

#[test]
fn real_runtime_events_bind_only_as_they_were_measured() {
    let Some(vectors) = vectors("") else { return };
    let set = vectors.join("dstack/dstack-tdx-lite-getquote");
    let quoted = registers(&read(&set.join("quote.bin")));
    let entries: Vec<Value> =
        serde_json::from_slice(&read(&set.join("event_log.json"))).expect("the log is JSON");
    let at = |name: &str| {
        let found = entries.iter().position(|entry| entry["event"] == name);
        found.expect("the event is there")
    };
    // Its digest is left out of this log, so that only the register tells.
    let mut changed = entries.clone();
    changed[at("compose-hash")]["event_payload"] = json!("00");
    let mut renamed = entries.clone();
    renamed[at("app-id")]["event"] = json!("app-ie");
    let mut swapped = entries.clone();
    swapped.swap(at("app-id"), at("compose-hash"));
    for log in [changed, renamed, swapped] {
        let refusal = dstack(&log).expect("the log is well-formed").bind(&quoted);
        let rtmr3 = Register::Rtmr3;
        assert!(matches!(
            refusal,
            Err(EventLogError::RegisterMismatch { register, .. }) if register == rtmr3
        ));
    }
}

#[test]
fn real_corpus_parses_as_other_parsers_say() {
    let Some(vectors) = vectors("") else { return };
    let corpus = vectors.join("ccel/coco-parser-corpus");
    for (file, measured) in [
        ("CoCo_CCEL_AAEL_alibabacloud", 87),
        ("CoCo_CCEL_data", 5),
        ("CoCo_CCEL_data_gcp", 21),
        ("CoCo_CCEL_data_grub", 37),
        ("CoCo_CCEL_data_grub_gke", 33),
        ("CoCo_CCEL_data_ovmf", 20),
        ("dstack_ccel.bin", 18),
        ("go_eventlog_CCEL_unpadded.bin", 19),
        ("go_eventlog_event_log.bin", 27),
    ] {
        let log = parsed(&read(&corpus.join(file)));
        assert_eq!(log.events().len(), measured, "{file}");
        let expected = corpus.join(format!("{file}_out.json"));
        if expected.exists() {
            compare(&log, &read(&expected));
        }
    }
    let national = read(&corpus.join("CoCo_CCEL_data_csv"));
    assert_eq!(refused(&national), EventLogError::NoSha384);
}

fn compare(log: &EventLog, expected: &[u8]) {
    let expected: Value = serde_json::from_slice(expected).expect("the expectation is JSON");
    let entries = expected["uefi_event_logs"].as_array().expect("a list");
    let entries = entries
        .iter()
        .filter(|entry| entry["type_name"] != "EV_NO_ACTION");
    let mut compared = 0;
    for (event, entry) in log.events().iter().zip(entries) {
        let index = event.register.number() + 1;
        assert_eq!(entry["index"].as_u64(), Some(index as u64));
        let digest = hex::encode(event.digest);
        assert_eq!(entry["digests"][0]["digest"].as_str(), Some(&*digest));
        let matches = entry["digest_matches_event"].as_bool().expect("a verdict");
        assert!(event.content.vouched() || !matches);
        compared += 1;
    }
    assert_eq!(compared, log.events().len());
}

#[test]
fn real_log_of_applications_is_read_word_by_word() {
    let Some(vectors) = vectors("") else { return };
    let file = vectors.join("ccel/coco-parser-corpus/CoCo_CCEL_AAEL_alibabacloud");
    let log = parsed(&read(&file));
    let Content::Application {
        domain,
        operation,
        content,
    } = &log.events()[85].content
    else {
        panic!("expected an application's event")
    };
    assert_eq!(
        [domain, operation, content],
        ["coco.com", "some-operation", "some-content"]
    );
}

#[test]
fn mutated_log_never_panics_and_binds_only_if_its_digests_are_the_same() {
    let log = ccel(&[
        measured(1, SEPARATOR, b"a"),
        measured(3, IPL, b"grub_cmd: x\0"),
        event(2, 0x8000_0003, &[(SHA384, &[9; 48])], b"image"),
    ]);
    let json = json!([runtime("app-id", &[1, 2]), runtime("x", &[])]).to_string();
    for (kind, mut bytes) in [(Kind::Ccel, log), (Kind::Dstack, json.into_bytes())] {
        let sound = EventLog::parse(kind, &bytes).expect("the log is well-formed");
        let registers = replay(sound.events());
        let digests = |log: &EventLog| -> Vec<_> {
            log.events()
                .iter()
                .map(|e| (e.register, e.digest))
                .collect()
        };
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            let flip = 1 << (state >> 60 & 7);
            bytes[at] ^= flip;
            if let Ok(other) = EventLog::parse(kind, &bytes) {
                let same = digests(&other) == digests(&sound);
                assert_eq!(other.bind(&registers).is_ok(), same);
            }
            bytes[at] ^= flip;
        }
    }
}
