//! Part 3: further replicas join by mutual attestation, fetch and verify the whole ledger, learn,
//! and vote.

use std::time::Duration;

use synod_api::{ReplicaInfo, Standing};
use synod_attestation::Tee;
use synod_client::{ReplicaUrl, Service};
use synod_crypto::Digest;
use synod_node::{Beginning, ServiceUrl};

use crate::outcome::{Failure, Outcome};
use crate::up::child::Child;
use crate::up::found::{node_config, wait_until};
use crate::up::layout::Layout;
use crate::up::ports::Ports;

/// How long a replica may take from its start to its vote.
const VOTE_TIMEOUT: Duration = Duration::from_secs(40);

/// Starts a replica that joins.
pub(crate) fn start_joiner(
    layout: &Layout,
    ports: Ports,
    number: u8,
    tee: Tee,
    network: Digest,
    services: &[ReplicaUrl],
) -> Outcome<Child> {
    let services = services
        .iter()
        .map(|url| ServiceUrl::parse(&url.to_string()).map_err(Failure::broken))
        .collect::<Outcome<_>>()?;
    let beginning = Beginning::Join {
        network,
        services,
        policy: None,
        replaces: None,
    };
    let config = node_config(layout, ports, number, tee, beginning);
    Child::start(
        "join",
        number,
        ports.url(number),
        &layout.replica(number),
        &config,
    )
}

/// Waits until the replica votes, and gives what the service knows of it.
pub(crate) async fn wait_for_vote(child: &mut Child, service: &Service) -> Outcome<ReplicaInfo> {
    let url = child.url().clone();
    let mut known = None;
    wait_until(child, "vote", VOTE_TIMEOUT, async || {
        known = info_of(service, &url)
            .await
            .filter(|info| info.standing == Standing::Voter);
        known.is_some()
    })
    .await?;
    known.ok_or_else(|| Failure::broken("a voting replica is not listed"))
}

/// What the service knows of the replica at this address, once it is on the ledger.
pub(crate) async fn info_of(service: &Service, url: &ReplicaUrl) -> Option<ReplicaInfo> {
    let network = service.network().await.ok()?;
    network
        .replicas
        .into_iter()
        .find(|replica| replica.url.parse::<ReplicaUrl>().as_ref() == Ok(url))
}
