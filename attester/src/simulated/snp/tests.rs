//! Each check of the SEV-SNP verifier, broken alone.

use synod_attestation::{
    Anchors, Claims, Details, Endorsements, Evidence, MockRoots, SnpEndorsements, Tee, VendorRoots,
    VerifyError, simulated,
    snp::{
        chain::{CheckedChain, KeyOwner},
        claims::SnpClaims,
        error::{Link, SnpError},
        key::KeyKind,
        product::Product,
        report::Cpuid,
        verify::verify_report,
    },
    verify,
    x509::CertificateError,
};
use synod_crypto::sha256;
use x509_cert::TbsCertificate;

use super::*;
use crate::simulated::certificate::{name, unknown_critical};

mod endorsements;

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

    /// A report of an older version, without the fields that it lacks.
    fn of_version(version: u32) -> Self {
        let mut case = Self::new();
        case.report[..4].copy_from_slice(&version.to_le_bytes());
        if version < 5 {
            case.report[0x1f8..0x208].fill(0);
        }
        if version < 3 {
            case.report[0x188..0x18b].fill(0);
        }
        case.guest.sign(&mut case.report);
        case
    }

    fn genuine(&self) -> SnpClaims {
        let claims = self.verify(&Anchors::Simulated(MockRoots::published()));
        match claims.expect("sound evidence is genuine").details {
            Details::Snp(snp) => *snp,
            other => panic!("expected claims of SEV-SNP, found {other:?}"),
        }
    }

    fn chain(&self) -> Result<CheckedChain, SnpError> {
        let anchors = Anchors::Simulated(MockRoots::published());
        CheckedChain::check(&self.endorsements, &anchors, self.now_ms)
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
    // Signatures are not the same each time, so any byte may stand there.
    for at in [0x2a0, 0x2e8] {
        let mut case = Case::new();
        case.report[at] ^= 1;
        assert_eq!(case.error(), SnpError::ReportSignature);
    }
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
fn report_may_mask_the_chip_and_its_key_still_tells_it() {
    let mut case = Case::new();
    case.report[0x1a0..0x1e0].fill(0);
    case.guest.sign(&mut case.report);
    let masked = case.genuine();
    assert!(masked.chip_id_masked);
    let shown = Case::new().genuine();
    assert!(!shown.chip_id_masked);
    assert_eq!(masked.chip_id, shown.chip_id);
}

#[test]
fn report_is_refused_when_a_masked_key_of_the_chip_would_have_signed_it() {
    assert_eq!(
        Case::with_report(0x48, &[0b10]).error(),
        SnpError::ChipKeyMasked
    );
}

#[test]
fn report_is_refused_when_r_or_s_is_out_of_range() {
    for at in [0x2a0, 0x2e8] {
        for scalar in [[0; 48], [0xff; 48]] {
            assert_eq!(
                Case::with_report(at, &scalar).error(),
                SnpError::SignatureRange
            );
        }
    }
}

#[test]
fn report_of_each_version_is_read_as_that_version_lays_it_out() {
    for version in 2..=5 {
        let claims = Case::of_version(version).genuine();
        assert_eq!(claims.version, version);
        let cpuid = Cpuid {
            family: 0x1a,
            model: 0x02,
            stepping: 0x01,
        };
        assert_eq!(claims.cpuid, (version >= 3).then_some(cpuid));
        assert_eq!(claims.mitigations.is_some(), version == 5);
    }
}

#[test]
fn report_is_refused_when_it_holds_a_field_of_a_later_version() {
    for (version, at, named) in [(2, 0x188, 0x188), (3, 0x1f8, 0x1f8), (4, 0x200, 0x1f8)] {
        let mut case = Case::of_version(version);
        case.report[at] = 1;
        case.guest.sign(&mut case.report);
        assert_eq!(case.error(), SnpError::Reserved(named));
    }
}

#[test]
fn report_without_a_processor_is_of_the_product_of_its_chain() {
    assert_eq!(Case::of_version(2).genuine().product, Product::Turin);
}

#[test]
fn report_is_refused_when_its_product_has_no_root() {
    for model in [0x50, 0x57, 0x90, 0xaf, 0xc0, 0xc7] {
        let error = Case::with_report(0x188, &[0x1a, model]).error();
        assert_eq!(error, SnpError::ProductWithoutRoot(Product::Venice));
    }
}

#[test]
fn processor_of_either_range_of_models_is_genoa() {
    let expected = SnpError::ProductMismatch {
        report: Product::Genoa,
        chain: Product::Turin,
    };
    for model in [0x10, 0x1f, 0xa0, 0xaf] {
        assert_eq!(Case::with_report(0x188, &[0x19, model]).error(), expected);
    }
}

#[test]
fn bits_without_a_name_are_claims_and_no_errors() {
    let mut case = Case::new();
    case.report[0x08 + 7] = 0x80;
    case.report[0x40 + 7] = 0x80;
    case.report[0x48 + 3] = 0x80;
    case.guest.sign(&mut case.report);
    let claims = case.genuine();
    assert_eq!(claims.policy.unknown_bits(), 1 << 63);
    assert_eq!(claims.platform_info.unknown_bits(), 1 << 63 | 1 << 6);
    assert_eq!(claims.key_info.unknown_bits(), 1 << 26);
}

#[test]
fn claims_carry_every_field_of_the_report() {
    let mut case = Case::new();
    for (at, length, byte) in [
        (0x10, 16, 0x11),
        (0x20, 16, 0x22),
        (0xc0, 32, 0x33),
        (0xe0, 48, 0x44),
        (0x110, 48, 0x55),
        (0x140, 32, 0x66),
        (0x160, 32, 0x77),
    ] {
        case.report[at..at + length].fill(byte);
    }
    case.report[0x04] = 7;
    case.report[0x30] = 2;
    // ABI 1.55, all bits of the policy but migration and debug.
    case.report[0x08..0x0c].copy_from_slice(&[55, 1, 0xf3, 0x03]);
    case.report[0x40] = 0b1001_1010;
    case.report[0x48] = 1;
    // Current 1.58 build 3, committed 1.55 build 41.
    case.report[0x1e8..0x1f0].copy_from_slice(&[3, 58, 1, 0, 41, 55, 1, 0]);
    case.report[0x38 + 7] = 0x99;
    case.report[0x1e0 + 7] = 0x50;
    case.report[0x1f0 + 7] = 0x49;
    case.report[0x1f8] = 0x0b;
    case.guest.sign(&mut case.report);
    let claims = case.genuine();
    assert_eq!((claims.guest_svn, claims.vmpl), (7, 2));
    assert_eq!(
        (claims.family_id, claims.image_id),
        ([0x11; 16], [0x22; 16])
    );
    assert_eq!(claims.host_data, [0x33; 32]);
    assert_eq!(claims.id_key_digest, [0x44; 48]);
    assert_eq!(claims.author_key_digest, [0x55; 48]);
    assert_eq!(
        (claims.report_id, claims.report_id_ma),
        ([0x66; 32], [0x77; 32])
    );
    let policy = claims.policy;
    assert_eq!((policy.abi_major(), policy.abi_minor()), (1, 55));
    assert!(policy.smt() && policy.single_socket() && policy.cxl() && policy.aes_256_xts());
    assert!(policy.rapl_disabled() && policy.ciphertext_hiding() && policy.page_swap_disabled());
    assert!(!policy.migration_agent() && !policy.debug() && policy.unknown_bits() == 0);
    let platform = claims.platform_info;
    assert!(platform.tsme() && platform.rapl_disabled() && platform.ciphertext_hiding());
    assert!(platform.tio() && !platform.smt() && !platform.ecc());
    assert!(!platform.alias_check_complete() && platform.unknown_bits() == 0);
    assert!(claims.key_info.author_key() && !claims.key_info.chip_key_masked());
    assert_eq!(claims.current_firmware.to_string(), "1.58 build 3");
    assert_eq!(claims.committed_firmware.to_string(), "1.55 build 41");
    assert!(claims.committed_firmware < claims.current_firmware);
    let microcodes = [
        claims.current_tcb,
        claims.reported_tcb,
        claims.committed_tcb,
        claims.launch_tcb,
    ]
    .map(|tcb| tcb.microcode);
    assert_eq!(microcodes, [0x99, 0x51, 0x50, 0x49]);
    let mitigations = claims.mitigations.expect("version 5 has them");
    assert_eq!((mitigations.launch, mitigations.current), (0x0b, 0x3f));
}

#[test]
fn report_is_refused_when_it_is_of_another_product_than_its_chain() {
    let expected = SnpError::ProductMismatch {
        report: Product::Milan,
        chain: Product::Turin,
    };
    assert_eq!(Case::with_report(0x188, &[0x19, 0x01]).error(), expected);
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
fn chain_is_refused_when_only_the_intermediate_is_out_of_its_time() {
    let key = other_key();
    let mut profile = intermediate(&key);
    profile.until_s = NOW_S - 1;
    let expired = CertificateError::Expired {
        until_s: NOW_S - 1,
        now_s: NOW_S,
    };
    let case = Case::with_intermediate(&profile, &key);
    assert_eq!(case.error(), problem(Link::Intermediate, expired));
    let mut profile = intermediate(&key);
    profile.from_s = NOW_S + 1;
    let early = CertificateError::NotYetValid {
        from_s: NOW_S + 1,
        now_s: NOW_S,
    };
    let case = Case::with_intermediate(&profile, &key);
    assert_eq!(case.error(), problem(Link::Intermediate, early));
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
fn chain_is_refused_when_its_signing_key_is_an_authority() {
    let key = other_key();
    let mut case = Case::with_intermediate(&intermediate(&key), &key);
    let ask = Issuer {
        name: name("SEV-Turin").expect("a name"),
        key: IssuerKey::P384(&key),
    };
    let signer = ask.issue(&Profile {
        common_name: "SEV-VCEK",
        key: SubjectKey::P384(case.guest.vcek.public_sec1()),
        extensions: case.guest.vcek_extensions(),
        ..intermediate(&key)
    });
    case.endorsements.signer = signer.expect("a certificate");
    let expected = problem(Link::Signer, CertificateError::Authority);
    assert_eq!(case.error(), expected);
}

#[test]
fn chain_is_refused_when_a_certificate_has_an_unknown_critical_extension() {
    let key = other_key();
    let add = |certificate: &mut TbsCertificate| {
        let extensions = certificate.extensions.as_mut();
        extensions.expect("extensions").push(unknown_critical());
    };
    let unknown = CertificateError::UnknownCriticalExtension("2.5.29.37".to_owned());
    let mut case = Case::with_intermediate(&intermediate(&key), &key);
    let ask = Issuer {
        name: name("SEV-Turin").expect("a name"),
        key: IssuerKey::P384(&key),
    };
    case.endorsements.signer = ask.reissue(&case.endorsements.signer, add);
    assert_eq!(case.error(), problem(Link::Signer, unknown.clone()));
    let mut case = Case::with_intermediate(&intermediate(&key), &key);
    let ark = Issuer {
        name: subject(simulated::AMD_ARK).expect("a name"),
        key: IssuerKey::RsaPss(&case.guest.ark),
    };
    case.endorsements.intermediate = ark.reissue(&case.endorsements.intermediate, add);
    assert_eq!(case.error(), problem(Link::Intermediate, unknown));
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
fn chain_is_refused_when_its_root_is_revoked() {
    let mut case = Case::new();
    // The ARK has the serial number 1.
    let crl = case.guest.revocation_list(&[1], NOW_S - DAY_S);
    case.endorsements.crl = Some(crl.expect("a list"));
    let expected = problem(Link::Ark, CertificateError::Revoked);
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
    let early = refused(&|guest| guest.revocation_list(&[], NOW_S + 1).expect("a list"));
    assert!(matches!(early, CertificateError::NotYetValid { .. }));
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
    let expected = SnpError::KeyKindMismatch {
        report: KeyKind::Vcek,
        chain: KeyKind::Vlek,
    };
    assert_eq!(swapped.error(), expected);
    let expected = SnpError::KeyKindMismatch {
        report: KeyKind::Vlek,
        chain: KeyKind::Vcek,
    };
    assert_eq!(Case::with_report(0x48, &[1 << 2]).error(), expected);
}

#[test]
fn fleet_key_is_refused_under_the_issuer_of_chip_keys_and_the_other_way_round() {
    let wrong_intermediate = |case: &Case| match case.error() {
        SnpError::CertificateName { link, expected, .. } => (link, expected),
        other => panic!("expected a wrong name, found {other:?}"),
    };
    let mut case = fleet(fleet_extensions());
    case.endorsements.intermediate = simulated::AMD_ASK.to_vec();
    let expected = (Link::Intermediate, "SEV-VLEK-Turin".to_owned());
    assert_eq!(wrong_intermediate(&case), expected);
    let mut case = Case::new();
    case.endorsements.intermediate = fleet(fleet_extensions()).endorsements.intermediate;
    let expected = (Link::Intermediate, "SEV-Turin".to_owned());
    assert_eq!(wrong_intermediate(&case), expected);
}

#[test]
fn fleet_key_serves_reports_whether_or_not_they_show_the_chip() {
    let mut case = fleet(fleet_extensions());
    assert!(case.genuine().chip_id_masked);
    case.report[0x48] = 1 << 2;
    case.report[0x1a0..0x1e0].fill(7);
    case.guest.sign(&mut case.report);
    let claims = case.genuine();
    assert_eq!((claims.chip_id, claims.chip_id_masked), ([7; 64], false));
}

#[test]
fn chain_is_checked_once_and_serves_many_reports() {
    let case = Case::new();
    let chain = case.chain().expect("a sound chain");
    assert_eq!(chain.product(), Product::Turin);
    assert_eq!(chain.key_kind(), KeyKind::Vcek);
    assert_eq!(chain.root(), sha256(&[simulated::AMD_ARK]));
    assert_eq!(chain.tcb(), case.guest.tcb);
    assert!(chain.revocation_checked());
    let KeyOwner::Chip(chip_id) = chain.owner() else {
        panic!("a VCEK is of a chip")
    };
    assert_eq!(chip_id[..8], case.guest.chip_id);
    for byte in [1, 2] {
        let report = case.guest.report(&[byte; 64]);
        let claims = verify_report(&report, &chain, NOW_MS).expect("a genuine report");
        assert_eq!(claims.report_data, [byte; 64]);
        assert_eq!(claims.revocation_checked, chain.revocation_checked());
    }
    let mut changed = case.report.clone();
    changed[0x90] ^= 1;
    let refused = verify_report(&changed, &chain, NOW_MS);
    assert_eq!(refused, Err(SnpError::ReportSignature));
}

#[test]
fn checked_chain_serves_no_report_outside_of_its_window() {
    let case = Case::new();
    let chain = case.chain().expect("a sound chain");
    let (from_ms, until_ms) = chain.window_ms();
    // The signing key's beginning is the list's; the list ends first.
    let yesterday_s = NOW_S / DAY_S * DAY_S - DAY_S;
    assert_eq!(from_ms, yesterday_s * 1000);
    assert_eq!(until_ms, (yesterday_s + YEAR_S) * 1000 + 999);
    for now_ms in [from_ms, until_ms] {
        assert!(verify_report(&case.report, &chain, now_ms).is_ok());
    }
    for now_ms in [from_ms - 1, until_ms + 1, 0, u64::MAX] {
        let expected = SnpError::OutsideWindow {
            from_ms,
            until_ms,
            now_ms,
        };
        assert_eq!(verify_report(&case.report, &chain, now_ms), Err(expected));
    }
    let mut without_list = case;
    without_list.endorsements.crl = None;
    let chain = without_list.chain().expect("a sound chain");
    assert_eq!(
        chain.window_ms().1,
        (yesterday_s + VCEK_YEARS_S) * 1000 + 999
    );
    assert!(!chain.revocation_checked());
}

#[test]
fn checked_chain_of_another_platform_serves_no_report() {
    let other = SnpGuest::new([0x4d; 48], &Keys::new([8; 32]), None).expect("a guest");
    let (report, _) = other.collect(&[0x5a; 64], NOW_MS).expect("evidence");
    let chain = Case::new().chain().expect("a sound chain");
    assert_eq!(
        verify_report(&report, &chain, NOW_MS),
        Err(SnpError::ChipMismatch)
    );
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
