//! Appraisals for people to read: what was found, by which rule, and what
//! other policies would say. They prove nothing; only a verdict does.

use std::fmt;

use serde::Serialize;

use crate::{
    endorsements::Endorsements,
    evidence::Evidence,
    policy::{
        appraise::{Binding, Judged, JudgedPart},
        check::Check,
        document::Policy,
        listing::{self, Stated},
        rule::Rule,
        rules::Kind,
    },
    tee::Tee,
};

/// How an appraisal came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Outcome {
    /// Every rule is kept.
    Trusted {
        /// When that expires (Unix milliseconds).
        until_ms: u64,
    },
    /// Some rule is broken.
    Refused {
        /// The first one.
        rule: Rule,
        /// How many checks failed.
        broken: usize,
    },
}

impl Outcome {
    /// Whether every rule is kept.
    pub fn is_trusted(&self) -> bool {
        matches!(self, Self::Trusted { .. })
    }
}

/// An appraisal with everything that explains it. It is not a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Appraisal {
    /// The policy's name.
    pub policy: String,
    /// The policy's digest (hexadecimal).
    pub policy_digest: String,
    /// What the policy is for.
    pub kind: Kind,
    /// The time that was judged at (Unix milliseconds).
    pub at_ms: u64,
    /// How it came out.
    pub outcome: Outcome,
    /// Whether only simulated hardware vouches.
    pub simulated: bool,
    /// Whether the evidence was asked to bind anything.
    pub bound: bool,
    /// The lead, then the further parts.
    pub parts: Vec<AppraisedPart>,
    /// What other policies say.
    pub against: Vec<Comparison>,
}

/// One part of the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AppraisedPart {
    /// Its name; `None`: the lead.
    pub part: Option<String>,
    /// The kind of TEE.
    pub tee: Tee,
    /// Whether the evidence is genuine.
    pub genuine: bool,
    /// Whether every signature held, even if the vendor refuses the state of
    /// the platform.
    pub signatures_hold: bool,
    /// What the evidence says; empty if it is not genuine.
    pub claims: Vec<Stated>,
    /// Every check.
    pub checks: Vec<Check>,
}

/// What another policy says of the same evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The other policy's name.
    pub policy: String,
    /// Its digest (hexadecimal).
    pub policy_digest: String,
    /// How it would have come out.
    pub outcome: Outcome,
    /// The checks that failed.
    pub broken: Vec<Check>,
}

impl Policy {
    /// Judges as [`Policy::appraise`] does, tells everything, and what each
    /// policy of `against` would say. It gives no verdict.
    pub fn explain(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        binding: Binding<'_>,
        now_ms: u64,
        against: &[Policy],
    ) -> Appraisal {
        let judged = self.judge(evidence, endorsements, binding, now_ms);
        let outcome = self.outcome(&judged, now_ms);
        let compare = |other: &Policy| other.compare(evidence, endorsements, binding, now_ms);
        Appraisal {
            policy: self.name().to_owned(),
            policy_digest: self.digest().to_string(),
            kind: self.kind(),
            at_ms: now_ms,
            outcome,
            simulated: self.anchors().simulated(),
            bound: !matches!(binding, Binding::Nothing),
            parts: judged.parts.into_iter().map(AppraisedPart::from).collect(),
            against: against.iter().map(compare).collect(),
        }
    }

    fn outcome(&self, judged: &Judged, now_ms: u64) -> Outcome {
        let checks = judged.checks();
        let mut broken = checks.iter().filter(|check| !check.passed);
        match broken.next() {
            None => Outcome::Trusted {
                until_ms: self.expiry(judged, now_ms),
            },
            Some(first) => Outcome::Refused {
                rule: first.rule,
                broken: 1 + broken.count(),
            },
        }
    }

    fn compare(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        binding: Binding<'_>,
        now_ms: u64,
    ) -> Comparison {
        let judged = self.judge(evidence, endorsements, binding, now_ms);
        let outcome = self.outcome(&judged, now_ms);
        let mut broken = judged.checks();
        broken.retain(|check| !check.passed);
        Comparison {
            policy: self.name().to_owned(),
            policy_digest: self.digest().to_string(),
            outcome,
            broken,
        }
    }
}

impl From<JudgedPart> for AppraisedPart {
    fn from(part: JudgedPart) -> Self {
        let signatures_hold = match &part.verified {
            Ok(_) => true,
            Err(cause) => cause.signatures_hold(),
        };
        Self {
            part: part.name,
            tee: part.tee,
            genuine: part.verified.is_ok(),
            signatures_hold,
            claims: part
                .verified
                .as_ref()
                .map(listing::list)
                .unwrap_or_default(),
            checks: part.checks,
        }
    }
}

impl Appraisal {
    /// Whether every rule is kept.
    pub fn is_trusted(&self) -> bool {
        self.outcome.is_trusted()
    }

    /// The checks that failed, in order.
    pub fn broken(&self) -> impl Iterator<Item = &Check> {
        let checks = self.parts.iter().flat_map(|part| &part.checks);
        checks.filter(|check| !check.passed)
    }
}

impl fmt::Display for Appraisal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.simulated { " (SIMULATED)" } else { "" };
        writeln!(f, "{} by policy `{}`{mark}", self.outcome, self.policy)?;
        if !self.bound {
            writeln!(
                f,
                "the evidence was not asked to bind anything: it may be a copy"
            )?;
        }
        for part in &self.parts {
            part.fmt(f)?;
        }
        for comparison in &self.against {
            comparison.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trusted { until_ms } => {
                write!(f, "trusted until {}", listing::instant(*until_ms))
            }
            Self::Refused { rule, broken } => {
                write!(f, "refused for `{rule}` ({broken} failed)")
            }
        }
    }
}

impl fmt::Display for AppraisedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            None => writeln!(f, "{}:", self.tee)?,
            Some(name) => writeln!(f, "part `{name}`, {}:", self.tee)?,
        }
        for claim in &self.claims {
            writeln!(f, "  {}: {}", claim.name, claim.value)?;
        }
        for check in &self.checks {
            writeln!(f, "  {check}")?;
            if !check.passed {
                explain(check, f)?;
            }
        }
        Ok(())
    }
}

fn explain(check: &Check, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(place) = check.place() {
        writeln!(f, "      rule: {place}")?;
    }
    for behind in &check.behind {
        writeln!(f, "      behind: {behind}")?;
    }
    writeln!(f, "      hint: {}", check.mend)
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "under policy `{}`: {}", self.policy, self.outcome)?;
        for check in &self.broken {
            writeln!(f, "  {check}")?;
        }
        Ok(())
    }
}
