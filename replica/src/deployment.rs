//! What a replica keeps of the versions of apps: who compiled them, what is being prepared, which
//! chunks wait.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use synod_governance::app::{AppManifest, AppName, AppRecord, AppStatus, AppVersion};
use synod_ledger::TxId;

use crate::app::{AppChunk, AppKey, Completion, ExecutionId};
use crate::caller::Caller;
use crate::calls::{CallError, Reply};
use crate::compile_report::CompileOutcome;
use crate::members::sound;

/// So many chunks wait at a time (each of up to 512 KiB).
pub const CHUNKS_WAITING_MAX: usize = 32;

/// After so many runs of `migrate` that came to nothing, the app's callers are asked to wait.
const RUNS_BEFORE_HOLDING: u32 = 3;

/// What a replica knows of the versions of apps, beside what the state says.
#[derive(Debug, Default)]
pub(crate) struct Deploying {
    /// The versions that certified state names.
    pub(crate) versions: BTreeMap<AppKey, Version>,
    /// The apps that certified state says are being removed.
    pub(crate) removing: BTreeSet<AppName>,
    /// The epoch of governance that `versions` is from, and the seqno that has yet to be certified
    /// for it to be whole.
    pub(crate) looked: Option<(u64, Option<u64>)>,
    /// Chunks that wait; a leader's.
    pub(crate) chunks: VecDeque<ChunkCall>,
    /// The version whose maps are being prepared; a leader's.
    pub(crate) preparation: Option<Preparation>,
    /// Each preparation has another number.
    pub(crate) preparations: u64,
    /// No step is proposed before this tick.
    pub(crate) step_tick: u64,
}

/// A version of an app.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) manifest: Arc<AppManifest>,
    pub(crate) chunks: u32,
    /// Whether it is on its way; else it is the active one.
    pub(crate) pending: bool,
    /// Whether it was handed out to be compiled.
    pub(crate) handed_out: bool,
    /// What replicas say of it, this one among them.
    pub(crate) verdicts: BTreeMap<u64, CompileOutcome>,
    /// When this replica last told the voters.
    pub(crate) told_tick: u64,
}

/// A version whose maps are being prepared.
#[derive(Debug)]
pub(crate) struct Preparation {
    pub(crate) app: AppKey,
    /// The id of the newest execution.
    pub(crate) execution: ExecutionId,
    /// How often it ran.
    pub(crate) runs: u32,
    pub(crate) tx: TxId,
    /// The state that the newest execution runs on.
    pub(crate) snapshot: u64,
    pub(crate) upgrades: bool,
    pub(crate) standing: Standing,
}

#[derive(Debug)]
pub(crate) enum Standing {
    Running,
    /// It is to run again, not before this tick.
    Again(u64),
    Ran(Box<Completion>),
    Failed(&'static str),
}

/// A chunk that waits to be put on the ledger.
#[derive(Debug)]
pub(crate) struct ChunkCall {
    pub(crate) call: u64,
    pub(crate) caller: Caller,
    pub(crate) chunk: AppChunk,
}

impl Deploying {
    /// A leader's part ends: nothing is prepared any more, and chunks that wait are answered with
    /// this.
    pub(crate) fn clear(&mut self, error: &CallError) -> Vec<(u64, Reply)> {
        self.preparation = None;
        let answer = |waiting: ChunkCall| (waiting.call, Reply::Failed(error.clone()));
        self.chunks.drain(..).map(answer).collect()
    }

    /// The snapshot on which a preparation runs.
    pub(crate) fn snapshot(&self) -> Option<u64> {
        let preparation = self.preparation.as_ref()?;
        let runs = matches!(preparation.standing, Standing::Running);
        runs.then_some(preparation.snapshot)
    }

    /// Whether writes of the app's callers wait: those came in between too often while its next
    /// version was prepared.
    pub(crate) fn holds(&self, app: &AppName) -> bool {
        let preparation = self.preparation.as_ref();
        preparation.is_some_and(|preparation| {
            preparation.app.name == *app && preparation.runs > RUNS_BEFORE_HOLDING
        })
    }

    /// Takes over what the state names; what it does not name any more is forgotten.
    pub(crate) fn update(&mut self, records: Vec<AppRecord>) {
        let mut known = std::mem::take(&mut self.versions);
        self.removing.clear();
        for record in records {
            if record.status == AppStatus::Removing {
                self.removing.insert(record.name.clone());
            }
            let AppRecord {
                name,
                active,
                pending,
                ..
            } = record;
            for (version, pending) in [(active, false), (pending, true)] {
                let Some(version) = version else { continue };
                let key = key_of(&name, &version);
                let mut entry = known.remove(&key).unwrap_or_else(|| Version::new(&version));
                entry.pending = pending;
                self.versions.insert(key, entry);
            }
        }
    }
}

impl Version {
    fn new(version: &AppVersion) -> Self {
        Self {
            manifest: Arc::new(sound(version.parsed_manifest())),
            chunks: u32::try_from(version.chunks.len()).expect("a component has few chunks"),
            pending: true,
            handed_out: false,
            verdicts: BTreeMap::new(),
            told_tick: 0,
        }
    }
}

/// What a version is called between a replica and those who run apps for it.
pub(crate) fn key_of(name: &AppName, version: &AppVersion) -> AppKey {
    AppKey {
        name: name.clone(),
        number: version.number,
        component: version.component,
    }
}
