//! What is asked of the ledger and has a body in JSON.

use serde::{Deserialize, Serialize};
use synod_ledger::{TxId, TxStatus};
use utoipa::ToSchema;

use crate::{tx_status, tx_text};

/// The answer to `GET /v1/tx/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TxReply {
    /// The transaction asked for.
    #[serde(with = "tx_text")]
    #[schema(value_type = String, example = "2.17")]
    pub transaction_id: TxId,
    /// How far it is.
    #[serde(with = "tx_status")]
    #[schema(value_type = tx_status::Form)]
    pub status: TxStatus,
}
