//! What the members decide: the state of their governance, and signed acts.

use serde::{Deserialize, Serialize};
use synod_ledger::TxId;
use utoipa::ToSchema;

use crate::blob::Base64;
use crate::tx_text;

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
