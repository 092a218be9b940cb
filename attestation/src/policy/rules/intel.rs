//! The rules for Intel TDX and SGX, as they are written.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::intel::status::TcbStatus;

/// Rules for Intel TDX.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the policy's text"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TdxRules {
    /// Accepted judgements of Intel on the platform, by Intel's names.
    pub statuses: BTreeSet<String>,
    /// How long an out-of-date platform is still accepted, in seconds from the
    /// date of the first newer TCB level that it does not meet.
    pub status_grace_s: u64,
    /// How long collateral is still used after it expired, in seconds.
    pub collateral_grace_s: u64,
    /// Advisories (`INTEL-SA-…`) that refuse a platform they apply to.
    pub denied_advisories: BTreeSet<String>,
    /// If given: the only advisories that may apply to a platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_advisories: Option<BTreeSet<String>>,
    /// Lowest accepted evaluation number of the collateral.
    pub evaluation_number_min: u32,
    /// Lowest security versions of the TDX module, component by component
    /// (`TEE_TCB_SVN`): both at launch and now.
    pub tee_tcb_svn_min: Vec<u8>,
    /// Require an event log that matches the run-time registers.
    pub require_event_log: bool,
    /// Require that simultaneous multi-threading is off, as far as the PCK
    /// certificate tells.
    pub require_smt_off: bool,
    /// Accept domains that the host may look into (bit 0).
    pub dangerous_allow_debug: bool,
    /// Accept domains that the host may profile (bits 1 to 7).
    pub dangerous_allow_profiling: bool,
    /// Accept domains that may be moved to another platform.
    pub dangerous_allow_migration: bool,
    /// Accept domains with service domains bound to them.
    pub dangerous_allow_service_td: bool,
    /// Accept domains whose pages the host can fault silently: those without
    /// `SEPT_VE_DISABLE`.
    pub dangerous_allow_sept_ve: bool,
}

/// Rules for Intel SGX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgxRules {
    /// Accepted judgements of Intel on the platform, by Intel's names.
    pub statuses: BTreeSet<String>,
    /// How long an out-of-date platform is still accepted, in seconds from the
    /// date of the first newer TCB level that it does not meet.
    pub status_grace_s: u64,
    /// How long collateral is still used after it expired, in seconds.
    pub collateral_grace_s: u64,
    /// Advisories (`INTEL-SA-…`) that refuse a platform they apply to.
    pub denied_advisories: BTreeSet<String>,
    /// If given: the only advisories that may apply to a platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_advisories: Option<BTreeSet<String>>,
    /// Lowest accepted evaluation number of the collateral.
    pub evaluation_number_min: u32,
    /// Lowest security version of the enclave (`ISVSVN`).
    pub isv_svn_min: u16,
    /// Require that simultaneous multi-threading is off, as far as the PCK
    /// certificate tells.
    pub require_smt_off: bool,
    /// Accept enclaves that the host may look into.
    pub dangerous_allow_debug: bool,
}

fn up_to_date() -> BTreeSet<String> {
    BTreeSet::from([TcbStatus::UpToDate.name().to_owned()])
}

impl Default for TdxRules {
    /// The strict choice of each rule.
    fn default() -> Self {
        Self {
            statuses: up_to_date(),
            status_grace_s: 0,
            collateral_grace_s: 0,
            denied_advisories: BTreeSet::new(),
            accepted_advisories: None,
            evaluation_number_min: 0,
            tee_tcb_svn_min: Vec::new(),
            require_event_log: false,
            require_smt_off: false,
            dangerous_allow_debug: false,
            dangerous_allow_profiling: false,
            dangerous_allow_migration: false,
            dangerous_allow_service_td: false,
            dangerous_allow_sept_ve: false,
        }
    }
}

impl Default for SgxRules {
    /// The strict choice of each rule.
    fn default() -> Self {
        Self {
            statuses: up_to_date(),
            status_grace_s: 0,
            collateral_grace_s: 0,
            denied_advisories: BTreeSet::new(),
            accepted_advisories: None,
            evaluation_number_min: 0,
            isv_svn_min: 0,
            require_smt_off: false,
            dangerous_allow_debug: false,
        }
    }
}

/// The rules on an Intel platform, which TDX and SGX share.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct PlatformRules<'a> {
    /// `tdx` or `sgx`: where the keys stand.
    pub(in crate::policy) table: &'static str,
    pub(in crate::policy) statuses: &'a BTreeSet<String>,
    pub(in crate::policy) status_grace_s: u64,
    pub(in crate::policy) collateral_grace_s: u64,
    pub(in crate::policy) denied_advisories: &'a BTreeSet<String>,
    pub(in crate::policy) accepted_advisories: Option<&'a BTreeSet<String>>,
    pub(in crate::policy) evaluation_number_min: u32,
}

impl TdxRules {
    pub(in crate::policy) fn platform(&self) -> PlatformRules<'_> {
        PlatformRules {
            table: "tdx",
            statuses: &self.statuses,
            status_grace_s: self.status_grace_s,
            collateral_grace_s: self.collateral_grace_s,
            denied_advisories: &self.denied_advisories,
            accepted_advisories: self.accepted_advisories.as_ref(),
            evaluation_number_min: self.evaluation_number_min,
        }
    }
}

impl SgxRules {
    pub(in crate::policy) fn platform(&self) -> PlatformRules<'_> {
        PlatformRules {
            table: "sgx",
            statuses: &self.statuses,
            status_grace_s: self.status_grace_s,
            collateral_grace_s: self.collateral_grace_s,
            denied_advisories: &self.denied_advisories,
            accepted_advisories: self.accepted_advisories.as_ref(),
            evaluation_number_min: self.evaluation_number_min,
        }
    }
}
