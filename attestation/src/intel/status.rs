//! Intel's judgement of a platform, and how several are joined.

use std::{fmt, str::FromStr};

/// Intel's judgement of a platform's firmware (PCS v4, `tcbStatus`), joined
/// over platform, TDX module and quoting enclave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TcbStatus {
    /// Nothing to mend.
    UpToDate,
    /// Software must harden itself against known flaws.
    SwHardeningNeeded,
    /// The platform must be configured otherwise.
    ConfigurationNeeded,
    /// Both of the former.
    ConfigurationAndSwHardeningNeeded,
    /// The domain was launched on old firmware that has been updated since.
    TdRelaunchAdvised,
    /// As before, and the platform must be configured otherwise.
    TdRelaunchAdvisedConfigurationNeeded,
    /// The firmware is old.
    OutOfDate,
    /// The firmware is old, and the platform must be configured otherwise.
    OutOfDateConfigurationNeeded,
    /// The platform is not to be trusted at all.
    Revoked,
}

impl TcbStatus {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::UpToDate,
        Self::SwHardeningNeeded,
        Self::ConfigurationNeeded,
        Self::ConfigurationAndSwHardeningNeeded,
        Self::TdRelaunchAdvised,
        Self::TdRelaunchAdvisedConfigurationNeeded,
        Self::OutOfDate,
        Self::OutOfDateConfigurationNeeded,
        Self::Revoked,
    ];

    /// Intel's name of the status.
    pub fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::SwHardeningNeeded => "SWHardeningNeeded",
            Self::ConfigurationNeeded => "ConfigurationNeeded",
            Self::ConfigurationAndSwHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
            Self::TdRelaunchAdvised => "TDRelaunchAdvised",
            Self::TdRelaunchAdvisedConfigurationNeeded => "TDRelaunchAdvisedConfigurationNeeded",
            Self::OutOfDate => "OutOfDate",
            Self::OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
            Self::Revoked => "Revoked",
        }
    }
}

impl fmt::Display for TcbStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is not one of Intel's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown TCB status `{0}`")]
pub struct UnknownTcbStatus(pub String);

impl FromStr for TcbStatus {
    type Err = UnknownTcbStatus;

    fn from_str(name: &str) -> Result<Self, UnknownTcbStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == name)
            .ok_or_else(|| UnknownTcbStatus(name.to_owned()))
    }
}

impl TcbStatus {
    /// What TCB information says of platforms.
    pub(crate) const OF_PLATFORMS: [Self; 7] = [
        Self::UpToDate,
        Self::SwHardeningNeeded,
        Self::ConfigurationNeeded,
        Self::ConfigurationAndSwHardeningNeeded,
        Self::OutOfDate,
        Self::OutOfDateConfigurationNeeded,
        Self::Revoked,
    ];
    /// What TCB information says of TDX modules.
    pub(crate) const OF_MODULES: [Self; 3] = [Self::UpToDate, Self::OutOfDate, Self::Revoked];
    /// What an identity says of quoting enclaves.
    pub(crate) const OF_QUOTING_ENCLAVES: [Self; 5] = [
        Self::UpToDate,
        Self::ConfigurationNeeded,
        Self::OutOfDate,
        Self::OutOfDateConfigurationNeeded,
        Self::Revoked,
    ];

    /// The status of a platform, joined with that of its TDX module or its
    /// quoting enclave. Of such a part only its age counts.
    pub(crate) fn joined_with_part(self, part: Self) -> Self {
        match (part, self) {
            (Self::Revoked, _) => Self::Revoked,
            (Self::OutOfDate, Self::UpToDate | Self::SwHardeningNeeded) => Self::OutOfDate,
            (
                Self::OutOfDate,
                Self::ConfigurationNeeded | Self::ConfigurationAndSwHardeningNeeded,
            ) => Self::OutOfDateConfigurationNeeded,
            _ => self,
        }
    }

    /// The status of a domain that was launched under `self` and runs on what
    /// is `current` now: if only the launch was out of date, launching it
    /// again mends it.
    pub(crate) fn joined_with_current(self, current: Self) -> Self {
        let launch_is_old = matches!(self, Self::OutOfDate | Self::OutOfDateConfigurationNeeded);
        let current_is_new = matches!(
            current,
            Self::UpToDate
                | Self::SwHardeningNeeded
                | Self::ConfigurationNeeded
                | Self::ConfigurationAndSwHardeningNeeded
        );
        if !launch_is_old || !current_is_new {
            return self;
        }
        if self.asks_for_configuration() || current.asks_for_configuration() {
            Self::TdRelaunchAdvisedConfigurationNeeded
        } else {
            Self::TdRelaunchAdvised
        }
    }

    fn asks_for_configuration(self) -> bool {
        matches!(
            self,
            Self::ConfigurationNeeded
                | Self::ConfigurationAndSwHardeningNeeded
                | Self::OutOfDateConfigurationNeeded
                | Self::TdRelaunchAdvisedConfigurationNeeded
        )
    }
}
