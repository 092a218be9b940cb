//! Governance and state of a service, as it reports them; acts and approvals of members, as bytes.
//!
//! Nothing is signed here: whoever holds members' keys makes the bytes, and this carries them.

use bytes::Bytes;
use synod_api::{ActionReply, ActionRequest, Base64, GovernanceReply, HealthReply, NetworkReply};

use crate::error::ClientError;
use crate::request::{Repeat, Request};
use crate::service::Service;
use crate::url::ReplicaUrl;

impl Service {
    /// The service's description of itself. Believed only as far as the replica is.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn network(&self) -> Result<NetworkReply, ClientError> {
        self.call(&Request::get("/v1/network")).await?.json()
    }

    /// The same from one replica: what it thinks of itself and of the others.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn network_of(&self, url: &ReplicaUrl) -> Result<NetworkReply, ClientError> {
        self.ask(url, &Request::get("/v1/network")).await?.json()
    }

    /// The governance: members, thresholds, users, the next sequence number.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn governance(&self) -> Result<GovernanceReply, ClientError> {
        self.call(&Request::get("/v1/governance")).await?.json()
    }

    /// Submits an act that members signed. It has a sequence number, so it can take effect only
    /// once; after a lost connection it is not repeated, because the repetition would be refused as
    /// replayed.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn act(&self, signatures: Vec<Bytes>) -> Result<ActionReply, ClientError> {
        let body = ActionRequest {
            signatures: signatures.into_iter().map(Base64).collect(),
        };
        self.call(&Request::post_json(
            "/v1/governance/actions",
            &body,
            Repeat::Never,
        ))
        .await?
        .json()
    }

    /// Gives a founder the members' approvals; it answers once block 0 is written.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn bootstrap(
        &self,
        url: &ReplicaUrl,
        approvals: Bytes,
    ) -> Result<Bytes, ClientError> {
        let request = Request::post_cbor("/v1/bootstrap", approvals, Repeat::Never);
        Ok(self.ask(url, &request).await?.body)
    }

    /// Whether a replica can serve, and what it does now.
    ///
    /// # Errors
    /// [`ClientError`]; a replica that is not ready answers with a problem or with `ok: false`.
    pub async fn ready(&self, url: &ReplicaUrl) -> Result<HealthReply, ClientError> {
        self.ask(url, &Request::get("/readyz")).await?.json()
    }
}
