//! Paths, taken apart.

/// The text as one segment of a path: not empty, and without a `/`.
pub(crate) fn one_segment(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains('/')).then_some(text)
}
