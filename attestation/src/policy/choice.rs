//! The two answers that a policy gives where evidence leaves a question open.

use serde::{Deserialize, Serialize};

/// What a rule makes of a claim that the evidence does not state, for instance
/// a mitigation vector in a report that is too old to have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// The rule is broken.
    #[default]
    Refuse,
    /// The rule is kept.
    Accept,
}

/// What a policy makes of bits whose meaning this program does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownBits {
    /// They break no rule.
    #[default]
    Allow,
    /// Each of them breaks a rule.
    Refuse,
}
