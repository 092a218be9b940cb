//! What replicas tell each other of the versions that they compiled.
//!
//! A report is believed of its sender only: a signature is checked before it is kept, a failure is
//! a peer's word about itself. Reports are sent again for as long as they may matter, so none need
//! be answered.

use synod_crypto::Signature;
use synod_governance::app::CompiledStatement;

use crate::app::{AppKey, CompileFault};
use crate::calls::{Effects, Notice};
use crate::compile_report::{CompileOutcome, CompileReport};
use crate::core::Core;
use crate::deployment::Deploying;
use crate::envelope::Envelope;
use crate::members;

/// Of a version on its way voters are told again after so many ticks (2 s of 20 ms).
const TELL_PENDING_TICKS: u64 = 100;
/// Of an active one after so many (60 s).
const TELL_ACTIVE_TICKS: u64 = 3000;

impl Deploying {
    /// This replica's signature that it compiled a version.
    pub(super) fn sign_compiled(core: &Core, app: &AppKey) -> Signature {
        let statement = Self::statement(core, app);
        statement.sign(core.id, &core.keys.identity).signature
    }

    fn statement(core: &Core, app: &AppKey) -> CompiledStatement {
        CompiledStatement {
            network: core.network,
            name: app.name.clone(),
            number: app.number,
            component: app.component,
        }
    }

    /// Takes what a peer says of a version that this replica knows of.
    pub(crate) fn take_report(
        &mut self,
        core: &Core,
        from: u64,
        report: CompileReport,
        out: &mut Effects,
    ) {
        let app = AppKey {
            name: report.name,
            number: report.number,
            component: report.component,
        };
        if !self.versions.contains_key(&app) {
            return;
        }
        let Some(key) = members::identity_of(&core.machine.store(), from) else {
            return;
        };
        if let CompileOutcome::Compiled(signature) = &report.verdict
            && Self::statement(core, &app).verify(&key, signature).is_err()
        {
            let why = "it says that it compiled an app, under a wrong signature".to_owned();
            return out.notices.push(Notice::Dropped { peer: from, why });
        }
        if let Some(version) = self.versions.get_mut(&app) {
            version.verdicts.insert(from, report.verdict);
        }
    }

    /// Tells the voters what this replica has to say of a version.
    pub(super) fn tell(&mut self, core: &Core, app: &AppKey, out: &mut Effects) {
        let (me, ticks) = (core.id, core.ticks);
        let Some(version) = self.versions.get_mut(app) else {
            return;
        };
        let Some(verdict) = version.verdicts.get(&me).cloned() else {
            return;
        };
        version.told_tick = ticks;
        let report = CompileReport {
            name: app.name.clone(),
            number: app.number,
            component: app.component,
            verdict,
        };
        let voters = core.engine.voters().into_iter();
        for voter in voters.filter(|voter| *voter != me) {
            let envelope = Envelope {
                app_report: Some(Box::new(report.clone())),
                ..Envelope::default()
            };
            out.send.push((voter, envelope));
        }
    }

    /// Tells again what may be lost.
    pub(super) fn tell_again(&mut self, core: &Core, out: &mut Effects) {
        let (me, ticks) = (core.id, core.ticks);
        let due: Vec<AppKey> = self
            .versions
            .iter()
            .filter(|(_, version)| {
                let every = if version.pending {
                    TELL_PENDING_TICKS
                } else {
                    TELL_ACTIVE_TICKS
                };
                version.verdicts.contains_key(&me) && ticks >= version.told_tick + every
            })
            .map(|(key, _)| key.clone())
            .collect();
        for app in due {
            self.tell(core, &app, out);
        }
    }
}

/// A version that failed. Codes are all that is told of what its guest did, or of what the compiler
/// found: the words of both are in the app's private log.
pub(super) fn failed(app: &AppKey, code: &str, compiler: Option<CompileFault>) -> Notice {
    Notice::AppFailed {
        app: app.name.to_string(),
        number: app.number,
        component: app.component,
        code: code.to_owned(),
        compiler,
    }
}
