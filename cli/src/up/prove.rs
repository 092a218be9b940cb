//! Part 8: no plain text on any disk, a ledger that audits, a state that can be rebuilt.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use synod_client::{Service, WriteOptions};
use synod_crypto::Digest;

use crate::commands::ledger::{AuditReport, audit_folder};
use crate::ledger_folder::LedgerFolder;
use crate::member_key::{MemberKey, fresh_seed};
use crate::outcome::{Failure, Outcome};
use crate::recovery;
use crate::up::dataset::DataSet;
use crate::up::import::{self, Imported};
use crate::up::layout::Layout;
use crate::up::search::{Found, Needles, search};

/// The public map of the positive control.
const PUBLIC_MAP: &str = "public:tour";

/// What the audit and the rebuilding came to.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct AuditSummary {
    /// Ledgers that were audited and found sound.
    pub(crate) ledgers: usize,
    /// Blocks of the longest.
    pub(crate) blocks: u64,
    /// Transactions of the longest.
    pub(crate) transactions: u64,
    /// The newest configuration.
    pub(crate) configuration: u64,
    /// Records that were rebuilt from a folder and the members' shares, and are the imported ones.
    pub(crate) rebuilt_records: usize,
}

/// Writes a text to a public map, and searches for it: the search finds what is there.
pub(crate) async fn positive_control(service: &Service, layout: &Layout) -> Outcome<usize> {
    let text = format!("control {}", hex::encode(&fresh_seed()?.expose()[..8]));
    service
        .put(
            PUBLIC_MAP,
            b"control",
            text.clone(),
            &WriteOptions::default(),
        )
        .await?;
    let found = search(layout.dir(), None, &Needles::new([text.as_str()]))?;
    if found.hits.is_empty() {
        return Err(Failure::not_verified(
            "the search does not even find public data, so it proves nothing",
        ));
    }
    Ok(found.hits.len())
}

/// The values of the data set that stand in files before anything was imported: words of our own,
/// such as `server`.
pub(crate) fn commonplaces(
    layout: &Layout,
    data: &DataSet,
    source: Option<&Path>,
) -> Outcome<BTreeSet<String>> {
    Ok(search(layout.dir(), source, &Needles::new(data.texts()))?.texts)
}

/// Searches every file for every imported line and value.
pub(crate) fn search_for_records(
    layout: &Layout,
    data: &DataSet,
    source: Option<&Path>,
) -> Outcome<Found> {
    let found = search(layout.dir(), source, &Needles::new(data.texts()))?;
    match found.hits.first() {
        None => Ok(found),
        Some((file, at)) => Err(Failure::not_verified(format!(
            "{} imported values are on disk in plain text, the first in `{}` at byte {at}",
            found.hits.len(),
            file.display()
        ))),
    }
}

/// Audits every replica's folder.
pub(crate) fn audit(layout: &Layout, network: Digest) -> Outcome<Vec<AuditReport>> {
    LedgerFolder::find_all(layout.dir())?
        .iter()
        .map(|folder| audit_folder(folder, Some(network)))
        .collect()
}

/// Rebuilds the private state from one folder and the members' shares; gives how many records are
/// the imported ones.
pub(crate) fn rebuild(
    folder: &Path,
    network: Digest,
    members: &[MemberKey],
    imported: &[Imported],
) -> Outcome<usize> {
    let taken = recovery::rebuild(&LedgerFolder::find_one(folder)?, network, members)?;
    let state = recovery::state(&taken.machine.store())?;
    let is_same = |one: &&Imported| {
        let key = (import::MAP.to_owned(), one.record.key.clone().into_bytes());
        state
            .get(&key)
            .is_some_and(|value| value[..] == *one.record.value.as_bytes())
    };
    let same = imported.iter().filter(is_same).count();
    if same == imported.len() {
        Ok(same)
    } else {
        Err(Failure::not_verified(format!(
            "only {same} of {} records could be rebuilt",
            imported.len()
        )))
    }
}
