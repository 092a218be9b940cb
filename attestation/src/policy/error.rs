//! Why rules are no policy.

use crate::reference_values::ReferenceError;

/// The rules are no policy. The fault is its author's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is not TOML of the expected shape; the message names the line.
    #[error("policy is malformed: {0}")]
    Malformed(String),
    /// The text is longer than
    /// [`Policy::BYTES_MAX`](crate::policy::document::Policy::BYTES_MAX).
    #[error("policy is too long: {0} bytes")]
    TooLong(usize),
    /// A name is empty or longer than 128 bytes.
    #[error("policy name must be 1 to 128 bytes")]
    Name,
    /// A policy of kind `production` makes a dangerous choice.
    #[error("a production policy cannot set `{0}`")]
    DangerousInProduction(&'static str),
    /// A kind of TEE, product or status is not known.
    #[error("policy names an unknown {what} `{name}`")]
    Unknown {
        /// What it should have been.
        what: &'static str,
        /// The value found.
        name: String,
    },
    /// An accepted workload is not a set of reference values.
    #[error("`accept[{index}]`: {problem}")]
    Reference {
        /// Which one, from 0.
        index: usize,
        /// What is wrong with it.
        problem: ReferenceError,
    },
    /// The same thing is listed twice.
    #[error("policy lists `{0}` twice")]
    Duplicate(String),
    /// A time is out of its bounds.
    #[error("`{0}` must be from one second to 366 days (a grace period may be zero)")]
    Time(&'static str),
    /// A number or a text is out of its bounds.
    #[error("`{0}` is out of range")]
    Bounds(&'static str),
}
