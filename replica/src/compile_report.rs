//! What replicas tell each other of the versions of apps that they were to compile.

use minicbor::{Decode, Encode};
use synod_crypto::{Digest, Signature};
use synod_governance::app::{AppName, is_failure_code};

/// What a replica tells the others of a version.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct CompileReport {
    /// The app.
    #[n(0)]
    pub name: AppName,
    /// The version's number.
    #[n(1)]
    pub number: u64,
    /// SHA-256 of the component.
    #[n(2)]
    pub component: Digest,
    /// What the sender says of it.
    #[n(3)]
    pub verdict: CompileOutcome,
}

/// What a replica says of a version.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub enum CompileOutcome {
    /// It compiled it: its signature over the statement that governance counts.
    #[n(0)]
    Compiled(#[n(0)] Signature),
    /// It could not: a public code.
    #[n(1)]
    Failed(#[n(0)] String),
}

impl CompileOutcome {
    /// The code of the failure, if it is one.
    pub(crate) fn failure(&self) -> Option<&str> {
        match self {
            Self::Compiled(_) => None,
            Self::Failed(code) => Some(code),
        }
    }
}

impl CompileReport {
    /// Whether a peer may send it.
    pub(crate) fn is_sound(&self) -> bool {
        self.verdict.failure().is_none_or(is_failure_code)
    }
}
