//! One check of an appraisal, with all that explains it.

use std::{borrow::Cow, fmt};

use serde::Serialize;

use crate::policy::{choice::Unknown, lines::Line, rule::Rule};

/// One check that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule.
    pub rule: Rule,
    /// Whether it holds.
    pub passed: bool,
    /// Whether it holds only because the policy demands nothing here: what was found is not what
    /// the rule stands for.
    pub waived: bool,
    /// The claim that it looks at: `sev-snp.vmpl`.
    pub claim: &'static str,
    /// What the rule wants.
    pub expected: String,
    /// What the evidence says.
    pub found: String,
    /// The key of the policy that says so: `sev-snp.vmpl_max`. `None` if every
    /// policy says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Cow<'static, str>>,
    /// Where that key is written.
    #[serde(skip_serializing_if = "Line::is_unknown")]
    pub line: Line,
    /// What would mend a broken rule.
    pub mend: Cow<'static, str>,
    /// How far behind the platform is, where it is a matter of versions: one
    /// sentence for each component.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<String>,
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
            passed,
            waived: false,
            claim: rule.code(),
            expected: expected.to_string(),
            found: found.to_string(),
            path: None,
            line: Line::Unknown,
            mend: Cow::Borrowed(rule.hint()),
            behind: Vec::new(),
        }
    }

    /// A claim that the evidence does not state.
    pub(crate) fn unstated(rule: Rule, unknown: Unknown, expected: impl fmt::Display) -> Self {
        Self::new(rule, unknown == Unknown::Accept, expected, "not stated").waived_if(true)
    }

    /// A property that must be absent, unless it is allowed.
    pub(crate) fn absent(rule: Rule, present: bool, allowed: bool, name: &str) -> Self {
        let wanted = if allowed { "anything" } else { "absent" };
        Self::property(rule, !present || allowed, (name, wanted, present)).waived_if(present)
    }

    /// A property that must be present, if it is required.
    pub(crate) fn present(rule: Rule, present: bool, required: bool, name: &str) -> Self {
        let wanted = if required { "present" } else { "anything" };
        Self::property(rule, present || !required, (name, wanted, present)).waived_if(!present)
    }

    /// Says whether the check holds only because the policy demands nothing.
    pub(crate) fn waived_if(mut self, missed: bool) -> Self {
        self.waived = self.passed && missed;
        self
    }

    fn property(rule: Rule, passed: bool, (name, wanted, present): (&str, &str, bool)) -> Self {
        let found = if present { "present" } else { "absent" };
        Self::new(
            rule,
            passed,
            format!("{name} {wanted}"),
            format!("{name} {found}"),
        )
    }

    /// Names the claim that the check looks at.
    pub(crate) fn of(mut self, claim: &'static str) -> Self {
        self.claim = claim;
        self
    }

    /// Names the key of the policy that the check rests on.
    pub(crate) fn key(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Says what would mend it, better than the rule does in general.
    pub(crate) fn mended_by(mut self, mend: impl Into<Cow<'static, str>>) -> Self {
        self.mend = mend.into();
        self
    }

    /// Says how far behind the platform is.
    pub(crate) fn behind_by(mut self, behind: Vec<String>) -> Self {
        self.behind = behind;
        self
    }

    /// The policy's key and its line, for messages.
    pub fn place(&self) -> Option<String> {
        let path = self.path.as_deref()?;
        Some(match self.line {
            Line::Written(line) => format!("`{path}`, line {line}"),
            Line::Default => format!("`{path}`, default"),
            Line::Unknown => format!("`{path}`"),
        })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match (self.passed, self.waived) {
            (false, _) => '✗',
            (true, true) => '-',
            (true, false) => '✓',
        };
        write!(f, "{mark} {}: {}", self.rule, self.found)?;
        if !self.passed {
            write!(f, " (wanted: {})", self.expected)?;
        }
        if self.waived {
            write!(f, " (the policy demands nothing)")?;
        }
        Ok(())
    }
}
