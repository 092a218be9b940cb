//! The body of a TDX quote: what the TDX module says of a domain.
//!
//! Source: Intel, "TDX DCAP Quoting Library API", appendix A.3.2.

use crate::{
    intel::{cursor::Cursor, error::IntelError},
    tdx::attributes::TdAttributes,
};

/// What the TDX module says of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdReport {
    /// Security versions of TDX at the launch of the domain.
    pub tee_tcb_svn: [u8; 16],
    /// Measurement of the TDX module.
    pub mr_seam: [u8; 48],
    /// Signer of the TDX module; zero stands for Intel.
    pub mr_signer_seam: [u8; 48],
    /// Attributes of the TDX module.
    pub seam_attributes: u64,
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
    /// What TDX 1.5 adds.
    pub newer: Option<TdReport15>,
    /// What the extended form of TDX 1.5 adds.
    pub extension: Option<Box<TdExtension>>,
}

/// What TDX 1.5 adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdReport15 {
    /// Security versions of TDX now, after updates under the running domain.
    pub tee_tcb_svn2: [u8; 16],
    /// Digest of the service domains that were bound at launch.
    pub mr_service_td: [u8; 48],
}

/// What the extended form of TDX 1.5 adds (`sgx_report2_body_v1_5_ex_t`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdExtension {
    /// Which machine of a partitioned domain asked; 0 in one that is not.
    pub vm_id: u8,
    /// Names this instance of the domain.
    pub td_id: [u8; 32],
    /// Digest of the description of attached devices.
    pub device_info: [u8; 48],
    /// Digest of the service domains at creation.
    pub init_service_td_hash: [u8; 48],
    /// Attributes of the service domain at creation.
    pub init_service_td_attributes: u64,
    /// Security versions of the processor at creation.
    pub init_cpu_svn: [u8; 16],
    /// Security versions of TDX at creation.
    pub init_tee_tcb_svn: [u8; 16],
    /// Family of the platform of the creation.
    pub init_fmspc: [u8; 12],
    /// Digest of the service domains that are bound now.
    pub service_td_hash: [u8; 48],
    /// Attributes of the service domain that is bound now.
    pub service_td_attributes: u64,
}

impl TdReport {
    /// Types of bodies of version 5.
    pub(crate) const TYPE_1_0: u16 = 2;
    pub(crate) const TYPE_1_5: u16 = 3;
    pub(crate) const TYPE_1_5_EX: u16 = 4;

    pub(crate) fn parse(cursor: &mut Cursor<'_>, body_type: u16) -> Result<Self, IntelError> {
        let mut report = Self {
            tee_tcb_svn: *cursor.array()?,
            mr_seam: *cursor.array()?,
            mr_signer_seam: *cursor.array()?,
            seam_attributes: cursor.u64()?,
            attributes: TdAttributes(cursor.u64()?),
            xfam: cursor.u64()?,
            mr_td: *cursor.array()?,
            mr_config_id: *cursor.array()?,
            mr_owner: *cursor.array()?,
            mr_owner_config: *cursor.array()?,
            rtmrs: [
                *cursor.array()?,
                *cursor.array()?,
                *cursor.array()?,
                *cursor.array()?,
            ],
            report_data: *cursor.array()?,
            newer: None,
            extension: None,
        };
        if body_type >= Self::TYPE_1_5 {
            report.newer = Some(TdReport15 {
                tee_tcb_svn2: *cursor.array()?,
                mr_service_td: *cursor.array()?,
            });
        }
        if body_type >= Self::TYPE_1_5_EX {
            report.extension = Some(Box::new(TdExtension::parse(cursor)?));
        }
        Ok(report)
    }
}

impl TdExtension {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, IntelError> {
        Ok(Self {
            vm_id: cursor.array::<1>()?[0],
            td_id: *cursor.array()?,
            device_info: *cursor.array()?,
            init_service_td_hash: *cursor.array()?,
            init_service_td_attributes: cursor.u64()?,
            init_cpu_svn: *cursor.array()?,
            init_tee_tcb_svn: *cursor.array()?,
            init_fmspc: *cursor.array()?,
            service_td_hash: *cursor.array()?,
            service_td_attributes: cursor.u64()?,
        })
    }
}
