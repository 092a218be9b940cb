//! One fetch at a time for each platform, so that many threads that need the
//! same endorsements ask for them once.

use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex, PoisonError},
};

/// The platforms for which a request is running.
#[derive(Debug, Default)]
pub(crate) struct SingleFlight {
    running: Mutex<BTreeSet<String>>,
    finished: Condvar,
}

/// The right to ask for one platform; given back when dropped.
#[derive(Debug)]
pub(crate) struct Flight<'a> {
    single_flight: &'a SingleFlight,
    name: String,
}

impl SingleFlight {
    /// Waits until no other task asks for `name`.
    pub(crate) fn begin(&self, name: String) -> Flight<'_> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.contains(&name) {
            running = self
                .finished
                .wait(running)
                .unwrap_or_else(PoisonError::into_inner);
        }
        running.insert(name.clone());
        Flight {
            single_flight: self,
            name,
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut running = self
            .single_flight
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.name);
        self.single_flight.finished.notify_all();
    }
}
