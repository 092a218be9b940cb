//! One fetch at a time for each platform, so that many threads that need the
//! same endorsements ask for them once.

use std::{
    collections::BTreeSet,
    sync::{Condvar, Mutex, PoisonError},
};

/// The platforms for which a request is running.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    under_way: Mutex<BTreeSet<String>>,
    landed: Condvar,
}

/// The right to ask for one platform; given back when dropped.
#[derive(Debug)]
pub(crate) struct Flight<'a> {
    flights: &'a Flights,
    name: String,
}

impl Flights {
    /// Waits until no other task asks for `name`.
    pub(crate) fn take_off(&self, name: String) -> Flight<'_> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while under_way.contains(&name) {
            under_way = self
                .landed
                .wait(under_way)
                .unwrap_or_else(PoisonError::into_inner);
        }
        under_way.insert(name.clone());
        Flight {
            flights: self,
            name,
        }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut under_way = self
            .flights
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.name);
        self.flights.landed.notify_all();
    }
}
