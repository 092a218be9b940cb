//! Appraisal: the one way from evidence to a [`Verdict`].

use synod_crypto::Digest;

use crate::{
    anchors::MockRoots,
    claims::Claims,
    endorsements::Endorsements,
    evidence::Evidence,
    policy::{
        refusal::{Check, Refusal, Rule},
        rules::Policy,
        verdict::Verdict,
    },
    statement::{NodeStatement, Role},
    tee::Tee,
    verify::{VerifyError, verify},
};

/// What the relying party wants of the statement that evidence binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The role that the statement must name.
    pub role: Role,
    /// The network id, or for founders the digest of the genesis manifest.
    pub context: Digest,
    /// How the age of the evidence is bounded.
    pub freshness: Freshness,
}

/// How a relying party knows that evidence is not old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The statement must hold this nonce.
    Nonce(Digest),
    /// The caller knows it otherwise, for instance because the evidence stands
    /// on the ledger, where the nonce was checked when it was recorded.
    Elsewhere,
}

impl Policy {
    /// Judges whether `evidence`, with `endorsements`, is that of an accepted
    /// workload on an accepted platform, bound to exactly `statement`, which is
    /// what the caller `expected`; at `now_ms` (Unix milliseconds).
    ///
    /// # Errors
    /// The refusal names the first rule that is broken, and lists every check.
    pub fn appraise(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        statement: &NodeStatement,
        expected: &Expected,
        now_ms: u64,
    ) -> Result<Verdict, Refusal> {
        let mut checks = vec![self.tee_accepted(evidence.tee())];
        let claims = match verify(evidence, endorsements, self.anchors(), now_ms) {
            Ok(claims) => claims,
            Err(cause) => {
                checks.push(failed(&cause));
                let refusal = Refusal::of(self.name(), &checks, Some(cause));
                return Err(refusal.expect("a check failed"));
            }
        };
        checks.push(root(&claims));
        checks.extend(bound(&claims, statement, expected));
        checks.extend(self.examine(&claims, now_ms));
        if let Some(refusal) = Refusal::of(self.name(), &checks, None) {
            return Err(refusal);
        }
        let expires_ms = self.expiry(&claims, now_ms);
        Ok(Verdict::new(
            statement.clone(),
            claims,
            self.digest(),
            expires_ms,
            checks,
        ))
    }

    fn tee_accepted(&self, tee: Tee) -> Check {
        let rules = self.rules();
        let passed = match tee {
            Tee::SevSnp => rules.sev_snp.is_some(),
            Tee::Tdx => rules.tdx.is_some(),
            Tee::Nitro => rules.nitro.is_some(),
            // A policy has no rules for SGX.
            Tee::Sgx => false,
        };
        Check::new(
            Rule::TeeAccepted,
            passed,
            "a kind of TEE that the policy has rules for",
            tee,
        )
    }

    /// A verdict lasts as long as the policy says, and never longer than the
    /// vendor vouches for the platform.
    fn expiry(&self, claims: &Claims, now_ms: u64) -> u64 {
        let lifetime_ms = self.rules().verdict_lifetime_s.saturating_mul(1000);
        now_ms
            .saturating_add(lifetime_ms)
            .min(claims.endorsed_until_ms.unwrap_or(u64::MAX))
    }
}

fn failed(cause: &VerifyError) -> Check {
    let simulated = cause
        .untrusted_root()
        .is_some_and(|root| MockRoots::published().contains(&root));
    if simulated {
        return Check::new(
            Rule::NotSimulated,
            false,
            "a root of real hardware",
            "evidence under a simulated root",
        );
    }
    Check::new(Rule::Genuine, false, "genuine evidence", cause)
}

fn root(claims: &Claims) -> Check {
    let found = if claims.simulated {
        format!("genuine under the SIMULATED root {}", claims.root)
    } else {
        format!("genuine under the vendor's root {}", claims.root)
    };
    Check::new(Rule::Genuine, true, "genuine evidence", found)
}

fn bound(claims: &Claims, statement: &NodeStatement, expected: &Expected) -> Vec<Check> {
    let wanted = statement.report_data();
    let found = claims.report_data.map_or_else(
        || "no report data of 64 bytes".to_owned(),
        |data| data.to_string(),
    );
    let mut checks = vec![
        Check::new(
            Rule::Binding,
            claims.report_data == Some(wanted),
            wanted,
            found,
        ),
        Check::new(
            Rule::Context,
            statement.context == expected.context,
            expected.context,
            statement.context,
        ),
        Check::new(
            Rule::Role,
            statement.role == expected.role,
            expected.role.name(),
            statement.role.name(),
        ),
    ];
    if let Freshness::Nonce(nonce) = expected.freshness {
        checks.push(Check::new(
            Rule::Nonce,
            statement.nonce == nonce,
            nonce,
            statement.nonce,
        ));
    }
    checks
}
