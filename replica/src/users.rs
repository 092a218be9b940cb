//! Who may operate on the state: users by certificate, with roles, once the members opened the
//! service.

use std::collections::BTreeMap;

use synod_crypto::Digest;
use synod_governance::View;
use synod_kv::Transaction;

use crate::caller::Caller;
use crate::calls::CallError;
use crate::kv::{Operation, Step, may_read};
use crate::members::sound;

/// Users with this role may read and write.
pub const ROLE_WRITE: &str = "write";
/// Users with this role may read.
pub const ROLE_READ: &str = "read";

/// So many users are remembered at a time.
const REMEMBERED_MAX: usize = 4096;

/// What was read of the users in the newest state, kept until governance changes.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    epoch: u64,
    open: Option<bool>,
    rights: BTreeMap<Digest, Option<Rights>>,
}

/// What a user's roles come to.
#[derive(Debug, Clone, Copy)]
struct Rights {
    reads: bool,
    writes: bool,
}

impl Admission {
    /// Whether `caller` may run `operation` in the newest state, whose governance is that of
    /// `epoch`.
    ///
    /// # Errors
    /// As [`authorize`].
    pub(crate) fn authorize(
        &mut self,
        epoch: u64,
        transaction: &Transaction<'_>,
        caller: Caller,
        operation: &Operation,
    ) -> Result<(), CallError> {
        if self.epoch != epoch || self.rights.len() >= REMEMBERED_MAX {
            *self = Self {
                epoch,
                ..Self::default()
            };
        }
        let open = *self
            .open
            .get_or_insert_with(|| sound(View::new(transaction).is_open()));
        let fingerprint = admitted(open, caller)?;
        let rights = self
            .rights
            .entry(fingerprint)
            .or_insert_with(|| rights(transaction, &fingerprint));
        allow(*rights, operation)
    }
}

/// Whether `caller` may run `operation` in the state that `transaction` sees.
///
/// # Errors
/// [`CallError::NotOpen`], [`CallError::UnknownCaller`] or [`CallError::Forbidden`].
pub(crate) fn authorize(
    transaction: &Transaction<'_>,
    caller: Caller,
    operation: &Operation,
) -> Result<(), CallError> {
    let fingerprint = admitted(sound(View::new(transaction).is_open()), caller)?;
    allow(rights(transaction, &fingerprint), operation)
}

fn admitted(open: bool, caller: Caller) -> Result<Digest, CallError> {
    if !open {
        return Err(CallError::NotOpen);
    }
    caller.fingerprint.ok_or(CallError::UnknownCaller)
}

fn rights(transaction: &Transaction<'_>, fingerprint: &Digest) -> Option<Rights> {
    let user = sound(View::new(transaction).user_by_fingerprint(fingerprint))?;
    let writes = user.roles.contains(ROLE_WRITE);
    Some(Rights {
        reads: writes || user.roles.contains(ROLE_READ),
        writes,
    })
}

fn allow(rights: Option<Rights>, operation: &Operation) -> Result<(), CallError> {
    let rights = rights.ok_or(CallError::UnknownCaller)?;
    let allowed = if operation.is_read() {
        rights.reads
    } else {
        rights.writes
    };
    if allowed && reads_only_readable(operation) {
        Ok(())
    } else {
        Err(CallError::Forbidden)
    }
}

/// The service's private maps are nobody's to read, whatever the role.
fn reads_only_readable(operation: &Operation) -> bool {
    match operation {
        Operation::Get { map, .. } | Operation::Put { map, .. } | Operation::Delete { map, .. } => {
            may_read(map)
        }
        Operation::List(page) => may_read(&page.map),
        Operation::Batch { compares, steps } => {
            let compared = compares.iter().map(|compare| &compare.map);
            let stepped = steps.iter().map(|step| match step {
                Step::Put { map, .. } | Step::Delete { map, .. } | Step::Get { map, .. } => map,
            });
            compared.chain(stepped).all(may_read)
        }
    }
}
