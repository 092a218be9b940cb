//! One question to the verifier, in bytes and text, and its answer in JSON.

use std::fmt;

use synod_attestation::{Binding, Endorsements, Evidence, Policy, ReportData, Tee};

/// Everything that an appraisal depends on.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The name of the TEE that is expected. Empty: whichever the evidence is
    /// detected to be of.
    pub tee: Vec<u8>,
    /// What the TEE signed, or the encoding of composite evidence.
    pub evidence: Vec<u8>,
    /// The encoding of endorsements, or Intel collateral in JSON. Empty: none,
    /// as for Nitro.
    pub endorsements: Vec<u8>,
    /// The name of a built-in policy, or a policy in TOML.
    pub policy: Vec<u8>,
    /// The 64 bytes of report data that the evidence must bind. Empty: any.
    pub report_data: Vec<u8>,
    /// The nonce that the evidence must bind. Empty: none.
    pub nonce: Vec<u8>,
    /// Names of built-in policies to compare with, one a line.
    pub against: Vec<u8>,
}

/// The question cannot be answered; nothing was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRequest {
    /// The part of the request that is wrong.
    pub part: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.reason)
    }
}

impl std::error::Error for BadRequest {}

impl Request {
    /// Appraises as of `now_ms` (Unix milliseconds). The answer is the JSON of
    /// an `Appraisal`, or `{"error": {"part", "reason"}}`.
    pub fn answer(self, now_ms: u64) -> String {
        match self.appraise(now_ms) {
            Ok(json) => json,
            Err(BadRequest { part, reason }) => {
                serde_json::json!({ "error": { "part": part, "reason": reason } }).to_string()
            }
        }
    }

    fn appraise(self, now_ms: u64) -> Result<String, BadRequest> {
        let policy = policy(text("policy", &self.policy)?)?;
        let against = text("against", &self.against)?.lines().map(named);
        let against = against.collect::<Result<Vec<_>, _>>()?;
        let endorsements = endorsements(&self.endorsements)?;
        let evidence = evidence(text("tee", &self.tee)?, self.evidence)?;
        let binding = binding(&self.report_data, &self.nonce)?;
        let appraisal = policy.explain(&evidence, &endorsements, binding, now_ms, &against);
        serde_json::to_string(&appraisal).map_err(|error| bad("policy", error))
    }
}

fn bad(part: &'static str, reason: impl fmt::Display) -> BadRequest {
    let reason = reason.to_string();
    BadRequest { part, reason }
}

fn text<'a>(part: &'static str, bytes: &'a [u8]) -> Result<&'a str, BadRequest> {
    std::str::from_utf8(bytes).map_err(|error| bad(part, error))
}

fn policy(text: &str) -> Result<Policy, BadRequest> {
    match Policy::by_name(text) {
        Some(policy) => Ok(policy),
        None if text.contains('=') => Policy::from_toml(text).map_err(|error| bad("policy", error)),
        None => Err(bad("policy", "neither the name of a policy nor TOML")),
    }
}

fn named(name: &str) -> Result<Policy, BadRequest> {
    Policy::by_name(name).ok_or_else(|| bad("against", format!("no policy is called `{name}`")))
}

fn evidence(tee: &str, bytes: Vec<u8>) -> Result<Evidence, BadRequest> {
    let evidence = if tee.is_empty() {
        Evidence::decode(&bytes).or_else(|_| Evidence::detect(bytes))
    } else {
        let tee: Tee = tee.parse().map_err(|error| bad("tee", error))?;
        Evidence::new(tee, bytes)
    };
    evidence.map_err(|error| bad("evidence", error))
}

fn endorsements(bytes: &[u8]) -> Result<Endorsements, BadRequest> {
    let endorsements = match bytes.first() {
        None => Ok(Endorsements::Nitro),
        Some(b'{') => Endorsements::intel_from_json(text("endorsements", bytes)?),
        Some(_) => Endorsements::decode(bytes),
    };
    endorsements.map_err(|error| bad("endorsements", error))
}

fn binding<'a>(report_data: &[u8], nonce: &'a [u8]) -> Result<Binding<'a>, BadRequest> {
    match (report_data, nonce) {
        ([], []) => Ok(Binding::Nothing),
        ([], nonce) => Ok(Binding::Nonce(nonce)),
        (report_data, []) => ReportData::try_from(report_data)
            .map(Binding::ReportData)
            .map_err(|error| bad("report_data", error)),
        _ => Err(bad("nonce", "report data is asked for as well")),
    }
}
