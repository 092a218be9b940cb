//! Transaction ids in JSON: the text form `view.seqno`.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serializer};
use synod_ledger::TxId;

/// Writes `view.seqno`.
pub(crate) fn serialize<S: Serializer>(id: &TxId, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(id)
}

/// Reads `view.seqno`, strictly.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TxId, D::Error> {
    let text = String::deserialize(from)?;
    TxId::from_str(&text).map_err(serde::de::Error::custom)
}

/// The same for an optional id.
pub(crate) mod optional {
    use super::{Deserialize, Deserializer, FromStr, Serializer, TxId};

    /// Writes `view.seqno` or null.
    #[allow(
        clippy::ref_option,
        reason = "serde calls with a reference to the field"
    )]
    pub(crate) fn serialize<S: Serializer>(id: &Option<TxId>, to: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => to.collect_str(id),
            None => to.serialize_none(),
        }
    }

    /// Reads `view.seqno` or null.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<TxId>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|t| TxId::from_str(&t).map_err(serde::de::Error::custom))
            .transpose()
    }
}
