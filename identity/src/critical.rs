//! Critical threads: those without which a process cannot go on.
//!
//! A panic in one of them is a fault of ours, and what the thread held is in doubt: the process
//! ends at once, and others see a process that has ended, never one that works in parts.

use std::thread::{Builder, JoinHandle};

use crate::log;

/// Starts a critical thread: its panic ends the process.
///
/// # Errors
/// What the system says when it gives no thread.
pub fn spawn_critical(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        let _ends_with_it = Critical(name);
        body();
    })
}

struct Critical(&'static str);

impl Drop for Critical {
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
