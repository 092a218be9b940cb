//! One entry point for all TEEs: from evidence and endorsements to claims.
//!
//! It judges whether evidence is *genuine*, at a time that the caller states.
//! Whether the workload is the right one is for a policy.

use synod_crypto::Digest;

use crate::{
    anchors::Anchors,
    checked::{CheckedEndorsements, Inner},
    claims::{Claims, Details, HardwareId, Tcb},
    endorsements::Endorsements,
    error::VerifyError,
    eventlog::{BoundLog, EventLog, error::EventLogError},
    evidence::Evidence,
    intel::{
        collateral::CheckedCollateral,
        error::IntelError,
        quote::Body,
        verify::{QuoteClaims, SignaturesOnly, verify_quote, verify_signatures_only},
    },
    measurement::Measurement,
    nitro::{self, claims::NitroClaims},
    report_data::ReportData,
    sgx::claims::SgxClaims,
    snp::{
        claims::{SigningKey, SnpClaims},
        verify::verify_report,
    },
    tdx::claims::TdxClaims,
    tee::Tee,
};

/// Verifies that evidence is genuine: made by a TEE that one of `anchors`
/// vouches for, as of `now_ms` (Unix milliseconds). Of composite evidence every
/// part must be; whether the parts belong together is for a policy.
pub fn verify(
    evidence: &Evidence,
    endorsements: &Endorsements,
    anchors: &Anchors,
    now_ms: u64,
) -> Result<Claims, VerifyError> {
    let (parts, endorsed) = (evidence.parts(), endorsements.parts());
    if parts.len() != endorsed.len() {
        return Err(VerifyError::Parts {
            evidence: parts.len(),
            endorsements: endorsed.len(),
        });
    }
    let mut claims = verify_alone(evidence, endorsements.lead(), anchors, now_ms)?;
    for (part, endorsements) in parts.iter().zip(endorsed) {
        let verified = verify_alone(part.evidence(), endorsements, anchors, now_ms)?;
        claims.parts.push((part.name().to_owned(), verified));
    }
    Ok(claims)
}

/// What the signatures of a quote prove by themselves, its event logs included:
/// that some platform of Intel's made it at some time. `None` for evidence of
/// other vendors, whose certificates do not stand in it. Nothing follows for
/// trust: without collateral nobody knows whether the platform is still sound.
pub fn signatures_only(
    evidence: &Evidence,
    anchors: &Anchors,
) -> Option<Result<SignaturesOnly, VerifyError>> {
    let intel = matches!(evidence.tee(), Tee::Sgx | Tee::Tdx);
    intel.then(|| {
        let proven = verify_signatures_only(evidence.bytes(), None, &anchors.roots().intel)?;
        let found = proven.body.tee();
        if found != evidence.tee() {
            let expected = evidence.tee();
            return Err(IntelError::WrongTee { expected, found }.into());
        }
        if let Body::Tdx(report) = &proven.body {
            replayed(evidence, &report.rtmrs)?;
        }
        Ok(proven)
    })
}

/// Verifies evidence without its parts.
pub(crate) fn verify_alone(
    evidence: &Evidence,
    endorsements: &Endorsements,
    anchors: &Anchors,
    now_ms: u64,
) -> Result<Claims, VerifyError> {
    let checked = endorsements.check(evidence.tee(), anchors, now_ms)?;
    claims(evidence, &checked, now_ms)
}

/// Verifies evidence with endorsements that were checked before: only their
/// time is checked again. Parts of composite evidence are verified one by one.
pub fn verify_checked(
    evidence: &Evidence,
    endorsements: &CheckedEndorsements,
    now_ms: u64,
) -> Result<Claims, VerifyError> {
    if !evidence.parts().is_empty() {
        return Err(VerifyError::Parts {
            evidence: evidence.parts().len(),
            endorsements: 0,
        });
    }
    claims(evidence, endorsements, now_ms)
}

fn claims(
    evidence: &Evidence,
    endorsements: &CheckedEndorsements,
    now_ms: u64,
) -> Result<Claims, VerifyError> {
    let bytes = evidence.bytes();
    let mut claims = match (evidence.tee(), endorsements.inner()) {
        (Tee::SevSnp, Inner::Snp(chain)) => {
            snp_claims(verify_report(bytes, chain, now_ms)?, chain.root())
        }
        (Tee::Sgx | Tee::Tdx, Inner::Intel(checked)) => {
            intel_claims(verify_quote(bytes, checked, now_ms)?, checked)
        }
        (Tee::Nitro, Inner::Nitro(root)) => {
            let (nitro, root) = nitro::verify::verify(bytes, root, now_ms)?;
            nitro_claims(nitro, root)
        }
        (tee, _) => {
            return Err(VerifyError::Mismatch {
                evidence: tee,
                endorsements: endorsements.tee().vendor(),
            });
        }
    };
    claims.simulated = endorsements.simulated();
    claims.logs = bound_logs(evidence, &claims)?;
    Ok(claims)
}

/// Replays the event logs of a domain against its registers.
fn bound_logs(evidence: &Evidence, claims: &Claims) -> Result<Vec<BoundLog>, EventLogError> {
    let Details::Tdx(tdx) = &claims.details else {
        return Ok(Vec::new());
    };
    replayed(evidence, &tdx.rtmrs)
}

fn replayed(
    evidence: &Evidence,
    registers: &[[u8; 48]; 4],
) -> Result<Vec<BoundLog>, EventLogError> {
    let bind = |(kind, log)| EventLog::parse(kind, log)?.bind(registers);
    evidence.logs().map(bind).collect()
}

fn snp_claims(snp: SnpClaims, root: Digest) -> Claims {
    Claims {
        tee: Tee::SevSnp,
        measurement: Measurement::from(snp.measurement),
        hardware_id: snp_hardware_id(&snp),
        tcb: Tcb::Snp(snp.product, snp.reported_tcb),
        debug: snp.policy.debug(),
        report_data: Some(ReportData::from(snp.report_data)),
        simulated: false,
        root,
        made_ms: None,
        endorsed_since_ms: None,
        endorsed_until_ms: Some(snp.chain_expires_ms),
        logs: Vec::new(),
        parts: Vec::new(),
        details: Details::Snp(Box::new(snp)),
    }
}

fn snp_hardware_id(snp: &SnpClaims) -> HardwareId {
    HardwareId(match &snp.signing_key {
        SigningKey::Vlek { csp_id } => format!("amd-fleet:{csp_id}"),
        SigningKey::Vcek => format!("amd-chip:{}", hex::encode(snp.chip_id)),
    })
}

fn intel_claims(quote: QuoteClaims, checked: &CheckedCollateral) -> Claims {
    let mut claims = match quote {
        QuoteClaims::Sgx(sgx) => sgx_claims(sgx, checked.root()),
        QuoteClaims::Tdx(tdx) => tdx_claims(tdx, checked.root()),
    };
    claims.endorsed_since_ms = Some(checked.issued_ms());
    claims
}

fn sgx_claims(sgx: Box<SgxClaims>, root: Digest) -> Claims {
    Claims {
        tee: Tee::Sgx,
        measurement: Measurement::from(sgx.report.mr_enclave),
        hardware_id: HardwareId(format!("intel-ppid:{}", hex::encode(&sgx.ppid))),
        tcb: Tcb::Intel(sgx.status),
        debug: sgx.report.attributes.debug(),
        report_data: Some(ReportData::from(sgx.report.report_data)),
        simulated: false,
        root,
        made_ms: None,
        endorsed_since_ms: None,
        endorsed_until_ms: Some(sgx.collateral_expires_ms),
        logs: Vec::new(),
        parts: Vec::new(),
        details: Details::Sgx(sgx),
    }
}

fn tdx_claims(tdx: Box<TdxClaims>, root: Digest) -> Claims {
    Claims {
        tee: Tee::Tdx,
        measurement: Measurement::from(tdx.mr_td),
        hardware_id: HardwareId(format!("intel-ppid:{}", hex::encode(&tdx.ppid))),
        tcb: Tcb::Intel(tdx.status),
        debug: tdx.attributes.debug(),
        report_data: Some(ReportData::from(tdx.report_data)),
        simulated: false,
        root,
        made_ms: None,
        endorsed_since_ms: None,
        endorsed_until_ms: Some(tdx.collateral_expires_ms),
        logs: Vec::new(),
        parts: Vec::new(),
        details: Details::Tdx(tdx),
    }
}

fn nitro_claims(nitro: NitroClaims, root: Digest) -> Claims {
    let user_data = nitro.user_data.as_deref();
    Claims {
        tee: Tee::Nitro,
        measurement: Measurement::from(nitro.image()),
        hardware_id: HardwareId(format!("aws-module:{}", nitro.module_id)),
        tcb: Tcb::Unstated,
        debug: nitro.debug(),
        report_data: user_data.and_then(|bytes| ReportData::try_from(bytes).ok()),
        simulated: false,
        root,
        made_ms: Some(nitro.timestamp_ms),
        endorsed_since_ms: None,
        // The three hours of a Nitro certificate bound the making of
        // documents, not the standing of the enclave.
        endorsed_until_ms: None,
        logs: Vec::new(),
        parts: Vec::new(),
        details: Details::Nitro(Box::new(nitro)),
    }
}
