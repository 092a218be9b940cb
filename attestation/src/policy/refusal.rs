//! The checks that a policy makes, and the refusal that explains them.

use std::fmt;

use crate::verify::VerifyError;

/// A rule of a policy. Each refusal names the one that it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The policy accepts this kind of TEE.
    TeeAccepted,
    /// The evidence is not under a simulated root, where the policy wants
    /// hardware.
    NotSimulated,
    /// The evidence is genuine.
    Genuine,
    /// The evidence binds exactly the statement at hand, so its keys.
    Binding,
    /// The statement is meant for this network (or this genesis manifest).
    Context,
    /// The statement holds the nonce that was asked for.
    Nonce,
    /// The statement names the role that was asked for.
    Role,
    /// The workload is one of the accepted ones.
    Measurement,
    /// The host cannot look into the TEE.
    NotDebug,
    /// The evidence is not older than the policy allows.
    Age,
    /// AMD: the processor is of an accepted product.
    Product,
    /// The platform's firmware is recent enough.
    Tcb,
    /// AMD: the guest speaks from an accepted privilege level.
    Vmpl,
    /// The workload cannot be moved to another platform.
    NotMigratable,
    /// AMD: the firmware found no aliased memory.
    AliasCheck,
    /// AMD: the host cannot read ciphertext.
    CiphertextHiding,
    /// A revocation list was at hand.
    RevocationList,
    /// Intel: the host cannot fault the domain's pages silently.
    SeptVeDisable,
    /// Intel: no service domain is bound to this one.
    NoServiceTd,
    /// Intel: no advisory applies that the policy denies.
    Advisories,
    /// Intel: the collateral stems from a recent enough evaluation.
    EvaluationNumber,
}

impl Rule {
    /// The stable name of the rule.
    pub fn code(self) -> &'static str {
        match self {
            Self::TeeAccepted => "tee-accepted",
            Self::NotSimulated => "not-simulated",
            Self::Genuine => "genuine",
            Self::Binding => "binding",
            Self::Context => "context",
            Self::Nonce => "nonce",
            Self::Role => "role",
            Self::Measurement => "measurement",
            Self::NotDebug => "not-debug",
            Self::Age => "age",
            Self::Product => "product",
            Self::Tcb => "tcb",
            Self::Vmpl => "vmpl",
            Self::NotMigratable => "not-migratable",
            Self::AliasCheck => "alias-check",
            Self::CiphertextHiding => "ciphertext-hiding",
            Self::RevocationList => "revocation-list",
            Self::SeptVeDisable => "sept-ve-disable",
            Self::NoServiceTd => "no-service-td",
            Self::Advisories => "advisories",
            Self::EvaluationNumber => "evaluation-number",
        }
    }

    /// What would mend a refusal by this rule.
    pub fn hint(self) -> &'static str {
        match self {
            Self::TeeAccepted => "the policy must list this kind of TEE",
            Self::NotSimulated => {
                "simulated evidence is accepted by policies of kind `development` only"
            }
            Self::Genuine => {
                "the attester must send evidence and endorsements that belong together and are valid now"
            }
            Self::Binding => "the attester must make evidence for exactly these keys",
            Self::Context => "the evidence was made for another network; check the network id",
            Self::Nonce => "the evidence is stale or replayed; ask for fresh evidence",
            Self::Role => "the attester must state the role that it wants",
            Self::Measurement => "run the accepted build, or accept this measurement in the policy",
            Self::NotDebug => "launch the workload without debugging",
            Self::Age => "ask for fresh evidence, and check the clocks",
            Self::Product => "use a processor that the policy lists",
            Self::Tcb => "update the firmware of the platform",
            Self::Vmpl => "request the report from the guest's own privilege level",
            Self::NotMigratable => "launch the workload without migration",
            Self::AliasCheck => "update the firmware, and enable its memory alias check",
            Self::CiphertextHiding => "enable ciphertext hiding on the host",
            Self::RevocationList => "fetch the vendor's revocation list",
            Self::SeptVeDisable => "launch the domain with SEPT_VE_DISABLE",
            Self::NoServiceTd => "launch the domain without service domains",
            Self::Advisories => "mend what the advisory describes",
            Self::EvaluationNumber => "fetch newer collateral",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One check that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule.
    pub rule: Rule,
    /// What the rule wants.
    pub expected: String,
    /// What the evidence says.
    pub found: String,
    /// Whether it holds.
    pub passed: bool,
}

impl Check {
    pub(crate) fn new(
        rule: Rule,
        passed: bool,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self {
            rule,
            expected: expected.to_string(),
            found: found.to_string(),
            passed,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.passed { '✓' } else { '✗' };
        write!(f, "{mark} {}: {}", self.rule, self.found)?;
        if !self.passed {
            write!(f, " (wanted: {})", self.expected)?;
        }
        Ok(())
    }
}

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
    pub fn hint(&self) -> &'static str {
        self.rule().hint()
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
            "refused by policy `{}`, rule `{}`: expected {}, found {}; hint: {}",
            self.0.policy,
            self.rule(),
            self.expected(),
            self.found(),
            self.hint()
        )
    }
}

impl std::error::Error for Refusal {}
