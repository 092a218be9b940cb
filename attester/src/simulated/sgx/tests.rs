//! What is particular to SGX in the verifier, broken alone; the rest is shared
//! with TDX and tested there.

use synod_attestation::{
    Anchors, Claims, Details, Evidence, IntelCollateral, MockRoots, Tee, VendorRoots, VerifyError,
    intel::{
        error::{DocumentError, IntelError},
        status::TcbStatus,
    },
    sgx::claims::SgxClaims,
    verify,
};

use super::*;

/// 2026-11-20.
const NOW_MS: u64 = 1_795_132_800_000;
/// Where the enclave's report begins, and what lies in it.
const REPORT: usize = 48;
const SIGNATURE: usize = REPORT + 384 + 4;

/// Sound evidence, to be broken in one place.
struct Case {
    enclave: SgxEnclave,
    quote: Vec<u8>,
    collateral: IntelCollateral,
}

impl Case {
    fn new() -> Self {
        Self::of(enclave(None))
    }

    fn of(enclave: SgxEnclave) -> Self {
        let (quote, endorsements) = enclave.collect(&[0x5a; 64], NOW_MS).expect("evidence");
        let Endorsements::Intel(collateral) = endorsements else {
            unreachable!("an enclave's endorsements are Intel's")
        };
        Self {
            enclave,
            quote,
            collateral: *collateral,
        }
    }

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
        case.collateral.tcb_info_signature = case.enclave.platform.tcb_signer.sign(signed);
        case
    }

    fn verify(&self, tee: Tee, anchors: &Anchors) -> Result<Claims, VerifyError> {
        let evidence = Evidence::new(tee, self.quote.clone()).expect("short evidence");
        let endorsements = Endorsements::Intel(Box::new(self.collateral.clone()));
        verify(&evidence, &endorsements, anchors, NOW_MS)
    }

    fn outcome(&self) -> Result<Claims, VerifyError> {
        self.verify(Tee::Sgx, &Anchors::Simulated(MockRoots::published()))
    }

    #[track_caller]
    fn claims(&self) -> SgxClaims {
        match self.outcome().expect("genuine evidence").details {
            Details::Sgx(claims) => *claims,
            other => panic!("expected the claims of an enclave, found {other:?}"),
        }
    }

    #[track_caller]
    fn error(&self) -> IntelError {
        match self.outcome() {
            Err(VerifyError::Intel(error)) => error,
            other => panic!("expected a refusal of the quote, found {other:?}"),
        }
    }
}

fn enclave(fault: Option<Fault>) -> SgxEnclave {
    SgxEnclave::new([0x4d; 32], &Keys::new([9; 32]), fault).expect("an enclave")
}

#[test]
fn sound_evidence_is_genuine_and_its_claims_are_those_of_the_quote() {
    let case = Case::new();
    let claims = case.outcome().expect("sound evidence is genuine");
    assert!(claims.simulated && !claims.debug);
    assert_eq!(claims.measurement.as_bytes(), [0x4d; 32]);
    assert_eq!(claims.report_data, Some([0x5a; 64].into()));
    let sgx = case.claims();
    assert_eq!((sgx.version, sgx.status), (3, TcbStatus::UpToDate));
    assert_eq!(sgx.report.mr_signer, case.enclave.signer);
    assert_eq!((sgx.report.isv_prod_id, sgx.report.isv_svn), (1, 1));
    assert_eq!(sgx.fmspc, FMSPC);
}

#[test]
fn evidence_is_told_from_its_bytes() {
    let evidence = Evidence::detect(Case::new().quote).expect("evidence");
    assert_eq!(evidence.tee(), Tee::Sgx);
}

#[test]
fn quote_of_an_enclave_is_not_taken_for_a_domains() {
    let anchors = Anchors::Simulated(MockRoots::published());
    assert!(Case::new().verify(Tee::Tdx, &anchors).is_err());
}

#[test]
fn chain_is_refused_under_the_root_of_the_vendor() {
    let anchors = Anchors::Vendor(VendorRoots::built_in());
    let Err(VerifyError::Intel(error)) = Case::new().verify(Tee::Sgx, &anchors) else {
        panic!("expected a refusal");
    };
    assert!(matches!(error, IntelError::RootNotTrusted { .. }));
}

#[test]
fn quote_is_refused_when_a_signed_byte_is_changed() {
    // QE's SVN, user data, CPU SVN, attributes, measurement, signer, report data.
    for at in [8, 30, 48, 48 + 48, 48 + 64, 48 + 128, 48 + 320] {
        let error = Case::with_quote(at, 0xaa).error();
        assert_eq!(error, IntelError::QuoteSignature, "byte {at}");
    }
    let mut changed = Case::new();
    changed.quote[SIGNATURE] ^= 1;
    assert_eq!(changed.error(), IntelError::QuoteSignature);
}

#[test]
fn quote_cut_short_anywhere_is_refused() {
    let whole = Case::new();
    for length in (0..whole.quote.len()).step_by(97) {
        let mut case = Case::new();
        case.quote.truncate(length);
        assert!(case.outcome().is_err(), "{length} bytes");
    }
}

#[test]
fn collateral_of_tdx_is_refused() {
    let of_tdx = Case::with_tcb_info(|info| info["id"] = json!("TDX"));
    let id = DocumentError::Id("TDX".to_owned());
    assert_eq!(of_tdx.error(), IntelError::TcbInfo(id));
    let mut case = Case::new();
    let mut identity: Value = serde_json::from_str(&case.collateral.qe_identity).expect("JSON");
    identity["id"] = json!("TD_QE");
    case.collateral.qe_identity = identity.to_string();
    let signed = case.collateral.qe_identity.as_bytes();
    case.collateral.qe_identity_signature = case.enclave.platform.tcb_signer.sign(signed);
    let id = DocumentError::Id("TD_QE".to_owned());
    assert_eq!(case.error(), IntelError::QeIdentity(id));
}

#[test]
fn old_platform_is_genuine_and_out_of_date() {
    let claims = Case::of(enclave(Some(Fault::OldFirmware))).claims();
    assert_eq!(claims.status, TcbStatus::OutOfDate);
    assert_eq!(claims.advisories, ["INTEL-SA-00828"]);
}

#[test]
fn platform_below_every_level_is_refused_although_all_signatures_hold() {
    let error = Case::with_tcb_info(|info| {
        for level in 0..2 {
            info["tcbLevels"][level]["tcb"]["pcesvn"] = json!(99);
        }
    })
    .error();
    assert!(matches!(error, IntelError::NoTcbLevel { .. }));
    assert!(error.signatures_hold());
}

#[test]
fn debugged_enclave_is_genuine_and_says_so() {
    let case = Case::of(enclave(Some(Fault::Debug)));
    assert!(case.outcome().expect("genuine evidence").debug);
}
