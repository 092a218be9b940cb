//! Which part of a map, and which of its changes, a request asks for.

use bytes::Bytes;
use synod_api::CursorScope;

/// Which page of a map is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The map.
    pub map: String,
    /// Only keys that begin with this; empty for all.
    pub prefix: Bytes,
    /// Only keys from this one on; empty for all.
    pub from: Bytes,
    /// Only keys before this one.
    pub to: Option<Bytes>,
    /// Only keys after this one: the last key of the page before.
    pub after: Option<Bytes>,
    /// At most so many entries, from 1.
    pub limit: u32,
}

impl Page {
    /// What cursors of this listing are bound to.
    pub fn cursor_scope(&self) -> CursorScope<'_> {
        CursorScope {
            map: &self.map,
            prefix: &self.prefix,
            from: &self.from,
            to: self.to.as_deref(),
        }
    }
}

/// Which changes are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// The map; its name is well-formed.
    pub map: String,
    /// Only keys that begin with this.
    pub prefix: Bytes,
    /// Changes after this sequence number; without it, from now on.
    pub from: Option<u64>,
}
