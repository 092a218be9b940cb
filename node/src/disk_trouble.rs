//! Why the disk takes no writes, for whoever tells it: set by the disk thread, shown in status.

use std::sync::{Arc, Mutex, PoisonError};

/// The newest trouble of the disk, shared between the disk thread and those who tell it.
#[derive(Debug, Clone, Default)]
pub(crate) struct DiskTrouble(Arc<Mutex<Option<String>>>);

impl DiskTrouble {
    /// What is wrong now; none where writes are taken.
    pub(crate) fn set(&self, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// What is wrong.
    pub(crate) fn now(&self) -> Option<String> {
        let trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone()
    }
}
