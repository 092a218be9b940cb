//! What the person at the terminal sees of a tour: one line for each thing that was done, or was
//! not.

use std::fmt::Display;

use crate::outcome::Outcome;
use crate::output::say;

/// A new part of the tour begins.
pub(crate) fn part(number: u8, title: &str) {
    say(format!("\n{number}. {title}"));
}

/// Something was done.
pub(crate) fn done(what: impl Display) {
    say(format!("  ✓ {what}"));
}

/// Something that only informs.
pub(crate) fn note(what: impl Display) {
    say(format!("    {what}"));
}

/// Passes an outcome on, and marks it if it is a failure.
pub(crate) fn check<T>(what: &str, outcome: Outcome<T>) -> Outcome<T> {
    outcome.map_err(|failure| {
        say(format!("  ✗ {what}"));
        failure.during(what)
    })
}
