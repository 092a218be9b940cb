//! Part 4: the members open the service, and a client verifies it before it sends a byte of its
//! own.

use synod_client::{ReplicaUrl, TrustFile, VerifiedReplica, Verifier, fresh_nonce};
use synod_crypto::Digest;

use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};
use crate::up::layout::Layout;
use crate::up::progress;

/// Verifies a replica by the pin alone, and tells each check.
pub(crate) async fn verify(network: Digest, url: &ReplicaUrl) -> Outcome<VerifiedReplica> {
    let nonce = fresh_nonce().map_err(Failure::broken)?;
    let verified = Verifier::new(network, None).verify(url, nonce).await?;
    for check in verified.checks() {
        progress::done(format!("{}: {}", check.name, check.seen));
    }
    Ok(verified)
}

/// Writes what clients need to know, in place of what stood there.
pub(crate) fn write_trust(
    layout: &Layout,
    network: Digest,
    urls: Vec<ReplicaUrl>,
    service_ca: Option<String>,
) -> Outcome {
    if let Some(pem) = &service_ca {
        files::replace(&layout.service_ca(), pem.as_bytes(), Readers::Everybody)?;
    }
    let trust = TrustFile {
        network,
        urls,
        service_ca,
        policy: None,
        apps: Vec::new(),
    };
    files::replace(
        &layout.trust(),
        trust.to_toml().as_bytes(),
        Readers::Everybody,
    )
}
