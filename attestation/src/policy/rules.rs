//! The rules of an appraisal policy, and their TOML form.
//!
//! Invariants:
//! - a policy of kind `production` holds vendors' roots and no `dangerous_`
//!   choice;
//! - two policies with the same rules have the same digest, however they were
//!   written.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use synod_crypto::{Digest, sha256};

use crate::{
    anchors::{Anchors, MockRoots, VendorRoots},
    intel::status::TcbStatus,
    measurement::Measurement,
    snp::product::{Product, TcbVersion},
    tee::Tee,
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

/// The rules by which evidence is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Rules", into = "Rules")]
pub struct Policy {
    rules: Rules,
    accepted: BTreeMap<(Tee, Measurement), String>,
    anchors: Anchors,
    digest: Digest,
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
    /// Accept any workload at all.
    #[serde(default)]
    pub dangerous_accept_any_measurement: bool,
    /// The accepted workloads.
    #[serde(default)]
    pub accept: Vec<Accepted>,
    /// Rules for AMD SEV-SNP; without them it is not accepted.
    #[serde(default, rename = "sev-snp", skip_serializing_if = "Option::is_none")]
    pub sev_snp: Option<SnpRules>,
    /// Rules for Intel TDX; without them it is not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tdx: Option<TdxRules>,
    /// Rules for AWS Nitro; without them it is not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nitro: Option<NitroRules>,
}

/// An accepted workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The kind of TEE: `sev-snp`, `tdx` or `nitro`.
    pub tee: String,
    /// The measurement, in hexadecimal digits.
    pub measurement: String,
    /// What it is, for messages.
    #[serde(default)]
    pub label: String,
}

/// Rules for AMD SEV-SNP.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the policy's text"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpRules {
    /// Accepted processors: `milan`, `genoa`, `turin`. The keys of Milan are
    /// said to be extractable by software alone, so it is not a default.
    #[serde(default = "SnpRules::products_default")]
    pub products: BTreeSet<String>,
    /// Lowest accepted firmware, by product.
    #[serde(default)]
    pub tcb_min: BTreeMap<String, TcbFloor>,
    /// Least privileged level (`VMPL`) that may speak for the guest.
    #[serde(default)]
    pub vmpl_max: u32,
    /// Require the firmware's check for aliased memory (`BadRAM`).
    #[serde(default = "yes")]
    pub require_alias_check: bool,
    /// Require that the host cannot read ciphertext.
    #[serde(default)]
    pub require_ciphertext_hiding: bool,
    /// Require a revocation list among the endorsements.
    #[serde(default)]
    pub require_revocation_list: bool,
    /// Accept guests that the host may look into.
    #[serde(default)]
    pub dangerous_allow_debug: bool,
    /// Accept guests that a migration agent may move.
    #[serde(default)]
    pub dangerous_allow_migration: bool,
}

/// A floor under the firmware of an AMD platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TcbFloor {
    /// First mutable code (Turin only).
    pub fmc: u8,
    /// Boot loader of the secure processor.
    pub bootloader: u8,
    /// Operating system of the secure processor.
    pub tee: u8,
    /// SNP firmware.
    pub snp: u8,
    /// Microcode patch level.
    pub microcode: u8,
}

/// Rules for Intel TDX.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TdxRules {
    /// Accepted judgements of Intel on the platform, by Intel's names.
    #[serde(default = "TdxRules::statuses_default")]
    pub statuses: BTreeSet<String>,
    /// Advisories (`INTEL-SA-…`) that refuse a platform they apply to.
    #[serde(default)]
    pub denied_advisories: BTreeSet<String>,
    /// Lowest accepted evaluation number of the collateral.
    #[serde(default)]
    pub evaluation_number_min: u32,
    /// Accept domains that the host may look into.
    #[serde(default)]
    pub dangerous_allow_debug: bool,
    /// Accept domains with service domains bound to them.
    #[serde(default)]
    pub dangerous_allow_service_td: bool,
}

/// Rules for AWS Nitro.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NitroRules {
    /// Accept enclaves in debug mode, which have no measurement.
    #[serde(default)]
    pub dangerous_allow_debug: bool,
}

/// The rules are no policy. The fault is its author's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is not TOML of the expected shape; the message names the line.
    #[error("policy is malformed: {0}")]
    Malformed(String),
    /// The text is longer than [`Policy::BYTES_MAX`].
    #[error("policy of {0} bytes is too long")]
    TooLong(usize),
    /// A name is empty or longer than 128 bytes.
    #[error("policy has an empty name, or one of more than 128 bytes")]
    Name,
    /// A policy of kind `production` makes a dangerous choice.
    #[error("a production policy cannot choose `{0}`")]
    DangerousInProduction(&'static str),
    /// A kind of TEE, product, status or measurement is not known.
    #[error("policy names an unknown {what} `{name}`")]
    Unknown {
        /// What it should have been.
        what: &'static str,
        /// What stands there.
        name: String,
    },
    /// The same measurement is accepted twice for the same TEE.
    #[error("policy accepts the measurement {0} twice")]
    Duplicate(Measurement),
    /// A lifetime or an age is zero or longer than 366 days.
    #[error("`{0}` must be between one second and 366 days")]
    Time(&'static str),
}

const TIME_MAX_S: u64 = 366 * 24 * 3600;

fn yes() -> bool {
    true
}

impl Rules {
    fn verdict_lifetime_default() -> u64 {
        7 * 24 * 3600
    }

    fn evidence_age_default() -> u64 {
        3600
    }
}

impl SnpRules {
    fn products_default() -> BTreeSet<String> {
        [Product::Genoa, Product::Turin]
            .map(|product| product.name().to_owned())
            .into()
    }
}

impl TdxRules {
    fn statuses_default() -> BTreeSet<String> {
        BTreeSet::from([TcbStatus::UpToDate.name().to_owned()])
    }
}

impl Default for SnpRules {
    /// The strict choice of each rule.
    fn default() -> Self {
        Self {
            products: Self::products_default(),
            tcb_min: BTreeMap::new(),
            vmpl_max: 0,
            require_alias_check: true,
            require_ciphertext_hiding: false,
            require_revocation_list: false,
            dangerous_allow_debug: false,
            dangerous_allow_migration: false,
        }
    }
}

impl Default for TdxRules {
    /// The strict choice of each rule.
    fn default() -> Self {
        Self {
            statuses: Self::statuses_default(),
            denied_advisories: BTreeSet::new(),
            evaluation_number_min: 0,
            dangerous_allow_debug: false,
            dangerous_allow_service_td: false,
        }
    }
}

impl TcbFloor {
    pub(crate) fn version(self) -> TcbVersion {
        TcbVersion {
            fmc: self.fmc,
            bootloader: self.bootloader,
            tee: self.tee,
            snp: self.snp,
            microcode: self.microcode,
        }
    }
}

impl Policy {
    /// Longest accepted text, in bytes.
    pub const BYTES_MAX: usize = 256 * 1024;

    /// Reads a policy from TOML.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        if text.len() > Self::BYTES_MAX {
            return Err(PolicyError::TooLong(text.len()));
        }
        let rules: Rules =
            toml::from_str(text).map_err(|error| PolicyError::Malformed(error.to_string()))?;
        Self::try_from(rules)
    }

    /// Writes the policy as TOML that [`Policy::from_toml`] reads.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.rules).expect("rules are plain tables, strings and numbers")
    }

    /// The policy's name.
    pub fn name(&self) -> &str {
        &self.rules.name
    }

    /// What the policy is for.
    pub fn kind(&self) -> Kind {
        self.rules.kind
    }

    /// Names the policy: SHA-256 over its rules in canonical JSON (all fields,
    /// in the order of [`Rules`], workloads sorted) and over its roots.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The roots that count.
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// The rules as written.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The label of an accepted workload.
    pub fn accepted(&self, tee: Tee, measurement: &Measurement) -> Option<&str> {
        self.accepted
            .get(&(tee, measurement.clone()))
            .map(String::as_str)
    }
}

impl TryFrom<Rules> for Policy {
    type Error = PolicyError;

    fn try_from(mut rules: Rules) -> Result<Self, PolicyError> {
        if rules.name.is_empty() || rules.name.len() > 128 {
            return Err(PolicyError::Name);
        }
        check_time("verdict_lifetime_s", rules.verdict_lifetime_s)?;
        check_time("evidence_age_max_s", rules.evidence_age_max_s)?;
        check_names(&rules)?;
        if rules.kind == Kind::Production {
            check_no_danger(&rules)?;
        }
        let accepted = accepted(&rules.accept)?;
        rules.accept = accepted.iter().map(Accepted::from).collect();
        let anchors = match rules.kind {
            Kind::Production | Kind::Evaluation => Anchors::Vendor(VendorRoots::built_in()),
            Kind::Development => Anchors::Simulated(MockRoots::published()),
        };
        let canonical = serde_json::to_vec(&rules).expect("rules are plain data");
        let digest = sha256(&[
            b"synod-policy-v1\0",
            anchors.digest().as_bytes(),
            &canonical,
        ]);
        Ok(Self {
            rules,
            accepted,
            anchors,
            digest,
        })
    }
}

impl From<Policy> for Rules {
    fn from(policy: Policy) -> Self {
        policy.rules
    }
}

impl From<(&(Tee, Measurement), &String)> for Accepted {
    fn from(((tee, measurement), label): (&(Tee, Measurement), &String)) -> Self {
        Self {
            tee: tee.name().to_owned(),
            measurement: measurement.to_string(),
            label: label.clone(),
        }
    }
}

fn accepted(list: &[Accepted]) -> Result<BTreeMap<(Tee, Measurement), String>, PolicyError> {
    let mut accepted = BTreeMap::new();
    for entry in list {
        let tee: Tee = parsed("TEE", &entry.tee)?;
        let measurement: Measurement = parsed("measurement", &entry.measurement)?;
        let key = (tee, measurement);
        if accepted.contains_key(&key) {
            return Err(PolicyError::Duplicate(key.1));
        }
        accepted.insert(key, entry.label.clone());
    }
    Ok(accepted)
}

fn check_time(name: &'static str, seconds: u64) -> Result<(), PolicyError> {
    (1..=TIME_MAX_S)
        .contains(&seconds)
        .then_some(())
        .ok_or(PolicyError::Time(name))
}

fn check_names(rules: &Rules) -> Result<(), PolicyError> {
    if let Some(snp) = &rules.sev_snp {
        for name in snp.products.iter().chain(snp.tcb_min.keys()) {
            parsed::<Product>("AMD product", name)?;
        }
    }
    if let Some(tdx) = &rules.tdx {
        for name in &tdx.statuses {
            parsed::<TcbStatus>("TCB status", name)?;
        }
    }
    Ok(())
}

fn parsed<T: std::str::FromStr>(what: &'static str, name: &str) -> Result<T, PolicyError> {
    name.parse().map_err(|_| PolicyError::Unknown {
        what,
        name: name.to_owned(),
    })
}

fn check_no_danger(rules: &Rules) -> Result<(), PolicyError> {
    let snp = rules.sev_snp.as_ref();
    let tdx = rules.tdx.as_ref();
    let dangers = [
        (
            "dangerous_accept_any_measurement",
            rules.dangerous_accept_any_measurement,
        ),
        (
            "sev-snp.dangerous_allow_debug",
            snp.is_some_and(|r| r.dangerous_allow_debug),
        ),
        (
            "sev-snp.dangerous_allow_migration",
            snp.is_some_and(|r| r.dangerous_allow_migration),
        ),
        (
            "tdx.dangerous_allow_debug",
            tdx.is_some_and(|r| r.dangerous_allow_debug),
        ),
        (
            "tdx.dangerous_allow_service_td",
            tdx.is_some_and(|r| r.dangerous_allow_service_td),
        ),
        (
            "nitro.dangerous_allow_debug",
            rules.nitro.is_some_and(|r| r.dangerous_allow_debug),
        ),
    ];
    match dangers.iter().find(|(_, chosen)| *chosen) {
        Some((name, _)) => Err(PolicyError::DangerousInProduction(name)),
        None => Ok(()),
    }
}
