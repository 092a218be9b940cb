//! Real evidence of AMD and AWS, changed in one place, is refused for that
//! place.
#![allow(
    clippy::disallowed_methods,
    reason = "the vectors are files beside the repository"
)]

use std::{fs, path::Path};

use crate::recorded::vectors;

use synod_attestation::{
    Anchors, Endorsements, Evidence, SnpEndorsements, Tee, VendorRoots, VerifyError,
    nitro::error::NitroError,
    snp::{
        chain::{CheckedChain, KeyOwner},
        error::{Link, SnpError},
        product::Product,
        report::Report,
        verify::verify_report,
    },
    verify,
};

/// A report of Turin, version 5, and one of Milan, version 3.
const TURIN: &str = "v5-turin-tee-attestation-verification-turin-attestation-report";
const MILAN: &str = "v3-milan-tee-attestation-verification-milan-attestation-report";
const GENOA: &str = "v5-genoa-attestation-rs-live-report-v5-genoa";

/// 2026-09-21: all three are valid.
const NOW_MS: u64 = 1_790_000_000_000;

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn snp(vectors: &Path, set: &str) -> (Vec<u8>, SnpEndorsements) {
    let set = vectors.join("snp").join(set);
    let endorsements = SnpEndorsements {
        signer: read(&set.join("vcek.der")),
        intermediate: read(&set.join("ask.der")),
        root: read(&set.join("ark.der")),
        crl: None,
    };
    (read(&set.join("report.bin")), endorsements)
}

fn check(endorsements: &SnpEndorsements) -> Result<CheckedChain, SnpError> {
    let anchors = Anchors::Vendor(VendorRoots::built_in());
    CheckedChain::check(endorsements, &anchors, NOW_MS)
}

#[test]
fn no_byte_of_a_real_report_can_be_changed() {
    let Some(vectors) = vectors("") else { return };
    for set in [TURIN, MILAN, GENOA] {
        let (mut report, endorsements) = snp(&vectors, set);
        let chain = check(&endorsements).expect("a sound chain");
        verify_report(&report, &chain, NOW_MS).expect("a genuine report");
        for at in 0..report.len() {
            report[at] ^= 1 << (at % 8);
            let refused = verify_report(&report, &chain, NOW_MS);
            assert!(refused.is_err(), "{set}: byte {at:#x}");
            report[at] ^= 1 << (at % 8);
        }
    }
}

#[test]
fn real_report_is_refused_at_every_other_length() {
    let Some(vectors) = vectors("") else { return };
    let (mut report, _) = snp(&vectors, TURIN);
    for length in 0..report.len() {
        let refused = Report::parse(&report[..length]);
        assert_eq!(refused, Err(SnpError::Length(length)));
    }
    report.push(0);
    assert_eq!(Report::parse(&report), Err(SnpError::Length(report.len())));
}

#[test]
fn real_report_states_its_processor_and_firmware() {
    let Some(vectors) = vectors("") else { return };
    for (set, product, model, firmware, mitigations) in [
        (TURIN, Product::Turin, 0x02, "1.55 build 65", Some(0x3f)),
        (GENOA, Product::Genoa, 0xa0, "1.55 build 49", Some(0x0b)),
        (MILAN, Product::Milan, 0x01, "1.55 build 29", None),
    ] {
        let (report, endorsements) = snp(&vectors, set);
        let chain = check(&endorsements).expect("a sound chain");
        let claims = verify_report(&report, &chain, NOW_MS).expect("a genuine report");
        assert_eq!(claims.product, product);
        assert_eq!(claims.cpuid.map(|cpuid| cpuid.model), Some(model));
        assert_eq!(claims.current_firmware.to_string(), firmware);
        assert_eq!(claims.committed_firmware, claims.current_firmware);
        assert_eq!(claims.mitigations.map(|it| it.current), mitigations);
        assert!(claims.platform_info.alias_check_complete() && !claims.chip_id_masked);
        assert_eq!(claims.report_id_ma, [0xff; 32]);
        let KeyOwner::Chip(chip_id) = chain.owner() else {
            panic!("these are signed by VCEKs")
        };
        assert_eq!(**chip_id, claims.chip_id);
    }
}

#[test]
fn real_report_is_refused_under_the_chain_of_another_platform() {
    let Some(vectors) = vectors("") else { return };
    let sets = [TURIN, MILAN, GENOA];
    for report_of in sets {
        for chain_of in sets.into_iter().filter(|set| *set != report_of) {
            let (report, _) = snp(&vectors, report_of);
            let (_, endorsements) = snp(&vectors, chain_of);
            let chain = check(&endorsements).expect("a sound chain");
            let refused = verify_report(&report, &chain, NOW_MS);
            assert!(matches!(refused, Err(SnpError::ProductMismatch { .. })));
        }
    }
    // The same product, another chip.
    let (_, endorsements) = snp(&vectors, "v3-milan-ccf-npm-tests");
    let chain = check(&endorsements).expect("a sound chain");
    let (report, _) = snp(&vectors, MILAN);
    let refused = verify_report(&report, &chain, NOW_MS);
    assert_eq!(refused, Err(SnpError::ChipMismatch));
}

#[test]
fn real_chain_is_refused_when_its_members_are_of_different_products() {
    let Some(vectors) = vectors("") else { return };
    let (_, turin) = snp(&vectors, TURIN);
    let (_, milan) = snp(&vectors, MILAN);
    let name_of = |endorsements: &SnpEndorsements| match check(endorsements) {
        Err(SnpError::CertificateName { link, .. }) => link,
        other => panic!("expected a wrong name, found {other:?}"),
    };
    let mut mixed = turin.clone();
    mixed.intermediate.clone_from(&milan.intermediate);
    assert_eq!(name_of(&mixed), Link::Intermediate);
    let mut mixed = turin.clone();
    mixed.root.clone_from(&milan.root);
    assert_eq!(name_of(&mixed), Link::Intermediate);
    // VCEKs of all products have one name, so the issuer tells.
    let mut mixed = turin.clone();
    mixed.signer.clone_from(&milan.signer);
    assert!(matches!(
        check(&mixed),
        Err(SnpError::Certificate {
            link: Link::Signer,
            ..
        })
    ));
    // The issuer of VLEKs issues no VCEK.
    let mut mixed = turin;
    mixed.intermediate = read(&vectors.join("roots/amd/turin_asvk.der"));
    assert_eq!(name_of(&mixed), Link::Intermediate);
}

fn nitro(document: &[u8], now_ms: u64) -> Result<(), NitroError> {
    let anchors = Anchors::Vendor(VendorRoots::built_in());
    let evidence = Evidence::new(Tee::Nitro, document.to_vec()).expect("short evidence");
    match verify(&evidence, &Endorsements::Nitro, &anchors, now_ms) {
        Ok(_) => Ok(()),
        Err(VerifyError::Nitro(error)) => Err(error),
        Err(other) => panic!("expected a refusal of the document, found {other:?}"),
    }
}

#[test]
fn no_byte_of_a_real_document_can_be_changed() {
    const AT_MS: u64 = 1_766_678_659_000;
    let Some(vectors) = vectors("") else { return };
    let path = vectors.join("nitro/dstack-attest-2025-12/attestation_doc.cbor");
    let mut document = read(&path);
    assert_eq!(nitro(&document, AT_MS), Ok(()));
    for at in (0..document.len()).filter(|at| *at < 64 || at % 7 == 0) {
        document[at] ^= 1 << (at % 8);
        assert!(nitro(&document, AT_MS).is_err(), "byte {at}");
        document[at] ^= 1 << (at % 8);
    }
}

#[test]
fn real_document_is_valid_for_the_three_hours_of_its_leaf() {
    let Some(vectors) = vectors("") else { return };
    for (set, from_s, until_s) in [
        ("dstack-attest-2025-12", 1_766_678_656, 1_766_689_459),
        ("evervault-2022-10", 1_665_651_479, 1_665_662_282),
    ] {
        let document = read(&vectors.join("nitro").join(set).join("attestation_doc.cbor"));
        for now_s in [from_s, until_s] {
            assert_eq!(nitro(&document, now_s * 1000), Ok(()));
        }
        for now_s in [from_s - 1, until_s + 1] {
            let refused = nitro(&document, now_s * 1000);
            assert!(matches!(
                refused,
                Err(NitroError::Certificate { position: 4, .. })
            ));
        }
    }
}
