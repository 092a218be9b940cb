//! Requests that are refused before they reach the replica.

use synod_api::{ErrorCode, Problem};

/// Why a request is refused. The caller is at fault; nothing was done.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Box<Problem>);

impl Refused {
    /// Replaces the hint of the code by one for this case.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self(Box::new(code.into()))
    }
}

/// A refusal that says what was wrong with this request.
pub(crate) fn refuse(code: ErrorCode, detail: impl Into<String>) -> Refused {
    Refused(Box::new(Problem::new(code).with_detail(detail)))
}

/// Text of the caller's, cut and made printable so that it can be repeated in a problem.
pub(crate) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 64;
    format!("`{}`", printable(text, CHARS_MAX))
}

/// The text without what does not print, and not longer than this.
pub(crate) fn printable(text: &str, chars_max: usize) -> String {
    let escaped = |char: char| -> Vec<char> {
        if char.is_ascii() && !char.is_ascii_control() {
            vec![char]
        } else {
            char.escape_default().collect()
        }
    };
    let mut shown: String = text.chars().take(chars_max).flat_map(escaped).collect();
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}
