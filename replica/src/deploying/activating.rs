//! The leader's part: from a quorum that compiled a version to the transaction that brings it into
//! force.
//!
//! `init` or `migrate` runs beside the replica, on the newest state, as any execution does. What it
//! read must still hold when its writes are placed; if others came in between, it runs again, and
//! after some times the app's callers are asked to wait. Its writes and the step of governance
//! stand in one transaction: all of it, or nothing.

use std::collections::BTreeSet;

use synod_governance::app::{AppRecord, AppVersion, CallerIdentity, Compiled, Deploy, DeployStep};
use synod_governance::{Input, View};
use synod_kv::{WRITE_BYTES_MAX, WRITES_MAX};
use synod_ledger::{CLAIMS_MAX, TxId};

use crate::app::{AppFault, AppKey, Completion, Executed, Execution, ExecutionId, Task};
use crate::calls::{CallError, Effects, Notice};
use crate::compile_report::CompileOutcome;
use crate::core::Core;
use crate::deploying::{DIGEST, reports};
use crate::deployment::{Deploying, Preparation, Standing, key_of};
use crate::governance_checks;
use crate::members::sound;
use crate::proposing::Alone;

/// `init` or `migrate` runs so often at most, if other writes come in between.
const PREPARATIONS_MAX: u32 = 16;
/// The code where that was not enough.
const CONTENDED: &str = "contended";
/// What could not be done is tried again after so many ticks (1 s of 20 ms).
const RETRY_TICKS: u64 = 50;
/// What is due for a version on its way.
enum Due {
    Prepare(AppKey),
    Fail(AppKey, String),
    TransferLeadership(BTreeSet<u64>),
}

impl Deploying {
    /// Takes the next step that an app needs, if this replica leads.
    pub(crate) fn propose(&mut self, core: &mut Core, out: &mut Effects) {
        self.propose_chunks(core, out);
        if core.ticks < self.step_tick || !core.may_propose() {
            return;
        }
        self.step_tick = core.ticks + 1;
        if self.propose_sweep(core, out) {
            return;
        }
        if self.preparation.is_some() {
            return self.go_on_preparing(core, out);
        }
        match self.due_version(core) {
            Some(Due::Prepare(app)) => self.begin_preparing(core, app, out),
            Some(Due::Fail(app, code)) => Self::propose_failure(core, app, code, out),
            Some(Due::TransferLeadership(heirs)) => self.transfer_to_heirs(core, &heirs, out),
            None => {}
        }
    }

    /// The next step of the first pending version that needs one.
    fn due_version(&self, core: &Core) -> Option<Due> {
        let configuration = core.machine.sequence().newest_configuration();
        let voters: BTreeSet<u64> = configuration
            .voters()
            .iter()
            .map(|voter| voter.id)
            .collect();
        let needed = voters.len() / 2 + 1;
        let pending = self.versions.iter().filter(|(_, version)| version.pending);
        pending.into_iter().find_map(|(app, version)| {
            let heard = version.verdicts.iter();
            let heard: Vec<_> = heard.filter(|(id, _)| voters.contains(id)).collect();
            let failures: Vec<&str> = heard
                .iter()
                .filter_map(|(_, said)| said.failure())
                .collect();
            let compiled: BTreeSet<u64> = heard
                .iter()
                .filter(|(_, said)| said.failure().is_none())
                .map(|(id, _)| **id)
                .collect();
            if voters.len() - failures.len() < needed {
                let wrong = failures.contains(&DIGEST);
                let code = if wrong { DIGEST } else { failures[0] };
                return Some(Due::Fail(app.clone(), code.to_owned()));
            }
            if compiled.len() < needed {
                return None;
            }
            match version.verdicts.get(&core.id) {
                Some(CompileOutcome::Compiled(_)) => Some(Due::Prepare(app.clone())),
                Some(CompileOutcome::Failed(_)) => Some(Due::TransferLeadership(compiled)),
                None => None,
            }
        })
    }

    /// The version in the newest state, with its app's record, if it is still on its way.
    fn pending_version(core: &Core, app: &AppKey) -> Option<(AppRecord, AppVersion)> {
        let store = core.machine.store();
        let record = sound(View::new(&store.begin()).app(&app.name))?;
        let version = record.pending.clone();
        let version = version.filter(|version| key_of(&record.name, version) == *app)?;
        Some((record, version))
    }

    fn begin_preparing(&mut self, core: &mut Core, app: AppKey, out: &mut Effects) {
        self.preparation = Some(Preparation {
            app,
            execution: ExecutionId::Preparation(0),
            runs: 0,
            tx: core.machine.history().certified_tx(0),
            snapshot: 0,
            upgrades: false,
            standing: Standing::Again(0),
        });
        self.go_on_preparing(core, out);
    }

    fn go_on_preparing(&mut self, core: &mut Core, out: &mut Effects) {
        let Some(mut preparation) = self.preparation.take() else {
            return;
        };
        let Some((record, _)) = Self::pending_version(core, &preparation.app) else {
            return;
        };
        match preparation.standing {
            Standing::Running => self.preparation = Some(preparation),
            Standing::Again(tick) if core.ticks < tick => {
                self.preparation = Some(preparation);
            }
            Standing::Again(_) => {
                self.execute_preparation(core, &mut preparation, &record, out);
                self.preparation = Some(preparation);
            }
            Standing::Failed(what) => {
                let code = code_of(preparation.upgrades, what);
                Self::propose_failure(core, preparation.app, code, out);
            }
            Standing::Ran(completion) => {
                preparation.standing = Standing::Again(0);
                self.place(core, preparation, *completion, out);
            }
        }
    }

    fn execute_preparation(
        &mut self,
        core: &mut Core,
        preparation: &mut Preparation,
        record: &AppRecord,
        out: &mut Effects,
    ) {
        let Some(version) = self.versions.get(&preparation.app) else {
            return;
        };
        let manifest = version.manifest.clone();
        let before = record.active.as_ref();
        let task = before.map_or(Task::Init, |active| Task::Migrate {
            from: sound(active.parsed_manifest()).version().to_owned(),
        });
        self.preparations += 1;
        preparation.execution = ExecutionId::Preparation(self.preparations);
        preparation.runs += 1;
        preparation.upgrades = before.is_some();
        preparation.tx = Self::next_tx(core);
        preparation.standing = Standing::Running;
        let last = core.machine.sequence().last();
        let (snapshot, time_ms) = (last.tree_size, last.time_ms);
        preparation.snapshot = snapshot;
        out.execute.push(Execution {
            id: preparation.execution,
            app: preparation.app.clone(),
            manifest,
            task,
            caller: CallerIdentity::service(),
            state: core.machine.state().clone(),
            snapshot,
            tx: preparation.tx,
            time_ms,
            seed: core.entropy.take(),
            read_only: false,
        });
    }

    /// The name of the next transaction of this leader.
    fn next_tx(core: &Core) -> TxId {
        TxId {
            view: core.engine.term(),
            seqno: core.machine.sequence().next_seqno(),
        }
    }

    /// `init` or `migrate` has run.
    pub(crate) fn prepared(&mut self, core: &Core, executed: Executed, out: &mut Effects) {
        let later = core.ticks + RETRY_TICKS;
        let Some(preparation) = &mut self.preparation else {
            return;
        };
        if preparation.execution != executed.id {
            return;
        }
        preparation.standing = match executed.result {
            Ok(completion) => {
                // At once, before others come in between.
                self.step_tick = core.ticks;
                Standing::Ran(Box::new(completion))
            }
            Err(AppFault::StateMoved) if preparation.runs >= PREPARATIONS_MAX => {
                Standing::Failed(CONTENDED)
            }
            Err(AppFault::StateMoved) => Standing::Again(0),
            Err(AppFault::NotInstalled | AppFault::Overloaded) => Standing::Again(later),
            Err(fault) => {
                let what = what_failed(&fault);
                let (app, code) = (preparation.app.clone(), code_of(preparation.upgrades, what));
                preparation.standing = Standing::Failed(what);
                return out.notices.push(reports::failed(&app, &code, None));
            }
        };
    }

    /// Brings the version into force with what it wrote, if what it read still holds.
    fn place(
        &mut self,
        core: &mut Core,
        mut preparation: Preparation,
        ran: Completion,
        out: &mut Effects,
    ) {
        let holds = core.machine.store().validate(&ran.reads).is_ok()
            && (!ran.asked_id || preparation.tx == Self::next_tx(core));
        if !holds {
            if preparation.runs >= PREPARATIONS_MAX {
                preparation.standing = Standing::Failed(CONTENDED);
            }
            self.preparation = Some(preparation);
            return;
        }
        let deploy = Deploy {
            name: preparation.app.name.clone(),
            step: DeployStep::Activate {
                number: preparation.app.number,
                compiled: self.compiled_by(core, &preparation.app),
            },
        };
        let broken = if ran.writes.map_names().any(|map| !deploy.may_write(map)) {
            Some("undeclared-map")
        } else if ran.claims.len() > CLAIMS_MAX {
            Some("bad-claims")
        } else {
            None
        };
        if let Some(what) = broken {
            preparation.standing = Standing::Failed(what);
            self.preparation = Some(preparation);
            return;
        }
        self.activate(core, preparation, deploy, ran, out);
    }

    fn activate(
        &mut self,
        core: &mut Core,
        mut preparation: Preparation,
        deploy: Deploy,
        ran: Completion,
        out: &mut Effects,
    ) {
        let input = Input::Deploy(deploy);
        let index = core.engine.last_index() + 1;
        let enacted = match core.machine.enact(&input, index) {
            Ok(enacted) => enacted,
            Err(error) => return self.drop_preparation(core, &error, out),
        };
        let writes = enacted.writes.merge(ran.writes);
        if writes.len() > WRITES_MAX || writes.byte_len() > WRITE_BYTES_MAX {
            preparation.standing = Standing::Failed("too-large");
            self.preparation = Some(preparation);
            return;
        }
        let alone = Alone {
            claims: ran.claims,
            ..Alone::new(writes, governance_checks::digest_of(&input))
        };
        core.propose_alone(alone, out);
    }

    /// Governance does not take the step now: it begins anew a little later.
    fn drop_preparation(&mut self, core: &Core, error: &CallError, out: &mut Effects) {
        self.step_tick = core.ticks + RETRY_TICKS;
        out.notices.push(Notice::Dropped {
            peer: core.id,
            why: error.to_string(),
        });
    }

    /// The voters' signatures over a version that were heard here, by rising id.
    fn compiled_by(&self, core: &Core, app: &AppKey) -> Vec<Compiled> {
        let configuration = core.machine.sequence().newest_configuration();
        let verdicts = self.versions.get(app).map(|version| &version.verdicts);
        let heard = verdicts.into_iter().flatten();
        heard
            .filter(|(id, _)| configuration.voter(**id).is_some())
            .filter_map(|(id, verdict)| match verdict {
                CompileOutcome::Compiled(signature) => Some(Compiled {
                    replica: *id,
                    signature: *signature,
                }),
                CompileOutcome::Failed(_) => None,
            })
            .collect()
    }

    fn propose_failure(core: &mut Core, app: AppKey, code: String, out: &mut Effects) {
        if Self::pending_version(core, &app).is_some() {
            let number = app.number;
            let step = DeployStep::Fail { number, code };
            let name = app.name;
            Self::propose_step(core, Deploy { name, step }, out);
        }
    }

    /// A leader that cannot run what the others can lets one of them lead.
    fn transfer_to_heirs(&mut self, core: &mut Core, heirs: &BTreeSet<u64>, out: &mut Effects) {
        self.step_tick = core.ticks + RETRY_TICKS;
        core.transfer_leadership(|id| heirs.contains(&id), out);
    }
}

fn code_of(upgrades: bool, what: &str) -> String {
    let task = if upgrades { "migrate" } else { "init" };
    format!("{task}-{what}")
}

/// The public half of a fault.
fn what_failed(fault: &AppFault) -> &'static str {
    match fault {
        AppFault::Trapped => "trapped",
        AppFault::TimeExceeded { .. } => "time-exceeded",
        AppFault::MemoryExceeded { .. } => "memory-exceeded",
        AppFault::StackExceeded => "stack-exceeded",
        AppFault::ResponseTooLarge { .. } | AppFault::BadResponse(_) => "bad-response",
        AppFault::UndeclaredMap(_) => "undeclared-map",
        AppFault::WriteInQuery => "write-in-query",
        AppFault::MapOperationsExceeded { .. } => "too-many-operations",
        AppFault::KeyOrValueTooLarge(_) => "too-large",
        AppFault::BadClaim | AppFault::TooManyClaims => "bad-claims",
        AppFault::RandomTooMuch => "random-too-much",
        AppFault::LifecycleRefused(_) => "refused",
        AppFault::NotInstalled => "not-installed",
        AppFault::StateMoved => "state-moved",
        AppFault::Overloaded => "overloaded",
    }
}
