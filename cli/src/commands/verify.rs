//! `synod verify`: looks at a replica before anything is sent to it, and says check by check what
//! was proven.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use synod_api::AppInfo;
use synod_attestation::Policy;
use synod_client::{
    AppPin, Check, ClientError, ReplicaUrl, RetryPolicy, Service, Trust, Unverified,
    VerifiedReplica, Verifier, fresh_nonce, observe,
};

use crate::commands::app::list::told;
use crate::connect::{open_memory, parse_network, read_policy, read_trusted};
use crate::outcome::{Failure, Outcome, of_unverified};
use crate::output::{Output, say};

/// Verifies a replica: evidence, measurement, keys, configurations, freshness
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod verify https://127.0.0.1:8001 --trust .synod/trust.toml
  synod verify https://127.0.0.1:8001 --network 5c1f…  --policy production.toml
  synod verify https://127.0.0.1:8001          # shows what is there, and how to pin it; exit code 3")]
pub(crate) struct VerifyArgs {
    /// The replica's address
    #[arg(value_name = "URL")]
    url: ReplicaUrl,
    /// The network id, as the members publish it
    #[arg(long, value_name = "ID", conflicts_with = "trust")]
    network: Option<String>,
    /// A trust file
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The state file: what this client saw of the network, so that no replica can show older data
    /// [default: the trust file's name, ending in .state]
    #[arg(long, env = "SYNOD_STATE", value_name = "FILE")]
    state: Option<PathBuf>,
    /// Your own appraisal policy (TOML); without it the members' policy applies, which the network
    /// id covers
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(crate) async fn run(args: &VerifyArgs, output: Output) -> Outcome {
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let (verifier, pins) = args.verifier(policy)?;
    match verifier {
        Some(verifier) => verify(&verifier, &pins, &args.url, output).await,
        None => look(&args.url, output).await,
    }
}

impl VerifyArgs {
    /// Who verifies, if there is a pin, and what the trust file pins of apps.
    fn verifier(&self, policy: Option<Policy>) -> Outcome<(Option<Verifier>, Vec<AppPin>)> {
        let state = self.state.as_deref();
        if let Some(path) = &self.trust {
            let trusted = read_trusted(path)?;
            let memory = open_memory(state, Some(&trusted), trusted.file.network)?;
            let verifier = Verifier::remembering(memory, policy.or(trusted.file.policy));
            return Ok((Some(verifier), trusted.file.apps));
        }
        let Some(network) = &self.network else {
            return Ok((None, Vec::new()));
        };
        let memory = open_memory(state, None, parse_network(network)?)?;
        Ok((Some(Verifier::remembering(memory, policy)), Vec::new()))
    }
}

async fn verify(verifier: &Verifier, pins: &[AppPin], url: &ReplicaUrl, output: Output) -> Outcome {
    let nonce = fresh_nonce().map_err(Failure::broken)?;
    match verifier.verify(url, nonce).await {
        Ok(replica) => {
            let apps = apps_of(verifier, url).await?;
            output.result(&verified_json(&replica, &apps), || {
                verified_text(&replica, &apps)
            })?;
            check_pins(pins, &apps)
        }
        Err(ClientError::NotVerified { why, .. }) => {
            output.result(&unverified_json(&why), || checks_text(&why.checks))?;
            Err(of_unverified(&why).during(format!("{url} is NOT verified")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The apps, as the replica's certified state has them, over a connection that ends at its verified
/// key.
async fn apps_of(verifier: &Verifier, url: &ReplicaUrl) -> Outcome<Vec<AppInfo>> {
    let trust = Trust::Verified(Box::new(verifier.clone()));
    let service = Service::new([url.clone()], trust, None, RetryPolicy::default())?;
    Ok(service.apps().await?.apps)
}

/// Each app that is pinned must be there, and be the one that was pinned.
fn check_pins(pins: &[AppPin], apps: &[AppInfo]) -> Outcome {
    for pin in pins {
        let app = apps.iter().find(|app| app.name == pin.name);
        let app = app.ok_or_else(|| {
            Failure::not_verified(format!(
                "the app `{}` is pinned but is not on the service",
                pin.name
            ))
        })?;
        pin.check(app).map_err(Failure::not_verified)?;
        say(format!(
            "the app `{}` is the one that the trust file pins",
            pin.name
        ));
    }
    Ok(())
}

/// Without a pin nothing can be verified: says what was seen, and how to pin it.
async fn look(url: &ReplicaUrl, output: Output) -> Outcome {
    let nonce = fresh_nonce().map_err(Failure::broken)?;
    let seen = observe(url, nonce, std::time::Duration::from_secs(10)).await?;
    let attested = seen.read().map_err(|why| of_unverified(&why))?;
    let (context, tee) = (attested.context, attested.evidence.tee());
    let data = json!({
        "verified": false, "url": url, "claimed_network_id": context.to_string(), "claimed_tee": tee.to_string(),
        "identity": attested.statement.identity.to_string(), "tls_key": seen.tls_key.fingerprint().to_string(),
    });
    output.result(&data, || {
        format!(
            "{url} says of itself, and nothing of it is verified:\n  network id  {context}\n  \
             TEE         {tee}\n  identity    {}\n  TLS key     {}",
            attested.statement.identity,
            seen.tls_key.fingerprint()
        )
    })?;
    Err(Failure::not_verified("nothing was verified, because no network id is pinned").with_hint(format!(
        "compare the network id with what the members publish, then `synod verify {url} --network {context}`"
    )))
}

/// The checks, one a line.
pub(crate) fn checks_text(checks: &[Check]) -> String {
    let lines: Vec<String> = checks.iter().map(|check| format!("  {check}")).collect();
    lines.join("\n")
}

fn verified_text(replica: &VerifiedReplica, apps: &[AppInfo]) -> String {
    let apps: Vec<String> = apps
        .iter()
        .map(|app| format!("\n  app {}", told(app)))
        .collect();
    format!(
        "{}{}\nverified: {}",
        checks_text(replica.checks()),
        apps.concat(),
        summary(replica)
    )
}

/// Who was verified, in one line.
pub(crate) fn summary(replica: &VerifiedReplica) -> String {
    let verdict = replica.verdict();
    let mark = if verdict.simulated() {
        ", SIMULATED: no hardware vouches for it"
    } else {
        ""
    };
    format!(
        "{} is replica {} of network {} ({}{mark})",
        replica.url(),
        replica.id(),
        replica.chain().network(),
        verdict.tee()
    )
}

fn verified_json(replica: &VerifiedReplica, apps: &[AppInfo]) -> serde_json::Value {
    let verdict = replica.verdict();
    json!({
        "verified": true,
        "url": replica.url(),
        "network_id": replica.chain().network().to_string(),
        "replica": replica.id(),
        "tee": verdict.tee().to_string(),
        "vendor": verdict.vendor(),
        "simulated": verdict.simulated(),
        "measurement": verdict.claims().measurement.to_string(),
        "policy": verdict.policy().to_string(),
        "verdict_expires_ms": verdict.expires_ms(),
        "configuration": replica.chain().current().number(),
        "checks": checks_json(replica.checks()),
        "apps": apps,
    })
}

fn unverified_json(why: &Unverified) -> serde_json::Value {
    json!({ "verified": false, "reason": why.failure.to_string(), "checks": checks_json(&why.checks) })
}

fn checks_json(checks: &[Check]) -> serde_json::Value {
    checks
        .iter()
        .map(|check| json!({ "name": check.name, "passed": check.passed, "waived": check.waived, "seen": check.seen }))
        .collect()
}
