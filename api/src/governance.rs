//! What the members decide: the state of their governance, and signed acts.

use serde::{Deserialize, Serialize};
use synod_ledger::TxId;
use utoipa::ToSchema;

use crate::blob::Base64;
use crate::problem::ErrorCode as Code;
use crate::route::{Access, Answer, Body, INLINE, Route, ok};
use crate::{headers, tx_text};

/// The answer to `GET /v1/governance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GovernanceReply {
    /// The network that actions must name, in lower-case hexadecimal.
    pub network_id: String,
    /// Whether the service is open to users.
    pub open: bool,
    /// The sequence number that the next action must bear.
    pub next_sequence: u64,
    /// How many members must sign an action.
    pub threshold: u8,
    /// How many members recover the ledger secret together.
    pub recovery_threshold: u8,
    /// How many vendors a quorum must span once they stand.
    pub required_vendors: u8,
    /// The digest of the appraisal policy in force, in lower-case hexadecimal.
    pub policy: String,
    /// The members.
    pub members: Vec<MemberInfo>,
    /// The users.
    pub users: Vec<UserInfo>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberInfo {
    /// The name in the manifest.
    pub name: String,
    /// The key that signs actions (Ed25519), in lower-case hexadecimal.
    pub key: String,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserInfo {
    /// The name.
    pub name: String,
    /// SHA-256 of the public key (SubjectPublicKeyInfo) in the certificate; lower-case hexadecimal.
    pub fingerprint: String,
    /// What the user may do: `read`, `write`.
    pub roles: Vec<String>,
}

/// The body of `POST /v1/governance/actions`: one act, signed by members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    /// COSE_Sign1 messages of members, all over the same action; at most 64.
    #[schema(min_items = 1, max_items = 64)]
    pub signatures: Vec<Base64>,
}

/// The answer to `POST /v1/governance/actions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionReply {
    /// The transaction that carries the act.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
    /// The sequence number that the act bore.
    pub sequence: u64,
    /// The receipt file, if the request said `receipt=inline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Base64>,
}

/// The schemas of this domain's bodies; those they refer to come along.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(ActionReply, ActionRequest, GovernanceReply)))]
pub(crate) struct Schemas;

const JOIN_PROBLEMS: &[Code] = &[
    Code::NotLeader,
    Code::EvidenceRefused,
    Code::UnsupportedMediaType,
];

/// The routes of this domain.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/v1/governance",
        id: "governance",
        summary: "Describes the governance: members, thresholds, users, the next sequence number.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::None,
        answers: &[ok("The description.", Body::Json("GovernanceReply"))],
        problems: &[],
    },
    Route {
        method: "POST",
        path: "/v1/governance/actions",
        id: "act",
        summary: "Takes an act that enough members have signed, and answers once it is committed.",
        access: Access::Anybody,
        parameters: &[INLINE],
        body: Body::Json("ActionRequest"),
        answers: &[Answer {
            status: 200,
            description: "The act is committed.",
            body: Body::Json("ActionReply"),
            headers: &[headers::TRANSACTION_ID],
        }],
        problems: &[
            Code::NotLeader,
            Code::InvalidBody,
            Code::SequenceMismatch,
            Code::AlreadyDone,
            Code::UnsupportedMediaType,
            Code::ActionRefused,
            Code::LeadershipLost,
            Code::AnswerTimeout,
            Code::StorageFull,
        ],
    },
    Route {
        method: "POST",
        path: "/v1/join",
        id: "join",
        summary: "Takes the statement and the evidence of a replica that wants to be trusted.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::Bytes(headers::CBOR),
        answers: &[ok("The joiner is trusted.", Body::Bytes(headers::CBOR))],
        problems: JOIN_PROBLEMS,
    },
    Route {
        method: "POST",
        path: "/v1/join/keys",
        id: "join_keys",
        summary: "Gives a trusted replica the keys, sealed to the key that its evidence names.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::Bytes(headers::CBOR),
        answers: &[ok("The sealed keys.", Body::Bytes(headers::CBOR))],
        problems: &[
            Code::Forbidden,
            Code::TransactionPending,
            Code::UnsupportedMediaType,
        ],
    },
    Route {
        method: "POST",
        path: "/v1/bootstrap",
        id: "bootstrap",
        summary: "Gives a founder the members' approvals; it answers once block 0 is written.",
        access: Access::Anybody,
        parameters: &[],
        body: Body::Bytes(headers::CBOR),
        answers: &[ok("The service stands.", Body::Bytes(headers::CBOR))],
        problems: &[
            Code::EvidenceRefused,
            Code::ApprovalsRefused,
            Code::AlreadyDone,
            Code::UnsupportedMediaType,
        ],
    },
];
