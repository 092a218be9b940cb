//! What a verified TDX quote says.

use crate::{
    intel::{levels::TcbLevels, pck::PckExtension, standing::Standing, status::TcbStatus},
    tdx::{
        attributes::TdAttributes,
        report::{TdExtension, TdReport},
    },
};

/// The claims of a verified quote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TdxClaims {
    /// Version of the quote's format, 4 or 5.
    pub version: u16,
    /// Attributes of the domain.
    pub attributes: TdAttributes,
    /// Processor features that the domain may use.
    pub xfam: u64,
    /// Measurement of the domain at launch.
    pub mr_td: [u8; 48],
    /// Configuration that the owner of the domain set at launch.
    pub mr_config_id: [u8; 48],
    /// Owner of the domain.
    pub mr_owner: [u8; 48],
    /// The owner's configuration.
    pub mr_owner_config: [u8; 48],
    /// Registers that the domain extends at run time.
    pub rtmrs: [[u8; 48]; 4],
    /// The domain's own bytes.
    pub report_data: [u8; 64],
    /// Measurement of the TDX module.
    pub mr_seam: [u8; 48],
    /// Signer of the TDX module; zero stands for Intel.
    pub mr_signer_seam: [u8; 48],
    /// Attributes of the TDX module.
    pub seam_attributes: u64,
    /// Security versions of the TDX module at launch.
    pub tee_tcb_svn: [u8; 16],
    /// Security versions of the TDX module now (TDX 1.5).
    pub tee_tcb_svn2: Option<[u8; 16]>,
    /// Service domains bound to this one (TDX 1.5); zero if none.
    pub mr_service_td: Option<[u8; 48]>,
    /// What the extended form of TDX 1.5 adds.
    pub extension: Option<Box<TdExtension>>,
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

impl TdxClaims {
    pub(crate) fn new(
        version: u16,
        report: TdReport,
        pck: PckExtension,
        standing: Standing,
        collateral_expires_ms: u64,
    ) -> Self {
        Self {
            version,
            attributes: report.attributes,
            xfam: report.xfam,
            mr_td: report.mr_td,
            mr_config_id: report.mr_config_id,
            mr_owner: report.mr_owner,
            mr_owner_config: report.mr_owner_config,
            rtmrs: report.rtmrs,
            report_data: report.report_data,
            mr_seam: report.mr_seam,
            mr_signer_seam: report.mr_signer_seam,
            seam_attributes: report.seam_attributes,
            tee_tcb_svn: report.tee_tcb_svn,
            tee_tcb_svn2: report.newer.map(|newer| newer.tee_tcb_svn2),
            mr_service_td: report.newer.map(|newer| newer.mr_service_td),
            extension: report.extension,
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
