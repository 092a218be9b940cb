//! What a replica tells of itself and of its network: requests, answers, and how they stand in
//! HTTP.

use http::StatusCode;
use http::request::Parts;
use synod_api::{AttestationReply, HealthReply, NetworkReply, SessionReply, headers};

use crate::parameters::parameters;
use crate::refusal::Refused;
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

/// A path of this domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Network,
    Attestation,
    Session,
    Live,
    Ready,
    Metrics,
}

impl Place {
    /// The place of a path, if it is of this domain.
    pub(crate) fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/v1/network" => Self::Network,
            "/v1/attestation" => Self::Attestation,
            "/v1/session" => Self::Session,
            "/livez" => Self::Live,
            "/readyz" => Self::Ready,
            "/metrics" => Self::Metrics,
            _ => return None,
        })
    }

    /// Reads a request.
    pub(crate) fn read(self, parts: &Parts) -> Result<Call, Refused> {
        let allowed: &'static [&'static str] = match self {
            Self::Attestation | Self::Session => &["nonce"],
            _ => &[],
        };
        let parameters = parameters(parts, allowed)?;
        Ok(match self {
            Self::Network => Call::Describe,
            Self::Attestation => Call::Attest {
                nonce: parameters.nonce()?,
            },
            Self::Session => Call::Session {
                nonce: parameters.nonce()?,
            },
            Self::Live => Call::Live,
            Self::Ready => Call::Ready,
            Self::Metrics => Call::Metrics,
        })
    }
}
