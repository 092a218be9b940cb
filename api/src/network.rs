//! What a service tells of itself: its network, its attestation, its health.
//!
//! Nothing here is to be believed for being said over TLS: a client verifies the attestation
//! against its policy, and the chain against the network id that it pinned.

use serde::{Deserialize, Serialize};
use synod_ledger::TxId;
use utoipa::ToSchema;

use crate::blob::Base64;
use crate::problem::ErrorCode as Code;
use crate::route::{Access, Body, Form, Parameter, Place, Route, ok};
use crate::{headers, tx_text};

/// The part a replica plays in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Waits for the members' approvals; there is no network yet.
    Founder,
    /// Has not been trusted yet, or fetches the ledger.
    Joiner,
    /// Follows without a vote.
    Learner,
    /// Follows, and votes.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
    /// Was removed, and serves nothing.
    Removed,
    /// Has stopped because its state contradicts the ledger.
    Halted,
}

/// The standing of a replica on the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its evidence passed; it may fetch keys and the ledger.
    Trusted,
    /// It is a learner of the engine.
    Learner,
    /// It votes.
    Voter,
    /// It was removed and never comes back.
    Removed,
}

/// The answer to `GET /v1/network`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkReply {
    /// The hash of block 0, in lower-case hexadecimal; absent while a founder waits.
    pub network_id: Option<String>,
    /// The name in the manifest.
    pub name: String,
    /// Whether the members opened the service to users.
    pub open: bool,
    /// The version of the program that answers.
    pub software: String,
    /// The id of the replica that answers; 0 while it has none.
    pub replica: u64,
    /// Its role now.
    pub role: Role,
    /// The view (term) it is in.
    pub view: u64,
    /// The leader it knows of, if any.
    pub leader: Option<u64>,
    /// The newest certified transaction that it knows.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub certified: TxId,
    /// Index of the newest certified block that it knows; 0 while there is no network.
    pub certified_index: u64,
    /// Hash of that block, in lower-case hexadecimal: a joiner's nonce is made from it.
    pub certified_hash: String,
    /// Ledger time of the newest certified block, in Unix milliseconds.
    pub ledger_time_ms: u64,
    /// The number of the configuration in force.
    pub configuration: u64,
    /// How many vendors a quorum must span.
    pub required_vendors: u8,
    /// The certificate of the service's authority (PEM), which signs the replicas' TLS
    /// certificates; absent while a founder waits. Take it from a verified replica only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_ca: Option<String>,
    /// All replicas on the ledger that were not removed, by id.
    pub replicas: Vec<ReplicaInfo>,
    /// The replicas that are out, newest first, at most 16 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub departed: Vec<Departure>,
    /// The replicas whose loss, each alone, would stop the service.
    pub critical: Vec<u64>,
    /// What the operator should look at, in plain sentences; empty when all is well.
    pub alarms: Vec<String>,
}

/// A replica, as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaInfo {
    /// Its id, never used again for another.
    pub id: u64,
    /// Its public address, `https://host:port`.
    pub url: String,
    /// `sev-snp`, `tdx` or `nitro`.
    #[schema(example = "sev-snp")]
    pub tee: String,
    /// The vendor that counts for diversity.
    #[schema(example = "amd")]
    pub vendor: String,
    /// Whether its evidence ends in a mock root: no hardware stands behind it.
    pub simulated: bool,
    /// Its standing.
    pub standing: Standing,
    /// Its identity key (Ed25519), in lower-case hexadecimal.
    pub identity: String,
    /// When the verdict on it was passed, in Unix milliseconds of ledger time.
    pub attested_ms: u64,
    /// Until when its verdict holds, in Unix milliseconds of ledger time.
    pub verdict_expires_ms: u64,
    /// When it attests anew, in Unix milliseconds: exact for the replica that answers, for the
    /// others the latest time if all goes well.
    pub next_attestation_ms: u64,
    /// Why it has no vote, if it had one: when it was demoted, and the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demoted: Option<Demotion>,
    /// Whether the replica that answers heard from it lately; only the leader knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reachable: Option<bool>,
    /// Whether it has certified what the leader had certified ten seconds ago; only the leader
    /// knows. A voter that does not is of no use to a quorum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certifies: Option<bool>,
    /// The replica in whose place it joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<u64>,
    /// For how long the replica that answers has heard nothing of it, in milliseconds, where it
    /// votes and that is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_ms: Option<u64>,
}

/// How a replica came to be out for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DepartureReason {
    /// The members removed it.
    Removed,
    /// Its verdict lapsed, and the grace after that was over.
    Lapsed,
    /// It left.
    Left,
    /// It waited for the members, and gave way to a newcomer.
    GaveWay,
    /// Another replica came into its place.
    Replaced,
}

/// A replica that is out for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Departure {
    /// Its id.
    pub id: u64,
    /// How it came to be out.
    pub reason: DepartureReason,
    /// Since when, in Unix milliseconds of ledger time.
    pub since_ms: u64,
    /// The replica that came into its place, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<u64>,
}

/// How a replica lost its vote. It gets it again when it attests anew, or is heard again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Demotion {
    /// When, in Unix milliseconds of ledger time.
    pub since_ms: u64,
    /// Why, in a sentence.
    pub reason: String,
    /// When it is removed for ever unless it attests anew, in Unix milliseconds of ledger time;
    /// absent once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal_ms: Option<u64>,
}

/// The answer to `GET /v1/attestation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttestationReply {
    /// The network id, or the manifest's digest of a founder that waits; lower-case hexadecimal.
    pub context: String,
    /// The replica's statement (CBOR), whose hash is the evidence's report data.
    pub statement: Base64,
    /// The evidence (CBOR).
    pub evidence: Base64,
    /// The endorsements the evidence is verified with (CBOR).
    pub endorsements: Base64,
    /// The caller's nonce, repeated; lower-case hexadecimal.
    pub nonce: String,
    /// The identity key's signature over [`freshness_message`] of context and nonce.
    pub signature: Base64,
    /// Proof that the TLS session over which this is answered ends at the identity key. Absent
    /// where there is no TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionProof>,
    /// When the evidence was collected, in Unix milliseconds of the replica's clock.
    pub collected_ms: u64,
    /// The receipt of the transaction that recorded this evidence with its verdict. That of a
    /// founder which has not attested anew stands in block 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Base64>,
    /// The configuration that the replica stands in, by number, if it votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<u64>,
    /// The newest certified block that the replica knows, with its certificate. Absent before the
    /// first certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certified: Option<CertifiedBlock>,
}

/// The header of a certified block, and what certifies it. A client verifies it against the chain
/// of configurations, and remembers tree size, root and time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertifiedBlock {
    /// The block's header (CBOR, `header` of `spec/ledger.cddl`).
    pub header: Base64,
    /// The certificate over it (CBOR, `certificate` of `spec/ledger.cddl`).
    pub certificate: Base64,
}

/// A signature by which an identity key vouches for the TLS session that carries it. A client
/// that reads its own end's exporter can check it; others pass it over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionProof {
    /// How it is tied to the session.
    #[schema(example = "tls-exporter/1")]
    pub binding: String,
    /// The identity key's signature (Ed25519) over a `session-message` of `spec/channel.cddl`, of
    /// the accepting end, with the caller's nonce.
    pub signature: Base64,
}

/// The answer to `GET /v1/session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionReply {
    /// The network id, or the manifest's digest of a founder that waits; lower-case hexadecimal.
    pub context: String,
    /// The proof. Absent where there is no TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionProof>,
}

/// The bytes that a replica's identity key signs to show that it is alive now and holds the
/// key which its evidence names: a label, the context and the caller's nonce.
pub fn freshness_message(context: &[u8; 32], nonce: &[u8; 32]) -> Vec<u8> {
    [
        b"synod attestation freshness v1\0".as_slice(),
        context,
        nonce,
    ]
    .concat()
}

/// The answer of `/livez` and `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthReply {
    /// Whether all is well.
    pub ok: bool,
    /// In one sentence, what the replica does now.
    pub state: String,
}

/// The schemas of this domain's bodies; those they refer to come along.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(AttestationReply, HealthReply, NetworkReply, SessionReply)))]
pub(crate) struct Schemas;

/// The routes of this domain.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/v1/attestation",
        id: "attestation",
        summary: "Gives the evidence of this replica, and its key's signature over the nonce.",
        access: Access::Anybody,
        parameters: &[Parameter {
            name: "nonce",
            place: Place::RequiredQuery,
            description: "32 random bytes of the caller, in lower-case hexadecimal.",
            form: Form::Pattern("^[0-9a-f]{64}$"),
        }],
        body: Body::None,
        answers: &[ok(
            "Statement, evidence, endorsements and signature.",
            Body::Json("AttestationReply"),
        )],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/session",
        id: "session",
        summary: "Gives the identity key's signature over nonce and TLS session: proves where this connection ends.",
        access: Access::Anybody,
        parameters: &[Parameter {
            name: "nonce",
            place: Place::RequiredQuery,
            description: "32 random bytes of the caller, in lower-case hexadecimal.",
            form: Form::Pattern("^[0-9a-f]{64}$"),
        }],
        body: Body::None,
        answers: &[ok("The proof.", Body::Json("SessionReply"))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/v1/network",
        id: "network",
        summary: "Describes the service: replicas, leader, configuration, alarms.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The description.", Body::Json("NetworkReply"))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/livez",
        id: "live",
        summary: "Says whether the process works at all.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("It does.", Body::Json("HealthReply"))],
        problems: &[Code::Halted],
    },
    Route {
        method: "GET",
        path: "/readyz",
        id: "ready",
        summary: "Says whether the replica can serve requests now.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("It can.", Body::Json("HealthReply"))],
        problems: &[],
    },
    Route {
        method: "GET",
        path: "/metrics",
        id: "metrics",
        summary: "Gives the metrics, for Prometheus.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The metrics.", Body::Bytes(headers::METRICS))],
        problems: &[],
    },
];
