//! Reads single keys out of a frame's public writes, without the store.
//!
//! The encoding is the store's: `[* [map tstr, [* [key bstr, value bstr / null]]]]`,
//! maps and keys strictly ascending by their bytes. This reader is strict about
//! shape, order and bounds, copies nothing and allocates nothing.

use minicbor::Decoder;
use minicbor::data::Type;

use crate::canonical::head_len;

/// The map that holds the configurations; the key is the number, 8 bytes big-endian.
pub const CONFIGURATIONS_MAP: &str = "public:synod.configurations";

/// The bytes are not a well-formed write set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the public writes are not a well-formed write set")]
pub struct MalformedWrites;

/// One write: the key and its new value, `None` for a removal.
pub type Write<'b> = (&'b [u8], Option<&'b [u8]>);

/// What a write set says of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'b> {
    /// It is not written.
    Untouched,
    /// It is removed.
    Removed,
    /// It gets this value.
    Written(&'b [u8]),
}

/// What the write set in `bytes` says of `key` in `map`. Reads the whole set, so
/// that a malformed one is found whatever is asked.
pub fn find<'b>(bytes: &'b [u8], map: &str, key: &[u8]) -> Result<Lookup<'b>, MalformedWrites> {
    let mut found = Lookup::Untouched;
    for_each(bytes, |name, (k, value)| {
        if name == map && k == key {
            found = value.map_or(Lookup::Removed, Lookup::Written);
        }
    })?;
    Ok(found)
}

/// Calls `visit` with every write of the set, in order.
pub fn for_each<'b>(
    bytes: &'b [u8],
    mut visit: impl FnMut(&'b str, Write<'b>),
) -> Result<(), MalformedWrites> {
    let mut decoder = Decoder::new(bytes);
    let shortest = read(&mut decoder, &mut visit).ok_or(MalformedWrites)?;
    // Heads can only be longer than their shortest form, never shorter, so equal
    // lengths mean that each is the shortest.
    if decoder.position() == bytes.len() && shortest == bytes.len() {
        Ok(())
    } else {
        Err(MalformedWrites)
    }
}

/// Reads the set and returns the length of its shortest encoding.
fn read<'b>(
    decoder: &mut Decoder<'b>,
    visit: &mut impl FnMut(&'b str, Write<'b>),
) -> Option<usize> {
    let maps = usize::try_from(decoder.array().ok()??).ok()?;
    let mut shortest = head_len(maps);
    let mut last_map = None;
    for _ in 0..maps {
        pair(decoder)?;
        let map = decoder.str().ok()?;
        if last_map.is_some_and(|last| last >= map.as_bytes()) {
            return None;
        }
        last_map = Some(map.as_bytes());
        shortest += 1 + string_len(map.len()) + read_map(decoder, |write| visit(map, write))?;
    }
    Some(shortest)
}

fn read_map<'b>(decoder: &mut Decoder<'b>, mut visit: impl FnMut(Write<'b>)) -> Option<usize> {
    let keys = usize::try_from(decoder.array().ok()??)
        .ok()
        .filter(|&keys| keys > 0)?;
    let mut shortest = head_len(keys);
    let mut last_key: Option<&[u8]> = None;
    for _ in 0..keys {
        pair(decoder)?;
        let key = decoder.bytes().ok()?;
        if last_key.is_some_and(|last| last >= key) {
            return None;
        }
        last_key = Some(key);
        let value = value(decoder).ok()?;
        shortest += 1 + string_len(key.len()) + value.map_or(1, |v| string_len(v.len()));
        visit((key, value));
    }
    Some(shortest)
}

fn value<'b>(decoder: &mut Decoder<'b>) -> Result<Option<&'b [u8]>, minicbor::decode::Error> {
    if decoder.datatype()? == Type::Null {
        decoder.null()?;
        return Ok(None);
    }
    decoder.bytes().map(Some)
}

fn pair(decoder: &mut Decoder<'_>) -> Option<()> {
    (decoder.array().ok()? == Some(2)).then_some(())
}

fn string_len(len: usize) -> usize {
    head_len(len) + len
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[["a", [[h'01', h'02'], [h'03', null]]]]`
    const SET: &[u8] = &[
        0x81, 0x82, 0x61, b'a', 0x82, 0x82, 0x41, 1, 0x41, 2, 0x82, 0x41, 3, 0xf6,
    ];

    #[test]
    fn a_key_is_found_written_removed_or_untouched() {
        assert_eq!(find(SET, "a", &[1]), Ok(Lookup::Written(&[2])));
        assert_eq!(find(SET, "a", &[3]), Ok(Lookup::Removed));
        assert_eq!(find(SET, "a", &[4]), Ok(Lookup::Untouched));
        assert_eq!(find(SET, "b", &[1]), Ok(Lookup::Untouched));
        assert_eq!(find(&[0x80], "a", &[1]), Ok(Lookup::Untouched));
    }

    #[test]
    fn other_spellings_of_a_set_are_malformed() {
        let broken: [&[u8]; 8] = [
            &[],
            &[0x80, 0],
            &[0x98, 0],
            &[0x9f, 0xff],
            &[0x81, 0x82, 0x61, b'a', 0x80],
            &[0x81, 0x82, 0x61, b'a', 0x81, 0x82, 0x58, 1, 1, 0x41, 2],
            &[
                0x81, 0x82, 0x61, b'a', 0x82, 0x82, 0x41, 3, 0xf6, 0x82, 0x41, 1, 0xf6,
            ],
            &[0x81, 0x82, 0x61, b'a', 0x81, 0x82, 0x41, 1, 0x61, b'x'],
        ];
        for bytes in broken {
            assert_eq!(find(bytes, "a", &[1]), Err(MalformedWrites), "{bytes:02x?}");
        }
        for end in 0..SET.len() {
            assert!(find(&SET[..end], "a", &[1]).is_err());
        }
    }
}
