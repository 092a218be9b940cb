//! The language of tests about versions of apps: `set`, `bring`, `deploy`, and what a replica has
//! of them.

use bytes::Bytes;
use synod_crypto::sha256;
use synod_governance::Act;
use synod_governance::app::{AppName, AppRecord, CHUNK_BYTES, map_in_store};
use synod_kv::{KeyRange, Read};
use synod_replica::app::{
    AppChunk, AppFault, AppResponse, ChunkTaken, Completion, Execution, Task,
};
use synod_replica::governance::Recorded;
use synod_replica::state::DetachedTransaction;
use synod_replica::{Reply, Request, app};

use crate::cluster::{Cluster, map, user};

/// A version as members sign it.
pub(crate) struct Version {
    pub(crate) act: Act,
    pub(crate) component: Vec<u8>,
}

pub(crate) fn app(name: &str) -> AppName {
    AppName::new(name).expect("a name")
}

/// A version whose component is of two chunks.
pub(crate) fn version(name: &str, version: &str) -> Version {
    let mut component = vec![0; CHUNK_BYTES];
    component.extend_from_slice(format!("{name} {version}").as_bytes());
    Version {
        act: Act::SetApp {
            manifest: format!(
                "name = \"{name}\"\nversion = \"{version}\"\nimports = [\"maps\", \"map-writes\"]\n\
                 [maps]\nprivate = [\"rows\"]\npublic = [\"open\"]\n\
                 [[routes]]\npath = \"/rows\"\nmethods = [\"POST\"]\nwho = [\"user\"]"
            ),
            component: sha256(&[&component]),
            size: component.len() as u64,
            chunks: component
                .chunks(CHUNK_BYTES)
                .map(|chunk| sha256(&[chunk]))
                .collect(),
            openapi: None,
        },
        component,
    }
}

/// `init` writes one row into each map; `migrate` counts the private rows and writes how many there
/// were.
pub(crate) fn lifecycle(execution: &Execution) -> Result<Completion, AppFault> {
    let state = execution.state.clone();
    let mut tx = DetachedTransaction::new(state, execution.snapshot);
    let name = &execution.app.name;
    let at = |guest: &str| map_in_store(name, guest).expect("a map");
    let written = match &execution.task {
        Task::Init => {
            tx.put(&at("public:open"), "init".into(), "1".into())
                .expect("within limits");
            tx.put(&at("rows"), "init".into(), "1".into())
        }
        Task::Migrate { from } => {
            let rows = tx.range(&at("rows"), &KeyRange::all(), 10_000);
            let rows = rows.map_err(|_| AppFault::StateMoved)?.len();
            let value = format!("{rows} rows of {from}");
            tx.put(&at("rows"), "migrated".into(), value.into())
        }
        Task::Handle { .. } => unreachable!("nobody calls the app"),
    };
    written.expect("within limits");
    completed(tx)
}

pub(crate) fn completed(tx: DetachedTransaction) -> Result<Completion, AppFault> {
    let (reads, writes) = tx.finish().map_err(|_| AppFault::StateMoved)?;
    Ok(Completion {
        response: AppResponse {
            status: 200,
            headers: Vec::new(),
            body: Bytes::new(),
        },
        reads,
        writes,
        claims: Vec::new(),
        asked_id: false,
        keep: false,
    })
}

pub(crate) fn three(seed: u8) -> Cluster {
    let mut cluster = Cluster::three(seed);
    cluster.executor = Box::new(|_, execution| lifecycle(execution));
    cluster
}

/// The app's record, as replica `id` has it certified.
pub(crate) fn record_at(cluster: &Cluster, id: u64, name: &str) -> Option<AppRecord> {
    let view = cluster.nodes[&id].replica.app_view(&app(name));
    view.map(|view| view.record)
}

pub(crate) fn record(cluster: &Cluster, name: &str) -> AppRecord {
    record_at(cluster, cluster.leader(), name).expect("a record")
}

/// The members set the version; its number.
pub(crate) fn set(cluster: &mut Cluster, version: &Version, name: &str) -> u64 {
    let reply = cluster.act(version.act.clone());
    assert!(
        matches!(reply, Reply::Governance(Recorded { .. })),
        "{reply:?}"
    );
    record(cluster, name)
        .pending
        .expect("it is on its way")
        .number
}

pub(crate) fn chunk_of(version: &Version, name: &str, number: u64, index: u32) -> AppChunk {
    let at = index as usize * CHUNK_BYTES;
    let end = version.component.len().min(at + CHUNK_BYTES);
    AppChunk {
        app: app(name),
        number,
        index,
        bytes: Bytes::copy_from_slice(&version.component[at..end]),
    }
}

pub(crate) fn bring(cluster: &mut Cluster, version: &Version, name: &str, number: u64) {
    for index in 0..2 {
        let chunk = chunk_of(version, name, number, index);
        let reply = cluster.ask(Request::App(app::Request::Chunk(chunk)), user());
        assert!(
            matches!(
                reply,
                Reply::App(app::Reply::ChunkTaken(ChunkTaken { tx: Some(_), .. }))
            ),
            "{reply:?}"
        );
    }
}

/// Sets a version, brings its chunks, and lets it take its course.
pub(crate) fn deploy(cluster: &mut Cluster, name: &str, text: &str) -> u64 {
    let version = version(name, text);
    let number = set(cluster, &version, name);
    bring(cluster, &version, name, number);
    cluster.run(2000);
    number
}

/// All rows of a map, as replica `id` has them certified.
pub(crate) fn rows_at(cluster: &Cluster, id: u64, name: &str) -> Vec<(Bytes, Bytes)> {
    let machine = cluster.nodes[&id].replica.machine();
    let store = machine.store();
    let state = store
        .snapshot(machine.history().certified_seqno())
        .expect("certified");
    let rows = state.range(&map(name), &KeyRange::all(), usize::MAX);
    rows.into_iter()
        .map(|(key, found)| (key, found.value))
        .collect()
}

pub(crate) fn value(cluster: &Cluster, name: &str, key: &str) -> Option<String> {
    let rows = rows_at(cluster, cluster.leader(), name);
    let found = rows.into_iter().find(|(found, _)| found == key.as_bytes());
    found.map(|(_, value)| String::from_utf8(value.to_vec()).expect("text"))
}

pub(crate) fn active_number(cluster: &Cluster, id: u64, name: &str) -> Option<u64> {
    Some(record_at(cluster, id, name)?.active?.number)
}
