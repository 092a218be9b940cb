//! Each check of the SEV-SNP verifier, broken alone.

use synod_attestation::{
    Anchors, Claims, Endorsements, Evidence, MockRoots, SnpEndorsements, Tee, VendorRoots,
    VerifyError, simulated,
    snp::{
        error::{Link, SnpError},
        product::Product,
    },
    verify,
    x509::CertificateError,
};
use synod_crypto::sha256;

use super::*;
use crate::simulated::certificate::name;

/// 2026-11-20.
const NOW_S: u64 = 1_795_132_800;
const NOW_MS: u64 = NOW_S * 1000;
const YEAR_S: u64 = 365 * DAY_S;

/// Sound evidence, to be broken in one place.
struct Case {
    guest: SnpGuest,
    report: Vec<u8>,
    endorsements: SnpEndorsements,
    now_ms: u64,
}

impl Case {
    fn new() -> Self {
        let guest = SnpGuest::new([0x4d; 48], &Keys::new([9; 32]), None).expect("a guest");
        let (report, endorsements) = guest.collect(&[0x5a; 64], NOW_MS).expect("evidence");
        let Endorsements::Snp(endorsements) = endorsements else {
            unreachable!("a guest's endorsements are for SEV-SNP")
        };
        Self {
            guest,
            report,
            endorsements,
            now_ms: NOW_MS,
        }
    }

    fn with_report(at: usize, bytes: &[u8]) -> Self {
        let mut case = Self::new();
        case.report[at..at + bytes.len()].copy_from_slice(bytes);
        case
    }

    fn with_extensions(change: impl FnOnce(&mut Vec<(ObjectIdentifier, Vec<u8>)>)) -> Self {
        let mut case = Self::new();
        let mut extensions = case.guest.vcek_extensions();
        change(&mut extensions);
        case.endorsements.signer = case
            .guest
            .vcek_certificate(NOW_S - DAY_S, extensions)
            .expect("a certificate");
        case
    }

    /// Puts another authority, with a key of its own, in the place of the ASK.
    fn with_intermediate(profile: &Profile<'_>, authority: &P384SigningKey) -> Self {
        let mut case = Self::new();
        let ark = Issuer {
            name: subject(simulated::AMD_ARK).expect("a name"),
            key: IssuerKey::RsaPss(&case.guest.ark),
        };
        let ask = Issuer {
            name: name(profile.common_name).expect("a name"),
            key: IssuerKey::P384(authority),
        };
        let signer = ask.issue(&Profile {
            common_name: "SEV-VCEK",
            key: SubjectKey::P384(case.guest.vcek.public_sec1()),
            serial: 0,
            from_s: NOW_S - DAY_S,
            until_s: NOW_S + YEAR_S,
            authority: None,
            extensions: case.guest.vcek_extensions(),
        });
        case.endorsements.intermediate = ark.issue(profile).expect("a certificate");
        case.endorsements.signer = signer.expect("a certificate");
        case
    }

    fn at(seconds: u64) -> Self {
        let mut case = Self::new();
        case.now_ms = seconds * 1000;
        case.endorsements.crl = None;
        case
    }

    fn verify(&self, anchors: &Anchors) -> Result<Claims, VerifyError> {
        let evidence = Evidence::new(Tee::SevSnp, self.report.clone()).expect("short evidence");
        let endorsements = Endorsements::Snp(self.endorsements.clone());
        verify(&evidence, &endorsements, anchors, self.now_ms)
    }

    fn error(&self) -> SnpError {
        match self.verify(&Anchors::Simulated(MockRoots::published())) {
            Err(VerifyError::Snp(error)) => error,
            other => panic!("expected a refusal of the report, found {other:?}"),
        }
    }
}

fn problem(link: Link, problem: CertificateError) -> SnpError {
    SnpError::Certificate { link, problem }
}

#[test]
fn sound_evidence_is_genuine_and_its_claims_are_those_of_the_report() {
    let case = Case::new();
    let claims = case
        .verify(&Anchors::Simulated(MockRoots::published()))
        .expect("sound evidence is genuine");
    assert!(claims.simulated);
    assert!(!claims.debug);
    assert_eq!(claims.measurement.as_bytes(), [0x4d; 48]);
    assert_eq!(claims.report_data, Some([0x5a; 64].into()));
    assert_eq!(claims.root, sha256(&[simulated::AMD_ARK]));
}

#[test]
fn report_is_refused_when_a_field_has_a_value_that_is_not_known() {
    for (at, bytes, expected) in [
        (0x00, [1], SnpError::Version(1)),
        (0x00, [6], SnpError::Version(6)),
        (0x34, [2], SnpError::SignatureAlgorithm(2)),
        (0x48, [7 << 2], SnpError::SigningKey(7)),
        (
            0x188,
            [0x17],
            SnpError::UnknownProduct {
                family: 0x17,
                model: 2,
            },
        ),
    ] {
        assert_eq!(Case::with_report(at, &bytes).error(), expected);
    }
}

#[test]
fn report_is_refused_when_a_reserved_field_is_set() {
    for (at, named) in [
        (0x4c, 0x4c),
        (0x18b, 0x18b),
        (0x1eb, 0x1eb),
        (0x1ef, 0x1ef),
        (0x208, 0x208),
        (0x29f, 0x208),
        (0x49, 0x48),
    ] {
        assert_eq!(
            Case::with_report(at, &[1]).error(),
            SnpError::Reserved(named)
        );
    }
    // Bit 17 of the policy must be one.
    assert_eq!(
        Case::with_report(0x0a, &[1]).error(),
        SnpError::Reserved(0x08)
    );
}

#[test]
fn report_is_refused_when_the_padding_of_its_signature_is_set() {
    for at in [0x2a0 + 48, 0x2a0 + 71, 0x2a0 + 72 + 48, 0x2a0 + 144, 0x49f] {
        assert_eq!(
            Case::with_report(at, &[1]).error(),
            SnpError::SignaturePadding
        );
    }
}

#[test]
fn report_is_refused_at_every_other_length() {
    let whole = Case::new();
    for length in (0..REPORT_BYTES).step_by(37).chain([REPORT_BYTES - 1]) {
        let mut case = Case::new();
        case.report.truncate(length);
        assert_eq!(case.error(), SnpError::Length(length));
    }
    let mut case = whole;
    case.report.push(0);
    assert_eq!(case.error(), SnpError::Length(REPORT_BYTES + 1));
}

#[test]
fn report_is_refused_when_a_signed_byte_is_changed() {
    // Measurement, report data, host data, privilege level, launch firmware.
    for at in [0x90, 0x50, 0xc0, 0x30, 0x1f0] {
        assert_eq!(
            Case::with_report(at, &[0xaa]).error(),
            SnpError::ReportSignature
        );
    }
}

#[test]
fn report_is_refused_when_its_signature_is_changed() {
    assert_eq!(
        Case::with_report(0x2a0, &[0xaa]).error(),
        SnpError::ReportSignature
    );
    assert_eq!(
        Case::with_report(0x2e8, &[0xaa]).error(),
        SnpError::ReportSignature
    );
}

#[test]
fn report_is_refused_when_it_states_other_firmware_than_its_key() {
    let error = Case::with_report(0x187, &[0x52]).error();
    assert!(matches!(error, SnpError::TcbMismatch { report, .. } if report.microcode == 0x52));
}

#[test]
fn report_is_refused_when_it_states_another_chip_than_its_key() {
    assert_eq!(
        Case::with_report(0x1a0, &[0xaa]).error(),
        SnpError::ChipMismatch
    );
    // Turin's id has eight bytes; the others are zero.
    assert_eq!(
        Case::with_report(0x1a8, &[1]).error(),
        SnpError::ChipMismatch
    );
}

#[test]
fn report_is_refused_when_it_claims_a_masked_chip_but_shows_one() {
    assert_eq!(
        Case::with_report(0x48, &[0b10]).error(),
        SnpError::ChipMismatch
    );
}

#[test]
fn report_is_refused_when_it_is_of_another_product_than_its_chain() {
    let expected = SnpError::ProductMismatch {
        report: Product::Genoa,
        chain: Product::Turin,
    };
    assert_eq!(Case::with_report(0x188, &[0x19, 0x11]).error(), expected);
}

#[test]
fn chain_is_refused_under_the_roots_of_the_vendor() {
    let found = sha256(&[simulated::AMD_ARK]);
    let refused = Case::new().verify(&Anchors::Vendor(VendorRoots::built_in()));
    assert_eq!(
        refused,
        Err(VerifyError::Snp(SnpError::RootNotTrusted { found }))
    );
}

#[test]
fn chain_is_refused_when_the_root_is_not_the_pinned_one() {
    let mut case = Case::new();
    case.endorsements.root = simulated::AMD_ASK.to_vec();
    assert!(matches!(case.error(), SnpError::RootNotTrusted { .. }));
}

#[test]
fn chain_is_refused_when_bytes_follow_a_certificate() {
    let malformed = |link| problem(link, CertificateError::Malformed);
    let mut case = Case::new();
    case.endorsements.root.push(0);
    assert_eq!(case.error(), malformed(Link::Ark));
    let mut case = Case::new();
    case.endorsements.intermediate.push(0);
    assert_eq!(case.error(), malformed(Link::Intermediate));
    let mut case = Case::new();
    case.endorsements.signer.push(0);
    assert_eq!(case.error(), malformed(Link::Signer));
}

#[test]
fn chain_is_refused_when_a_signature_in_it_is_changed() {
    let bad = |link| problem(link, CertificateError::BadSignature);
    let flip = |der: &mut Vec<u8>| *der.last_mut().expect("a certificate") ^= 1;
    let mut case = Case::new();
    flip(&mut case.endorsements.intermediate);
    assert_eq!(case.error(), bad(Link::Intermediate));
    let mut case = Case::new();
    flip(&mut case.endorsements.signer);
    assert_eq!(case.error(), bad(Link::Signer));
}

#[test]
fn chain_is_refused_when_a_member_stands_in_for_another() {
    let mut case = Case::new();
    case.endorsements.intermediate = case.endorsements.root.clone();
    assert!(matches!(
        case.error(),
        SnpError::CertificateName {
            link: Link::Intermediate,
            ..
        }
    ));
    let mut case = Case::new();
    case.endorsements.signer = case.endorsements.intermediate.clone();
    assert!(matches!(
        case.error(),
        SnpError::CertificateName {
            link: Link::Signer,
            ..
        }
    ));
}

#[test]
fn chain_is_refused_before_and_after_the_validity_of_each_certificate() {
    let link_and_problem = |case: &Case| match case.error() {
        SnpError::Certificate { link, problem } => (link, problem),
        other => panic!("expected a certificate's problem, found {other:?}"),
    };
    let (link, early) = link_and_problem(&Case::at(NOW_S - 2 * DAY_S));
    assert_eq!(link, Link::Signer);
    assert!(matches!(early, CertificateError::NotYetValid { .. }));
    let (link, late) = link_and_problem(&Case::at(NOW_S + 8 * YEAR_S));
    assert_eq!(link, Link::Signer);
    assert!(matches!(late, CertificateError::Expired { .. }));
    // 2019 and 2050: the root's own bounds.
    let (link, early) = link_and_problem(&Case::at(1_560_000_000));
    assert_eq!(link, Link::Ark);
    assert!(matches!(early, CertificateError::NotYetValid { .. }));
    let (link, late) = link_and_problem(&Case::at(2_530_000_000));
    assert_eq!(link, Link::Ark);
    assert!(matches!(late, CertificateError::Expired { .. }));
}

fn intermediate(key: &P384SigningKey) -> Profile<'_> {
    Profile {
        common_name: "SEV-Turin",
        key: SubjectKey::P384(key.public_sec1()),
        serial: 7,
        from_s: NOW_S - DAY_S,
        until_s: NOW_S + YEAR_S,
        authority: Some(0),
        extensions: Vec::new(),
    }
}

fn other_key() -> P384SigningKey {
    Keys::new([8; 32]).p384("another authority").expect("a key")
}

#[test]
fn chain_is_refused_when_only_the_intermediate_has_expired() {
    let key = other_key();
    let mut profile = intermediate(&key);
    profile.until_s = NOW_S - 1;
    let expired = CertificateError::Expired {
        until_s: NOW_S - 1,
        now_s: NOW_S,
    };
    let case = Case::with_intermediate(&profile, &key);
    assert_eq!(case.error(), problem(Link::Intermediate, expired));
}

#[test]
fn chain_is_refused_when_its_intermediate_is_no_authority() {
    let key = other_key();
    let mut profile = intermediate(&key);
    profile.authority = None;
    let case = Case::with_intermediate(&profile, &key);
    let expected = problem(Link::Signer, CertificateError::IssuerMayNotSign);
    assert_eq!(case.error(), expected);
}

#[test]
fn chain_is_refused_when_its_intermediate_is_revoked() {
    let mut case = Case::new();
    // The ASK has the serial number 2.
    let crl = case.guest.revocation_list(&[2], NOW_S - DAY_S);
    case.endorsements.crl = Some(crl.expect("a list"));
    let expected = problem(Link::Intermediate, CertificateError::Revoked);
    assert_eq!(case.error(), expected);
}

#[test]
fn chain_is_refused_when_the_revocation_list_is_stale_foreign_or_tampered_with() {
    let refused = |change: &dyn Fn(&SnpGuest) -> Vec<u8>| {
        let mut case = Case::new();
        case.endorsements.crl = Some(change(&case.guest));
        match case.error() {
            SnpError::Certificate {
                link: Link::RevocationList,
                problem,
            } => problem,
            other => panic!("expected a problem of the list, found {other:?}"),
        }
    };
    let stale = refused(&|guest| {
        guest
            .revocation_list(&[], NOW_S - 2 * YEAR_S)
            .expect("a list")
    });
    assert!(matches!(stale, CertificateError::Expired { .. }));
    let tampered = refused(&|guest| {
        let mut crl = guest.revocation_list(&[], NOW_S - DAY_S).expect("a list");
        *crl.last_mut().expect("a list") ^= 1;
        crl
    });
    assert_eq!(tampered, CertificateError::BadSignature);
    let foreign = refused(&|guest| {
        let ask = Issuer {
            name: subject(simulated::AMD_ASK).expect("a name"),
            key: IssuerKey::RsaPss(&guest.ask),
        };
        ask.revoke(&[], NOW_S - DAY_S, NOW_S + DAY_S)
            .expect("a list")
    });
    assert_eq!(foreign, CertificateError::WrongIssuer);
    assert_eq!(refused(&|_| vec![0x30]), CertificateError::Malformed);
}

#[test]
fn signing_key_is_refused_when_an_extension_is_missing() {
    for (arcs, named) in [
        ([2].as_slice(), "PRODUCT_NAME"),
        (&[3, 1], "BOOTLOADER"),
        (&[3, 2], "TEE"),
        (&[3, 3], "SNP"),
        (&[3, 8], "UCODE"),
        (&[3, 9], "FMC"),
        (&[4], "HWID"),
    ] {
        let case = Case::with_extensions(|list| list.retain(|(oid, _)| *oid != amd(arcs)));
        assert_eq!(case.error(), SnpError::Extension(named));
    }
}

#[test]
fn signing_key_is_refused_when_it_names_another_product_or_a_short_chip_id() {
    let case = Case::with_extensions(|list| list[1].1 = der::text("Milan-B0"));
    assert_eq!(case.error(), SnpError::Extension("PRODUCT_NAME"));
    let case = Case::with_extensions(|list| list[7].1 = vec![1; 7]);
    assert_eq!(case.error(), SnpError::Extension("HWID"));
}

#[test]
fn signing_key_is_refused_when_an_extension_stands_there_twice() {
    let case = Case::with_extensions(|list| list.push((amd(&[3, 8]), der::integer(0x51))));
    let expected = problem(Link::Signer, CertificateError::Malformed);
    assert_eq!(case.error(), expected);
}

/// Evidence under a key of a cloud provider's fleet, which names no chip.
fn fleet(extensions: Vec<(ObjectIdentifier, Vec<u8>)>) -> Case {
    let key = other_key();
    let mut profile = intermediate(&key);
    profile.common_name = "SEV-VLEK-Turin";
    let mut case = Case::with_intermediate(&profile, &key);
    let asvk = Issuer {
        name: name("SEV-VLEK-Turin").expect("a name"),
        key: IssuerKey::P384(&key),
    };
    let signer = asvk.issue(&Profile {
        common_name: "SEV-VLEK",
        key: SubjectKey::P384(case.guest.vcek.public_sec1()),
        extensions,
        authority: None,
        ..intermediate(&key)
    });
    case.endorsements.signer = signer.expect("a certificate");
    // Key kind VLEK, chip masked.
    case.report[0x48] = 1 << 2 | 0b10;
    case.report[0x1a0..0x1e0].fill(0);
    case.guest.sign(&mut case.report);
    case
}

fn fleet_extensions() -> Vec<(ObjectIdentifier, Vec<u8>)> {
    let mut extensions = Case::new().guest.vcek_extensions();
    extensions.pop();
    extensions.push((amd(&[5]), der::text("cloud.example")));
    extensions
}

#[test]
fn fleet_key_is_genuine_and_names_its_provider() {
    let claims = fleet(fleet_extensions())
        .verify(&Anchors::Simulated(MockRoots::published()))
        .expect("a fleet key is genuine");
    assert_eq!(claims.hardware_id.as_str(), "amd-fleet:cloud.example");
}

#[test]
fn fleet_key_is_refused_without_a_provider_or_in_the_place_of_a_chip_key() {
    let mut nameless = fleet_extensions();
    nameless.pop();
    assert_eq!(fleet(nameless).error(), SnpError::Extension("CSP_ID"));
    let mut swapped = fleet(fleet_extensions());
    swapped.report[0x48] = 0;
    swapped.guest.sign(&mut swapped.report);
    assert!(matches!(
        swapped.error(),
        SnpError::CertificateName {
            link: Link::Intermediate,
            ..
        }
    ));
}

#[test]
fn mutated_evidence_never_panics_and_is_never_genuine() {
    let mut case = Case::new();
    let anchors = Anchors::Simulated(MockRoots::published());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..1_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let at = (state >> 33) as usize % REPORT_BYTES;
        let flip = 1 << (state >> 60 & 7);
        case.report[at] ^= flip;
        assert!(case.verify(&anchors).is_err(), "byte {at:#x}");
        case.report[at] ^= flip;
    }
}
