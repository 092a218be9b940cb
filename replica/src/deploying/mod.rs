//! How versions of apps come into force, and how removed apps go.
//!
//! Every replica compiles the versions that certified state names, active or on their way, once all
//! their chunks are there; what came of it, it tells the voters. The leader does the rest: it takes
//! chunks, has the new version prepare the maps once a quorum has compiled it, and records that as
//! one transaction, or why it cannot be.
//!
//! Invariants
//! - nothing here compiles, hashes a whole component, or runs one: those who drive the replica do;
//! - a version on its way costs the active one nothing, whatever becomes of it;
//! - a quorum's signatures are counted by governance, not here.

mod activating;
mod chunks;
mod reports;
mod sweeping;

use bytes::Bytes;
use synod_governance::View;
use synod_governance::app::{AppName, AppRecord, chunk_key, component_map};
use synod_kv::Read;

use crate::app::{AppKey, Compile, CompileFault, Compiled};
use crate::calls::Effects;
use crate::compile_report::CompileOutcome;
use crate::core::Core;
use crate::deployment::Deploying;
use crate::members::sound;

pub use sweeping::SWEPT_AT_ONCE_MAX;

/// Versions and their chunks are looked at every so many ticks (100 ms of 20 ms).
const LOOK_TICKS: u64 = 5;
/// The code of a version that could not be compiled.
const NOT_COMPILED: &str = "not-compiled";
/// The code of a version whose chunks do not make the component that the members signed.
const DIGEST: &str = "digest";

/// An app as certified state has it, and what this replica has heard of its versions.
#[derive(Debug, Clone)]
pub struct AppView {
    /// The record.
    pub record: AppRecord,
    /// What replicas said of each version that the record names: by version, then replica.
    pub heard: Vec<Heard>,
}

/// What a replica said of a version of an app. Replicas that said nothing yet are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The version's number.
    pub number: u64,
    /// The replica.
    pub replica: u64,
    /// Why it could not compile the version; none if it could.
    pub failed: Option<String>,
}

impl Deploying {
    /// The apps, from certified state, with what is known of who has compiled them.
    pub(crate) fn apps_view(&self, core: &Core) -> Vec<AppView> {
        let records = sound(View::new(&core.certified_state()).apps());
        records
            .into_iter()
            .map(|record| self.app_view_of(record))
            .collect()
    }

    /// One app.
    pub(crate) fn app_view(&self, core: &Core, name: &AppName) -> Option<AppView> {
        let record = sound(View::new(&core.certified_state()).app(name))?;
        Some(self.app_view_of(record))
    }

    fn app_view_of(&self, record: AppRecord) -> AppView {
        let of_app = self.versions.iter();
        let heard = of_app
            .filter(|(key, _)| key.name == record.name)
            .flat_map(|(key, version)| {
                version.verdicts.iter().map(|(replica, verdict)| Heard {
                    number: key.number,
                    replica: *replica,
                    failed: verdict.failure().map(str::to_owned),
                })
            })
            .collect();
        AppView { record, heard }
    }

    /// Looks at the state for versions to compile, and tells the voters again what may be lost.
    pub(crate) fn tick(&mut self, core: &Core, out: &mut Effects) {
        if !core.ticks.is_multiple_of(LOOK_TICKS) {
            return;
        }
        self.look_at_apps(core);
        self.hand_out_components(core, out);
        self.tell_again(core, out);
    }

    /// Brings the list of versions up to date after governance has changed.
    fn look_at_apps(&mut self, core: &Core) {
        let epoch = core.machine.governance_epoch();
        let newest = core.machine.store().head();
        let until = match self.looked {
            Some((seen, None)) if seen == epoch => return,
            Some((seen, Some(until))) if seen == epoch => until,
            _ => newest,
        };
        // What changed may not be certified yet; then the next look is another one.
        let certified = core.machine.history().certified_seqno();
        let pending = (certified < until).then_some(until);
        self.looked = Some((epoch, pending));
        let records = sound(View::new(&core.certified_state()).apps());
        self.update(records);
    }

    /// Has the versions compiled whose chunks are all certified.
    fn hand_out_components(&mut self, core: &Core, out: &mut Effects) {
        let idle = self.versions.iter();
        let waiting: Vec<AppKey> = idle
            .filter(|(_, version)| !version.handed_out)
            .map(|(key, _)| key.clone())
            .collect();
        for app in waiting {
            let chunks = self.versions[&app].chunks;
            let Some(component) = Self::component(core, &app, chunks) else {
                continue;
            };
            if let Some(version) = self.versions.get_mut(&app) {
                version.handed_out = true;
                let manifest = version.manifest.clone();
                out.compile.push(Compile {
                    app,
                    manifest,
                    component,
                });
            }
        }
    }

    /// The chunks of a version, if all of them are certified.
    fn component(core: &Core, app: &AppKey, chunks: u32) -> Option<Vec<Bytes>> {
        let state = core.certified_state();
        let map = component_map(&app.name);
        let chunk = |index| Some(state.get(&map, &chunk_key(app.number, index))?.value);
        (0..chunks).map(chunk).collect()
    }

    /// A component was compiled here, or could not be.
    pub(crate) fn compiled(&mut self, core: &Core, compiled: Compiled, out: &mut Effects) {
        let Compiled { app, result } = compiled;
        if !self.versions.contains_key(&app) {
            return;
        }
        let verdict = match result {
            Ok(()) => CompileOutcome::Compiled(Self::sign_compiled(core, &app)),
            Err(fault) => {
                let code = match fault {
                    CompileFault::WrongDigest => DIGEST,
                    CompileFault::Refused(_) => NOT_COMPILED,
                };
                out.notices.push(reports::failed(&app, code, Some(fault)));
                CompileOutcome::Failed(code.to_owned())
            }
        };
        if let Some(version) = self.versions.get_mut(&app) {
            version.verdicts.insert(core.id, verdict);
        }
        self.tell(core, &app, out);
    }
}
