//! The report of an SGX enclave (Intel SDM, volume 3D, `REPORTBODY`).

use crate::intel::{cursor::Cursor, error::IntelError};

/// What the processor says of an enclave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SgxReport {
    /// Security versions of the processor when the report was made.
    pub cpu_svn: [u8; 16],
    /// Which extended state is saved at an exception.
    pub misc_select: u32,
    /// Extended product id.
    pub isv_ext_prod_id: [u8; 16],
    /// Attributes of the enclave.
    pub attributes: SgxAttributes,
    /// Measurement of the enclave.
    pub mr_enclave: [u8; 32],
    /// Digest of the key that signed the enclave.
    pub mr_signer: [u8; 32],
    /// Configuration that was handed in at launch.
    pub config_id: [u8; 64],
    /// Product id, given by the signer.
    pub isv_prod_id: u16,
    /// Security version, given by the signer.
    pub isv_svn: u16,
    /// Security version of the configuration.
    pub config_svn: u16,
    /// Family of the product.
    pub isv_family_id: [u8; 16],
    /// The enclave's own bytes.
    pub report_data: [u8; 64],
    /// Whether all reserved bytes are zero.
    pub(crate) reserved_are_zero: bool,
}

/// Attributes of an enclave: flags and the extended features that it may use,
/// as they stand in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SgxAttributes(pub [u8; 16]);

impl SgxAttributes {
    /// The host may look into the enclave.
    pub fn debug(self) -> bool {
        self.0[0] & 0x02 != 0
    }

    /// The enclave may ask for the provisioning key.
    pub fn provision_key(self) -> bool {
        self.0[0] & 0x10 != 0
    }

    /// The enclave checks who shares keys with it (`KSS`): its extended
    /// product id, configuration and family are in use.
    pub fn key_separation(self) -> bool {
        self.0[0] & 0x80 != 0
    }
}

impl SgxReport {
    pub(crate) const BYTES: usize = 384;

    pub(crate) fn parse(bytes: &[u8; Self::BYTES]) -> Result<Self, IntelError> {
        let mut cursor = Cursor::new(bytes, "enclave report");
        let cpu_svn = *cursor.array()?;
        let misc_select = cursor.u32()?;
        let reserved_1 = cursor.bytes(12)?;
        let isv_ext_prod_id = *cursor.array()?;
        let attributes = SgxAttributes(*cursor.array()?);
        let mr_enclave = *cursor.array()?;
        let reserved_2 = cursor.bytes(32)?;
        let mr_signer = *cursor.array()?;
        let reserved_3 = cursor.bytes(32)?;
        let config_id = *cursor.array()?;
        let isv_prod_id = cursor.u16()?;
        let isv_svn = cursor.u16()?;
        let config_svn = cursor.u16()?;
        let reserved_4 = cursor.bytes(42)?;
        let isv_family_id = *cursor.array()?;
        let report_data = *cursor.array()?;
        cursor.end()?;
        let reserved = [reserved_1, reserved_2, reserved_3, reserved_4];
        Ok(Self {
            cpu_svn,
            misc_select,
            isv_ext_prod_id,
            attributes,
            mr_enclave,
            mr_signer,
            config_id,
            isv_prod_id,
            isv_svn,
            config_svn,
            isv_family_id,
            report_data,
            reserved_are_zero: reserved.concat().iter().all(|byte| *byte == 0),
        })
    }
}
