//! The attributes of a trust domain.

/// Attributes that must be zero (Intel, "TDX Module ABI Specification",
/// 348551-008, table 3.23): bits 1 to 3, 7 to 15, 23 to 26, 32 to 61.
const RESERVED: u64 = 0x3fff_ffff_0780_ff8e;

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

    /// The host may watch the domain through its performance counters.
    pub fn profiled(self) -> bool {
        self.0 & 0x70 != 0
    }

    /// The processor hinders attacks that count single steps.
    pub fn single_step_defence(self) -> bool {
        self.0 >> 16 & 1 == 1
    }

    /// The domain may use protection keys for its kernel.
    pub fn supervisor_keys(self) -> bool {
        self.0 >> 30 & 1 == 1
    }

    /// The domain may use the key locker.
    pub fn key_locker(self) -> bool {
        self.0 >> 31 & 1 == 1
    }

    /// The domain may use performance counters of its own.
    pub fn performance_counters(self) -> bool {
        self.0 >> 63 == 1
    }

    /// The reserved bits that are set.
    pub fn reserved(self) -> u64 {
        self.0 & RESERVED
    }

    /// The domain may be moved to another platform.
    pub fn migratable(self) -> bool {
        self.0 >> 29 & 1 == 1
    }
}
