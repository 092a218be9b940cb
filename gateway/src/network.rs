//! What a replica tells of itself and of its network: requests, answers, and how they stand in HTTP.

use http::StatusCode;
use synod_api::{AttestationReply, HealthReply, NetworkReply, SessionReply, headers};

use crate::rendered::{Rendered, bytes, json};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// The description of the service. Answer: [`Reply::Description`].
    Describe,
    /// Evidence, and a signature over the nonce. Answer: [`Reply::Attestation`].
    Attest {
        /// The caller's nonce.
        nonce: [u8; 32],
    },
    /// A signature over nonce and TLS session. Answer: [`Reply::Session`].
    Session {
        /// The caller's nonce.
        nonce: [u8; 32],
    },
    /// Does the process work? Answer: [`Reply::Health`].
    Live,
    /// Can the replica serve? Answer: [`Reply::Health`].
    Ready,
    /// The metrics. Answer: [`Reply::Metrics`].
    Metrics,
}

/// The answer to a [`Call`].
#[derive(Debug)]
pub enum Reply {
    /// The description of the service.
    Description(Box<NetworkReply>),
    /// Evidence and a fresh signature.
    Attestation(Box<AttestationReply>),
    /// Proof of where the TLS session ends.
    Session(SessionReply),
    /// Health: status 200, or 503 if not `ok`.
    Health(HealthReply),
    /// Metrics in the text format of Prometheus.
    Metrics(String),
}

impl Reply {
    /// The answer in HTTP.
    pub(crate) fn render(self) -> Rendered {
        match self {
            Self::Description(reply) => json(&reply),
            Self::Attestation(reply) => json(&reply),
            Self::Session(reply) => json(&reply),
            Self::Health(health) => {
                let status = if health.ok {
                    StatusCode::OK
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                };
                json(&health).with_status(status)
            }
            Self::Metrics(text) => bytes(text.into(), headers::METRICS),
        }
    }
}
