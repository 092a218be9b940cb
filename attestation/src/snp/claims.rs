//! What a verified SEV-SNP report says.

use crate::snp::product::{Product, TcbVersion};

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

/// The launch policy of the guest (`POLICY`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestPolicy(pub u64);

impl GuestPolicy {
    /// The host may read and write the guest's memory.
    pub fn debug(self) -> bool {
        self.bit(19)
    }

    /// A migration agent may move the guest.
    pub fn migration_agent(self) -> bool {
        self.bit(18)
    }

    /// The guest may run beside other threads of its cores.
    pub fn smt(self) -> bool {
        self.bit(16)
    }

    /// The guest may run on one socket only.
    pub fn single_socket(self) -> bool {
        self.bit(20)
    }

    fn bit(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }
}

/// How the platform is configured (`PLATFORM_INFO`). Bits without a method
/// are kept, and judged by nobody yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformInfo(pub u64);

impl PlatformInfo {
    /// Simultaneous multi-threading is on.
    pub fn smt(self) -> bool {
        self.bit(0)
    }

    /// The host cannot read ciphertext.
    pub fn ciphertext_hiding(self) -> bool {
        self.bit(4)
    }

    /// The firmware found no aliased memory since the last reset (the answer
    /// to `BadRAM`).
    pub fn alias_check_complete(self) -> bool {
        self.bit(5)
    }

    fn bit(self, bit: u32) -> bool {
        self.0 >> bit & 1 == 1
    }
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
    /// The key that signed.
    pub signing_key: SigningKey,
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
    /// The chip; zero if the host masks it (`MASK_CHIP_ID`).
    pub chip_id: [u8; 64],
    /// Firmware that runs now.
    pub current_tcb: TcbVersion,
    /// Firmware that the signing key is derived from.
    pub reported_tcb: TcbVersion,
    /// Firmware below which the platform cannot go back.
    pub committed_tcb: TcbVersion,
    /// Firmware at the launch of the guest.
    pub launch_tcb: TcbVersion,
    /// Mitigations, from report version 5 on.
    pub mitigations: Option<Mitigations>,
    /// When the first certificate of the chain runs out (Unix milliseconds).
    pub chain_expires_ms: u64,
    /// Whether a revocation list was at hand and lists no certificate.
    pub revocation_checked: bool,
}
