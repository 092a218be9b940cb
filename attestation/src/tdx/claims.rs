//! What a verified TDX quote says.

use crate::intel::status::TcbStatus;

/// The attributes of a trust domain (`TDATTRIBUTES`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdAttributes(pub u64);

impl TdAttributes {
    /// The host may look into the domain: bits 0 to 7, the group that Intel
    /// calls TUD (TD under debug).
    pub fn debug(self) -> bool {
        self.0 & 0xff != 0
    }

    /// An exception from the host cannot turn into a silent page swap.
    pub fn sept_ve_disable(self) -> bool {
        self.0 >> 28 & 1 == 1
    }

    /// The domain uses the extension for service domains.
    pub fn service_td_extension(self) -> bool {
        self.0 >> 17 & 1 == 1
    }

    /// The domain may be moved to another platform.
    pub fn migratable(self) -> bool {
        self.0 >> 29 & 1 == 1
    }
}

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
    /// Security versions of the TDX module at launch.
    pub tee_tcb_svn: [u8; 16],
    /// Security versions of the TDX module now (TDX 1.5).
    pub tee_tcb_svn2: Option<[u8; 16]>,
    /// Service domains bound to this one (TDX 1.5); zero if none.
    pub mr_service_td: Option<[u8; 48]>,
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
    /// When the first part of the collateral runs out (Unix milliseconds).
    pub collateral_expires_ms: u64,
}
