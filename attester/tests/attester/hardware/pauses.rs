//! A clock that only counts.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use synod_attester::Pause;

/// The pauses that were made, in milliseconds.
#[derive(Clone, Default)]
pub(crate) struct Pauses(Arc<Mutex<Vec<u128>>>);

impl Pauses {
    pub(crate) fn made(&self) -> Vec<u128> {
        self.0.lock().expect("no test panics here").clone()
    }
}

impl Pause for Pauses {
    fn pause(&mut self, length: Duration) {
        let mut made = self.0.lock().expect("no test panics here");
        made.push(length.as_millis());
    }
}
