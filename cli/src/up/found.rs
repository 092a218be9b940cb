//! Part 2: the first replica; the members appraise it and sign; block 0 is written.

use std::time::Duration;

use synod_attestation::Tee;
use synod_crypto::Digest;
use synod_governance::Manifest;
use synod_identity::{AttesterChoice, EndorsementsConfig, LogLevel};
use synod_node::{
    AppsConfig, Beginning, Durability, LEAVE_MAX_DEFAULT, NodeConfig, NodeLimits, ServiceUrl,
};
use tokio::time::{Instant, sleep};

use crate::founding::{AppraisedFounder, appraise_founder};
use crate::outcome::{Failure, Outcome};
use crate::up::child::Child;
use crate::up::layout::Layout;
use crate::up::ports::Ports;
use crate::up::prepare::Prepared;
use crate::up::progress;

/// How long a process may take until it answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// One of each vendor.
const TEES: [Tee; 3] = [Tee::SevSnp, Tee::Tdx, Tee::Nitro];
const POLL: Duration = Duration::from_millis(50);

/// Which TEE replica `number` runs in: the vendors take turns, so that no one of them can stop the
/// service.
pub(crate) fn tee_of(number: u8) -> Tee {
    TEES[usize::from(number - 1) % TEES.len()]
}

/// The configuration of a replica of the tour.
pub(crate) fn node_config(
    layout: &Layout,
    ports: Ports,
    number: u8,
    tee: Tee,
    beginning: Beginning,
) -> NodeConfig {
    let public_url = ServiceUrl::parse(&ports.url(number).to_string())
        .expect("a loopback address is a proper one");
    // Absolute, since paths in the file are relative to its folder.
    let dir =
        std::path::absolute(layout.replica(number)).unwrap_or_else(|_| layout.replica(number));
    NodeConfig {
        dir,
        listen: ports.public(number),
        peer_listen: ports.peer(number),
        public_url,
        peer_address: ports.peer(number).to_string(),
        attester: AttesterChoice::Simulated(tee),
        durability: Durability::Disk,
        reattest_every: None,
        leave: true,
        leave_max: LEAVE_MAX_DEFAULT,
        stop_with_stdin: true,
        log: LogLevel::Info,
        beginning,
        endorsements: EndorsementsConfig::default(),
        limits: NodeLimits::default(),
        apps: AppsConfig::default(),
    }
}

/// Starts replica 1 as the founder.
pub(crate) fn start_founder(layout: &Layout, ports: Ports) -> Outcome<Child> {
    let manifest = layout.manifest();
    let manifest = std::path::absolute(&manifest).unwrap_or(manifest);
    let config = node_config(layout, ports, 1, tee_of(1), Beginning::Start { manifest });
    Child::start("start", 1, ports.url(1), &layout.replica(1), &config)
}

/// The members' part: appraise, approve, found. Gives the network id.
pub(crate) async fn found(child: &mut Child, prepared: &Prepared) -> Outcome<Digest> {
    let founder = wait_for_founder(child, &prepared.manifest).await?;
    let verdict = &founder.verdict;
    progress::done(format!(
        "members appraised it by the manifest's policy: {} checks passed{}",
        verdict.checks().len(),
        if verdict.simulated() {
            ", SIMULATED hardware"
        } else {
            ""
        }
    ));
    let approvals: Vec<_> = prepared
        .members
        .iter()
        .map(|member| founder.approve(&prepared.manifest, member))
        .collect();
    progress::done(format!(
        "{} members signed the manifest, the identity and the evidence",
        approvals.len()
    ));
    founder.found(child.url(), &approvals).await
}

async fn wait_for_founder(child: &mut Child, manifest: &Manifest) -> Outcome<AppraisedFounder> {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    loop {
        child.check_alive()?;
        match appraise_founder(child.url(), manifest).await {
            Ok(founder) => return Ok(founder),
            // Not there yet; whatever is there and does not pass, never will.
            Err(failure)
                if failure.exit == crate::outcome::Exit::Broken && Instant::now() < deadline =>
            {
                sleep(POLL).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Waits until `ready` says so, as long as the process lives and there is time.
pub(crate) async fn wait_until<F>(
    child: &mut Child,
    what: &str,
    limit: Duration,
    mut ready: F,
) -> Outcome
where
    F: AsyncFnMut() -> bool,
{
    let deadline = Instant::now() + limit;
    while !ready().await {
        child.check_alive()?;
        if Instant::now() >= deadline {
            let log = child.folder().join("node.log");
            return Err(Failure::broken(format!(
                "replica {} did not {what} within {limit:?}",
                child.number()
            ))
            .with_hint(format!("see {}", log.display())));
        }
        sleep(POLL).await;
    }
    Ok(())
}
