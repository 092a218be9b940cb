//! Apps: what the service says of them, and their logs.
//!
//! The answers of an app itself have no types here: their status, headers and body are the app's.

use serde::{Deserialize, Serialize};
use synod_ledger::TxId;
use utoipa::ToSchema;

use crate::tx_text;

/// The answer to `GET /v1/apps`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppsReply {
    /// The apps, by name; without their manifests.
    pub apps: Vec<AppInfo>,
}

/// How an app stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppStatus {
    /// No version is in force yet.
    Pending,
    /// A version is in force, and another may be on its way.
    Active,
    /// Its first version did not take effect, and no other is on its way.
    Failed,
    /// It is being removed with its rows.
    Removing,
}

/// An app as the ledger has it, the answer to `GET /v1/apps/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppInfo {
    /// Its name, which is where it answers: `/app/{name}/…`.
    pub name: String,
    /// How it stands.
    pub status: AppStatus,
    /// The version that answers calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<AppVersionInfo>,
    /// The version that is to take its place once a quorum of replicas has compiled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingAppInfo>,
    /// The newest version that did not take effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AppFailureInfo>,
}

/// One version of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppVersionInfo {
    /// Counts the settings of the app, from 1.
    pub number: u64,
    /// The version's name, as its manifest has it.
    pub version: String,
    /// What the app does, in its author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// SHA-256 of the component, in lower-case hexadecimal.
    pub component: String,
    /// Length of the component, in bytes.
    pub size: u64,
    /// The interfaces of `synod:app` that the component may import.
    pub imports: Vec<String>,
    /// Whether the app describes its own interface at `/v1/apps/{name}/openapi.json`.
    pub openapi: bool,
    /// Sequence number of the transaction by which the members set it.
    pub set_by: u64,
    /// The manifest, in TOML; only where one app is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

/// A version that is not in force yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingAppInfo {
    /// The version.
    #[serde(flatten)]
    pub version: AppVersionInfo,
    /// The pieces of the component that nobody has handed in yet, by their index: they go to
    /// `PUT /v1/apps/{name}/component/{number}/{index}`.
    pub chunks_missing: Vec<u32>,
    /// The replicas that are known to have compiled it, by id; only the leader knows of the others.
    pub compiled_by: Vec<u64>,
}

/// Why a version did not take effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppFailureInfo {
    /// Its number.
    pub number: u64,
    /// A stable word for the reason.
    pub code: String,
}

/// The answer to `PUT /v1/apps/{name}/component/{number}/{index}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChunkReply {
    /// The transaction that holds the chunk.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
}

/// The answer to `GET /v1/apps/{name}/logs`: lines from the memory of the replica that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppLogReply {
    /// The replica whose memory this is. Each keeps the lines of the calls that it executed.
    pub replica: u64,
    /// The lines, oldest first.
    pub lines: Vec<AppLogLine>,
    /// The number of the last line that this answer has looked at: `after` of the next request.
    pub next: u64,
    /// Lines after `after` that this replica no longer holds.
    pub dropped: u64,
}

/// A line of an app's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppLogLine {
    /// Its number in the memory of this replica, from 1.
    pub line: u64,
    /// The ledger's time when it was written, Unix milliseconds; of a compilation that of the replica's machine.
    pub time_ms: u64,
    /// The number of the app's version.
    pub number: u64,
    /// The pattern of the request's route; `init`, `migrate` or `compile` otherwise.
    pub route: String,
    /// The transaction as the app could have asked for it; a call that met others was executed again under another.
    /// 0.0 of a compilation.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// Whether the service wrote it, of an end that the app did not foresee; else the app did.
    pub of_host: bool,
    /// What was written.
    pub message: String,
}
