//! What an endorser is at, for those who wait.

use std::{fmt, sync::Arc};

use crate::fetch_error::FetchError;

/// Something slow begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A service is asked.
    Asking {
        /// Where.
        url: &'a str,
        /// How many times, this one included.
        attempt: u32,
    },
    /// A service failed, and will be asked again.
    Waiting {
        /// Where.
        url: &'a str,
        /// In how many milliseconds.
        wait_ms: u64,
        /// Why it failed.
        because: &'a FetchError,
    },
}

impl fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asking { url, attempt: 1 } => write!(f, "asking `{url}`"),
            Self::Asking { url, attempt } => write!(f, "asking `{url}`, attempt {attempt}"),
            Self::Waiting {
                url,
                wait_ms,
                because,
            } => write!(f, "`{url}`: {because}; again in {wait_ms} ms"),
        }
    }
}

type Told = dyn Fn(&Progress<'_>) + Send + Sync;

/// The watcher, if there is one.
#[derive(Clone, Default)]
pub struct Watcher(Option<Arc<Told>>);

impl Watcher {
    /// Calls `told` with every event. It must not block.
    pub fn new(told: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(told)))
    }

    pub(crate) fn tell(&self, progress: Progress<'_>) {
        if let Some(told) = &self.0 {
            told(&progress);
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watcher").field(&self.0.is_some()).finish()
    }
}
