//! What members do before there is a network: appraise the founder, approve it, hand the approvals
//! in.

use std::time::Duration;

use minicbor::Encoder;
use synod_attestation::{Expected, Freshness, Role, Verdict};
use synod_channel::ServerTrust;
use synod_client::{ReplicaUrl, RetryPolicy, Service, Trust, fresh_nonce, observe};
use synod_crypto::Digest;
use synod_governance::{Approval, AttestedStatement, Manifest};

use crate::clock::now_ms;
use crate::member_key::MemberKey;
use crate::outcome::{Failure, Outcome, of_unverified};

/// How long a founder may take to answer.
const OBSERVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a founder may take to write block 0.
const FOUND_TIMEOUT: Duration = Duration::from_secs(30);

/// A founder whose evidence the manifest's policy accepts.
pub(crate) struct AppraisedFounder {
    pub(crate) attested: AttestedStatement,
    pub(crate) verdict: Verdict,
}

/// Asks the founder for its evidence, and appraises it by the manifest's policy: it must be bound
/// to this very manifest, and to the key that the connection ends at, which must sign a fresh
/// nonce.
pub(crate) async fn appraise_founder(
    url: &ReplicaUrl,
    manifest: &Manifest,
) -> Outcome<AppraisedFounder> {
    let nonce = fresh_nonce().map_err(Failure::broken)?;
    let seen = observe(url, nonce, OBSERVE_TIMEOUT).await?;
    let parts = seen.read().map_err(|why| of_unverified(&why).during(url))?;
    let expected = Expected {
        role: Role::Replica,
        context: manifest.digest(),
        freshness: Freshness::Elsewhere,
    };
    let verdict = manifest
        .policy()
        .appraise(
            &parts.evidence,
            &parts.endorsements,
            &parts.statement,
            &expected,
            now_ms(),
        )
        .map_err(|refusal| Failure::not_verified(&refusal).during(url))?;
    let attested = AttestedStatement {
        statement: parts.statement,
        evidence: parts.evidence,
        endorsements: parts.endorsements,
    };
    Ok(AppraisedFounder { attested, verdict })
}

impl AppraisedFounder {
    /// A member's approval of this founder for this manifest.
    pub(crate) fn approve(&self, manifest: &Manifest, key: &MemberKey) -> Vec<u8> {
        Approval::of(manifest.digest(), &self.attested).sign(&key.signing_key())
    }

    /// Hands the approvals in, over a connection that ends at the attested key, and gives the
    /// network id.
    pub(crate) async fn found(&self, url: &ReplicaUrl, approvals: &[Vec<u8>]) -> Outcome<Digest> {
        let trust = ServerTrust::attested(&self.verdict).map_err(Failure::broken)?;
        let retry_policy = RetryPolicy {
            attempt: FOUND_TIMEOUT,
            ..RetryPolicy::default()
        };
        let service = Service::new([url.clone()], Trust::Authority(trust), None, retry_policy)?;
        let answer = service
            .bootstrap(url, encode_approvals(approvals).into())
            .await?;
        minicbor::decode(&answer)
            .map_err(|_| Failure::broken(format!("{url} did not answer with a network id")))
    }
}

fn encode_approvals(approvals: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Encoder::new(Vec::new());
    let written = out.array(approvals.len() as u64).and_then(|out| {
        approvals
            .iter()
            .try_fold(out, |out, approval| out.bytes(approval))
    });
    written.expect("writing to a vector cannot fail");
    out.into_writer()
}
