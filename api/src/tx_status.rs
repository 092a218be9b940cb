//! The status of a transaction in JSON: its name in lower case.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use synod_ledger::TxStatus;
use utoipa::ToSchema;

/// How far a transaction is.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(remote = "TxStatus", rename_all = "snake_case")]
#[schema(as = TxStatus)]
pub(crate) enum Form {
    /// It stands in the log of a leader and is not certified: it may still be lost.
    Pending,
    /// It is certified: it will never be lost, and has a receipt.
    Committed,
    /// A certified block of a later view holds its sequence number: it will never be committed.
    Invalid,
    /// This replica has not seen it, and cannot say more.
    Unknown,
}

/// Writes the name.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls with a reference to the field"
)]
pub(crate) fn serialize<S: Serializer>(status: &TxStatus, to: S) -> Result<S::Ok, S::Error> {
    Form::serialize(status, to)
}

/// Reads the name.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TxStatus, D::Error> {
    Form::deserialize(from)
}
