//! What a verified SEV-SNP report says.
//!
//! Fields of bits are kept whole: a bit without a name is not an error, but
//! [`GuestPolicy::unknown_bits`] and its like tell a policy of it.
//!
//! Source: AMD 56860, `ATTESTATION_REPORT`.

use crate::snp::{
    product::{Product, TcbVersion},
    report::{Cpuid, FirmwareVersion},
};

/// Which of the platform's keys signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningKey {
    /// Versioned Chip Endorsement Key: of one chip.
    Vcek,
    /// Versioned Loaded Endorsement Key: of a cloud provider's fleet.
    Vlek {
        /// The provider's id (`CSP_ID`).
        csp_id: String,
    },
}

/// The launch policy of the guest (`POLICY`): what it demands of a platform
/// and what it grants to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestPolicy(pub u64);

impl GuestPolicy {
    /// Lowest firmware interface that the guest may run on: minor number.
    pub fn abi_minor(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    /// Lowest firmware interface that the guest may run on: major number.
    pub fn abi_major(self) -> u8 {
        self.0.to_le_bytes()[1]
    }

    /// The guest may run beside other threads of its cores.
    pub fn smt(self) -> bool {
        bit(self.0, 16)
    }

    /// A migration agent may move the guest.
    pub fn migration_agent(self) -> bool {
        bit(self.0, 18)
    }

    /// The host may read and write the guest's memory.
    pub fn debug(self) -> bool {
        bit(self.0, 19)
    }

    /// The guest may run on one socket only.
    pub fn single_socket(self) -> bool {
        bit(self.0, 20)
    }

    /// Memory and devices may be attached over CXL.
    pub fn cxl(self) -> bool {
        bit(self.0, 21)
    }

    /// Memory must be encrypted with AES-256-XTS.
    pub fn aes_256_xts(self) -> bool {
        bit(self.0, 22)
    }

    /// Power consumption must not be measurable (`RAPL_DIS`).
    pub fn rapl_disabled(self) -> bool {
        bit(self.0, 23)
    }

    /// The host must not be able to read ciphertext.
    pub fn ciphertext_hiding(self) -> bool {
        bit(self.0, 24)
    }

    /// The host must not move or swap the guest's pages.
    pub fn page_swap_disabled(self) -> bool {
        bit(self.0, 25)
    }

    /// The bits that have no name here.
    pub fn unknown_bits(self) -> u64 {
        self.0 & !0x03ff_ffff
    }
}

/// How the platform is configured (`PLATFORM_INFO`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformInfo(pub u64);

impl PlatformInfo {
    /// Simultaneous multi-threading is on.
    pub fn smt(self) -> bool {
        bit(self.0, 0)
    }

    /// All of the memory is encrypted (`TSME`).
    pub fn tsme(self) -> bool {
        bit(self.0, 1)
    }

    /// The memory corrects errors.
    pub fn ecc(self) -> bool {
        bit(self.0, 2)
    }

    /// Power consumption cannot be measured (`RAPL_DIS`).
    pub fn rapl_disabled(self) -> bool {
        bit(self.0, 3)
    }

    /// The host cannot read ciphertext.
    pub fn ciphertext_hiding(self) -> bool {
        bit(self.0, 4)
    }

    /// The firmware found no aliased memory since the last reset (the answer
    /// to `BadRAM`).
    pub fn alias_check_complete(self) -> bool {
        bit(self.0, 5)
    }

    /// Devices may be attached to guests (`SEV-TIO`).
    pub fn tio(self) -> bool {
        bit(self.0, 7)
    }

    /// The bits that have no name here. Turin sets bit 6, which is reserved.
    pub fn unknown_bits(self) -> u64 {
        self.0 & !0b1011_1111
    }
}

/// About the key that signed (`KEY_INFO`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInfo(pub u32);

impl KeyInfo {
    /// The digest of the author key is in the report (`AUTHOR_KEY_EN`).
    pub fn author_key(self) -> bool {
        bit(self.0.into(), 0)
    }

    /// The host keeps the chip's key from being used (`MASK_CHIP_KEY`).
    pub fn chip_key_masked(self) -> bool {
        bit(self.0.into(), 1)
    }

    /// The kind of key, a number of three bits: see
    /// [`KeyKind`](crate::snp::key::KeyKind).
    pub fn signing_key(self) -> u32 {
        self.0 >> 2 & 0b111
    }

    /// The bits that have no name here.
    pub fn unknown_bits(self) -> u32 {
        self.0 >> 5
    }
}

fn bit(bits: u64, bit: u32) -> bool {
    bits >> bit & 1 == 1
}

/// Mitigation vectors of reports from version 5 on: which known flaws the
/// firmware mends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mitigations {
    /// At the launch of the guest.
    pub launch: u64,
    /// Now.
    pub current: u64,
}

/// The claims of a verified report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnpClaims {
    /// Version of the report's format, 2 to 5.
    pub version: u32,
    /// The processor family, as the certificates name it.
    pub product: Product,
    /// The processor, from report version 3 on.
    pub cpuid: Option<Cpuid>,
    /// The key that signed.
    pub signing_key: SigningKey,
    /// About that key.
    pub key_info: KeyInfo,
    /// Security version of the guest.
    pub guest_svn: u32,
    /// Launch policy.
    pub policy: GuestPolicy,
    /// Family of the guest, as its owner named it.
    pub family_id: [u8; 16],
    /// Image of the guest, as its owner named it.
    pub image_id: [u8; 16],
    /// Privilege level of the one who asked: 0 is the highest.
    pub vmpl: u32,
    /// Configuration of the platform.
    pub platform_info: PlatformInfo,
    /// The guest's own bytes.
    pub report_data: [u8; 64],
    /// Measurement of the guest's memory at launch.
    pub measurement: [u8; 48],
    /// The host's own bytes, given at launch.
    pub host_data: [u8; 32],
    /// Digest of the key that signed the guest's id block; zero if none.
    pub id_key_digest: [u8; 48],
    /// Digest of the key that certified the id key; zero if none.
    pub author_key_digest: [u8; 48],
    /// Names this guest as long as it lives.
    pub report_id: [u8; 32],
    /// Names the guest's migration agent; all ones if it has none.
    pub report_id_ma: [u8; 32],
    /// The chip: under a VCEK, as its certificate says; under a VLEK, as the
    /// report does, which the host may mask with zeros.
    pub chip_id: [u8; 64],
    /// Whether the report shows zeros instead of the chip (`MASK_CHIP_ID`).
    pub chip_id_masked: bool,
    /// Firmware that runs now.
    pub current_tcb: TcbVersion,
    /// Firmware that the signing key is derived from.
    pub reported_tcb: TcbVersion,
    /// Firmware below which the platform cannot go back.
    pub committed_tcb: TcbVersion,
    /// Firmware at the launch of the guest.
    pub launch_tcb: TcbVersion,
    /// Version of the SNP firmware that runs now.
    pub current_firmware: FirmwareVersion,
    /// Version of the SNP firmware below which the platform cannot go back.
    /// Lower than the current one, it tells of provisional firmware.
    pub committed_firmware: FirmwareVersion,
    /// Mitigations, from report version 5 on.
    pub mitigations: Option<Mitigations>,
    /// When the first certificate or list of the chain expires (Unix
    /// milliseconds).
    pub chain_expires_ms: u64,
    /// Whether a revocation list was available and lists no certificate.
    pub revocation_checked: bool,
}
