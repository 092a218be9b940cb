//! Word of what takes its time: a line after two seconds, and one every ten seconds after that.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::output::say;

/// What is done sooner is not spoken of.
const FIRST: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(10);

/// Something that is under way; it ends when this is dropped.
pub(crate) struct Waiting {
    ended: Option<Sender<()>>,
    speaker: Option<JoinHandle<()>>,
}

impl Waiting {
    /// Begins to wait for `what`, such as "compiling with cargo".
    pub(crate) fn begin(what: impl std::fmt::Display) -> Self {
        let what = what.to_string();
        let (ended, end) = mpsc::channel::<()>();
        let speaker = std::thread::spawn(move || {
            let began = Instant::now();
            let mut interval = FIRST;
            while end.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                say(format!("    {what} … {} s", began.elapsed().as_secs()));
                interval = AGAIN;
            }
        });
        Self {
            ended: Some(ended),
            speaker: Some(speaker),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.ended.take());
        if let Some(speaker) = self.speaker.take() {
            // A speaker that failed has said less; that is all.
            let _ = speaker.join();
        }
    }
}
