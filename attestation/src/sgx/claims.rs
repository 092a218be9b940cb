//! What a verified SGX quote says.

use crate::intel::{
    levels::TcbLevels, pck::PckExtension, report::SgxReport, standing::Standing, status::TcbStatus,
};

/// The claims of a verified quote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SgxClaims {
    /// Version of the quote's format, 3 or 5.
    pub version: u16,
    /// The enclave.
    pub report: SgxReport,
    /// Intel's judgement of the platform.
    pub status: TcbStatus,
    /// Advisories (`INTEL-SA-…`) that the status rests on.
    pub advisories: Vec<String>,
    /// Date of the TCB level that the platform meets (Unix milliseconds).
    pub tcb_date_ms: u64,
    /// Number of the evaluation that the collateral stems from.
    pub evaluation_number: u32,
    /// The platform's family, model, stepping, type and custom SKU.
    pub fmspc: [u8; 6],
    /// Platform provisioning id: names the platform.
    pub ppid: Vec<u8>,
    /// When the first part of the collateral expires (Unix milliseconds).
    pub collateral_expires_ms: u64,
    /// Everything that Intel certifies about the platform.
    pub pck: PckExtension,
    /// The levels that the status rests on.
    pub levels: TcbLevels,
}

impl SgxClaims {
    pub(crate) fn new(
        version: u16,
        report: SgxReport,
        pck: PckExtension,
        standing: Standing,
        collateral_expires_ms: u64,
    ) -> Self {
        Self {
            version,
            report,
            status: standing.status,
            advisories: standing.advisories,
            tcb_date_ms: standing.tcb_date_ms,
            evaluation_number: standing.evaluation_number,
            fmspc: pck.fmspc,
            ppid: pck.ppid.to_vec(),
            collateral_expires_ms,
            pck,
            levels: standing.levels,
        }
    }
}
