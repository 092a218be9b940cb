//! Cursors of listings: where the page after this one begins. A cursor is bound to what was asked
//! for, so that one of another query is refused, and not answered with an empty page.
//!
//! A cursor holds the last key of the page before and a part of a digest over map, prefix and
//! bounds, in base64. It protects from mistakes alone: nothing is kept back by it, for whoever may
//! list a map may begin at any key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use synod_crypto::sha256;

/// Bytes of the digest that a cursor holds.
const SCOPE_BYTES: usize = 8;

/// What a cursor is bound to: all that says which entries a listing has, beside where the page
/// begins and how long it is.
#[derive(Clone, Copy, Debug)]
pub struct CursorScope<'a> {
    /// The map.
    pub map: &'a str,
    /// Only keys that begin with this.
    pub prefix: &'a [u8],
    /// Only keys from this one on.
    pub from: &'a [u8],
    /// Only keys before this one.
    pub to: Option<&'a [u8]>,
}

impl CursorScope<'_> {
    /// Writes the cursor of the page after this key.
    pub fn write_cursor(&self, last_key: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode([&self.digest()[..], last_key].concat())
    }

    /// Reads a cursor back to the last key of the page before; `None` if it is not one of this
    /// listing.
    pub fn read_cursor(&self, cursor: &str) -> Option<Bytes> {
        let bytes = Bytes::from(URL_SAFE_NO_PAD.decode(cursor).ok()?);
        let (scope, key) = bytes.split_at_checked(SCOPE_BYTES)?;
        (scope == self.digest() && !key.is_empty()).then(|| bytes.slice(SCOPE_BYTES..))
    }

    fn digest(&self) -> [u8; SCOPE_BYTES] {
        let [map, prefix, from] = [self.map.as_bytes(), self.prefix, self.from];
        let length = |part: &[u8]| (part.len() as u64).to_be_bytes();
        let is_bounded = [u8::from(self.to.is_some())];
        let whole = sha256(&[
            &length(map),
            map,
            &length(prefix),
            prefix,
            &length(from),
            from,
            &is_bounded,
            self.to.unwrap_or_default(),
        ]);
        *whole.as_bytes().first_chunk().expect("a digest is longer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: CursorScope<'_> = CursorScope {
        map: "m",
        prefix: b"a",
        from: b"aa",
        to: None,
    };

    #[test]
    fn cursor_is_read_back_by_the_same_listing() {
        let cursor = SCOPE.write_cursor(b"a/\xff");
        assert_eq!(SCOPE.read_cursor(&cursor).unwrap(), &b"a/\xff"[..]);
    }

    #[test]
    fn cursor_of_another_listing_is_refused() {
        let cursor = SCOPE.write_cursor(b"ab");
        for other in [
            CursorScope { map: "n", ..SCOPE },
            CursorScope {
                prefix: b"",
                ..SCOPE
            },
            CursorScope { from: b"", ..SCOPE },
            CursorScope {
                to: Some(b""),
                ..SCOPE
            },
            CursorScope {
                prefix: b"aa",
                from: b"a",
                ..SCOPE
            },
        ] {
            assert_eq!(other.read_cursor(&cursor), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let empty = SCOPE.write_cursor(b"");
        for foreign in ["", "a+b", "====", "YS94", &empty] {
            assert_eq!(SCOPE.read_cursor(foreign), None, "{foreign}");
        }
    }
}
