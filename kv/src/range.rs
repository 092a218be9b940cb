//! A range of keys within one map.

use std::ops::Bound;

use bytes::Bytes;

/// Which keys a range read covers. Keys order by their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    from: Bound<Bytes>,
    to: Bound<Bytes>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> Self {
        Self::new(Bound::Unbounded, Bound::Unbounded)
    }

    /// The keys between two bounds; a range that ends before it starts is empty.
    pub fn new(from: Bound<Bytes>, to: Bound<Bytes>) -> Self {
        Self { from, to }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        let to = match successor(prefix) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        Self::new(Bound::Included(Bytes::copy_from_slice(prefix)), to)
    }

    /// This range without the keys up to and including `cursor` (the last key
    /// of the page before).
    #[must_use]
    pub fn after(self, cursor: Bytes) -> Self {
        let starts_later = match &self.from {
            Bound::Unbounded => false,
            Bound::Included(from) | Bound::Excluded(from) => *from > cursor,
        };
        if starts_later {
            return self;
        }
        Self::new(Bound::Excluded(cursor), self.to)
    }

    /// This range cut down to the keys that also lie in `other`.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self {
            from: later(self.from, other.from),
            to: earlier(self.to, other.to),
        }
    }

    /// Whether no key can lie in it.
    pub fn is_empty(&self) -> bool {
        match (&self.from, &self.to) {
            (Bound::Unbounded, Bound::Excluded(to)) => to.is_empty(),
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(from), Bound::Included(to)) => from > to,
            (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
            | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
        }
    }

    /// Whether `key` lies in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        let from = match &self.from {
            Bound::Unbounded => true,
            Bound::Included(from) => key >= from.as_ref(),
            Bound::Excluded(from) => key > from.as_ref(),
        };
        let to = match &self.to {
            Bound::Unbounded => true,
            Bound::Included(to) => key <= to.as_ref(),
            Bound::Excluded(to) => key < to.as_ref(),
        };
        from && to
    }

    /// The bounds, for an ordered map keyed by [`Bytes`]. The caller must have
    /// ruled out an empty range, for which `BTreeMap::range` panics.
    pub(crate) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (
            self.from.as_ref().map(AsRef::as_ref),
            self.to.as_ref().map(AsRef::as_ref),
        )
    }

    /// This range ending at `last`, inclusively: what a read that stopped at
    /// its limit has seen.
    pub(crate) fn ending_at(&self, last: &Bytes) -> Self {
        Self::new(self.from.clone(), Bound::Included(last.clone()))
    }
}

/// The least key above all keys that begin with `prefix`, if there is one.
fn successor(prefix: &[u8]) -> Option<Bytes> {
    let kept = prefix.iter().rposition(|b| *b != u8::MAX)?;
    let mut end = prefix[..=kept].to_vec();
    end[kept] += 1;
    Some(Bytes::from(end))
}

fn later(a: Bound<Bytes>, b: Bound<Bytes>) -> Bound<Bytes> {
    let a_wins = match (&a, &b) {
        (_, Bound::Unbounded) => true,
        (Bound::Unbounded, _) => false,
        (Bound::Excluded(x), Bound::Included(y) | Bound::Excluded(y)) => x >= y,
        (Bound::Included(x), Bound::Included(y) | Bound::Excluded(y)) => x > y,
    };
    if a_wins { a } else { b }
}

fn earlier(a: Bound<Bytes>, b: Bound<Bytes>) -> Bound<Bytes> {
    let a_wins = match (&a, &b) {
        (_, Bound::Unbounded) => true,
        (Bound::Unbounded, _) => false,
        (Bound::Excluded(x), Bound::Included(y) | Bound::Excluded(y)) => x <= y,
        (Bound::Included(x), Bound::Included(y) | Bound::Excluded(y)) => x < y,
    };
    if a_wins { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn b(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn prefix_covers_exactly_the_keys_that_begin_with_it() {
        let range = KeyRange::prefix(b"ab");
        for key in [&b"ab"[..], b"ab\xff\xff", b"abz"] {
            assert!(range.contains(key));
        }
        for key in [&b"aa"[..], b"ac", b"a", b""] {
            assert!(!range.contains(key));
        }
        let last = KeyRange::prefix(b"\xff\xff");
        assert!(last.contains(b"\xff\xff\x01") && !last.contains(b"\xff\xfe"));
        assert!(KeyRange::prefix(b"").contains(b""));
    }

    #[test]
    fn a_range_that_ends_before_it_starts_is_empty() {
        let range = |from, to| KeyRange::new(from, to).is_empty();
        assert!(range(Bound::Included(b("b")), Bound::Included(b("a"))));
        assert!(range(Bound::Excluded(b("a")), Bound::Excluded(b("a"))));
        assert!(range(Bound::Included(b("a")), Bound::Excluded(b("a"))));
        assert!(range(Bound::Unbounded, Bound::Excluded(b(""))));
        assert!(!range(Bound::Included(b("a")), Bound::Included(b("a"))));
    }

    #[test]
    fn a_cursor_never_widens_a_range() {
        let range = KeyRange::prefix(b"m").after(b("a"));
        assert!(!range.contains(b"b") && range.contains(b"m"));
        let next = KeyRange::prefix(b"m").after(b("mc"));
        assert!(!next.contains(b"mc") && next.contains(b"md"));
    }

    #[test]
    fn an_intersection_holds_what_both_hold() {
        let window = KeyRange::new(Bound::Included(b("mb")), Bound::Excluded(b("z")));
        let both = KeyRange::prefix(b"m").intersect(window);
        assert!(both.contains(b"mb") && !both.contains(b"ma") && !both.contains(b"n"));
    }
}
