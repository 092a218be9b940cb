//! The rules of an appraisal policy, as they are written in TOML.

pub mod intel;
pub mod nitro;
pub mod snp;

use serde::{Deserialize, Serialize};

use crate::{
    policy::{
        choice::Unknown,
        rules::{
            intel::{SgxRules, TdxRules},
            nitro::NitroRules,
            snp::SnpRules,
        },
        tier::TierEntry,
    },
    reference_values::Accepted,
};

/// What a policy is for. It settles which roots count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Real hardware, and no dangerous choice.
    Production,
    /// Real hardware, dangerous choices allowed: to look at evidence.
    Evaluation,
    /// Simulated hardware.
    Development,
}

impl Kind {
    /// The kind's name in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Evaluation => "evaluation",
            Self::Development => "development",
        }
    }
}

/// A policy as it is written. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The policy's name, for messages.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// How long a verdict lasts.
    #[serde(default = "Rules::verdict_lifetime_default")]
    pub verdict_lifetime_s: u64,
    /// How old evidence may be, where it says when it was made.
    #[serde(default = "Rules::evidence_age_default")]
    pub evidence_age_max_s: u64,
    /// How old Intel's TCB information, QE identity and PCK revocation list
    /// may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collateral_age_max_s: Option<u64>,
    /// What is made of a claim that a rule asks for and that the evidence does
    /// not state.
    #[serde(default)]
    pub unknown: Unknown,
    /// Lowest tier of trust, 1 to 3.
    #[serde(default = "Rules::tier_default")]
    pub tier_min: u8,
    /// Refuse hardware that `hardware_allow` does not list.
    #[serde(default)]
    pub require_listed_hardware: bool,
    /// The only pieces of hardware that are accepted, by their ids
    /// (`amd-chip:…`, `intel-ppid:…`, `aws-module:…`); `*` at the end stands
    /// for anything. Empty: any, unless the rule above is set.
    #[serde(default)]
    pub hardware_allow: Vec<String>,
    /// Pieces of hardware that are refused, likewise.
    #[serde(default)]
    pub hardware_deny: Vec<String>,
    /// Accept evidence with parts that `require_part` does not name. Each is
    /// judged like the others.
    #[serde(default)]
    pub allow_undeclared_parts: bool,
    /// Accept any workload at all.
    #[serde(default)]
    pub dangerous_accept_any_measurement: bool,
    /// The accepted workloads.
    #[serde(default)]
    pub accept: Vec<Accepted>,
    /// Tiers that this policy sees otherwise than the table that is built in.
    #[serde(default)]
    pub tier: Vec<TierEntry>,
    /// Parts that composite evidence must have besides the lead.
    #[serde(default)]
    pub require_part: Vec<RequiredPart>,
    /// Rules for AMD SEV-SNP; without them it is not accepted.
    #[serde(default, rename = "sev-snp", skip_serializing_if = "Option::is_none")]
    pub sev_snp: Option<SnpRules>,
    /// Rules for Intel TDX; without them it is not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tdx: Option<TdxRules>,
    /// Rules for Intel SGX; without them it is not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sgx: Option<SgxRules>,
    /// Rules for AWS Nitro; without them it is not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nitro: Option<NitroRules>,
}

/// A part that composite evidence must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredPart {
    /// The part's name.
    pub name: String,
    /// The kind of TEE that must have made it.
    pub tee: String,
}

impl Rules {
    fn verdict_lifetime_default() -> u64 {
        7 * 24 * 3600
    }

    fn evidence_age_default() -> u64 {
        3600
    }

    fn tier_default() -> u8 {
        2
    }
}
