//! The policies that are built in, as commented texts.
//!
//! From strict to lax: `strict-physical`, `production`, `baseline`; and
//! `development` for simulated hardware, as strict as production.

use crate::{
    measurement::Measurement,
    policy::{document::Policy, rules::Rules},
    reference_values::Accepted,
    tee::Tee,
};

/// Each built-in policy: its name and its text.
pub const TEXTS: [(&str, &str); 4] = [
    ("production", include_str!("builtin/production.toml")),
    (
        "strict-physical",
        include_str!("builtin/strict-physical.toml"),
    ),
    ("development", include_str!("builtin/development.toml")),
    ("baseline", include_str!("builtin/baseline.toml")),
];

impl Policy {
    /// The policy that is built in under a name: `production`,
    /// `strict-physical`, `development` or `baseline`. All but the last accept
    /// no workload yet: take the text and add what runs.
    pub fn by_name(name: &str) -> Option<Self> {
        let text = Self::text_of(name)?;
        Some(Self::from_toml(text).expect("built-in rules are a policy"))
    }

    /// The commented text of a built-in policy.
    pub fn text_of(name: &str) -> Option<&'static str> {
        let found = TEXTS.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| *text)
    }

    /// Real hardware with current firmware, running one of `workloads`.
    pub fn production(workloads: &[(Tee, Measurement, &str)]) -> Self {
        built_in("production", workloads)
    }

    /// Like production, against attackers with physical access: only
    /// hardware that is enrolled one by one. It accepts none before that.
    pub fn strict_physical(workloads: &[(Tee, Measurement, &str)]) -> Self {
        built_in("strict-physical", workloads)
    }

    /// Simulated hardware running one of `workloads`. Otherwise as strict as
    /// production, so that nothing surprises on the way there.
    pub fn development(workloads: &[(Tee, Measurement, &str)]) -> Self {
        built_in("development", workloads)
    }

    /// Real hardware of any age and any workload, not debugged: a yardstick
    /// for the verifier, not for use.
    pub fn baseline() -> Self {
        built_in("baseline", &[])
    }
}

fn built_in(name: &str, workloads: &[(Tee, Measurement, &str)]) -> Policy {
    let policy = Policy::by_name(name).expect("the name is built in");
    if workloads.is_empty() {
        return policy;
    }
    let mut rules = Rules::from(policy);
    for (tee, measurement, label) in workloads {
        let entry = Accepted::of(*tee, measurement, label);
        let known =
            |other: &Accepted| (&other.tee, &other.measurement) == (&entry.tee, &entry.measurement);
        if !rules.accept.iter().any(known) {
            rules.accept.push(entry);
        }
    }
    Policy::try_from(rules).expect("measurements are reference values")
}
