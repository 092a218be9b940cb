//! The refusal, which explains itself.

use std::fmt;

use crate::{
    error::VerifyError,
    policy::{check::Check, rule::Rule},
};

/// Why evidence was not accepted: the first rule that it breaks, and every
/// check that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    policy: String,
    failed: Check,
    checks: Vec<Check>,
    cause: Option<VerifyError>,
}

impl Refusal {
    /// The refusal that `checks` call for, if one of them failed.
    pub(crate) fn of(policy: &str, checks: &[Check], cause: Option<VerifyError>) -> Option<Self> {
        let failed = checks.iter().find(|check| !check.passed)?.clone();
        Some(Self(Box::new(Inner {
            policy: policy.to_owned(),
            failed,
            checks: checks.to_vec(),
            cause,
        })))
    }

    /// The rule that is broken.
    pub fn rule(&self) -> Rule {
        self.0.failed.rule
    }

    /// What the rule wants.
    pub fn expected(&self) -> &str {
        &self.0.failed.expected
    }

    /// What the evidence says.
    pub fn found(&self) -> &str {
        &self.0.failed.found
    }

    /// What would mend it.
    pub fn hint(&self) -> &str {
        &self.0.failed.mend
    }

    /// The check that failed first.
    pub fn failed(&self) -> &Check {
        &self.0.failed
    }

    /// Every check that was made, in order.
    pub fn checks(&self) -> &[Check] {
        &self.0.checks
    }

    /// Why the evidence is not genuine, if that is the reason.
    pub fn cause(&self) -> Option<&VerifyError> {
        self.0.cause.as_ref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "refused by policy `{}`, rule `{}`",
            self.0.policy,
            self.rule()
        )?;
        if let Some(place) = self.0.failed.place() {
            write!(f, " ({place})")?;
        }
        write!(f, ": expected {}, found {}", self.expected(), self.found())?;
        for behind in &self.0.failed.behind {
            write!(f, "; {behind}")?;
        }
        write!(f, "; hint: {}", self.hint())
    }
}

impl std::error::Error for Refusal {}
