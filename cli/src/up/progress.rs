//! What the person at the terminal sees of a tour: one line for each thing that was done, or was not.

use std::fmt::Display;
use std::time::Instant;

use crate::outcome::Outcome;
use crate::output::Output;

/// Tells how a tour goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    output: Output,
    began: Instant,
}

impl Progress {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            began: Instant::now(),
        }
    }

    /// A new part of the tour begins.
    pub(crate) fn part(&self, number: u8, title: &str) {
        self.output.say(format!("\n{number}. {title}"));
    }

    /// Something was done.
    pub(crate) fn done(&self, what: impl Display) {
        self.output.say(format!("  ✓ {what}"));
    }

    /// Something that only informs.
    pub(crate) fn note(&self, what: impl Display) {
        self.output.say(format!("    {what}"));
    }

    /// Passes an outcome on, and marks it if it is a failure.
    pub(crate) fn check<T>(&self, what: &str, outcome: Outcome<T>) -> Outcome<T> {
        outcome.map_err(|failure| {
            self.output.say(format!("  ✗ {what}"));
            failure.during(what)
        })
    }

    /// Seconds since the tour began, in tenths.
    pub(crate) fn elapsed(&self) -> String {
        let tenths = self.began.elapsed().as_millis() / 100;
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}
