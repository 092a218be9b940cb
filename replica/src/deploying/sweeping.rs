//! A removed app's rows go in batches; then its record goes, and the name is free.

use synod_crypto::sha256;
use synod_governance::app::{AppName, AppStatus, Deploy, DeployStep, owner_of_map};
use synod_governance::{Input, View};
use synod_kv::{KeyRange, LimitExceeded, Store, WriteSet};

use crate::calls::Effects;
use crate::core::Core;
use crate::deployment::Deploying;
use crate::members::sound;
use crate::proposing::Alone;

/// So many rows of a removed app are deleted in one transaction.
pub const SWEPT_AT_ONCE_MAX: usize = 1000;

/// What the leaf of such a transaction binds as its request.
const SWEEP_LABEL: &[u8] = b"synod-app-sweep-v1\0";

impl Deploying {
    /// Deletes the next rows of a removed app, or its record if no row is left. True if something
    /// was proposed.
    pub(super) fn propose_sweep(&mut self, core: &mut Core, out: &mut Effects) -> bool {
        let removing: Vec<AppName> = self.removing.iter().cloned().collect();
        for name in removing {
            let rows = {
                let store = core.machine.store();
                let record = sound(View::new(&store.begin()).app(&name));
                if record.is_none_or(|record| record.status != AppStatus::Removing) {
                    continue;
                }
                rows_of(&store, &name).expect("so few deletions are within the limits")
            };
            if rows.is_empty() {
                let step = DeployStep::Swept;
                Self::propose_step(core, Deploy { name, step }, out);
            } else {
                let request = sha256(&[SWEEP_LABEL, name.as_str().as_bytes()]);
                core.propose_alone(Alone::new(rows, request), out);
            }
            return true;
        }
        false
    }

    /// Proposes a step that governance judges.
    pub(super) fn propose_step(core: &mut Core, deploy: Deploy, out: &mut Effects) {
        core.propose_input(&Input::Deploy(deploy), out);
    }
}

/// The deletion of the first rows of an app, in the newest state.
fn rows_of(store: &Store, name: &AppName) -> Result<WriteSet, LimitExceeded> {
    let state = store.begin();
    let mut deletions = WriteSet::new();
    let owned = store
        .map_names()
        .filter(|map| owner_of_map(map).is_some_and(|owned| owned.app == *name));
    for map in owned {
        let room = SWEPT_AT_ONCE_MAX - deletions.len();
        for (key, _) in state.range(map, &KeyRange::all(), room) {
            deletions.delete(map, key)?;
        }
        if deletions.len() >= SWEPT_AT_ONCE_MAX {
            break;
        }
    }
    Ok(deletions)
}
