//! The proof that an appraisal was made and passed.

use synod_crypto::{Digest, PublicKey};

use crate::{claims::Claims, policy::check::Check, statement::NodeStatement, tee::Tee};

/// A policy accepted evidence for a statement. There is no other way to one
/// than [`Policy::appraise`](crate::policy::document::Policy::appraise).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    subject: NodeStatement,
    claims: Claims,
    policy: Digest,
    expires_ms: u64,
    checks: Vec<Check>,
}

impl Verdict {
    pub(in crate::policy) fn new(
        subject: NodeStatement,
        claims: Claims,
        policy: Digest,
        expires_ms: u64,
        checks: Vec<Check>,
    ) -> Self {
        Self {
            subject,
            claims,
            policy,
            expires_ms,
            checks,
        }
    }

    /// Whom the verdict is about: the keys that the evidence binds.
    pub fn subject(&self) -> &NodeStatement {
        &self.subject
    }

    /// The identity key of the subject.
    pub fn identity(&self) -> PublicKey {
        self.subject.identity
    }

    /// The kind of TEE; of composite evidence, that of its lead.
    pub fn tee(&self) -> Tee {
        self.claims.tee
    }

    /// The vendor that vouches: `amd`, `intel` or `aws`.
    pub fn vendor(&self) -> &'static str {
        self.claims.tee.vendor()
    }

    /// What the evidence says; of composite evidence, its lead.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The further parts of composite evidence, by their names.
    pub fn parts(&self) -> &[(String, Claims)] {
        &self.claims.parts
    }

    /// The digest of the policy that accepted it.
    pub fn policy(&self) -> Digest {
        self.policy
    }

    /// When the verdict expires (Unix milliseconds): with the first of its
    /// parts.
    pub fn expires_ms(&self) -> u64 {
        self.expires_ms
    }

    /// Whether only simulated hardware vouches. Show it wherever the verdict is
    /// shown.
    pub fn simulated(&self) -> bool {
        self.claims.simulated
    }

    /// Every check that was made; all passed.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }
}
