//! What a node tells of its apps, in the words of the HTTP interface.

use std::collections::BTreeMap;

use synod_api::{AppFailureInfo, AppInfo, AppStatus, AppVersionInfo, PendingAppInfo};
use synod_governance::View;
use synod_governance::app::{
    AppName, AppRecord, AppStatus as Standing, AppVersion, chunk_key, component_map,
};
use synod_kv::{Bytes, Read};
use synod_replica::AppView;

/// How much is told of each version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What a list holds.
    Brief,
    /// The manifest too.
    Whole,
}

/// An app as the ledger has it, with what is known of who has compiled it.
pub(crate) fn app(reader: &impl Read, view: &AppView, detail: Detail) -> AppInfo {
    let record = &view.record;
    let pending = record.pending.as_ref().map(|version| PendingAppInfo {
        version: info(version, detail),
        chunks_missing: missing(reader, &record.name, version),
        compiled_by: compiled_by(view, version.number),
    });
    let failure = record.failed.as_ref().map(|failure| AppFailureInfo {
        number: failure.number,
        code: failure.code.clone(),
    });
    AppInfo {
        name: record.name.to_string(),
        status: status(record),
        active: record.active.as_ref().map(|version| info(version, detail)),
        pending,
        failure,
    }
}

fn compiled_by(view: &AppView, number: u64) -> Vec<u64> {
    let heard = view.heard.iter();
    heard
        .filter(|heard| heard.number == number && heard.failed.is_none())
        .map(|heard| heard.replica)
        .collect()
}

fn status(record: &AppRecord) -> AppStatus {
    match record.status {
        Standing::Removing => AppStatus::Removing,
        Standing::Set if record.active.is_some() => AppStatus::Active,
        Standing::Set if record.pending.is_some() => AppStatus::Pending,
        Standing::Set => AppStatus::Failed,
    }
}

fn info(version: &AppVersion, detail: Detail) -> AppVersionInfo {
    // It was checked when it was recorded; whatever cannot be read is told as it stands.
    let manifest = version.parsed_manifest().ok();
    let of = manifest.as_ref();
    AppVersionInfo {
        number: version.number,
        version: of.map_or_else(String::new, |manifest| manifest.version().to_owned()),
        description: of
            .and_then(|manifest| manifest.description())
            .map(str::to_owned),
        component: version.component.to_string(),
        size: version.size,
        imports: of.map_or_else(Vec::new, |manifest| {
            manifest
                .imports()
                .iter()
                .map(|name| (*name).to_owned())
                .collect()
        }),
        openapi: version.openapi.is_some(),
        set_by: version.set_seqno,
        manifest: (detail == Detail::Whole).then(|| version.manifest.clone()),
    }
}

fn missing(reader: &impl Read, app: &AppName, version: &AppVersion) -> Vec<u32> {
    let map = component_map(app);
    indices(version)
        .filter(|index| {
            reader
                .get(&map, &chunk_key(version.number, *index))
                .is_none()
        })
        .collect()
}

/// The pieces of a version's component, in order; none where one is missing.
pub(crate) fn component(
    reader: &impl Read,
    app: &AppName,
    version: &AppVersion,
) -> Option<Vec<Bytes>> {
    let map = component_map(app);
    let piece = |index| reader.get(&map, &chunk_key(version.number, index));
    indices(version)
        .map(|index| piece(index).map(|found| found.value))
        .collect()
}

/// The apps that are not being removed, each with the oldest version that may still be called.
pub(crate) fn present(reader: &impl Read) -> BTreeMap<AppName, u64> {
    let records = View::new(reader).apps().unwrap_or_default();
    let set = |record: &&AppRecord| record.status == Standing::Set;
    let oldest = |record: &AppRecord| {
        let versions = record.active.iter().chain(&record.pending);
        versions.map(|version| version.number).min().unwrap_or(0)
    };
    records
        .iter()
        .filter(set)
        .map(|record| (record.name.clone(), oldest(record)))
        .collect()
}

fn indices(version: &AppVersion) -> impl Iterator<Item = u32> {
    0..u32::try_from(version.chunks.len()).unwrap_or(u32::MAX)
}
