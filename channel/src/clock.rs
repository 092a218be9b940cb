//! The time that certificates are judged by.

use std::{sync::Arc, time::Duration};

use rustls::{
    pki_types::UnixTime,
    time_provider::{DefaultTimeProvider, TimeProvider},
};

/// Where `rustls` takes the time from.
#[derive(Debug, Clone)]
pub struct Clock(Arc<dyn TimeProvider>);

impl Clock {
    /// The operating system's clock. The host can set it: it decides when a
    /// certificate of the service expires, nothing that confidentiality or a
    /// receipt rests on.
    pub fn system() -> Self {
        Self(Arc::new(DefaultTimeProvider))
    }

    /// A clock of the caller's, in Unix milliseconds.
    pub fn from_fn(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(Given(Box::new(now_ms))))
    }

    pub(crate) fn provider(&self) -> Arc<dyn TimeProvider> {
        self.0.clone()
    }
}

struct Given(Box<dyn Fn() -> u64 + Send + Sync>);

impl TimeProvider for Given {
    fn current_time(&self) -> Option<UnixTime> {
        let now = Duration::from_millis((self.0)());
        Some(UnixTime::since_unix_epoch(now))
    }
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Given(..)")
    }
}
