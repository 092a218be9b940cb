//! Synthetic quotes and collateral under a test root, made to fail one check
//! each: `shared/vectors/dcap-testroot/generated`, each folder with what is
//! expected of it. Without the vectors this says so loudly and checks nothing.
#![allow(
    clippy::disallowed_methods,
    reason = "the vectors are files beside the repository"
)]

use std::{fs, path::Path};

use serde_json::Value;

use crate::recorded::vectors;
use synod_attestation::{
    Anchors, Claims, Details, Endorsements, Evidence, MockRoots, Tee, VerifyError,
    intel::{
        error::{Chain, DocumentError, IntelError, Link, Part, QeField},
        status::TcbStatus,
    },
    simulated, verify,
    x509::CertificateError,
};

/// The time that the set is judged at.
const NOW_MS: u64 = 1_795_226_894_000;

fn outcome(root: &[u8], case: &Path) -> Result<Claims, VerifyError> {
    let quote = fs::read(case.join("quote.bin")).expect("a quote");
    let json = fs::read_to_string(case.join("collateral.json")).expect("collateral");
    let endorsements = Endorsements::intel_from_json(&json).expect("collateral");
    let tee = match quote.get(4) {
        Some(0x81) => Tee::Tdx,
        _ => Tee::Sgx,
    };
    let evidence = Evidence::new(tee, quote).expect("short evidence");
    let roots = MockRoots::new(simulated::AMD_ARK, root, simulated::AWS_ROOT);
    verify(&evidence, &endorsements, &Anchors::Simulated(roots), NOW_MS)
}

/// What every policy but a dangerous one asks of attributes and status.
fn sound(claims: &Claims) -> bool {
    let (status, attributes) = match &claims.details {
        Details::Tdx(tdx) => {
            let attributes = tdx.attributes;
            let sound = attributes.sept_ve_disable() && !attributes.migratable();
            (tdx.status, sound)
        }
        Details::Sgx(sgx) => (sgx.status, true),
        _ => return false,
    };
    status == TcbStatus::UpToDate && attributes && !claims.debug
}

#[test]
fn every_case_succeeds_or_fails_as_it_is_expected_to() {
    let Some(cases) = vectors("dcap-testroot/generated") else {
        return;
    };
    let root = fs::read(cases.join("test_root_ca.der")).expect("a root");
    let (mut good, mut bad) = (0, 0);
    for entry in fs::read_dir(&cases).expect("the cases") {
        let case = entry.expect("a case").path();
        let Ok(expected) = fs::read(case.join("expected.json")) else {
            continue;
        };
        let expected: Value = serde_json::from_slice(&expected).expect("JSON");
        let outcome = outcome(&root, &case);
        let succeeds = outcome.as_ref().is_ok_and(sound);
        assert_eq!(
            expected["should_succeed"].as_bool(),
            Some(succeeds),
            "{}: {outcome:?}",
            case.display()
        );
        if succeeds {
            good += 1;
        } else {
            bad += 1;
        }
    }
    println!("{good} good, {bad} bad");
    assert!(good >= 7 && bad >= 45, "{good} good, {bad} bad");
}

#[test]
fn every_bad_case_fails_by_the_check_that_it_was_made_for() {
    let Some(cases) = vectors("dcap-testroot/generated") else {
        return;
    };
    let root = fs::read(cases.join("test_root_ca.der")).expect("a root");
    for (name, expected) in in_collateral().into_iter().chain(in_quotes()) {
        assert_eq!(
            outcome(&root, &cases.join(name)),
            Err(VerifyError::Intel(expected)),
            "{name}"
        );
    }
}

fn in_collateral() -> Vec<(&'static str, IntelError)> {
    let signer = |link| IntelError::Certificate {
        link,
        problem: CertificateError::Authority,
    };
    let short = |chain| IntelError::ChainLength {
        chain,
        expected: 2,
        found: 0,
    };
    vec![
        ("ca_used_as_end_entity_qe", signer(Link::QeIdentitySigner)),
        ("ca_used_as_end_entity_tcb", signer(Link::TcbInfoSigner)),
        ("cert_type_3_without_pck_chain", IntelError::NoPckChain),
        (
            "invalid_qe_identity_signature",
            IntelError::QeIdentity(DocumentError::Signature),
        ),
        (
            "invalid_tcb_signature",
            IntelError::TcbInfo(DocumentError::Signature),
        ),
        ("qe_report_hash_mismatch", IntelError::QeBinding),
        ("revoked_platform_tcb", IntelError::Revoked(Part::Platform)),
        ("revoked_qe_tcb", IntelError::Revoked(Part::QuotingEnclave)),
        ("short_qe_identity_chain", short(Chain::QeIdentity)),
        ("short_tcb_chain", short(Chain::TcbInfo)),
        ("invalid_cert_format", IntelError::Pem(Chain::TcbInfo)),
        (
            "sgx_tcb_id_mismatch",
            IntelError::TcbInfo(DocumentError::Id("TDX".to_owned())),
        ),
        (
            "tdx_qe_identity_id_mismatch",
            IntelError::QeIdentity(DocumentError::Id("QE".to_owned())),
        ),
    ]
}

fn in_quotes() -> Vec<(&'static str, IntelError)> {
    vec![
        ("invalid_qe_report_signature", IntelError::QeReportSignature),
        ("invalid_quote_signature", IntelError::QuoteSignature),
        (
            "qe_attributes_mismatch",
            IntelError::QeMismatch(QeField::Attributes),
        ),
        ("qe_debug_enabled", IntelError::QeDebug),
        (
            "qe_isvprodid_mismatch",
            IntelError::QeMismatch(QeField::Product),
        ),
        (
            "qe_miscselect_mismatch",
            IntelError::QeMismatch(QeField::MiscSelect),
        ),
        (
            "qe_mrsigner_mismatch",
            IntelError::QeMismatch(QeField::Signer),
        ),
        (
            "invalid_sgx_v4",
            IntelError::TeeType {
                version: 4,
                tee_type: 0,
            },
        ),
        ("unsupported_key_type_0", IntelError::KeyType(0)),
        ("unsupported_key_type_1", IntelError::KeyType(1)),
        ("unsupported_key_type_3", IntelError::KeyType(3)),
        ("unsupported_key_type_255", IntelError::KeyType(255)),
        ("unsupported_version_1", IntelError::Version(1)),
        ("unsupported_version_2", IntelError::Version(2)),
        ("unsupported_version_6", IntelError::Version(6)),
        ("unsupported_version_255", IntelError::Version(255)),
    ]
}
