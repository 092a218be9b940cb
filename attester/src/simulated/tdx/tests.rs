//! Each check of the TDX verifier, broken alone.

use synod_attestation::{
    Anchors, Claims, Details, Evidence, IntelCollateral, MockRoots, Tee, VendorRoots, VerifyError,
    intel::{
        error::{Chain, DocumentError, IntelError, Link, Part, QeField},
        levels::{Component, Shortfall},
        quote::Quote,
        status::TcbStatus,
        verify::verify_signatures_only,
    },
    simulated,
    tdx::claims::TdxClaims,
    verify,
    x509::CertificateError,
};

use synod_crypto::{ecdsa::P256SigningKey, sha256};

use super::*;
use crate::simulated::{
    certificate::{Issuer, IssuerKey, Profile, SubjectKey, name, subject},
    intel::{PLATFORM_CA, QE_ISV_SVN, pem, sgx},
};

mod bodies;
mod certificates;
mod chains;
mod documents;
mod levels;
mod quote;
mod windows;

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

    /// One bit of the quote is another.
    fn with_flipped(at: usize) -> Self {
        let mut case = Self::new();
        case.quote[at] ^= 1;
        case
    }

    /// Other TCB information, signed anew.
    fn with_tcb_info(change: impl FnOnce(&mut Value)) -> Self {
        let mut case = Self::new();
        let mut tcb_info = serde_json::from_str(&case.collateral.tcb_info).expect("JSON");
        change(&mut tcb_info);
        case.collateral.tcb_info = tcb_info.to_string();
        let signed = case.collateral.tcb_info.as_bytes();
        case.collateral.tcb_info_signature = case.domain.platform.tcb_signer.sign(signed);
        case
    }

    /// Another identity of the quoting enclave, signed anew.
    fn with_qe_identity(change: impl FnOnce(&mut Value)) -> Self {
        let mut case = Self::new();
        let mut identity = serde_json::from_str(&case.collateral.qe_identity).expect("JSON");
        change(&mut identity);
        case.collateral.qe_identity = identity.to_string();
        let signed = case.collateral.qe_identity.as_bytes();
        case.collateral.qe_identity_signature = case.domain.platform.tcb_signer.sign(signed);
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

    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is expected is made in place"
    )]
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

/// Changes the quoting enclave's report and signs it with the PCK again.
fn resign_qe(case: &mut Case, change: impl FnOnce(&mut [u8])) {
    change(&mut case.quote[QE_REPORT..QE_REPORT + 384]);
    let signature = case
        .domain
        .platform
        .pck
        .sign(&case.quote[QE_REPORT..QE_REPORT + 384]);
    case.quote[QE_SIGNATURE..QE_SIGNATURE + 64].copy_from_slice(&signature);
}
