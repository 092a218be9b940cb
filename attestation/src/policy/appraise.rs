//! Appraisal: the one way from evidence to a [`Verdict`].

use synod_crypto::Digest;

use crate::{
    anchors::MockRoots,
    claims::{Claims, Details},
    endorsements::Endorsements,
    error::VerifyError,
    evidence::{Evidence, Part},
    intel::{error::IntelError, levels::Shortfall},
    policy::{
        check::Check, document::Policy, listing::instant, refusal::Refusal, rule::Rule,
        verdict::Verdict,
    },
    report_data::ReportData,
    statement::{NodeStatement, Role},
    tee::Tee,
    verify::verify_alone,
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

/// What evidence must bind. Only a statement leads to a [`Verdict`].
#[derive(Clone, Copy, Debug)]
pub enum Binding<'a> {
    /// The hash of this statement, which is what the caller expects.
    Statement(&'a NodeStatement, &'a Expected),
    /// Exactly these 64 bytes.
    ReportData(ReportData),
    /// A nonce of at most 64 bytes, and zeros after it; for Nitro, which has a
    /// field for it, the nonce itself.
    Nonce(&'a [u8]),
    /// Nothing: whoever has the evidence may have copied it.
    Nothing,
}

/// What one part must bind.
#[derive(Clone, Copy)]
enum PartBinding<'a> {
    /// What the caller asks for.
    Asked(Binding<'a>),
    /// What the lead binds, which is unknown if it is not genuine.
    AsLead(Option<ReportData>),
}

/// The result, before it is reported.
pub(in crate::policy) struct Judged {
    pub(in crate::policy) parts: Vec<JudgedPart>,
}

/// One part of it; the lead comes first.
pub(in crate::policy) struct JudgedPart {
    pub(in crate::policy) name: Option<String>,
    pub(in crate::policy) tee: Tee,
    pub(in crate::policy) verified: Result<Claims, VerifyError>,
    pub(in crate::policy) checks: Vec<Check>,
}

impl Judged {
    /// The claims of the lead, which hold those of the parts; or why one of
    /// them is not genuine.
    fn verified(self) -> Result<Claims, VerifyError> {
        let mut parts = self.parts.into_iter();
        let lead = parts.next().map(|lead| lead.verified);
        let mut claims = lead.expect("the lead always comes first")?;
        for part in parts {
            let verified = part.verified?;
            claims.parts.push((part.name.unwrap_or_default(), verified));
        }
        Ok(claims)
    }

    /// Every check, the lead's first.
    pub(in crate::policy) fn checks(&self) -> Vec<Check> {
        let checks = self.parts.iter().flat_map(|part| &part.checks);
        checks.cloned().collect()
    }
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
        let binding = Binding::Statement(statement, expected);
        let judged = self.judge(evidence, endorsements, binding, now_ms);
        let checks = judged.checks();
        let expires_ms = self.expiry(&judged, now_ms);
        let verified = judged.verified();
        let cause = verified.as_ref().err().cloned();
        if let Some(refusal) = Refusal::of(self.name(), &checks, cause) {
            return Err(refusal);
        }
        // Evidence that is not genuine has failed a check.
        let claims = verified.expect("every check passed");
        let subject = statement.clone();
        Ok(Verdict::new(
            subject,
            claims,
            self.digest(),
            expires_ms,
            checks,
        ))
    }

    /// Makes every check.
    pub(in crate::policy) fn judge(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        binding: Binding<'_>,
        now_ms: u64,
    ) -> Judged {
        let asked = PartBinding::Asked(binding);
        let lead = self.judge_part(None, evidence, endorsements.lead(), asked, now_ms);
        // Every further part must bind what the lead binds.
        let together = lead
            .verified
            .as_ref()
            .ok()
            .and_then(|lead| lead.report_data);
        let mut parts = vec![lead];
        let mut endorsed = endorsements.parts().iter();
        for part in evidence.parts() {
            let nothing = Endorsements::Nitro;
            let endorsements = endorsed.next().unwrap_or(&nothing);
            let name = Some(part.name());
            let binding = PartBinding::AsLead(together);
            parts.push(self.judge_part(name, part.evidence(), endorsements, binding, now_ms));
        }
        let declared = self.parts(evidence, endorsed.count());
        parts[0].checks.extend(self.locate(declared));
        Judged { parts }
    }

    fn judge_part(
        &self,
        part: Option<&str>,
        evidence: &Evidence,
        endorsements: &Endorsements,
        binding: PartBinding<'_>,
        now_ms: u64,
    ) -> JudgedPart {
        let tee = evidence.tee();
        let mut checks = self.locate(vec![self.tee_accepted(tee)]);
        let (verified, late) = self.verify(evidence, endorsements, now_ms);
        checks.extend(late.into_iter().flat_map(|late| self.locate(vec![late])));
        match &verified {
            Ok(claims) => {
                checks.push(root(claims));
                checks.extend(match binding {
                    PartBinding::Asked(binding) => bound(claims, binding),
                    PartBinding::AsLead(lead) => vec![binds_as_lead(claims, lead)],
                });
                checks.extend(self.examine_part(part, claims, now_ms));
            }
            Err(cause) => checks.extend(self.locate(vec![failed(cause, tee)])),
        }
        JudgedPart {
            name: part.map(str::to_owned),
            tee,
            verified,
            checks,
        }
    }

    /// Verifies evidence. Where collateral expired and the policy grants a
    /// grace, everything is judged as of the last second at which all of the
    /// collateral was current, and a check says so.
    fn verify(
        &self,
        evidence: &Evidence,
        endorsements: &Endorsements,
        now_ms: u64,
    ) -> (Result<Claims, VerifyError>, Option<Check>) {
        let at = |ms| verify_alone(evidence, endorsements, self.anchors(), ms);
        let first = at(now_ms);
        let (key, grace_ms) = self.collateral_grace(evidence.tee());
        let earliest_ms = now_ms.saturating_sub(grace_ms);
        let mut ran_out_s = ran_out(&first);
        // Each round goes back to when the next part expired.
        for _ in 0..COLLATERAL_PARTS {
            let Some(ran_out_ms) = ran_out_s.map(|seconds| seconds.saturating_mul(1000)) else {
                break;
            };
            if ran_out_ms < earliest_ms || ran_out_ms >= now_ms {
                break;
            }
            let then = at(ran_out_ms);
            if let Ok(mut claims) = then {
                claims.endorsed_until_ms = Some(ran_out_ms.saturating_add(grace_ms));
                let expected = format!("collateral that ran out at most {} s ago", grace_ms / 1000);
                let found = format!("collateral that ran out at {}", instant(ran_out_ms));
                let check = Check::new(Rule::CollateralAge, true, expected, found);
                return (Ok(claims), Some(check.of("endorsed-until").key(key)));
            }
            ran_out_s = ran_out(&then);
        }
        (first, None)
    }

    fn collateral_grace(&self, tee: Tee) -> (&'static str, u64) {
        let rules = self.rules();
        let (key, seconds) = match tee {
            Tee::Tdx => (
                "tdx.collateral_grace_s",
                rules.tdx.as_ref().map(|rules| rules.collateral_grace_s),
            ),
            Tee::Sgx => (
                "sgx.collateral_grace_s",
                rules.sgx.as_ref().map(|rules| rules.collateral_grace_s),
            ),
            Tee::SevSnp | Tee::Nitro => ("", None),
        };
        (key, seconds.unwrap_or(0).saturating_mul(1000))
    }

    /// Whether the parts are those that the policy demands, each with its own
    /// endorsements; `extra` are endorsements without a part.
    fn parts(&self, evidence: &Evidence, extra: usize) -> Vec<Check> {
        let rules = self.rules();
        let parts = evidence.parts();
        let mut checks = Vec::new();
        for (index, wanted) in rules.require_part.iter().enumerate() {
            let found = parts.iter().find(|part| part.name() == wanted.name);
            let passed = found.is_some_and(|part| part.evidence().tee().name() == wanted.tee);
            let expected = format!("part `{}` of {}", wanted.name, wanted.tee);
            let found = found.map_or_else(
                || "no such part".to_owned(),
                |part| format!("part `{}` of {}", part.name(), part.evidence().tee()),
            );
            let check = Check::new(Rule::Parts, passed, expected, found);
            checks.push(check.key(format!("require_part[{index}]")));
        }
        let declared = |part: &Part| {
            rules
                .require_part
                .iter()
                .any(|wanted| wanted.name == part.name())
        };
        let others: Vec<_> = parts
            .iter()
            .filter(|part| !declared(part))
            .map(Part::name)
            .collect();
        if !others.is_empty() {
            let check = Check::new(
                Rule::Parts,
                rules.allow_undeclared_parts,
                "declared parts only",
                format!("undeclared parts {others:?}"),
            );
            checks.push(check.key("allow_undeclared_parts"));
        }
        if extra > 0 {
            let found = format!("{extra} endorsements too many");
            checks.push(Check::new(
                Rule::Parts,
                false,
                "endorsements for each part",
                found,
            ));
        }
        checks
    }

    /// A verdict lasts as long as the policy says, and never longer than the
    /// vendors vouch for the platforms.
    pub(in crate::policy) fn expiry(&self, judged: &Judged, now_ms: u64) -> u64 {
        let lifetime_ms = self.rules().verdict_lifetime_s.saturating_mul(1000);
        let claims = judged
            .parts
            .iter()
            .filter_map(|part| part.verified.as_ref().ok());
        claims
            .map(|claims| claims.endorsed_until_ms.unwrap_or(u64::MAX))
            .fold(now_ms.saturating_add(lifetime_ms), u64::min)
    }
}

/// TCB information, QE identity, and two revocation lists.
const COLLATERAL_PARTS: usize = 4;

fn ran_out(verified: &Result<Claims, VerifyError>) -> Option<u64> {
    let error = verified.as_ref().err()?;
    error.collateral_ran_out_s()
}

fn failed(cause: &VerifyError, tee: Tee) -> Check {
    let simulated = cause
        .untrusted_root()
        .is_some_and(|root| MockRoots::published().contains(&root));
    if simulated {
        return Check::new(
            Rule::NotSimulated,
            false,
            "a root of real hardware",
            "evidence under a simulated root",
        )
        .of("root")
        .key("kind");
    }
    let behind = match cause {
        VerifyError::Intel(IntelError::NoTcbLevel { behind, .. }) => behind.as_slice(),
        VerifyError::Intel(IntelError::Revoked(_)) => &[],
        _ => return Check::new(Rule::Genuine, false, "genuine evidence", cause),
    };
    // Every signature holds: the platform is what is wrong.
    let expected = "a TCB level that Intel lists and has not revoked";
    let behind = behind.iter().map(Shortfall::sentence).collect();
    Check::new(Rule::Tcb, false, expected, cause)
        .of("intel.status")
        .key(format!("{}.statuses", tee.name()))
        .behind_by(behind)
}

fn root(claims: &Claims) -> Check {
    let found = if claims.simulated {
        format!("genuine under the SIMULATED root {}", claims.root)
    } else {
        format!("genuine under the vendor's root {}", claims.root)
    };
    Check::new(Rule::Genuine, true, "genuine evidence", found).of("root")
}

fn bound(claims: &Claims, binding: Binding<'_>) -> Vec<Check> {
    match binding {
        Binding::Statement(statement, expected) => {
            let mut checks = vec![binds(claims, statement.report_data())];
            checks.extend(stated(statement, expected));
            checks
        }
        Binding::ReportData(wanted) => vec![binds(claims, wanted)],
        Binding::Nonce(nonce) => vec![holds_nonce(claims, nonce)],
        Binding::Nothing => Vec::new(),
    }
}

/// The evidence holds exactly these bytes.
fn binds(claims: &Claims, wanted: ReportData) -> Check {
    let found = claims.report_data.map_or_else(
        || "no report data of 64 bytes".to_owned(),
        |data| data.to_string(),
    );
    let passed = claims.report_data == Some(wanted);
    Check::new(Rule::Binding, passed, wanted, found).of("report-data")
}

/// A part that binds something else was made for another party.
fn binds_as_lead(claims: &Claims, lead: Option<ReportData>) -> Check {
    match lead {
        Some(wanted) => binds(claims, wanted),
        None => Check::new(
            Rule::Binding,
            false,
            "what the lead binds",
            "a lead that binds no 64 bytes",
        ),
    }
}

fn holds_nonce(claims: &Claims, nonce: &[u8]) -> Check {
    let found = match &claims.details {
        Details::Nitro(nitro) => nitro.nonce.clone(),
        _ => claims.report_data.map(|data| data.as_bytes().to_vec()),
    };
    let wanted = match &claims.details {
        Details::Nitro(_) => (!nonce.is_empty()).then(|| nonce.to_vec()),
        _ => padded(nonce),
    };
    let passed = wanted.is_some() && found == wanted;
    let text = found.map_or_else(|| "no nonce".to_owned(), hex::encode);
    Check::new(Rule::Nonce, passed, hex::encode(nonce), text).of("nonce")
}

/// The nonce as report data; none if it is empty or too long.
fn padded(nonce: &[u8]) -> Option<Vec<u8>> {
    let mut data = [0; 64];
    data.get_mut(..nonce.len())?.copy_from_slice(nonce);
    (!nonce.is_empty()).then(|| data.to_vec())
}

fn stated(statement: &NodeStatement, expected: &Expected) -> Vec<Check> {
    let mut checks = vec![
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
