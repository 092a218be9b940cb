//! Each check of the TDX verifier, broken alone.

use synod_attestation::{
    Anchors, Claims, Details, Evidence, MockRoots, Tee, VendorRoots, VerifyError,
    intel::{
        error::{Chain, DocumentError, IntelError, Link, Part, QeField},
        levels::{Component, Shortfall},
        quote::Quote,
        status::TcbStatus,
        verify::verify_signatures_only,
    },
    tdx::claims::TdxClaims,
    verify,
    x509::CertificateError,
};

use x509_cert::{
    der::{
        Encode,
        asn1::{Any, BitString, OctetString},
    },
    ext::Extension,
};

use super::*;

/// 2026-11-20.
const NOW_S: u64 = 1_795_132_800;
const NOW_MS: u64 = NOW_S * 1000;
/// Where the parts of the quote begin.
const BODY: usize = 48;
const SIGNATURE_LENGTH: usize = 632;
const SIGNATURE: usize = 636;
const KEY: usize = 700;
const CERTIFIED: usize = 764;
const QE_REPORT: usize = 770;
const QE_SIGNATURE: usize = 1154;
const QE_AUTHENTICATION: usize = 1218;
const CHAIN: usize = 1258;

/// Sound evidence, to be broken in one place.
struct Case {
    domain: TrustDomain,
    quote: Vec<u8>,
    collateral: IntelCollateral,
    now_ms: u64,
}

impl Case {
    fn new() -> Self {
        Self::of(domain())
    }

    fn of(domain: TrustDomain) -> Self {
        let (quote, endorsements) = domain.collect(&[0x5a; 64], NOW_MS).expect("evidence");
        let Endorsements::Intel(collateral) = endorsements else {
            unreachable!("a domain's endorsements are for TDX")
        };
        Self {
            domain,
            quote,
            collateral: *collateral,
            now_ms: NOW_MS,
        }
    }

    /// One byte of the quote is another.
    fn with_quote(at: usize, byte: u8) -> Self {
        let mut case = Self::new();
        assert_ne!(case.quote[at], byte);
        case.quote[at] = byte;
        case
    }

    /// Other TCB information, signed anew.
    fn with_tcb_info(change: impl FnOnce(&mut Value)) -> Self {
        let mut case = Self::new();
        let mut tcb_info = serde_json::from_str(&case.collateral.tcb_info).expect("JSON");
        change(&mut tcb_info);
        case.collateral.tcb_info = tcb_info.to_string();
        let signed = case.collateral.tcb_info.as_bytes();
        case.collateral.tcb_info_signature = case.domain.tcb_signer.sign(signed);
        case
    }

    /// Another identity of the quoting enclave, signed anew.
    fn with_qe_identity(change: impl FnOnce(&mut Value)) -> Self {
        let mut case = Self::new();
        let mut identity = serde_json::from_str(&case.collateral.qe_identity).expect("JSON");
        change(&mut identity);
        case.collateral.qe_identity = identity.to_string();
        let signed = case.collateral.qe_identity.as_bytes();
        case.collateral.qe_identity_signature = case.domain.tcb_signer.sign(signed);
        case
    }

    fn verify(&self, anchors: &Anchors) -> Result<Claims, VerifyError> {
        let evidence = Evidence::new(Tee::Tdx, self.quote.clone()).expect("short evidence");
        let endorsements = Endorsements::Intel(Box::new(self.collateral.clone()));
        verify(&evidence, &endorsements, anchors, self.now_ms)
    }

    fn outcome(&self) -> Result<Claims, VerifyError> {
        self.verify(&Anchors::Simulated(MockRoots::published()))
    }

    #[track_caller]
    fn error(&self) -> IntelError {
        match self.outcome() {
            Err(VerifyError::Intel(error)) => error,
            other => panic!("expected a refusal of the quote, found {other:?}"),
        }
    }

    #[track_caller]
    fn is_refused(&self, expected: IntelError) {
        assert_eq!(self.error(), expected);
    }

    /// The PCK chain of the quote, in PEM: leaf, authority, root.
    fn pck_chain(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.quote[CHAIN..]).into_owned();
        text.split_inclusive("-----END CERTIFICATE-----\n")
            .map(str::to_owned)
            .collect()
    }
}

fn domain() -> TrustDomain {
    TrustDomain::new([0x4d; 48], &Keys::new([9; 32]), None).expect("a domain")
}

fn claims(case: &Case) -> Box<TdxClaims> {
    match case.outcome().expect("genuine evidence").details {
        Details::Tdx(tdx) => tdx,
        other => panic!("expected the claims of a domain, found {other:?}"),
    }
}

fn status(case: &Case) -> TcbStatus {
    claims(case).status
}

fn certificate(link: Link, problem: CertificateError) -> IntelError {
    IntelError::Certificate { link, problem }
}

fn expired(until_s: u64, now_s: u64) -> CertificateError {
    CertificateError::Expired { until_s, now_s }
}

#[test]
fn sound_evidence_is_genuine_and_its_claims_are_those_of_the_quote() {
    let case = Case::new();
    let claims = case.outcome().expect("sound evidence is genuine");
    assert!(claims.simulated && !claims.debug);
    assert_eq!(claims.measurement.as_bytes(), [0x4d; 48]);
    assert_eq!(claims.report_data, Some([0x5a; 64].into()));
    assert_eq!(claims.root, sha256(&[simulated::INTEL_ROOT]));
    let Details::Tdx(tdx) = claims.details else {
        panic!("expected the claims of a domain");
    };
    assert_eq!(tdx.status, TcbStatus::UpToDate);
    assert_eq!((tdx.fmspc, tdx.pck.fmspc), (FMSPC, FMSPC));
    assert_eq!(tdx.pck.components, CPU_SVN);
    assert_eq!(tdx.rtmrs.concat(), case.domain.rtmrs);
    assert_eq!(tdx.mr_seam, [0x5e; 48]);
    assert_eq!(tdx.tee_tcb_svn, TEE_TCB_CURRENT);
    assert_eq!(tdx.levels.behind, []);
}

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
    let flipped = Case::new().quote[SIGNATURE + 4] ^ 1;
    Case::with_quote(SIGNATURE + 4, flipped).is_refused(IntelError::QuoteSignature);
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
    let flipped = Case::new().quote[KEY] ^ 1;
    Case::with_quote(KEY, flipped).is_refused(IntelError::QeBinding);
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

/// Changes the quoting enclave's report and signs it with the PCK again.
fn resign_qe(case: &mut Case, change: impl FnOnce(&mut [u8])) {
    change(&mut case.quote[QE_REPORT..QE_REPORT + 384]);
    let signature = case
        .domain
        .pck
        .sign(&case.quote[QE_REPORT..QE_REPORT + 384]);
    case.quote[QE_SIGNATURE..QE_SIGNATURE + 64].copy_from_slice(&signature);
}

#[test]
fn quote_is_refused_when_the_quoting_enclaves_report_is_not_signed_by_the_pck() {
    for at in [0, 30, 64, 383] {
        Case::with_quote(QE_REPORT + at, 0xaa).is_refused(IntelError::QeReportSignature);
    }
    let flipped = Case::new().quote[QE_SIGNATURE] ^ 1;
    Case::with_quote(QE_SIGNATURE, flipped).is_refused(IntelError::QeReportSignature);
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
fn chain_is_refused_under_the_root_of_the_vendor() {
    let found = sha256(&[simulated::INTEL_ROOT]);
    assert_eq!(
        Case::new().verify(&Anchors::Vendor(VendorRoots::built_in())),
        Err(VerifyError::Intel(IntelError::RootNotTrusted { found }))
    );
    let mut case = Case::new();
    let vendor = include_bytes!("../../../../attestation/roots/intel-sgx-root.der");
    assert_eq!(
        verify_signatures_only(&case.quote, None, vendor),
        Err(IntelError::RootNotTrusted { found })
    );
    // The vendor's root stands at the end of the chain, but did not sign it.
    let mut chain = case.pck_chain();
    chain[2] = pem(&[vendor]).expect("a certificate");
    case.collateral.pck_certificate_chain = Some(chain.concat());
    let found = sha256(&[vendor]);
    case.is_refused(IntelError::RootNotTrusted { found });
}

#[test]
fn chain_is_refused_when_a_member_is_missing_or_too_many() {
    let whole = Case::new().pck_chain();
    for (members, found) in [
        (&[0][..], 1),
        (&[0, 1], 2),
        (&[0, 2], 2),
        (&[1, 2], 2),
        (&[0, 1, 1, 2], 4),
        (&[], 0),
    ] {
        let mut case = Case::new();
        let chain: String = members.iter().map(|at| whole[*at].as_str()).collect();
        case.collateral.pck_certificate_chain = Some(chain);
        case.is_refused(IntelError::ChainLength {
            chain: Chain::Pck,
            expected: 3,
            found,
        });
    }
    let mut case = Case::new();
    case.collateral.pck_certificate_chain = Some("no chain".to_owned());
    case.is_refused(IntelError::Pem(Chain::Pck));
}

#[test]
fn chain_is_refused_when_its_members_are_exchanged() {
    let chain = Case::new().pck_chain();
    let mut case = Case::new();
    case.collateral.pck_certificate_chain = Some(chain[1].clone() + &chain[0] + &chain[2]);
    case.is_refused(certificate(
        Link::PckAuthority,
        CertificateError::WrongIssuer,
    ));
    let mut case = Case::new();
    case.collateral.pck_certificate_chain = Some(chain[1].clone() + &chain[1] + &chain[2]);
    case.is_refused(certificate(Link::Pck, CertificateError::WrongIssuer));
}

/// The profiles that the simulated authorities issue by, to be changed.
fn profile<'a>(common_name: &'a str, key: &'a P256SigningKey, serial: u32) -> Profile<'a> {
    Profile {
        common_name,
        key: SubjectKey::P256(key.public_sec1()),
        serial,
        from_s: NOW_S - DAY_S,
        until_s: NOW_S + DAY_S,
        authority: None,
        extensions: Vec::new(),
    }
}

/// Sound evidence, but for the PCK certificate or its authority.
fn with_chain(
    leaf: impl FnOnce(&mut Profile<'_>),
    authority: impl FnOnce(&mut Profile<'_>),
) -> Case {
    let mut case = Case::new();
    let domain = &case.domain;
    let mut of_leaf = profile("Intel SGX PCK Certificate", &domain.pck, 4);
    of_leaf.extensions = vec![(sgx(&[]), domain.pck_extension())];
    leaf(&mut of_leaf);
    let mut of_authority = profile(PLATFORM_CA, &domain.platform_ca, 2);
    of_authority.authority = Some(0);
    authority(&mut of_authority);
    let issuer = Issuer {
        name: name(of_authority.common_name).expect("a name"),
        key: IssuerKey::P256(&domain.platform_ca),
    };
    let leaf = issuer.issue(&of_leaf).expect("a certificate");
    let root = domain.root().expect("an authority");
    let authority = root.issue(&of_authority).expect("a certificate");
    let chain = pem(&[&leaf, &authority, simulated::INTEL_ROOT]).expect("a chain");
    case.collateral.pck_certificate_chain = Some(chain);
    case.collateral.pck_crl_issuer_chain = String::new();
    case
}

#[test]
fn chain_that_is_issued_anew_is_sound() {
    assert_eq!(status(&with_chain(|_| (), |_| ())), TcbStatus::UpToDate);
}

#[test]
fn each_certificate_is_refused_after_its_end_and_before_its_begin() {
    let (past_s, future_s) = (NOW_S - 1, NOW_S + 1);
    let not_yet = |from_s| CertificateError::NotYetValid {
        from_s,
        now_s: NOW_S,
    };
    with_chain(|leaf| leaf.until_s = past_s, |_| ())
        .is_refused(certificate(Link::Pck, expired(past_s, NOW_S)));
    with_chain(|leaf| leaf.from_s = future_s, |_| ())
        .is_refused(certificate(Link::Pck, not_yet(future_s)));
    with_chain(|_| (), |authority| authority.until_s = past_s)
        .is_refused(certificate(Link::PckAuthority, expired(past_s, NOW_S)));
    with_chain(|_| (), |authority| authority.from_s = future_s)
        .is_refused(certificate(Link::PckAuthority, not_yet(future_s)));
    for chain in [Chain::TcbInfo, Chain::QeIdentity] {
        let link = link_of(chain);
        with_signer(chain, |signer| signer.until_s = past_s)
            .is_refused(certificate(link, expired(past_s, NOW_S)));
        with_signer(chain, |signer| signer.from_s = future_s)
            .is_refused(certificate(link, not_yet(future_s)));
    }
}

#[test]
fn certificates_are_valid_through_their_last_second() {
    let case = with_chain(|leaf| leaf.until_s = NOW_S, |_| ());
    assert_eq!(status(&case), TcbStatus::UpToDate);
    assert_eq!(claims(&case).collateral_expires_ms, NOW_MS);
}

#[test]
fn certificate_is_refused_when_its_name_is_not_one_that_intel_uses_there() {
    let refused = |case: Case, link, found: &str| {
        let found = found.to_owned();
        case.is_refused(IntelError::Name { link, found });
    };
    let case = with_chain(|leaf| leaf.common_name = "Intel SGX TCB Signing", |_| ());
    refused(case, Link::Pck, "Intel SGX TCB Signing");
    let case = with_chain(|_| (), |authority| authority.common_name = "Some CA");
    refused(case, Link::PckAuthority, "Some CA");
    let case = with_signer(Chain::TcbInfo, |signer| {
        signer.common_name = "Intel SGX PCK Certificate";
    });
    refused(case, Link::TcbInfoSigner, "Intel SGX PCK Certificate");
}

#[test]
fn certificate_is_refused_where_it_may_not_stand() {
    // It may not sign its list either, which is looked at first.
    with_chain(|_| (), |authority| authority.authority = None)
        .is_refused(IntelError::PckCrl(CertificateError::IssuerMayNotSign));
    with_chain(|leaf| leaf.authority = Some(0), |_| ())
        .is_refused(certificate(Link::Pck, CertificateError::Authority));
    with_signer(Chain::TcbInfo, |signer| signer.authority = Some(0)).is_refused(certificate(
        Link::TcbInfoSigner,
        CertificateError::Authority,
    ));
}

#[test]
fn certificate_is_refused_when_its_issuer_did_not_sign_it() {
    let mut case = Case::new();
    // The PCK certificate, issued by another key under the authority's name.
    let domain = &case.domain;
    let impostor = Issuer {
        name: name(PLATFORM_CA).expect("a name"),
        key: IssuerKey::P256(&domain.tcb_signer),
    };
    let mut of_leaf = profile("Intel SGX PCK Certificate", &domain.pck, 4);
    of_leaf.extensions = vec![(sgx(&[]), domain.pck_extension())];
    let leaf = impostor.issue(&of_leaf).expect("a certificate");
    let mut chain = case.pck_chain();
    chain[0] = pem(&[&leaf]).expect("a certificate");
    case.collateral.pck_certificate_chain = Some(chain.concat());
    case.is_refused(certificate(Link::Pck, CertificateError::BadSignature));
}

/// Sound evidence, but for the PCK certificate, which its authority signed
/// again after a change.
fn with_leaf(change: impl FnOnce(&mut x509_cert::Certificate)) -> Case {
    let mut case = Case::new();
    let mut chain = case.pck_chain();
    let leaf = x509_cert::Certificate::load_pem_chain(chain[0].as_bytes());
    let mut leaf = leaf.expect("a chain").remove(0);
    change(&mut leaf);
    let signed = leaf.tbs_certificate.to_der().expect("a certificate");
    let signature = case.domain.platform_ca.sign_der(&signed);
    leaf.signature = BitString::from_bytes(&signature).expect("a signature");
    chain[0] = leaf.to_pem(LineEnding::LF).expect("a certificate");
    case.collateral.pck_certificate_chain = Some(chain.concat());
    case
}

#[test]
fn certificate_is_refused_when_it_has_an_unknown_critical_extension() {
    // A certificate of Intel's has none; this one says that it is for servers.
    let with = |critical| {
        with_leaf(|leaf| {
            let extensions = leaf.tbs_certificate.extensions.as_mut();
            extensions.expect("extensions").push(Extension {
                extn_id: ObjectIdentifier::new_unwrap("2.5.29.37"),
                critical,
                extn_value: OctetString::new([0x30, 0]).expect("bytes"),
            });
        })
    };
    assert_eq!(status(&with(false)), TcbStatus::UpToDate);
    let unknown = CertificateError::UnknownCriticalExtension("2.5.29.37".to_owned());
    with(true).is_refused(certificate(Link::Pck, unknown));
}

#[test]
fn certificate_is_refused_when_it_is_of_another_version_or_algorithm() {
    let version = with_leaf(|leaf| leaf.tbs_certificate.version = x509_cert::Version::V2);
    version.is_refused(certificate(Link::Pck, CertificateError::Malformed));
    let sha_384 = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
    let differ = with_leaf(|leaf| leaf.signature_algorithm.oid = sha_384);
    differ.is_refused(certificate(Link::Pck, CertificateError::Algorithm));
    let both = with_leaf(|leaf| {
        leaf.signature_algorithm.oid = sha_384;
        leaf.tbs_certificate.signature.oid = sha_384;
    });
    both.is_refused(certificate(Link::Pck, CertificateError::Algorithm));
    let curve = with_leaf(|leaf| {
        let info = &mut leaf.tbs_certificate.subject_public_key_info;
        let secp384r1 = ObjectIdentifier::new_unwrap("1.3.132.0.34");
        info.algorithm.parameters = Some(Any::encode_from(&secp384r1).expect("a curve"));
    });
    curve.is_refused(certificate(Link::Pck, CertificateError::Algorithm));
}

#[test]
fn certificate_is_refused_when_its_key_may_not_sign() {
    let case = with_leaf(|leaf| {
        let extensions = leaf.tbs_certificate.extensions.as_mut();
        for extension in extensions.expect("extensions") {
            if extension.extn_id == ObjectIdentifier::new_unwrap("2.5.29.15") {
                // `keyAgreement` alone.
                let usage = OctetString::new([3, 2, 3, 8]);
                extension.extn_value = usage.expect("bytes");
            }
        }
    });
    case.is_refused(certificate(Link::Pck, CertificateError::MayNotSign));
}

#[test]
fn pck_extension_is_refused_when_it_is_missing_or_wrong() {
    let missing = with_chain(|leaf| leaf.extensions.clear(), |_| ());
    missing.is_refused(IntelError::PckExtension("missing"));
    let twice = with_chain(
        |leaf| leaf.extensions.push(leaf.extensions[0].clone()),
        |_| (),
    );
    twice.is_refused(certificate(Link::Pck, CertificateError::Malformed));
    let empty = with_chain(|leaf| leaf.extensions[0].1 = vec![0x30, 0], |_| ());
    empty.is_refused(IntelError::PckExtension("PPID"));
}

fn link_of(chain: Chain) -> Link {
    match chain {
        Chain::TcbInfo => Link::TcbInfoSigner,
        Chain::QeIdentity => Link::QeIdentitySigner,
        Chain::Pck => Link::Pck,
    }
}

/// Sound evidence, but for the certificate of a document's signer.
fn with_signer(chain: Chain, change: impl FnOnce(&mut Profile<'_>)) -> Case {
    let mut case = Case::new();
    let mut signer = profile("Intel SGX TCB Signing", &case.domain.tcb_signer, 3);
    change(&mut signer);
    let root = case.domain.root().expect("an authority");
    let signer = root.issue(&signer).expect("a certificate");
    let text = pem(&[&signer, simulated::INTEL_ROOT]).expect("a chain");
    match chain {
        Chain::TcbInfo => case.collateral.tcb_info_issuer_chain = text,
        _ => case.collateral.qe_identity_issuer_chain = text,
    }
    case
}

#[test]
fn revoked_certificates_are_refused() {
    let revoked = |by_root: bool, serial, link| {
        let mut case = Case::new();
        let span = (NOW_S - DAY_S, NOW_S + DAY_S);
        if by_root {
            let root = case.domain.root().expect("an authority");
            case.collateral.root_ca_crl =
                root.revoke(&[1, serial], span.0, span.1).expect("a list");
        } else {
            let authority = case.domain.platform_ca().expect("an authority");
            case.collateral.pck_crl = authority
                .revoke(&[9, serial], span.0, span.1)
                .expect("a list");
        }
        case.is_refused(certificate(link, CertificateError::Revoked));
    };
    revoked(false, 4, Link::Pck);
    revoked(true, 2, Link::PckAuthority);
    // The simulated root has the same number as the signer: 3.
    revoked(true, 3, Link::Root);
    let mut case = with_signer(Chain::TcbInfo, |signer| signer.serial = 77);
    let root = case.domain.root().expect("an authority");
    let list = root.revoke(&[77], NOW_S - DAY_S, NOW_S + DAY_S);
    case.collateral.root_ca_crl = list.expect("a list");
    case.is_refused(certificate(Link::TcbInfoSigner, CertificateError::Revoked));
    let mut case = with_signer(Chain::QeIdentity, |signer| signer.serial = 77);
    let root = case.domain.root().expect("an authority");
    let list = root.revoke(&[77], NOW_S - DAY_S, NOW_S + DAY_S);
    case.collateral.root_ca_crl = list.expect("a list");
    case.is_refused(certificate(
        Link::QeIdentitySigner,
        CertificateError::Revoked,
    ));
}

#[test]
fn each_revocation_list_is_refused_outside_its_time() {
    let (past_s, future_s) = (NOW_S - 1, NOW_S + 1);
    let not_yet = CertificateError::NotYetValid {
        from_s: future_s,
        now_s: NOW_S,
    };
    let with = |of_root: bool, from_s, until_s| {
        let mut case = Case::new();
        let list = if of_root {
            case.domain.root().expect("an authority")
        } else {
            case.domain.platform_ca().expect("an authority")
        };
        let list = list.revoke(&[], from_s, until_s).expect("a list");
        if of_root {
            case.collateral.root_ca_crl = list;
        } else {
            case.collateral.pck_crl = list;
        }
        case
    };
    let stale = (NOW_S - DAY_S, past_s);
    with(true, stale.0, stale.1).is_refused(IntelError::RootCrl(expired(past_s, NOW_S)));
    with(false, stale.0, stale.1).is_refused(IntelError::PckCrl(expired(past_s, NOW_S)));
    let early = (future_s, NOW_S + DAY_S);
    with(true, early.0, early.1).is_refused(IntelError::RootCrl(not_yet.clone()));
    with(false, early.0, early.1).is_refused(IntelError::PckCrl(not_yet));
}

#[test]
fn each_revocation_list_is_refused_when_it_is_foreign_or_malformed() {
    let mut case = Case::new();
    case.collateral.pck_crl = case.collateral.root_ca_crl.clone();
    case.is_refused(IntelError::PckCrlOfAnotherAuthority);
    let mut case = Case::new();
    case.collateral.root_ca_crl = case.collateral.pck_crl.clone();
    case.is_refused(IntelError::RootCrl(CertificateError::WrongIssuer));
    for wrong in [vec![], vec![0x30], vec![0x30, 0]] {
        let mut case = Case::new();
        case.collateral.pck_crl = wrong.clone();
        case.is_refused(IntelError::PckCrl(CertificateError::Malformed));
        let mut case = Case::new();
        case.collateral.root_ca_crl = wrong;
        case.is_refused(IntelError::RootCrl(CertificateError::Malformed));
    }
    let mut case = Case::new();
    case.collateral.pck_crl.push(0);
    case.is_refused(IntelError::PckCrl(CertificateError::Malformed));
}

#[test]
fn each_revocation_list_is_refused_when_its_issuer_did_not_sign_it() {
    let mut case = Case::new();
    let domain = &case.domain;
    let impostor = |common_name| Issuer {
        name: common_name,
        key: IssuerKey::P256(&domain.tcb_signer),
    };
    let of_authority = impostor(name(PLATFORM_CA).expect("a name"));
    let pck_crl = of_authority.revoke(&[], NOW_S - DAY_S, NOW_S + DAY_S);
    let of_root = impostor(subject(simulated::INTEL_ROOT).expect("a name"));
    let root_crl = of_root.revoke(&[], NOW_S - DAY_S, NOW_S + DAY_S);
    case.collateral.pck_crl = pck_crl.expect("a list");
    case.is_refused(IntelError::PckCrl(CertificateError::BadSignature));
    case.collateral.root_ca_crl = root_crl.expect("a list");
    case.is_refused(IntelError::RootCrl(CertificateError::BadSignature));
}

#[test]
fn list_of_the_other_pck_authority_is_refused_by_name() {
    let processor = "Intel SGX PCK Processor CA";
    let case = with_chain(|_| (), |authority| authority.common_name = processor);
    case.is_refused(IntelError::PckCrlOfAnotherAuthority);
}

#[test]
fn documents_are_refused_outside_their_time() {
    let (past, past_s) = (json!("2026-11-19T23:59:59Z"), NOW_S - 1);
    let (future, future_s) = (json!("2026-11-20T00:00:01Z"), NOW_S + 1);
    let ran_out = DocumentError::Expired {
        next_s: past_s,
        now_s: NOW_S,
    };
    let not_yet = DocumentError::NotYetValid {
        issued_s: future_s,
        now_s: NOW_S,
    };
    Case::with_tcb_info(|info| info["nextUpdate"] = past.clone())
        .is_refused(IntelError::TcbInfo(ran_out.clone()));
    Case::with_qe_identity(|identity| identity["nextUpdate"] = past)
        .is_refused(IntelError::QeIdentity(ran_out));
    Case::with_tcb_info(|info| info["issueDate"] = future.clone())
        .is_refused(IntelError::TcbInfo(not_yet.clone()));
    Case::with_qe_identity(|identity| identity["issueDate"] = future)
        .is_refused(IntelError::QeIdentity(not_yet));
}

#[test]
fn documents_are_refused_when_their_text_or_signature_is_changed() {
    let mut case = Case::new();
    // The same JSON, written with one more space.
    case.collateral.tcb_info.insert(1, ' ');
    case.is_refused(IntelError::TcbInfo(DocumentError::Signature));
    let mut case = Case::new();
    case.collateral.qe_identity.insert(1, ' ');
    case.is_refused(IntelError::QeIdentity(DocumentError::Signature));
    for change in [
        |signature: &mut Vec<u8>| signature[3] ^= 1,
        |signature: &mut Vec<u8>| signature.fill(0),
        |signature: &mut Vec<u8>| signature.truncate(63),
        |signature: &mut Vec<u8>| signature.push(0),
        |signature: &mut Vec<u8>| signature.clear(),
    ] {
        let mut case = Case::new();
        change(&mut case.collateral.tcb_info_signature);
        case.is_refused(IntelError::TcbInfo(DocumentError::Signature));
        let mut case = Case::new();
        change(&mut case.collateral.qe_identity_signature);
        case.is_refused(IntelError::QeIdentity(DocumentError::Signature));
    }
}

#[test]
fn documents_are_refused_when_they_are_for_another_tee_or_platform() {
    Case::with_tcb_info(|info| info["id"] = json!("SGX"))
        .is_refused(IntelError::TcbInfo(DocumentError::Id("SGX".to_owned())));
    Case::with_qe_identity(|identity| identity["id"] = json!("QE"))
        .is_refused(IntelError::QeIdentity(DocumentError::Id("QE".to_owned())));
    Case::with_tcb_info(|info| info["fmspc"] = json!("00906EA10000")).is_refused(
        IntelError::Fmspc {
            platform: FMSPC,
            collateral: [0, 0x90, 0x6e, 0xa1, 0, 0],
        },
    );
    Case::with_tcb_info(|info| info["pceId"] = json!("0100")).is_refused(IntelError::PceId {
        platform: [0, 0],
        collateral: [1, 0],
    });
    // The case of the digits means nothing.
    let lower = json!(hex::encode(FMSPC));
    let case = Case::with_tcb_info(|info| info["fmspc"] = lower);
    assert_eq!(status(&case), TcbStatus::UpToDate);
}

#[test]
fn documents_are_refused_when_their_form_is_not_known() {
    Case::with_tcb_info(|info| info["version"] = json!(2))
        .is_refused(IntelError::TcbInfo(DocumentError::Version(2)));
    Case::with_tcb_info(|info| info["tcbType"] = json!(1))
        .is_refused(IntelError::TcbInfo(DocumentError::TcbType(1)));
    Case::with_qe_identity(|identity| identity["version"] = json!(4))
        .is_refused(IntelError::QeIdentity(DocumentError::Version(4)));
    let malformed = |case: Case| {
        let error = case.error();
        let expected = matches!(
            error,
            IntelError::TcbInfo(DocumentError::Malformed(_))
                | IntelError::QeIdentity(DocumentError::Malformed(_))
        );
        assert!(expected, "{error}");
    };
    let level = |field: &'static str, value: Value| {
        Case::with_tcb_info(|info| info["tcbLevels"][0][field] = value)
    };
    malformed(level("tcbStatus", json!("Excellent")));
    // A status that only verifiers give.
    malformed(level("tcbStatus", json!("TDRelaunchAdvised")));
    malformed(level("tcbDate", json!("2025-11-12")));
    malformed(Case::with_tcb_info(|info| info["fmspc"] = json!("00")));
    malformed(Case::with_tcb_info(|info| info["tdxModule"] = Value::Null));
    malformed(Case::with_tcb_info(|info| {
        info["tcbLevels"][0]["tcb"]["tdxtcbcomponents"] = Value::Null;
    }));
    malformed(Case::with_tcb_info(|info| {
        info["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][15] = Value::Null;
    }));
    malformed(Case::with_tcb_info(|info| {
        info["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][0]["svn"] = json!(256);
    }));
    malformed(Case::with_qe_identity(|identity| {
        identity["mrsigner"] = json!("zz".repeat(32));
    }));
    malformed(Case::with_qe_identity(|identity| {
        identity["tcbLevels"][0]["tcbStatus"] = json!("SWHardeningNeeded");
    }));
    malformed(Case::with_tcb_info(|info| *info = json!([])));
}

#[test]
fn document_is_refused_when_it_is_longer_than_any() {
    let mut case = Case::new();
    let length = 256 * 1024 + 1;
    case.collateral.tcb_info = " ".repeat(length);
    case.is_refused(IntelError::TcbInfo(DocumentError::TooLong(length)));
}

#[test]
fn documents_are_refused_when_their_signer_is_no_child_of_the_root() {
    let mut case = Case::new();
    // The PCK signs in the place of Intel's signer of TCB information.
    let chain = case.pck_chain();
    let signed = case.collateral.tcb_info.as_bytes();
    case.collateral.tcb_info_signature = case.domain.pck.sign(signed);
    case.collateral.tcb_info_issuer_chain = chain.concat();
    case.is_refused(IntelError::ChainLength {
        chain: Chain::TcbInfo,
        expected: 2,
        found: 3,
    });
    case.collateral.tcb_info_issuer_chain = chain[0].clone() + &chain[2];
    case.is_refused(certificate(
        Link::TcbInfoSigner,
        CertificateError::WrongIssuer,
    ));
    let mut case = Case::new();
    case.collateral.qe_identity_issuer_chain = chain[0].clone() + &chain[2];
    case.is_refused(certificate(
        Link::QeIdentitySigner,
        CertificateError::WrongIssuer,
    ));
    let mut case = Case::new();
    case.collateral.qe_identity_issuer_chain = chain[2].clone();
    case.is_refused(IntelError::ChainLength {
        chain: Chain::QeIdentity,
        expected: 2,
        found: 1,
    });
}

#[test]
fn quoting_enclave_is_refused_when_it_is_not_the_one_of_the_collateral() {
    for (field, value, mismatch) in [
        ("mrsigner", json!("00".repeat(32)), QeField::Signer),
        ("isvprodid", json!(1), QeField::Product),
        ("miscselect", json!("00000001"), QeField::MiscSelect),
        (
            "attributes",
            json!("13000000000000000000000000000000"),
            QeField::Attributes,
        ),
    ] {
        Case::with_qe_identity(|identity| identity[field] = value)
            .is_refused(IntelError::QeMismatch(mismatch));
    }
    // What the mask leaves out may differ.
    let case = Case::with_qe_identity(|identity| {
        identity["attributes"] = json!("15".to_owned() + &"00".repeat(15))
    });
    assert_eq!(status(&case), TcbStatus::UpToDate);
    let mut debug = Case::new();
    resign_qe(&mut debug, |report| report[48] |= 2);
    debug.is_refused(IntelError::QeDebug);
}

#[test]
fn quoting_enclave_below_every_level_is_refused_although_all_signatures_hold() {
    let case = Case::with_qe_identity(|identity| {
        identity["tcbLevels"][0]["tcb"]["isvsvn"] = json!(99);
    });
    let expected = IntelError::NoTcbLevel {
        part: Part::QuotingEnclave,
        behind: vec![Shortfall {
            component: Component::QuotingEnclave,
            have: QE_ISV_SVN,
            need: 99,
        }],
    };
    assert!(expected.signatures_hold());
    case.is_refused(expected);
}

#[test]
fn module_is_refused_when_it_is_not_the_one_of_the_collateral() {
    let signer = json!("11".repeat(48));
    Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["mrsigner"] = signer)
        .is_refused(IntelError::ModuleSigner);
    let attributes = json!("0100000000000000");
    Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["attributes"] = attributes)
        .is_refused(IntelError::ModuleAttributes {
            found: 0,
            expected: 1,
            mask: u64::MAX,
        });
    Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["id"] = json!("TDX_02"))
        .is_refused(IntelError::ModuleUnknown(1));
    let id = Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["id"] = json!("tdx_01"));
    assert_eq!(status(&id), TcbStatus::UpToDate);
}

#[test]
fn module_without_a_version_is_the_one_that_all_share() {
    let mut domain = domain();
    domain.tee_tcb_svn = [5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let case = Case::of(domain);
    let claims = claims(&case);
    assert_eq!(
        (claims.status, claims.levels.module),
        (TcbStatus::UpToDate, None)
    );
}

#[test]
fn old_module_is_genuine_and_out_of_date() {
    let old = TrustDomain::new([0x4d; 48], &Keys::new([9; 32]), Some(Fault::OldFirmware));
    let case = Case::of(old.expect("a domain"));
    let claims = claims(&case);
    assert_eq!(claims.status, TcbStatus::OutOfDate);
    assert_eq!(claims.advisories, ["INTEL-SA-01036"]);
    let behind = Shortfall {
        component: Component::Module,
        have: 4,
        need: 8,
    };
    assert_eq!(behind.to_string(), "TDX module at 4, 8 needed");
    assert_eq!(claims.levels.behind, [behind]);
    // 2023-08-09, the date of the module's level.
    assert_eq!(claims.tcb_date_ms, 1_691_539_200_000);
}

#[test]
fn platform_below_every_level_is_refused_although_all_signatures_hold() {
    let mut old = domain();
    old.tee_tcb_svn[0] = 1;
    let error = Case::of(old).error();
    assert!(error.signatures_hold());
    assert_eq!(
        error,
        IntelError::NoTcbLevel {
            part: Part::Module,
            behind: vec![Shortfall {
                component: Component::Module,
                have: 1,
                need: 8,
            }],
        }
    );
    let level = |change: fn(&mut Value), component, have, need| {
        let case = Case::with_tcb_info(|info| change(&mut info["tcbLevels"][0]["tcb"]));
        case.is_refused(IntelError::NoTcbLevel {
            part: Part::Platform,
            behind: vec![Shortfall {
                component,
                have,
                need,
            }],
        });
    };
    level(|tcb| tcb["pcesvn"] = json!(99), Component::Pce, 11, 99);
    let name = String::new();
    let sgx = Component::Sgx { index: 6, name };
    level(
        |tcb| tcb["sgxtcbcomponents"][6]["svn"] = json!(1),
        sgx,
        0,
        1,
    );
    let name = "TDX Late Microcode Update".to_owned();
    let tdx = Component::Tdx { index: 2, name };
    level(
        |tcb| {
            tcb["tdxtcbcomponents"][2] = json!({
                "svn": 9, "category": "OS/VMM", "type": "TDX Late Microcode Update",
            });
        },
        tdx,
        8,
        9,
    );
}

#[test]
fn levels_are_tried_from_the_highest_whatever_their_order() {
    let case = Case::with_tcb_info(|info| {
        let mut lower = info["tcbLevels"][0].clone();
        lower["tcb"]["pcesvn"] = json!(5);
        lower["tcbStatus"] = json!("OutOfDate");
        lower["tcbDate"] = json!("2024-01-01T00:00:00Z");
        let levels = info["tcbLevels"].as_array_mut().expect("levels");
        levels.insert(0, lower);
    });
    assert_eq!(status(&case), TcbStatus::UpToDate);
}

#[test]
fn revoked_levels_are_refused_although_all_signatures_hold() {
    let revoked = json!("Revoked");
    let refused = |case: Case, part| {
        let expected = IntelError::Revoked(part);
        assert!(expected.signatures_hold());
        case.is_refused(expected);
    };
    let case = Case::with_tcb_info(|info| info["tcbLevels"][0]["tcbStatus"] = revoked.clone());
    refused(case, Part::Platform);
    let case = Case::with_tcb_info(|info| {
        info["tdxModuleIdentities"][0]["tcbLevels"][0]["tcbStatus"] = revoked.clone();
    });
    refused(case, Part::Module);
    let case = Case::with_qe_identity(|identity| identity["tcbLevels"][0]["tcbStatus"] = revoked);
    refused(case, Part::QuotingEnclave);
}

#[test]
fn statuses_of_the_parts_are_joined() {
    let joined = |platform: &str, qe: &str| {
        let mut case = Case::with_tcb_info(|info| {
            info["tcbLevels"][0]["tcbStatus"] = json!(platform);
            info["tcbLevels"][0]["advisoryIDs"] = json!(["INTEL-SA-1", "INTEL-SA-2"]);
        });
        let of_qe = Case::with_qe_identity(|identity| {
            identity["tcbLevels"][0]["tcbStatus"] = json!(qe);
            identity["tcbLevels"][0]["advisoryIDs"] = json!(["INTEL-SA-2", "INTEL-SA-3"]);
        });
        case.collateral.qe_identity = of_qe.collateral.qe_identity;
        case.collateral.qe_identity_signature = of_qe.collateral.qe_identity_signature;
        let claims = claims(&case);
        assert_eq!(
            claims.advisories,
            ["INTEL-SA-1", "INTEL-SA-2", "INTEL-SA-3"]
        );
        claims.status
    };
    for (platform, qe, expected) in [
        ("UpToDate", "OutOfDate", TcbStatus::OutOfDate),
        ("UpToDate", "ConfigurationNeeded", TcbStatus::UpToDate),
        (
            "SWHardeningNeeded",
            "UpToDate",
            TcbStatus::SwHardeningNeeded,
        ),
        ("SWHardeningNeeded", "OutOfDate", TcbStatus::OutOfDate),
        (
            "ConfigurationAndSWHardeningNeeded",
            "OutOfDate",
            TcbStatus::OutOfDateConfigurationNeeded,
        ),
        ("OutOfDate", "UpToDate", TcbStatus::OutOfDate),
    ] {
        assert_eq!(joined(platform, qe), expected, "{platform} {qe}");
    }
}

#[test]
fn evaluation_number_is_the_lowest_of_the_documents() {
    let case = Case::with_qe_identity(|identity| identity["tcbEvaluationDataNumber"] = json!(19));
    assert_eq!(claims(&case).evaluation_number, 19);
    let case = Case::with_tcb_info(|info| info["tcbEvaluationDataNumber"] = json!(18));
    assert_eq!(claims(&case).evaluation_number, 18);
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
