//! An event: one extension of one register.

use std::fmt;

/// A runtime measurement register of a trust domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// Firmware and its configuration.
    Rtmr0,
    /// Boot loader and kernel.
    Rtmr1,
    /// Command line, initial RAM disk.
    Rtmr2,
    /// The workload's own events.
    Rtmr3,
}

impl Register {
    /// Every register, by number.
    pub const ALL: [Self; 4] = [Self::Rtmr0, Self::Rtmr1, Self::Rtmr2, Self::Rtmr3];

    /// The register of a number, 0 to 3.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// The number, 0 to 3.
    pub fn number(self) -> usize {
        match self {
            Self::Rtmr0 => 0,
            Self::Rtmr1 => 1,
            Self::Rtmr2 => 2,
            Self::Rtmr3 => 3,
        }
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RTMR{}", self.number())
    }
}

/// What the log says that was measured, and how far the digest covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The digest is the SHA-384 of these bytes, so the register vouches for
    /// them.
    Measured(Vec<u8>),
    /// An event of dstack at runtime. The register vouches for both parts.
    Runtime {
        /// Such as `compose-hash`.
        name: String,
        /// The application's bytes.
        payload: Vec<u8>,
    },
    /// An event of the Confidential Containers' log of applications (AAEL). The
    /// register vouches for all parts.
    Application {
        /// Who measured, as a domain name.
        domain: String,
        /// What was done.
        operation: String,
        /// With what.
        content: String,
    },
    /// The digest is of something that the log does not hold, such as an
    /// image. These bytes are a remark that nobody vouches for.
    Stated(Vec<u8>),
}

impl Content {
    /// Whether the register vouches for the content.
    pub fn vouched(&self) -> bool {
        !matches!(self, Self::Stated(_))
    }
}

/// One extension of one register.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The register that was extended.
    pub register: Register,
    /// The type: an `EV_…` number of the TCG PC Client Platform Firmware
    /// Profile, or `0x0800_0001` for dstack's own.
    pub kind: u32,
    /// What the register was extended with (SHA-384).
    pub digest: [u8; 48],
    /// What the log calls this event. Nobody vouches for it.
    pub label: Option<String>,
    /// What was measured.
    pub content: Content,
}
