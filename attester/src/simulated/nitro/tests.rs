//! Each check of the Nitro verifier, broken alone.

use coset::{
    CoseSign1,
    cbor::{Value, into_writer},
};
use synod_attestation::{
    Anchors, Binding, Claims, Endorsements, Evidence, MockRoots, Policy, Rule, Tee, VendorRoots,
    VerifyError, nitro::error::NitroError, verify, x509::CertificateError,
};
use synod_crypto::sha256;

use super::*;
use crate::simulated::certificate::unknown_critical;

/// 2026-11-20.
const NOW_S: u64 = 1_795_132_800;
const NOW_MS: u64 = NOW_S * 1000;

fn enclave() -> NitroEnclave {
    NitroEnclave::new([0x4d; 48], &Keys::new([9; 32]), None).expect("an enclave")
}

fn document() -> Vec<u8> {
    let (document, _) = enclave().collect(&[0x5a; 64], NOW_MS).expect("a document");
    document
}

fn verify_at(document: &[u8], anchors: &Anchors, now_ms: u64) -> Result<Claims, VerifyError> {
    let evidence = Evidence::new(Tee::Nitro, document.to_vec()).expect("short evidence");
    verify(&evidence, &Endorsements::Nitro, anchors, now_ms)
}

fn error_at(document: &[u8], now_ms: u64) -> NitroError {
    match verify_at(
        document,
        &Anchors::Simulated(MockRoots::published()),
        now_ms,
    ) {
        Err(VerifyError::Nitro(error)) => error,
        other => panic!("expected a refusal of the document, found {other:?}"),
    }
}

fn error(document: &[u8]) -> NitroError {
    error_at(document, NOW_MS)
}

/// A document with other bytes in its envelope, signed anew if asked for.
fn with_envelope(change: impl FnOnce(&mut CoseSign1), sign: bool) -> Vec<u8> {
    let mut envelope = CoseSign1::from_slice(&document()).expect("a COSE_Sign1");
    change(&mut envelope);
    if sign {
        envelope.signature = enclave().enclave.sign(&envelope.tbs_data(&[]));
    }
    envelope.to_vec().expect("an envelope")
}

fn with_payload(payload: Vec<u8>) -> Vec<u8> {
    with_envelope(|envelope| envelope.payload = Some(payload), true)
}

/// A document with other fields, signed anew.
fn with_fields(change: impl FnOnce(&mut Vec<(Value, Value)>)) -> Vec<u8> {
    let envelope = CoseSign1::from_slice(&document()).expect("a COSE_Sign1");
    let payload = envelope.payload.expect("a payload");
    let Ok(Value::Map(mut fields)) = coset::cbor::from_reader(payload.as_slice()) else {
        unreachable!("the payload is a map")
    };
    change(&mut fields);
    let mut payload = Vec::new();
    into_writer(&Value::Map(fields), &mut payload).expect("the fields are encodable");
    with_payload(payload)
}

fn with_field(name: &str, value: Value) -> Vec<u8> {
    with_fields(|fields| *field(fields, name) = value)
}

fn field<'a>(fields: &'a mut [(Value, Value)], name: &str) -> &'a mut Value {
    fields
        .iter_mut()
        .find(|(key, _)| key.as_text() == Some(name))
        .map(|(_, value)| value)
        .expect("the field is there")
}

fn at(position: usize, problem: CertificateError) -> NitroError {
    NitroError::Certificate { position, problem }
}

#[test]
fn sound_document_is_genuine_and_its_claims_are_its_own() {
    let anchors = Anchors::Simulated(MockRoots::published());
    let claims = verify_at(&document(), &anchors, NOW_MS).expect("a genuine document");
    assert!(claims.simulated && !claims.debug);
    assert_eq!(claims.measurement.as_bytes(), [0x4d; 48]);
    assert_eq!(claims.report_data, Some([0x5a; 64].into()));
    assert_eq!(claims.made_ms, Some(NOW_MS));
}

#[test]
fn document_with_its_tag_is_the_same_document() {
    let tagged = [&[0xd2], document().as_slice()].concat();
    let anchors = Anchors::Simulated(MockRoots::published());
    assert_eq!(
        verify_at(&tagged, &anchors, NOW_MS),
        verify_at(&document(), &anchors, NOW_MS),
    );
}

#[test]
fn document_is_refused_when_it_is_cut_or_bytes_follow() {
    let whole = document();
    for length in 0..whole.len() {
        assert_eq!(error(&whole[..length]), NitroError::Envelope);
    }
    let longer = [whole, vec![0]].concat();
    assert_eq!(error(&longer), NitroError::NotCanonical);
}

#[test]
fn document_is_refused_without_a_payload() {
    let bare = with_envelope(|envelope| envelope.payload = None, false);
    assert_eq!(error(&bare), NitroError::Envelope);
}

#[test]
fn document_is_refused_under_another_header() {
    let other = HeaderBuilder::new()
        .algorithm(iana::Algorithm::ES256)
        .build();
    let protected = with_envelope(
        |envelope| {
            envelope.protected = coset::ProtectedHeader {
                original_data: None,
                header: other.clone(),
            };
        },
        true,
    );
    assert_eq!(error(&protected), NitroError::ProtectedHeader);
    let unprotected = with_envelope(|envelope| envelope.unprotected = other, true);
    assert_eq!(error(&unprotected), NitroError::UnprotectedHeader);
}

#[test]
fn document_is_refused_when_its_protected_header_is_the_same_in_other_bytes() {
    for header in [
        // ES384 in two bytes more, the header twice, a map of indefinite length.
        hex::decode("a101390022").expect("hexadecimal"),
        hex::decode("a2013822013822").expect("hexadecimal"),
        hex::decode("bf013822ff").expect("hexadecimal"),
        Vec::new(),
    ] {
        let document = with_envelope(
            |envelope| envelope.protected.original_data = Some(header),
            true,
        );
        assert_eq!(error(&document), NitroError::ProtectedHeader);
    }
}

/// The document with other bytes in the place of its first ones.
fn with_beginning(length: usize, beginning: &str) -> Vec<u8> {
    let beginning = hex::decode(beginning).expect("hexadecimal");
    [beginning.as_slice(), &document()[length..]].concat()
}

#[test]
fn document_is_refused_in_another_encoding_of_its_envelope() {
    let whole = document();
    assert_eq!(whole[..8], [0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0, 0x59]);
    let not_canonical = [
        // Four in two bytes, the header's length in two, the empty map in two.
        with_beginning(1, "9804"),
        with_beginning(2, "845804"),
        with_beginning(7, "8444a1013822b800"),
        // The payload's length in four bytes instead of two.
        with_beginning(8, "8444a1013822a05a0000"),
    ];
    for document in not_canonical {
        assert_eq!(error(&document), NitroError::NotCanonical);
    }
    // An array, a byte string or a map of indefinite length; another tag; five
    // members.
    let open_array = [with_beginning(1, "9f"), vec![0xff]].concat();
    let open_header = with_beginning(6, "845f44a1013822ff");
    let other_tag = [vec![0xd1], whole.clone()].concat();
    let wide_tag = [vec![0xd8, 0x12], whole.clone()].concat();
    let twice_tagged = [vec![0xd2, 0xd2], whole].concat();
    let five = [with_beginning(1, "85"), vec![0xf6]].concat();
    for document in [
        open_array,
        open_header,
        other_tag,
        wide_tag,
        twice_tagged,
        five,
    ] {
        assert_eq!(error(&document), NitroError::Envelope);
    }
    let open_map = with_beginning(7, "8444a1013822bfff");
    assert_eq!(error(&open_map), NitroError::UnprotectedHeader);
}

#[test]
fn document_is_refused_when_its_signature_or_payload_is_changed() {
    let signature = with_envelope(|envelope| envelope.signature[5] ^= 1, false);
    assert_eq!(error(&signature), NitroError::DocumentSignature);
    let mut payload = document();
    let at = payload
        .windows(48)
        .position(|window| window == [0x4d; 48])
        .expect("the measurement stands in the document");
    payload[at] ^= 1;
    assert_eq!(error(&payload), NitroError::DocumentSignature);
}

#[test]
fn document_is_refused_when_its_signature_is_of_another_length_or_out_of_range() {
    for length in [0, 95] {
        let short = with_envelope(|envelope| envelope.signature.truncate(length), false);
        assert_eq!(error(&short), NitroError::SignatureLength(length));
    }
    let long = with_envelope(|envelope| envelope.signature.push(0), false);
    assert_eq!(error(&long), NitroError::SignatureLength(97));
    for half in [0..48, 48..96] {
        for byte in [0x00, 0xff] {
            let change = |e: &mut CoseSign1| e.signature[half.clone()].fill(byte);
            assert_eq!(
                error(&with_envelope(change, false)),
                NitroError::SignatureRange
            );
        }
    }
}

#[test]
fn document_is_refused_when_its_payload_is_no_map_or_bytes_follow_it() {
    assert_eq!(error(&with_payload(vec![0x80])), NitroError::Payload);
    assert_eq!(
        error(&with_payload(vec![0xa1, 0x01, 0x02])),
        NitroError::Payload
    );
    let envelope = CoseSign1::from_slice(&document()).expect("a COSE_Sign1");
    let mut payload = envelope.payload.expect("a payload");
    payload.push(0);
    assert_eq!(error(&with_payload(payload)), NitroError::Payload);
}

#[test]
fn document_is_refused_when_a_field_is_missing() {
    for name in [
        "module_id",
        "digest",
        "timestamp",
        "pcrs",
        "certificate",
        "cabundle",
    ] {
        let without = with_fields(|fields| fields.retain(|(key, _)| key.as_text() != Some(name)));
        assert_eq!(error(&without), NitroError::Missing(name));
    }
}

#[test]
fn document_is_refused_when_a_field_stands_there_twice() {
    for (position, name) in [
        "module_id",
        "digest",
        "timestamp",
        "pcrs",
        "certificate",
        "cabundle",
        "public_key",
        "user_data",
        "nonce",
    ]
    .into_iter()
    .enumerate()
    {
        let twice = with_fields(|fields| fields.push(fields[position].clone()));
        assert_eq!(error(&twice), NitroError::Repeated(name));
    }
}

#[test]
fn document_is_refused_when_a_field_is_unknown_or_of_a_wrong_type() {
    let unknown = with_fields(|fields| fields.push((Value::from("extra"), Value::from(1))));
    assert_eq!(error(&unknown), NitroError::UnknownField);
    for name in [
        "module_id",
        "timestamp",
        "pcrs",
        "certificate",
        "cabundle",
        "public_key",
        "user_data",
        "nonce",
    ] {
        assert_eq!(
            error(&with_field(name, Value::Bool(true))),
            NitroError::Field(name)
        );
    }
    let digest = with_field("digest", Value::from("SHA256"));
    assert_eq!(error(&digest), NitroError::DigestAlgorithm);
}

#[test]
fn document_is_refused_when_a_field_is_out_of_its_bounds() {
    for length in [0, 257] {
        let document = with_field("module_id", Value::from("i".repeat(length)));
        assert_eq!(error(&document), NitroError::Field("module_id"));
    }
    for (name, bytes_max) in [
        ("certificate", 1024),
        ("public_key", 1024),
        ("user_data", 512),
        ("nonce", 512),
    ] {
        let length = bytes_max + 1;
        let document = with_field(name, Value::Bytes(vec![0; length]));
        assert_eq!(error(&document), NitroError::FieldTooLong { name, length });
    }
    let long = Value::Array(vec![Value::Bytes(vec![0; 1025])]);
    let expected = NitroError::FieldTooLong {
        name: "cabundle",
        length: 1025,
    };
    assert_eq!(error(&with_field("cabundle", long)), expected);
    let anchors = Anchors::Simulated(MockRoots::published());
    for (name, bytes_max) in [("public_key", 1024), ("user_data", 512), ("nonce", 512)] {
        let document = with_field(name, Value::Bytes(vec![0; bytes_max]));
        assert!(verify_at(&document, &anchors, NOW_MS).is_ok(), "{name}");
    }
}

#[test]
fn document_is_refused_when_a_register_is_missing_repeated_or_out_of_bounds() {
    let with = |entries: &[(u64, usize)]| {
        let entry =
            |(index, length): &(u64, usize)| (Value::from(*index), Value::Bytes(vec![1; *length]));
        error(&with_field(
            "pcrs",
            Value::Map(entries.iter().map(entry).collect()),
        ))
    };
    for missing in 0..=2 {
        let mut entries = vec![(0, 48), (1, 48), (2, 48)];
        entries.remove(missing);
        let missing = u8::try_from(missing).expect("small");
        assert_eq!(with(&entries), NitroError::PcrMissing(missing));
    }
    for length in [0, 32, 47, 49, 64] {
        let expected = NitroError::PcrLength { index: 2, length };
        assert_eq!(with(&[(0, 48), (1, 48), (2, length)]), expected);
    }
    let twice = [(0, 48), (1, 48), (2, 48), (2, 48)];
    assert_eq!(with(&twice), NitroError::PcrRepeated(2));
    let above = [(0, 48), (1, 48), (2, 48), (32, 48)];
    assert_eq!(with(&above), NitroError::PcrIndex(32));
    let large = [(0, 48), (256, 48)];
    assert_eq!(with(&large), NitroError::Field("pcrs"));
}

/// The payload with `from` replaced, which stands there once, signed anew.
fn with_replaced(from: &[u8], to: &[u8]) -> Vec<u8> {
    let envelope = CoseSign1::from_slice(&document()).expect("a COSE_Sign1");
    let payload = envelope.payload.expect("a payload");
    let at = payload
        .windows(from.len())
        .position(|window| window == from)
        .expect("the bytes stand in the payload");
    with_payload([&payload[..at], to, &payload[at + from.len()..]].concat())
}

#[test]
fn document_is_refused_when_anything_but_its_payload_is_of_indefinite_length() {
    // The registers: a map of sixteen. The chain: an array of three.
    let pcrs = with_replaced(b"\x64pcrs\xb0", b"\x64pcrs\xbf");
    assert_eq!(error(&pcrs), NitroError::Field("pcrs"));
    let chain = with_replaced(b"\x68cabundle\x83", b"\x68cabundle\x9f");
    assert_eq!(error(&chain), NitroError::Field("cabundle"));
    let bytes = with_replaced(b"\x69user_data\x58\x40", b"\x69user_data\x5f\x58\x40");
    assert_eq!(error(&bytes), NitroError::Field("user_data"));
    let text = with_replaced(b"\x66digest\x66SHA384", b"\x66digest\x7f\x66SHA384\xff");
    assert_eq!(error(&text), NitroError::DigestAlgorithm);
    let name = with_replaced(b"\x66digest", b"\x7f\x66digest\xff");
    assert_eq!(error(&name), NitroError::Payload);
}

#[test]
fn document_may_write_its_payload_with_a_definite_length_as_older_ones_do() {
    let envelope = CoseSign1::from_slice(&document()).expect("a COSE_Sign1");
    let payload = envelope.payload.expect("a payload");
    assert_eq!(
        (payload.first(), payload.last()),
        (Some(&0xbf), Some(&0xff))
    );
    let definite = [&[0xa9], &payload[1..payload.len() - 1]].concat();
    let anchors = Anchors::Simulated(MockRoots::published());
    assert_eq!(
        verify_at(&with_payload(definite), &anchors, NOW_MS),
        verify_at(&document(), &anchors, NOW_MS),
    );
}

#[test]
fn document_is_refused_when_it_was_made_outside_of_the_validity_of_its_leaf() {
    const SKEW_MS: u64 = 5 * 60 * 1000;
    let (from_ms, until_ms) = (NOW_MS - 1_800_000, NOW_MS + 3 * 3_600_000);
    let at = |timestamp_ms: u64| with_field("timestamp", Value::from(timestamp_ms));
    let anchors = Anchors::Simulated(MockRoots::published());
    for timestamp_ms in [from_ms - SKEW_MS, until_ms + SKEW_MS] {
        assert!(verify_at(&at(timestamp_ms), &anchors, NOW_MS).is_ok());
    }
    for timestamp_ms in [0, from_ms - SKEW_MS - 1, until_ms + SKEW_MS + 1, u64::MAX] {
        let expected = NitroError::Timestamp {
            timestamp_ms,
            from_ms,
            until_ms,
        };
        assert_eq!(error(&at(timestamp_ms)), expected);
    }
}

#[test]
fn chain_is_refused_when_it_is_empty_or_too_long() {
    for length in [0, 11] {
        let chain = Value::Array(vec![Value::Bytes(vec![0]); length]);
        let document = with_field("cabundle", chain);
        assert_eq!(error(&document), NitroError::ChainLength(length));
    }
}

#[test]
fn chain_is_refused_under_the_root_of_the_vendor() {
    let found = sha256(&[simulated::AWS_ROOT]);
    assert_eq!(
        verify_at(
            &document(),
            &Anchors::Vendor(VendorRoots::built_in()),
            NOW_MS
        ),
        Err(VerifyError::Nitro(NitroError::RootNotTrusted { found }))
    );
}

#[test]
fn chain_is_refused_when_the_root_does_not_come_first() {
    let headless = with_fields(|fields| {
        let chain = field(fields, "cabundle").as_array_mut().expect("a chain");
        chain.remove(0);
    });
    assert!(matches!(
        error(&headless),
        NitroError::RootNotTrusted { .. }
    ));
}

#[test]
fn chain_is_refused_when_a_member_is_missing_or_in_a_wrong_place() {
    let gap = with_fields(|fields| {
        let chain = field(fields, "cabundle").as_array_mut().expect("a chain");
        chain.remove(1);
    });
    assert_eq!(error(&gap), at(1, CertificateError::WrongIssuer));
    let swapped = with_fields(|fields| {
        let chain = field(fields, "cabundle").as_array_mut().expect("a chain");
        chain.swap(1, 2);
    });
    assert_eq!(error(&swapped), at(1, CertificateError::WrongIssuer));
}

#[test]
fn chain_is_refused_when_a_member_is_changed() {
    for position in [1, 2] {
        let changed = with_fields(|fields| {
            let chain = field(fields, "cabundle").as_array_mut().expect("a chain");
            flip_last(&mut chain[position]);
        });
        assert_eq!(
            error(&changed),
            at(position, CertificateError::BadSignature)
        );
    }
    let changed = with_fields(|fields| flip_last(field(fields, "certificate")));
    assert_eq!(error(&changed), at(3, CertificateError::BadSignature));
}

fn flip_last(value: &mut Value) {
    let bytes = value.as_bytes_mut().expect("a certificate");
    *bytes.last_mut().expect("a certificate") ^= 1;
}

#[test]
fn chain_is_refused_before_and_after_the_validity_of_the_leaf() {
    let early = error_at(&document(), NOW_MS - 3_600_000);
    assert!(matches!(
        early,
        NitroError::Certificate {
            position: 3,
            problem: CertificateError::NotYetValid { .. }
        }
    ));
    let late = error_at(&document(), NOW_MS + 3 * 3_600_000 + 1000);
    assert!(matches!(
        late,
        NitroError::Certificate {
            position: 3,
            problem: CertificateError::Expired { .. }
        }
    ));
    // After twenty days the authorities have expired as well.
    let later = error_at(&document(), NOW_MS + 21 * 24 * 3_600_000);
    assert!(matches!(
        later,
        NitroError::Certificate {
            position: 1,
            problem: CertificateError::Expired { .. }
        }
    ));
}

/// A leaf of `authority`, or none, whose issuer is the enclave's own leaf.
fn below_the_leaf() -> Vec<u8> {
    let leaf = Issuer {
        name: name("enclave").expect("a name"),
        key: IssuerKey::P384(&enclave().enclave),
    };
    leaf.issue(&Profile {
        common_name: "below",
        key: SubjectKey::P384(enclave().enclave.public_sec1()),
        serial: 9,
        from_s: NOW_S - HOUR_S,
        until_s: NOW_S + HOUR_S,
        authority: None,
        extensions: Vec::new(),
    })
    .expect("a certificate")
}

#[test]
fn chain_is_refused_when_a_leaf_issues_certificates() {
    let longer = with_fields(|fields| {
        let leaf = field(fields, "certificate").clone();
        *field(fields, "certificate") = Value::Bytes(below_the_leaf());
        let chain = field(fields, "cabundle").as_array_mut().expect("a chain");
        chain.push(leaf);
    });
    // The authority above the leaf allows no other below itself.
    assert_eq!(error(&longer), at(2, CertificateError::PathTooLong));
    let flat = with_fields(|fields| {
        let leaf = field(fields, "certificate").clone();
        *field(fields, "certificate") = Value::Bytes(below_the_leaf());
        let chain = field(fields, "cabundle").as_array_mut().expect("a chain");
        chain.truncate(1);
        chain.push(leaf);
    });
    assert_eq!(error(&flat), at(1, CertificateError::WrongIssuer));
}

/// A document under a chain in which one certificate is another.
fn with_chain(change: impl FnOnce(&mut Links<'_>)) -> Vec<u8> {
    let enclave = enclave();
    let mut links = Links::of(&enclave);
    change(&mut links);
    let [region, instance, leaf] = links.issue();
    with_fields(|fields| {
        *field(fields, "certificate") = Value::Bytes(leaf);
        let chain = [simulated::AWS_ROOT.to_vec(), region, instance];
        *field(fields, "cabundle") = Value::Array(chain.map(Value::Bytes).into());
    })
}

/// What the certificates below the root say.
struct Links<'a> {
    enclave: &'a NitroEnclave,
    windows: [(u64, u64); 3],
    authorities: [Option<u8>; 3],
    curve: fn(&P384SigningKey) -> SubjectKey<'_>,
    /// Which one holds a key on that curve.
    of_curve: usize,
    /// Which one has a critical extension that nobody knows.
    critical: Option<usize>,
}

impl<'a> Links<'a> {
    fn of(enclave: &'a NitroEnclave) -> Self {
        Self {
            enclave,
            windows: [(NOW_S - HOUR_S, NOW_S + HOUR_S); 3],
            authorities: [Some(1), Some(0), None],
            curve: |key| SubjectKey::P384(key.public_sec1()),
            of_curve: 2,
            critical: None,
        }
    }

    fn issue(&self) -> [Vec<u8>; 3] {
        let enclave = self.enclave;
        let keys = [
            &enclave.root,
            &enclave.region,
            &enclave.instance,
            &enclave.enclave,
        ];
        let names = ["", "region", "instance", "enclave"];
        [0, 1, 2].map(|link| {
            let issuer = match link {
                0 => subject(simulated::AWS_ROOT),
                _ => name(names[link]),
            };
            let key = IssuerKey::P384(keys[link]);
            let name = issuer.expect("a name");
            let (from_s, until_s) = self.windows[link];
            let issuer = Issuer { name, key };
            let issued = issuer
                .issue(&Profile {
                    common_name: names[link + 1],
                    key: if link == self.of_curve {
                        (self.curve)(keys[link + 1])
                    } else {
                        SubjectKey::P384(keys[link + 1].public_sec1())
                    },
                    serial: 7,
                    from_s,
                    until_s,
                    authority: self.authorities[link],
                    extensions: Vec::new(),
                })
                .expect("a certificate");
            if self.critical != Some(link) {
                return issued;
            }
            issuer.reissue(&issued, |certificate| {
                let extensions = certificate.extensions.as_mut();
                extensions.expect("extensions").push(unknown_critical());
            })
        })
    }
}

#[test]
fn chain_is_refused_when_any_one_of_its_certificates_is_out_of_its_time() {
    let anchors = Anchors::Simulated(MockRoots::published());
    assert!(verify_at(&with_chain(|_| ()), &anchors, NOW_MS).is_ok());
    for link in 0..3 {
        let late = with_chain(|links| links.windows[link].1 = NOW_S - 1);
        let expired = CertificateError::Expired {
            until_s: NOW_S - 1,
            now_s: NOW_S,
        };
        assert_eq!(error(&late), at(link + 1, expired));
        let early = with_chain(|links| links.windows[link].0 = NOW_S + 1);
        let not_yet = CertificateError::NotYetValid {
            from_s: NOW_S + 1,
            now_s: NOW_S,
        };
        assert_eq!(error(&early), at(link + 1, not_yet));
    }
}

#[test]
fn chain_is_refused_when_an_authority_is_none_or_allows_no_other_below() {
    for link in 0..2 {
        let none = with_chain(|links| links.authorities[link] = None);
        let expected = at(link + 2, CertificateError::IssuerMayNotSign);
        assert_eq!(error(&none), expected);
    }
    let narrow = with_chain(|links| links.authorities[0] = Some(0));
    assert_eq!(error(&narrow), at(2, CertificateError::PathTooLong));
}

#[test]
fn chain_is_refused_when_its_leaf_is_an_authority_or_of_another_curve() {
    let authority = with_chain(|links| links.authorities[2] = Some(0));
    assert_eq!(error(&authority), at(3, CertificateError::Authority));
    let curve = with_chain(|links| links.curve = |key| SubjectKey::P256(key.public_sec1()));
    assert_eq!(error(&curve), at(3, CertificateError::Algorithm));
    let above = with_chain(|links| {
        links.curve = |key| SubjectKey::P256(key.public_sec1());
        links.of_curve = 0;
    });
    assert_eq!(error(&above), at(1, CertificateError::Algorithm));
}

#[test]
fn chain_is_refused_when_a_certificate_has_an_unknown_critical_extension() {
    for link in 0..3 {
        let critical = with_chain(|links| links.critical = Some(link));
        let unknown = CertificateError::UnknownCriticalExtension("2.5.29.37".to_owned());
        assert_eq!(error(&critical), at(link + 1, unknown));
    }
}

#[test]
fn nonce_of_a_document_is_the_one_that_is_asked_for_and_never_an_empty_one() {
    let broken = |held: &[u8], nonce: &[u8]| {
        let document = with_field("nonce", Value::Bytes(held.to_vec()));
        let evidence = Evidence::new(Tee::Nitro, document).expect("a document");
        let policy = Policy::development(&[]);
        let binding = Binding::Nonce(nonce);
        let appraisal = policy.explain(&evidence, &Endorsements::Nitro, binding, NOW_MS, &[]);
        let nonces = appraisal.broken().filter(|check| check.rule == Rule::Nonce);
        nonces.count()
    };
    assert_eq!(broken(&[1, 2], &[1, 2]), 0);
    assert_eq!(broken(&[1, 2], &[1, 2, 0]), 1);
    assert_eq!(broken(&[1, 2], &[1]), 1);
    assert_eq!(broken(&[], &[]), 1);
}

#[test]
fn mutated_document_never_panics_and_is_never_genuine() {
    let mut document = document();
    let anchors = Anchors::Simulated(MockRoots::published());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..1_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = (state >> 33) as usize % document.len();
        let flip = 1 << (state >> 60 & 7);
        document[at] ^= flip;
        assert!(verify_at(&document, &anchors, NOW_MS).is_err(), "byte {at}");
        document[at] ^= flip;
    }
}
