//! Each check of the quote itself, broken alone.

use synod_attestation::{Binding, Measurement, Policy, Rule};

use super::*;

#[test]
fn quote_is_refused_when_its_header_is_of_an_unknown_kind() {
    for version in [0, 1, 2, 6, 255] {
        Case::with_quote(0, version).is_refused(IntelError::Version(u16::from(version)));
    }
    for key_type in [0, 1, 3, 255] {
        Case::with_quote(2, key_type).is_refused(IntelError::KeyType(u16::from(key_type)));
    }
    Case::with_quote(4, 0x82).is_refused(IntelError::TeeType {
        version: 4,
        tee_type: 0x82,
    });
    // Enclaves are quoted in versions 3 and 5, domains in 4 and 5.
    Case::with_quote(4, 0).is_refused(IntelError::TeeType {
        version: 4,
        tee_type: 0,
    });
    Case::with_quote(0, 3).is_refused(IntelError::TeeType {
        version: 3,
        tee_type: 0x81,
    });
    let mut vendor = INTEL_QE_VENDOR;
    vendor[0] = 0;
    Case::with_quote(12, 0).is_refused(IntelError::QeVendor(vendor));
}

#[test]
fn body_of_version_5_is_refused_unless_its_type_and_size_are_known() {
    let with = |body_type: u16, size: u32| {
        let mut case = Case::new();
        case.quote[0] = 5;
        let header = [&body_type.to_le_bytes()[..], &size.to_le_bytes()].concat();
        case.quote.splice(BODY..BODY, header);
        case
    };
    // The right shape gets as far as the signature, which is over version 4.
    with(2, 584).is_refused(IntelError::QuoteSignature);
    with(0, 584).is_refused(IntelError::BodyType(0));
    with(5, 584).is_refused(IntelError::BodyType(5));
    // An enclave's body in a quote of a domain.
    with(1, 384).is_refused(IntelError::BodyType(1));
    for (body_type, expected, found) in [(2, 584, 583), (3, 648, 584), (4, 885, u32::MAX)] {
        with(body_type, found).is_refused(IntelError::BodySize {
            body_type,
            expected,
            found,
        });
    }
}

#[test]
fn quote_is_refused_when_a_signed_byte_is_changed() {
    // Header, module SVN, attributes, measurement, a register, report data.
    for at in [30, 48, 48 + 124, 48 + 136, 48 + 328, 48 + 520, 631] {
        Case::with_quote(at, 0xaa).is_refused(IntelError::QuoteSignature);
    }
}

#[test]
fn quote_is_refused_when_its_signature_is_not_one_of_the_key() {
    Case::with_flipped(SIGNATURE + 4).is_refused(IntelError::QuoteSignature);
    // Zero and more than the order of the group are no parts of a signature.
    for (from, to) in [(0, 32), (32, 64), (0, 64)] {
        for byte in [0, 0xff] {
            let mut case = Case::new();
            case.quote[SIGNATURE + from..SIGNATURE + to].fill(byte);
            case.is_refused(IntelError::QuoteSignature);
        }
    }
}

#[test]
fn quote_is_refused_when_its_attestation_key_is_another() {
    Case::with_flipped(KEY).is_refused(IntelError::QeBinding);
}

#[test]
fn quote_is_refused_when_its_attestation_key_is_no_point() {
    let mut case = Case::new();
    case.quote[KEY..KEY + 64].fill(1);
    let bound = sha256(&[&[1; 64], &[0; 32]]);
    resign_qe(&mut case, |report| {
        report[320..352].copy_from_slice(bound.as_bytes());
    });
    case.is_refused(IntelError::QuoteSignature);
}

#[test]
fn quote_is_refused_when_the_quoting_enclaves_report_is_not_signed_by_the_pck() {
    for at in [0, 30, 64, 383] {
        Case::with_quote(QE_REPORT + at, 0xaa).is_refused(IntelError::QeReportSignature);
    }
    Case::with_flipped(QE_SIGNATURE).is_refused(IntelError::QeReportSignature);
    let mut zero = Case::new();
    zero.quote[QE_SIGNATURE..QE_SIGNATURE + 64].fill(0);
    zero.is_refused(IntelError::QeReportSignature);
}

#[test]
fn quote_is_refused_when_its_authentication_data_is_not_the_hashed_one() {
    Case::with_quote(QE_AUTHENTICATION + 2, 1).is_refused(IntelError::QeBinding);
    Case::with_quote(QE_AUTHENTICATION + 33, 1).is_refused(IntelError::QeBinding);
    let mut tail = Case::new();
    resign_qe(&mut tail, |report| report[352] = 1);
    tail.is_refused(IntelError::QeBinding);
    let mut last = Case::new();
    resign_qe(&mut last, |report| report[383] = 1);
    last.is_refused(IntelError::QeBinding);
}

#[test]
fn quote_is_refused_when_it_is_cut_anywhere() {
    let whole = Case::new();
    assert!(Quote::parse(&whole.quote).is_ok());
    for length in 0..whole.quote.len() {
        let error = Quote::parse(&whole.quote[..length]).expect_err("a cut quote");
        assert!(
            matches!(error, IntelError::Truncated(_)),
            "{length}: {error}"
        );
    }
}

#[test]
fn quote_is_refused_when_a_length_within_it_is_wrong() {
    // Each length, once too small and once too large.
    for (at, more, less) in [
        (
            SIGNATURE_LENGTH,
            IntelError::Trailing,
            IntelError::Truncated("certification data"),
        ),
        (
            CERTIFIED + 2,
            IntelError::Truncated("certification data"),
            IntelError::LeftOver("certification data"),
        ),
    ] {
        let stated = Case::new().quote[at];
        let case = |byte: u8| Case::with_quote(at, byte);
        if more != IntelError::Trailing {
            case(stated + 1).is_refused(more);
        }
        case(stated - 1).is_refused(less);
    }
    // The length of the PCK chain.
    let stated = Case::new().quote[CHAIN - 4];
    Case::with_quote(CHAIN - 4, stated - 1)
        .is_refused(IntelError::LeftOver("QE certification data"));
    Case::with_quote(CHAIN - 4, stated + 1)
        .is_refused(IntelError::Truncated("QE certification data"));
    for at in [SIGNATURE_LENGTH, CERTIFIED + 2, CHAIN - 4] {
        let error = Case::with_quote(at + 3, 0xff).error();
        assert!(matches!(error, IntelError::Truncated(_)), "{error}");
    }
    let error = Case::with_quote(QE_AUTHENTICATION + 1, 0xff).error();
    assert!(matches!(error, IntelError::Truncated(_)), "{error}");
}

#[test]
fn quote_is_refused_when_its_certification_data_is_of_an_unknown_type() {
    Case::with_quote(CERTIFIED, 7).is_refused(IntelError::CertificationType(7));
    Case::with_quote(CHAIN - 6, 6).is_refused(IntelError::CertificationType(6));
    Case::with_quote(CHAIN - 6, 0).is_refused(IntelError::CertificationType(0));
}

#[test]
fn quote_without_a_chain_takes_that_of_the_endorsements() {
    for kind in 1..=4 {
        let mut case = Case::with_quote(CHAIN - 6, kind);
        case.is_refused(IntelError::NoPckChain);
        case.collateral.pck_certificate_chain = Some(case.pck_chain().concat());
        assert_eq!(status(&case), TcbStatus::UpToDate);
    }
}

#[test]
fn quote_may_be_padded_with_zeros_and_with_nothing_else() {
    let mut case = Case::new();
    case.quote.extend([0; 100]);
    assert!(case.outcome().is_ok());
    case.quote.push(1);
    case.is_refused(IntelError::Trailing);
    assert!(IntelError::Trailing.signatures_hold());
}

#[test]
fn platform_below_every_level_is_refused_for_that_before_the_form_of_its_quote() {
    let mut old = domain();
    old.tee_tcb_svn[0] = 1;
    old.attributes |= 1 << 15;
    let mut case = Case::of(old);
    case.quote.push(1);
    let error = case.error();
    assert!(matches!(error, IntelError::NoTcbLevel { .. }), "{error}");
}

#[test]
fn domain_with_reserved_attributes_is_refused_although_all_signatures_hold() {
    for bit in [1, 3, 7, 15, 23, 26, 32, 61] {
        let mut domain = domain();
        domain.attributes |= 1 << bit;
        let expected = IntelError::ReservedAttributes(1 << bit);
        assert!(expected.signatures_hold());
        Case::of(domain).is_refused(expected);
    }
}

#[test]
fn other_attributes_are_claims_for_a_policy_to_judge() {
    let with = |attributes: u64| {
        let mut domain = domain();
        domain.attributes = attributes;
        claims(&Case::of(domain)).attributes
    };
    assert!(!with(0).sept_ve_disable());
    assert!(with(1 << 28).sept_ve_disable());
    assert!(with(1 << 29).migratable());
    assert!(with(1 << 17).service_td_extension());
    assert!(with(1 << 4).profiled() && with(1 << 6).debug());
    assert!(with(1 << 30).supervisor_keys() && with(1 << 31).key_locker());
    assert!(with(1 << 63).performance_counters());
}

#[test]
fn debugged_domain_is_genuine_and_says_so() {
    let debug = TrustDomain::new([0x4d; 48], &Keys::new([9; 32]), Some(Fault::Debug));
    let case = Case::of(debug.expect("a domain"));
    assert!(case.outcome().expect("genuine evidence").debug);
}

#[test]
fn signatures_alone_prove_that_a_platform_made_the_quote() {
    let case = Case::new();
    let proved = verify_signatures_only(&case.quote, None, simulated::INTEL_ROOT).expect("sound");
    assert_eq!(proved.pck.fmspc, FMSPC);
    assert_eq!(proved.body.tee(), Tee::Tdx);
    let flipped = Case::with_quote(BODY + 140, 0xaa).quote;
    assert_eq!(
        verify_signatures_only(&flipped, None, simulated::INTEL_ROOT),
        Err(IntelError::QuoteSignature)
    );
}

#[test]
fn signatures_alone_prove_nothing_under_another_authority_or_for_a_malformed_quote() {
    let proved = |quote: &[u8], chain: Option<&str>| {
        verify_signatures_only(quote, chain, simulated::INTEL_ROOT).map(|proved| proved.root)
    };
    let quote = Case::new().quote;
    let named = chains::with_chain(|_| (), |authority| authority.common_name = "Some CA");
    let found = "Some CA".to_owned();
    assert_eq!(
        proved(&quote, named.collateral.pck_certificate_chain.as_deref()),
        Err(IntelError::Name {
            link: Link::PckAuthority,
            found,
        })
    );
    let mut padded = quote;
    padded.push(1);
    assert_eq!(proved(&padded, None), Err(IntelError::Trailing));
    let mut reserved = domain();
    reserved.attributes |= 1 << 15;
    assert_eq!(
        proved(&Case::of(reserved).quote, None),
        Err(IntelError::ReservedAttributes(1 << 15))
    );
}

#[test]
fn empty_nonce_is_not_held_by_report_data_of_zeros() {
    let evidence = |report_data| {
        let (quote, endorsements) = domain().collect(report_data, NOW_MS).expect("evidence");
        (
            Evidence::new(Tee::Tdx, quote).expect("a quote"),
            endorsements,
        )
    };
    let broken = |report_data, nonce| {
        let (evidence, endorsements) = evidence(report_data);
        let policy = Policy::development(&[(Tee::Tdx, Measurement::from([0x4d; 48]), "test")]);
        let binding = Binding::Nonce(nonce);
        let appraisal = policy.explain(&evidence, &endorsements, binding, NOW_MS, &[]);
        let rules: Vec<_> = appraisal.broken().map(|check| check.rule).collect();
        rules
    };
    assert_eq!(broken(&[0; 64], &[]), [Rule::Nonce]);
    assert_eq!(broken(&[0; 64], &[0]), []);
    assert_eq!(broken(&[1; 64], &[1; 64]), []);
    assert_eq!(broken(&[1; 64], &[1; 63]), [Rule::Nonce]);
    assert_eq!(broken(&[1; 64], &[1; 65]), [Rule::Nonce]);
}

#[test]
fn mutated_quote_never_panics_and_is_never_genuine() {
    let mut case = Case::new();
    // Behind the signed and hashed parts stands PEM text, in which some
    // changes mean nothing (a line break for another, for one).
    let protected = CHAIN;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..600 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let anywhere = round % 2 == 0;
        let range = if anywhere {
            case.quote.len()
        } else {
            protected
        };
        let at = (state >> 33) as usize % range;
        // The outer type of the certification data may be 5 or 6.
        let flip = if at == CERTIFIED {
            0x80
        } else {
            1 << (state >> 60 & 7)
        };
        case.quote[at] ^= flip;
        let refused = case.outcome().is_err();
        assert!(refused || at >= protected, "byte {at}");
        case.quote[at] ^= flip;
    }
}
