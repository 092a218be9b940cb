//! Each check of the Nitro verifier, broken alone.

use coset::{
    CoseSign1,
    cbor::{Value, into_writer},
};
use synod_attestation::{
    Anchors, Claims, Evidence, MockRoots, Tee, VendorRoots, VerifyError, nitro::error::NitroError,
    verify, x509::CertificateError,
};
use synod_crypto::sha256;

use super::*;

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
    for length in (0..whole.len()).step_by(61) {
        assert_eq!(error(&whole[..length]), NitroError::Envelope);
    }
    assert_eq!(error(&[whole, vec![0]].concat()), NitroError::Envelope);
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
    assert_eq!(error(&unprotected), NitroError::ProtectedHeader);
}

#[test]
fn document_is_refused_when_its_signature_or_payload_is_changed() {
    let signature = with_envelope(|envelope| envelope.signature[5] ^= 1, false);
    assert_eq!(error(&signature), NitroError::DocumentSignature);
    let short = with_envelope(|envelope| envelope.signature.truncate(95), false);
    assert_eq!(error(&short), NitroError::DocumentSignature);
    let mut payload = document();
    let at = payload
        .windows(48)
        .position(|window| window == [0x4d; 48])
        .expect("the measurement stands in the document");
    payload[at] ^= 1;
    assert_eq!(error(&payload), NitroError::DocumentSignature);
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
        assert_eq!(error(&without), NitroError::Field(name));
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
        assert_eq!(error(&twice), NitroError::Field(name));
    }
}

#[test]
fn document_is_refused_when_a_field_is_unknown_or_of_a_wrong_type() {
    let unknown = with_fields(|fields| fields.push((Value::from("extra"), Value::from(1))));
    assert_eq!(error(&unknown), NitroError::Field("of an unknown name"));
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
    let pcr = |index: u64, length| (Value::from(index), Value::Bytes(vec![1; length]));
    let pcrs = |entries: Vec<(Value, Value)>| with_field("pcrs", Value::Map(entries));
    for (name, document) in [
        ("module_id", with_field("module_id", Value::from(""))),
        (
            "module_id",
            with_field("module_id", Value::from("i".repeat(257))),
        ),
        (
            "certificate",
            with_field("certificate", Value::Bytes(vec![0; 1025])),
        ),
        (
            "user_data",
            with_field("user_data", Value::Bytes(vec![0; 1025])),
        ),
        ("pcrs", pcrs(vec![pcr(0, 48), pcr(1, 48)])),
        ("pcrs", pcrs(vec![pcr(0, 48), pcr(1, 48), pcr(2, 47)])),
        (
            "pcrs",
            pcrs(vec![pcr(0, 48), pcr(1, 48), pcr(2, 48), pcr(2, 48)]),
        ),
        (
            "pcrs",
            pcrs(vec![pcr(0, 48), pcr(1, 48), pcr(2, 48), pcr(32, 48)]),
        ),
        (
            "cabundle",
            with_field("cabundle", Value::Array(vec![Value::Bytes(vec![0]); 11])),
        ),
    ] {
        assert_eq!(error(&document), NitroError::Field(name));
    }
}

#[test]
fn chain_is_refused_when_it_is_empty() {
    let empty = with_field("cabundle", Value::Array(Vec::new()));
    assert_eq!(error(&empty), NitroError::ChainLength(0));
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
    // After twenty days the authorities have run out as well.
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
