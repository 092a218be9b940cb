//! One door for all TEEs: from evidence and endorsements to claims.
//!
//! It judges whether evidence is *genuine*, at a time that the caller states.
//! Whether the workload is the right one is for a policy.

use crate::{
    anchors::{Anchors, RootSet},
    claims::{Claims, Details, HardwareId, Tcb},
    endorsements::Endorsements,
    eventlog::{BoundLog, EventLog, error::EventLogError},
    evidence::Evidence,
    intel::{
        collateral::CheckedCollateral,
        error::IntelError,
        verify::{QuoteClaims, verify_quote},
    },
    measurement::Measurement,
    nitro::{self, claims::NitroClaims, error::NitroError},
    report_data::ReportData,
    sgx::claims::SgxClaims,
    snp::{
        self,
        claims::{SigningKey, SnpClaims},
        error::SnpError,
    },
    tdx::claims::TdxClaims,
    tee::Tee,
};

/// Why evidence is not genuine. The fault is the attester's, its host's, or
/// the clock's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The endorsements do not fit the evidence.
    #[error("evidence is of {evidence}, which endorsements of `{endorsements}` do not fit")]
    Mismatch {
        /// The TEE of the evidence.
        evidence: Tee,
        /// The vendor of the endorsements.
        endorsements: &'static str,
    },
    /// An SEV-SNP report is not genuine.
    #[error(transparent)]
    Snp(#[from] SnpError),
    /// A quote of SGX or TDX is not genuine.
    #[error(transparent)]
    Intel(#[from] IntelError),
    /// A Nitro document is not genuine.
    #[error(transparent)]
    Nitro(#[from] NitroError),
    /// An event log does not belong to the quote that it came with.
    #[error("event log: {0}")]
    EventLog(#[from] EventLogError),
    /// Composite evidence and its endorsements have different numbers of
    /// parts.
    #[error("evidence has {evidence} parts, endorsements are for {endorsements}")]
    Parts {
        /// Parts of the evidence.
        evidence: usize,
        /// Parts of the endorsements.
        endorsements: usize,
    },
}

impl VerifyError {
    /// The digest of the untrusted root, if that is what is wrong.
    pub fn untrusted_root(&self) -> Option<synod_crypto::Digest> {
        match self {
            Self::Snp(SnpError::RootNotTrusted { found })
            | Self::Intel(IntelError::RootNotTrusted { found })
            | Self::Nitro(NitroError::RootNotTrusted { found }) => Some(*found),
            _ => None,
        }
    }

    /// Whether every signature held, and the vendor itself refuses the state
    /// of the platform.
    pub fn signatures_hold(&self) -> bool {
        matches!(self, Self::Intel(error) if error.signatures_hold())
    }
}

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

/// Verifies evidence without its parts.
pub(crate) fn verify_alone(
    evidence: &Evidence,
    endorsements: &Endorsements,
    anchors: &Anchors,
    now_ms: u64,
) -> Result<Claims, VerifyError> {
    let roots = anchors.roots();
    let mut claims = match (evidence.tee(), endorsements) {
        (Tee::SevSnp, Endorsements::Snp(snp)) => of_snp(evidence, snp, anchors, now_ms)?,
        (Tee::Sgx | Tee::Tdx, Endorsements::Intel(collateral)) => {
            of_intel(evidence, collateral, roots, now_ms)?
        }
        (Tee::Nitro, Endorsements::Nitro) => of_nitro(evidence, roots, now_ms)?,
        (tee, other) => {
            return Err(VerifyError::Mismatch {
                evidence: tee,
                endorsements: other.vendor(),
            });
        }
    };
    claims.simulated = anchors.simulated();
    claims.logs = bound_logs(evidence, &claims)?;
    Ok(claims)
}

/// Replays the event logs of a domain against its registers.
fn bound_logs(evidence: &Evidence, claims: &Claims) -> Result<Vec<BoundLog>, EventLogError> {
    let Details::Tdx(tdx) = &claims.details else {
        return Ok(Vec::new());
    };
    let bind = |(kind, log)| EventLog::parse(kind, log)?.bind(&tdx.rtmrs);
    evidence.logs().map(bind).collect()
}

fn of_snp(
    evidence: &Evidence,
    endorsements: &crate::endorsements::SnpEndorsements,
    anchors: &Anchors,
    now_ms: u64,
) -> Result<Claims, SnpError> {
    let (snp, chain) = snp::verify::verify(evidence.bytes(), endorsements, anchors, now_ms)?;
    Ok(Claims {
        tee: Tee::SevSnp,
        measurement: Measurement::from(snp.measurement),
        hardware_id: snp_hardware_id(&snp),
        tcb: Tcb::Snp(snp.product, snp.reported_tcb),
        debug: snp.policy.debug(),
        report_data: Some(ReportData::from(snp.report_data)),
        simulated: false,
        root: chain.root(),
        made_ms: None,
        endorsed_since_ms: None,
        endorsed_until_ms: Some(snp.chain_expires_ms),
        logs: Vec::new(),
        parts: Vec::new(),
        details: Details::Snp(Box::new(snp)),
    })
}

fn snp_hardware_id(snp: &SnpClaims) -> HardwareId {
    HardwareId(match &snp.signing_key {
        SigningKey::Vlek { csp_id } => format!("amd-fleet:{csp_id}"),
        SigningKey::Vcek => format!("amd-chip:{}", hex::encode(snp.chip_id)),
    })
}

fn of_intel(
    evidence: &Evidence,
    collateral: &crate::endorsements::IntelCollateral,
    roots: &RootSet,
    now_ms: u64,
) -> Result<Claims, IntelError> {
    let checked = CheckedCollateral::check(collateral, evidence.tee(), &roots.intel, now_ms)?;
    Ok(match verify_quote(evidence.bytes(), &checked, now_ms)? {
        QuoteClaims::Sgx(sgx) => sgx_claims(sgx, checked.root()),
        QuoteClaims::Tdx(tdx) => tdx_claims(tdx, checked.root()),
    })
}

fn sgx_claims(sgx: Box<SgxClaims>, root: synod_crypto::Digest) -> Claims {
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

fn tdx_claims(tdx: Box<TdxClaims>, root: synod_crypto::Digest) -> Claims {
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

fn of_nitro(evidence: &Evidence, roots: &RootSet, now_ms: u64) -> Result<Claims, NitroError> {
    let (nitro, root) = nitro::verify::verify(evidence.bytes(), &roots.aws, now_ms)?;
    Ok(nitro_claims(nitro, root))
}

fn nitro_claims(nitro: NitroClaims, root: synod_crypto::Digest) -> Claims {
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
