//! Each check of the TDX verifier, broken alone.

use std::mem::discriminant;

use synod_attestation::{
    Anchors, Claims, Details, Evidence, MockRoots, Tee, VendorRoots, VerifyError,
    intel::status::TcbStatus, tdx::error::TdxError, verify,
};

use super::*;

/// 2026-11-20.
const NOW_S: u64 = 1_795_132_800;
const NOW_MS: u64 = NOW_S * 1000;

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
    fn error(&self) -> TdxError {
        match self.outcome() {
            Err(VerifyError::Tdx(error)) => error,
            other => panic!("expected a refusal of the quote, found {other:?}"),
        }
    }

    /// Refused by the check that `expected` stands for, with these words.
    #[track_caller]
    fn is_refused(&self, expected: fn(String) -> TdxError, words: &str) {
        let error = self.error();
        let kind = discriminant(&expected(String::new()));
        assert_eq!(discriminant(&error), kind, "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

fn domain() -> TrustDomain {
    TrustDomain::new([0x4d; 48], &Keys::new([9; 32]), None).expect("a domain")
}

fn status(case: &Case) -> TcbStatus {
    match case.outcome().expect("genuine evidence").details {
        Details::Tdx(tdx) => tdx.status,
        other => panic!("expected the claims of a domain, found {other:?}"),
    }
}

#[test]
fn sound_evidence_is_genuine_and_its_claims_are_those_of_the_quote() {
    let claims = Case::new().outcome().expect("sound evidence is genuine");
    assert!(claims.simulated && !claims.debug);
    assert_eq!(claims.measurement.as_bytes(), [0x4d; 48]);
    assert_eq!(claims.report_data, Some([0x5a; 64].into()));
    assert_eq!(claims.root, sha256(&[simulated::INTEL_ROOT]));
    assert_eq!(status(&Case::new()), TcbStatus::UpToDate);
}

#[test]
fn quote_is_refused_when_its_header_is_of_an_unknown_kind() {
    Case::with_quote(0, 3).is_refused(TdxError::UnknownKind, "quote version 3");
    Case::with_quote(2, 3).is_refused(TdxError::UnknownKind, "attestation key type");
    Case::with_quote(4, 0).is_refused(TdxError::UnknownKind, "not a TDX quote");
    Case::with_quote(12, 0).is_refused(TdxError::UnknownKind, "QE vendor");
}

#[test]
fn quote_is_refused_when_a_signed_byte_is_changed() {
    // Module SVN, attributes, measurement, a register, report data.
    for at in [48, 48 + 124, 48 + 136, 48 + 328, 48 + 520] {
        assert_eq!(Case::with_quote(at, 0xaa).error(), TdxError::QuoteSignature);
    }
}

#[test]
fn quote_is_refused_when_its_signature_is_changed() {
    let sound = Case::new().quote[640];
    let changed = Case::with_quote(640, sound ^ 1).error();
    assert_eq!(changed, TdxError::QuoteSignature);
}

#[test]
fn quote_is_refused_when_its_attestation_key_is_another() {
    let sound = Case::new().quote[700];
    let other = Case::with_quote(700, sound ^ 1);
    other.is_refused(TdxError::QuotingEnclave, "hash mismatch");
}

#[test]
fn quote_is_refused_when_the_quoting_enclaves_report_is_changed() {
    Case::with_quote(770 + 64, 0xaa).is_refused(TdxError::QuotingEnclave, "qe_report");
    let sound = Case::new().quote[1154];
    Case::with_quote(1154, sound ^ 1).is_refused(TdxError::QuotingEnclave, "qe_report");
}

#[test]
fn quote_is_refused_when_it_is_cut() {
    let whole = Case::new();
    for length in (0..whole.quote.len()).step_by(211) {
        let mut case = Case::of(domain());
        case.quote.truncate(length);
        let error = case.error();
        assert!(matches!(error, TdxError::Malformed(_)), "{length}: {error}");
    }
}

#[test]
fn quote_may_be_padded_with_zeros_and_with_nothing_else() {
    let mut case = Case::new();
    case.quote.extend([0; 100]);
    assert!(case.outcome().is_ok());
    case.quote.push(1);
    assert_eq!(case.error(), TdxError::Trailing);
}

#[test]
fn quote_is_refused_when_its_length_field_is_huge() {
    Case::with_quote(635, 0xff).is_refused(TdxError::Malformed, "");
}

#[test]
fn chain_is_refused_under_the_root_of_the_vendor() {
    let found = sha256(&[simulated::INTEL_ROOT]);
    assert_eq!(
        Case::new().verify(&Anchors::Vendor(VendorRoots::built_in())),
        Err(VerifyError::Tdx(TdxError::RootNotTrusted { found }))
    );
}

#[test]
fn chain_is_refused_when_it_only_claims_the_trusted_root() {
    // The vendor's root stands at the end of the chain, but did not sign it.
    let own_roots = MockRoots::new(
        simulated::AMD_ARK,
        include_bytes!("../../../../attestation/roots/intel-sgx-root.der"),
        simulated::AWS_ROOT,
    );
    let mut case = Case::new();
    let chain = String::from_utf8_lossy(&case.quote[1258..]).into_owned();
    let below = chain.matches("-----BEGIN").count();
    assert_eq!(below, 3);
    let root = include_bytes!("../../../../attestation/roots/intel-sgx-root.der");
    let cut = chain.rfind("-----BEGIN").expect("a chain");
    let forged = format!("{}{}", &chain[..cut], pem(&[root]).expect("a certificate"));
    case.collateral.pck_certificate_chain = Some(forged);
    assert!(case.verify(&Anchors::Simulated(own_roots)).is_err());
}

#[test]
fn chain_is_refused_when_a_certificate_in_it_is_changed() {
    let mut case = Case::new();
    let chain = String::from_utf8_lossy(&case.quote[1258..]).into_owned();
    let mut leaf = chain.split_inclusive("-----END CERTIFICATE-----\n");
    let leaf = leaf.next().expect("a leaf").to_owned();
    // The leaf alone has no root at its end.
    case.collateral.pck_certificate_chain = Some(leaf);
    assert!(matches!(case.error(), TdxError::RootNotTrusted { .. }));
    case.collateral.pck_certificate_chain = Some("no chain".to_owned());
    assert_eq!(case.error(), TdxError::NoPckChain);
}

#[test]
fn chain_is_refused_when_the_pck_or_its_authority_is_revoked() {
    let until_s = NOW_S + DAY_S;
    let from_s = NOW_S - DAY_S;
    let mut case = Case::new();
    let authority = case.domain.platform_ca().expect("an authority");
    case.collateral.pck_crl = authority.revoke(&[4], from_s, until_s).expect("a list");
    case.is_refused(TdxError::Certificates, "Revoked");
    let mut case = Case::new();
    let root = case.domain.root().expect("an authority");
    case.collateral.root_ca_crl = root.revoke(&[2], from_s, until_s).expect("a list");
    case.is_refused(TdxError::Certificates, "Revoked");
    let mut case = Case::new();
    let root = case.domain.root().expect("an authority");
    case.collateral.root_ca_crl = root.revoke(&[3], from_s, until_s).expect("a list");
    case.is_refused(TdxError::Certificates, "Revoked");
}

#[test]
fn chain_is_refused_when_a_revocation_list_is_stale_foreign_or_malformed() {
    let mut case = Case::new();
    let authority = case.domain.platform_ca().expect("an authority");
    let stale = authority.revoke(&[], NOW_S - 2 * DAY_S, NOW_S - DAY_S);
    case.collateral.pck_crl = stale.expect("a list");
    case.is_refused(TdxError::Certificates, "CrlExpired");
    let mut case = Case::new();
    case.collateral.pck_crl = case.collateral.root_ca_crl.clone();
    case.is_refused(TdxError::Certificates, "UnknownRevocationStatus");
    let mut case = Case::new();
    case.collateral.root_ca_crl = case.collateral.pck_crl.clone();
    case.is_refused(TdxError::Certificates, "root CA CRL");
    let mut case = Case::new();
    case.collateral.pck_crl = vec![0x30];
    case.is_refused(TdxError::Certificates, "PCK CRL");
}

#[test]
fn collateral_is_refused_before_and_after_its_time() {
    let mut case = Case::new();
    case.now_ms = (NOW_S - 2 * DAY_S) * 1000;
    assert!(matches!(
        case.error(),
        TdxError::CollateralTime(_) | TdxError::Certificates(_)
    ));
    case.now_ms = (NOW_S + 31 * DAY_S) * 1000;
    assert!(matches!(
        case.error(),
        TdxError::CollateralTime(_) | TdxError::Certificates(_)
    ));
    let past = json!("2026-11-01T00:00:00Z");
    Case::with_tcb_info(|info| info["nextUpdate"] = past.clone())
        .is_refused(TdxError::CollateralTime, "TCBInfo expired");
    Case::with_qe_identity(|identity| identity["nextUpdate"] = past)
        .is_refused(TdxError::CollateralTime, "QE Identity expired");
    let future = json!("2026-12-01T00:00:00Z");
    Case::with_tcb_info(|info| info["issueDate"] = future.clone())
        .is_refused(TdxError::CollateralTime, "TCBInfo issue date");
    Case::with_qe_identity(|identity| identity["issueDate"] = future)
        .is_refused(TdxError::CollateralTime, "QE Identity issue date");
}

#[test]
fn collateral_is_refused_when_its_text_or_signature_is_changed() {
    let mut case = Case::new();
    // The same JSON, written with one more space.
    case.collateral.tcb_info.insert(1, ' ');
    case.is_refused(TdxError::Collateral, "tcb_info");
    let mut case = Case::new();
    case.collateral.qe_identity.insert(1, ' ');
    case.is_refused(TdxError::Collateral, "qe_identity");
    let mut case = Case::new();
    case.collateral.tcb_info_signature[3] ^= 1;
    case.is_refused(TdxError::Collateral, "tcb_info");
    let mut case = Case::new();
    case.collateral.qe_identity_signature[3] ^= 1;
    case.is_refused(TdxError::Collateral, "qe_identity");
}

#[test]
fn collateral_is_refused_when_it_is_for_another_platform_or_tee() {
    Case::with_tcb_info(|info| info["fmspc"] = json!("00906EA10000"))
        .is_refused(TdxError::Collateral, "Fmspc");
    Case::with_tcb_info(|info| info["id"] = json!("SGX"))
        .is_refused(TdxError::Collateral, "TCB info");
    Case::with_qe_identity(|identity| identity["id"] = json!("QE"))
        .is_refused(TdxError::Collateral, "QE Identity");
}

#[test]
fn collateral_is_refused_when_its_signer_is_no_child_of_the_root() {
    let mut case = Case::new();
    // The PCK signs in the place of Intel's signer of TCB information.
    let chain = String::from_utf8_lossy(&case.quote[1258..]).into_owned();
    let signed = case.collateral.tcb_info.as_bytes();
    case.collateral.tcb_info_signature = case.domain.pck.sign(signed);
    case.collateral.tcb_info_issuer_chain = chain;
    case.is_refused(TdxError::Certificates, "issued directly");
}

#[test]
fn quoting_enclave_is_refused_when_it_is_not_the_one_of_the_collateral() {
    for (field, value, words) in [
        ("mrsigner", json!("00".repeat(32)), "QE MRSIGNER"),
        ("isvprodid", json!(1), "QE ISVPRODID"),
        ("miscselect", json!("00000001"), "QE MISCSELECT"),
        (
            "attributes",
            json!("13000000000000000000000000000000"),
            "QE ATTRIBUTES",
        ),
    ] {
        Case::with_qe_identity(|identity| identity[field] = value)
            .is_refused(TdxError::QuotingEnclave, words);
    }
    Case::with_qe_identity(|identity| identity["tcbLevels"][0]["tcb"]["isvsvn"] = json!(99))
        .is_refused(TdxError::QuotingEnclave, "QE ISVSVN");
}

#[test]
fn module_is_refused_when_it_is_not_the_one_of_the_collateral() {
    let signer = json!("11".repeat(48));
    Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["mrsigner"] = signer)
        .is_refused(TdxError::Module, "MRSIGNER");
    let attributes = json!("0100000000000000");
    Case::with_tcb_info(|info| info["tdxModuleIdentities"][0]["attributes"] = attributes)
        .is_refused(TdxError::Module, "SEAMATTRIBUTES");
}

#[test]
fn old_module_is_genuine_and_out_of_date() {
    let old = TrustDomain::new([0x4d; 48], &Keys::new([9; 32]), Some(Fault::OldFirmware));
    let case = Case::of(old.expect("a domain"));
    assert_eq!(status(&case), TcbStatus::OutOfDate);
}

#[test]
fn platform_below_every_level_is_refused_although_all_signatures_hold() {
    let mut old = domain();
    old.tee_tcb_svn[0] = 1;
    let error = Case::of(old).error();
    assert_eq!(error, TdxError::NoTcbLevel);
    assert!(error.signatures_hold());
    let higher = Case::with_tcb_info(|info| {
        info["tcbLevels"][0]["tcb"]["pcesvn"] = json!(99);
    });
    assert_eq!(higher.error(), TdxError::NoTcbLevel);
}

#[test]
fn revoked_platform_is_refused() {
    let revoked = Case::with_tcb_info(|info| {
        info["tcbLevels"][0]["tcbStatus"] = json!("Revoked");
    });
    assert_eq!(revoked.error(), TdxError::Revoked);
}

#[test]
fn domain_with_attributes_that_nobody_accepts_is_refused() {
    let with = |attributes: u64| {
        let mut domain = domain();
        domain.attributes = attributes;
        Case::of(domain)
    };
    with(0).is_refused(TdxError::Attributes, "SEPT_VE_DISABLE");
    with(1 << 28 | 1 << 29).is_refused(TdxError::Attributes, "migration");
    with(1 << 28 | 1 << 40).is_refused(TdxError::Attributes, "Reserved");
}

#[test]
fn debugged_domain_is_genuine_and_says_so() {
    let debug = TrustDomain::new([0x4d; 48], &Keys::new([9; 32]), Some(Fault::Debug));
    let case = Case::of(debug.expect("a domain"));
    assert!(case.outcome().expect("genuine evidence").debug);
}

#[test]
fn mutated_quote_never_panics_and_is_never_genuine() {
    let mut case = Case::new();
    // Behind the signed and hashed parts stands PEM text, in which some
    // changes mean nothing (the case of a line break, for one).
    let protected = 1258;
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
        // The reserved bytes and the user data of the header are signed too.
        let flip = 1 << (state >> 60 & 7);
        case.quote[at] ^= flip;
        let refused = case.outcome().is_err();
        assert!(refused || at >= protected, "byte {at}");
        case.quote[at] ^= flip;
    }
}
