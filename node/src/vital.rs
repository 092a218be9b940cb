//! Threads that a replica cannot live without.
//!
//! A panic in one of them is a fault of ours, and what the thread held is in doubt: the process ends at once, and
//! the others see a replica that is gone, never one that lives by halves.

use std::thread::{Builder, JoinHandle};

use crate::log;

/// Starts a thread whose panic ends the process.
///
/// # Errors
/// What the system says when it gives no thread.
pub(crate) fn spawn(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        let _ends_with_it = Vital(name);
        body();
    })
}

struct Vital(&'static str);

impl Drop for Vital {
    fn drop(&mut self) {
        if std::thread::panicking() {
            log::error(
                "node",
                format_args!("the thread `{}` failed: the node ends here", self.0),
            );
            std::process::abort();
        }
    }
}
