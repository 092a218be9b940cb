//! Claims: what genuine evidence says, in one shape for all TEEs.
//!
//! Invariants:
//! - only verification makes [`Claims`], so holding them means that the
//!   evidence is genuine under the roots it was verified with;
//! - claims say nothing about whether the workload is the right one: that is
//!   for a policy to judge.

use std::fmt;

use synod_crypto::Digest;

use crate::{
    eventlog::BoundLog,
    intel::status::TcbStatus,
    measurement::Measurement,
    nitro::claims::NitroClaims,
    report_data::ReportData,
    sgx::claims::SgxClaims,
    snp::{
        claims::SnpClaims,
        product::{Product, TcbVersion},
    },
    tdx::claims::TdxClaims,
    tee::Tee,
};

/// Names a piece of hardware: `amd-chip:…`, `intel-ppid:…`, `aws-module:…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwareId(pub(crate) String);

impl HardwareId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names one piece of hardware: a fleet of them, which some
    /// clouds name instead, is many.
    pub fn is_one_piece(&self) -> bool {
        self.is_stated() && !self.0.starts_with("amd-fleet:")
    }

    /// Whether it names anything: some hosts hide their chips, and leave
    /// zeros.
    pub fn is_stated(&self) -> bool {
        let (_, name) = self.0.split_once(':').unwrap_or(("", &self.0));
        name.bytes().any(|byte| byte != b'0')
    }

    /// What stays the same for everything that runs on the same machine, now and later; none where
    /// the id names no machine: a hidden chip, or a fleet of them. An AWS module is an enclave of
    /// an instance; the instance stays.
    pub fn machine(&self) -> Option<&str> {
        let (kind, _) = self.0.split_once(':').filter(|_| self.is_stated())?;
        match kind {
            "amd-chip" | "intel-ppid" => Some(&self.0),
            "aws-module" => self.0.split_once("-enc").map(|(instance, _)| instance),
            _ => None,
        }
    }
}

impl fmt::Display for HardwareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How recent the platform's firmware is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcb {
    /// AMD: versions, to be compared with a minimum TCB.
    Snp(Product, TcbVersion),
    /// Intel: its own judgement.
    Intel(TcbStatus),
    /// AWS publishes nothing about it: it keeps its platforms up to date itself.
    Unstated,
}

impl fmt::Display for Tcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snp(product, version) => write!(f, "{product}: {version}"),
            Self::Intel(status) => status.fmt(f),
            Self::Unstated => f.write_str("not stated"),
        }
    }
}

/// The part of the claims that one kind of TEE has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Details {
    /// AMD SEV-SNP.
    Snp(Box<SnpClaims>),
    /// Intel TDX.
    Tdx(Box<TdxClaims>),
    /// Intel SGX.
    Sgx(Box<SgxClaims>),
    /// AWS Nitro.
    Nitro(Box<NitroClaims>),
}

/// The claims of genuine evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// The kind of TEE.
    pub tee: Tee,
    /// What runs in it.
    pub measurement: Measurement,
    /// What it runs on.
    pub hardware_id: HardwareId,
    /// How recent the platform is.
    pub tcb: Tcb,
    /// Whether the host may look into the TEE.
    pub debug: bool,
    /// What the workload bound; `None` if it bound no 64 bytes.
    pub report_data: Option<ReportData>,
    /// Whether the root is a simulated one: then no hardware vouches for any
    /// of this.
    pub simulated: bool,
    /// SHA-256 of the root certificate.
    pub root: Digest,
    /// When the evidence was made, where it says so (Unix milliseconds).
    pub made_ms: Option<u64>,
    /// When the oldest of the vendor's dated statements on the platform was
    /// made (Unix milliseconds); `None` if none is dated.
    pub endorsed_since_ms: Option<u64>,
    /// When the first endorsement of the platform expires (Unix milliseconds);
    /// `None` if the vendor sets no end.
    pub endorsed_until_ms: Option<u64>,
    /// The event logs that came along, replayed and bound to the registers.
    pub logs: Vec<BoundLog>,
    /// Of composite evidence, the parts beside this lead, by their names.
    pub parts: Vec<(String, Claims)>,
    /// The rest, by kind of TEE.
    pub details: Details,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fleet_of_hardware_and_hidden_hardware_are_not_one_piece() {
        let is_one_piece = |id: &str| HardwareId(id.to_owned()).is_one_piece();
        assert!(is_one_piece("amd-chip:01") && is_one_piece("intel-ppid:a0"));
        assert!(!is_one_piece("amd-fleet:some-cloud"));
        assert!(!is_one_piece("amd-chip:0000"));
    }

    #[test]
    fn machine_is_what_outlives_a_restart_and_never_a_fleet() {
        let machine = |id: &str| HardwareId(id.to_owned()).machine().map(str::to_owned);
        let same = |id: &str| Some(id.to_owned());
        assert_eq!(machine("amd-chip:0a01"), same("amd-chip:0a01"));
        assert_eq!(machine("intel-ppid:0b02"), same("intel-ppid:0b02"));
        let instance = "aws-module:i-0123456789abcdef0";
        assert_eq!(machine(&format!("{instance}-enc0987")), same(instance));
        assert_eq!(machine("aws-module:whatever"), None);
        assert_eq!(machine("amd-fleet:cloud.example"), None);
        assert_eq!(machine("amd-chip:0000"), None, "a host that hides its chip");
        assert_eq!(machine("chip"), None);
    }
}
