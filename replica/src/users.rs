//! Who may operate on the state: users by certificate, with roles, once the members opened the service.

use synod_governance::View;
use synod_kv::Transaction;

use crate::app::{Caller, Operation, Step, may_read};
use crate::calls::CallError;
use crate::roll::sound;

/// Users with this role may read and write.
pub const ROLE_WRITE: &str = "write";
/// Users with this role may read.
pub const ROLE_READ: &str = "read";

/// Whether `caller` may run `operation` in the state that `transaction` sees.
///
/// # Errors
/// [`CallError::NotOpen`], [`CallError::UnknownCaller`] or [`CallError::Forbidden`].
pub(crate) fn authorize(
    transaction: &Transaction<'_>,
    caller: Caller,
    operation: &Operation,
) -> Result<(), CallError> {
    let view = View::new(transaction);
    if !sound(view.is_open()) {
        return Err(CallError::NotOpen);
    }
    let fingerprint = caller.fingerprint.ok_or(CallError::UnknownCaller)?;
    let user = sound(view.user_by_fingerprint(&fingerprint)).ok_or(CallError::UnknownCaller)?;
    let has = |role: &str| user.roles.contains(role);
    let allowed = has(ROLE_WRITE) || (operation.is_read() && has(ROLE_READ));
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
