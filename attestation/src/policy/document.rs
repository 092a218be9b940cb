//! A policy: rules that were checked, the roots that they call for, and their
//! digest.
//!
//! Invariants:
//! - a policy of kind `production` holds vendors' roots and no `dangerous_`
//!   choice;
//! - two policies with the same rules have the same digest, however they were
//!   written.

use serde::{Deserialize, Serialize};
use synod_crypto::{Digest, sha256};

use crate::{
    anchors::{Anchors, MockRoots, VendorRoots},
    policy::{
        check::Check,
        error::PolicyError,
        lines::{Line, Lines},
        rules::{Kind, Rules},
        tier, validate,
    },
    reference_values::{Accepted, ReferenceValues},
};

/// The rules by which evidence is judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Rules", into = "Rules")]
pub struct Policy {
    rules: Rules,
    /// Each with its index in the text.
    reference_values: Vec<(usize, ReferenceValues)>,
    anchors: Anchors,
    digest: Digest,
    lines: Lines,
}

/// The same rules are the same policy, whatever their text.
impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.rules == other.rules
    }
}

impl Eq for Policy {}

impl Policy {
    /// Longest accepted text, in bytes.
    pub const BYTES_MAX: usize = 256 * 1024;

    /// Reads a policy from TOML. Its checks will name the lines.
    ///
    /// # Errors
    /// When the text is too long, no TOML of this shape, or no policy.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        if text.len() > Self::BYTES_MAX {
            return Err(PolicyError::TooLong(text.len()));
        }
        let rules: Rules =
            toml::from_str(text).map_err(|error| PolicyError::Malformed(error.to_string()))?;
        let mut policy = Self::try_from(rules)?;
        policy.lines = Lines::of(text);
        Ok(policy)
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
    /// in the order of [`Rules`], lists sorted) and over its roots.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The roots that count.
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// The rules, their lists sorted.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The accepted workloads.
    pub fn reference_values(&self) -> impl Iterator<Item = &ReferenceValues> {
        self.reference_values.iter().map(|(_, values)| values)
    }

    /// The accepted workloads with their keys in the text.
    pub(in crate::policy) fn keyed_reference_values(
        &self,
    ) -> impl Iterator<Item = (String, &ReferenceValues)> {
        self.reference_values
            .iter()
            .map(|(index, values)| (format!("accept[{index}]"), values))
    }

    /// Where a key is written.
    pub fn line(&self, path: &str) -> Line {
        self.lines.find(path)
    }

    /// Writes into checks where their keys stand.
    pub(in crate::policy) fn locate(&self, mut checks: Vec<Check>) -> Vec<Check> {
        for check in &mut checks {
            if let Some(path) = &check.path {
                check.line = self.lines.find(path);
            }
        }
        checks
    }
}

impl TryFrom<Rules> for Policy {
    type Error = PolicyError;

    fn try_from(mut rules: Rules) -> Result<Self, PolicyError> {
        validate::check(&rules)?;
        let reference_values = reference_values(&rules.accept)?;
        sort(&mut rules);
        let anchors = match rules.kind {
            Kind::Production | Kind::Evaluation => Anchors::Vendor(VendorRoots::built_in()),
            Kind::Development => Anchors::Simulated(MockRoots::published()),
        };
        let digest = digest(&rules, &anchors);
        Ok(Self {
            rules,
            reference_values,
            anchors,
            digest,
            lines: Lines::default(),
        })
    }
}

/// Brings lists into one order, and digests into one spelling.
fn sort(rules: &mut Rules) {
    rules.accept.iter_mut().for_each(Accepted::normalise);
    rules.accept.sort();
    rules.tier.sort();
    rules.require_part.sort();
    for ids in [&mut rules.hardware_allow, &mut rules.hardware_deny] {
        ids.sort();
        ids.dedup();
    }
}

/// The tiers count as well: a policy that rests on another table is another
/// policy.
fn digest(rules: &Rules, anchors: &Anchors) -> Digest {
    let canonical = serde_json::to_vec(rules).expect("rules are plain data");
    let tiers = serde_json::to_vec(&tier::BUILT_IN).expect("tiers are plain data");
    sha256(&[
        b"synod-policy-v2\0",
        anchors.digest().as_bytes(),
        sha256(&[&tiers]).as_bytes(),
        &canonical,
    ])
}

impl From<Policy> for Rules {
    fn from(policy: Policy) -> Self {
        policy.rules
    }
}

fn reference_values(list: &[Accepted]) -> Result<Vec<(usize, ReferenceValues)>, PolicyError> {
    let mut sorted: Vec<(usize, ReferenceValues)> = Vec::with_capacity(list.len());
    for (index, entry) in list.iter().enumerate() {
        let values = ReferenceValues::try_from(entry)
            .map_err(|problem| PolicyError::Reference { index, problem })?;
        sorted.push((index, values));
    }
    // By TEE, part, then values: the same values stand side by side.
    sorted.sort_by(|(_, a), (_, b)| a.identity().cmp(&b.identity()));
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0].1.same_as(&pair[1].1)) {
        return Err(PolicyError::Duplicate(format!("accept[{}]", twice[1].0)));
    }
    Ok(sorted)
}
