//! What the app keeps: its maps, all private, and their records.

use serde::{Deserialize, Serialize};
use synod_app::{Map, Raw};

use crate::query::Query;
use crate::terms::Declaration;

/// Studies by name.
pub(crate) const STUDIES: Map<String, Study> = Map::new("studies");
/// How many studies a user has declared.
pub(crate) const DECLARED: Map<String, u64, Raw> = Map::new("declared");
/// Who takes part in which study: party, study.
pub(crate) const PARTIES: Map<(String, String), String, Raw> = Map::new("parties");
/// What an owner brought and spent: study, owner.
pub(crate) const OWNERS: Map<(String, String), Share> = Map::new("owners");
/// Packed rows: study, owner, upload, part.
pub(crate) const ROWS: Map<(String, String, u32, u32), Vec<u8>, Raw> = Map::new("rows");
/// Queries by digest: study, query.
pub(crate) const QUERIES: Map<(String, String), Proposal> = Map::new("queries");
/// Who approved: study, query, owner. The ledger's time, in milliseconds since 1970.
pub(crate) const APPROVALS: Map<(String, String, String), u64, Raw> = Map::new("approvals");
/// What was released, byte by byte: study, query.
pub(crate) const ANSWERS: Map<(String, String), Vec<u8>, Raw> = Map::new("answers");
/// What was not: study, number.
pub(crate) const REFUSALS: Map<(String, u64), Refusal> = Map::new("refusals");
/// How many refusals a study has had.
pub(crate) const REFUSED: Map<String, u64, Raw> = Map::new("refused");

/// A study.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Study {
    /// Its terms.
    pub(crate) terms: Declaration,
    /// Their digest, in hexadecimal.
    pub(crate) digest: String,
    /// Who declared it.
    pub(crate) declared_by: String,
    /// When, in milliseconds since 1970.
    pub(crate) declared_ms: u64,
}

/// What an owner brought and spent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    /// Uploads so far.
    pub(crate) uploads: u32,
    /// Rows so far.
    pub(crate) rows: u32,
    /// Whether no more rows come.
    pub(crate) sealed: bool,
    /// Epsilon spent so far, in thousandths.
    pub(crate) spent: u32,
}

/// A proposed query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposal {
    /// The query.
    pub(crate) query: Query,
    /// The analyst.
    pub(crate) proposed_by: String,
    /// When, in milliseconds since 1970.
    pub(crate) proposed_ms: u64,
}

/// A run that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// The query.
    pub(crate) query: String,
    /// Why, as a word.
    pub(crate) code: String,
    /// Why, as a sentence.
    pub(crate) title: String,
    /// Who asked.
    pub(crate) analyst: String,
    /// When, in milliseconds since 1970.
    pub(crate) refused_ms: u64,
}
