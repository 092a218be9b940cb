//! How a platform compares with the TCB levels that Intel lists.

use std::fmt;

use crate::intel::status::TcbStatus;

/// The levels that the status of a platform rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcbLevels {
    /// The level that the platform meets.
    pub platform: Level,
    /// The newest level that Intel lists for such platforms.
    pub newest: Level,
    /// The level that the TDX module meets; `None` for SGX, and for modules
    /// that have no levels of their own.
    pub module: Option<Level>,
    /// The level that the quoting enclave meets.
    pub quoting_enclave: Level,
    /// For TDX 1.5, what platform and module are after all updates under the
    /// running domain.
    pub current: Option<TcbStatus>,
    /// The date of the first level, newer than the one that is met, that the
    /// platform, its module or its quoting enclave does not meet (Unix
    /// milliseconds): since then it is behind.
    pub missed_since_ms: Option<u64>,
    /// What is missing to the newest levels.
    pub behind: Vec<Shortfall>,
}

/// A level of a platform or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Intel's judgement of it.
    pub status: TcbStatus,
    /// Its date (Unix milliseconds).
    pub date_ms: u64,
    /// The advisories (`INTEL-SA-…`) that apply to it.
    pub advisories: Vec<String>,
}

/// A component that is older than a level asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Which component.
    pub component: Component,
    /// Its security version.
    pub have: u16,
    /// The one that the level asks for.
    pub need: u16,
}

/// A component with a security version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Component {
    /// A component of the platform.
    Sgx {
        /// Its place, from 0 on.
        index: u8,
        /// Intel's name for it; empty if there is none.
        name: String,
    },
    /// A component of TDX.
    Tdx {
        /// Its place, from 0 on.
        index: u8,
        /// Intel's name for it; empty if there is none.
        name: String,
    },
    /// The provisioning certification enclave.
    Pce,
    /// The TDX module.
    Module,
    /// The quoting enclave.
    QuotingEnclave,
}

#[cfg(test)]
impl TcbLevels {
    /// All is well, for tests of what rests on claims.
    pub(crate) fn up_to_date() -> Self {
        let level = Level {
            status: TcbStatus::UpToDate,
            date_ms: 0,
            advisories: Vec::new(),
        };
        Self {
            platform: level.clone(),
            newest: level.clone(),
            module: None,
            quoting_enclave: level,
            current: None,
            missed_since_ms: None,
            behind: Vec::new(),
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tee, index, name) = match self {
            Self::Sgx { index, name } => ("SGX", index, name),
            Self::Tdx { index, name } => ("TDX", index, name),
            Self::Pce => return f.write_str("PCE"),
            Self::Module => return f.write_str("TDX module"),
            Self::QuotingEnclave => return f.write_str("quoting enclave"),
        };
        write!(f, "{tee} component {index}")?;
        if !name.is_empty() {
            write!(f, " ({name})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            component,
            have,
            need,
        } = self;
        write!(f, "{component} at {have}, {need} needed")
    }
}

impl Shortfall {
    /// The shortfall as a sentence to the platform's operator.
    pub(crate) fn sentence(&self) -> String {
        self.sentence_with("")
    }

    /// The same with the date of the level, such as ` of 2026-02`.
    pub(crate) fn sentence_with(&self, date: &str) -> String {
        let Self {
            component,
            have,
            need,
        } = self;
        format!("{component} at SVN {need}{date} needed; you have {have}")
    }

    /// The shortfalls as the end of a sentence.
    pub(crate) fn list(shortfalls: &[Self]) -> String {
        let list: Vec<_> = shortfalls.iter().map(Self::to_string).collect();
        if list.is_empty() {
            return String::new();
        }
        format!(": {}", list.join("; "))
    }
}
