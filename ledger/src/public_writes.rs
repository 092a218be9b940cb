//! Reads single keys out of a frame's public writes, without the store.
//!
//! The encoding is the store's: `[* [map tstr, [* [key bstr, value bstr / null]]]]`,
//! maps and keys strictly ascending by their bytes. This reader is strict about
//! shape, order and bounds, copies nothing and allocates nothing.

use minicbor::Decoder;
use minicbor::data::Type;

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
    read(&mut decoder, &mut visit).ok_or(MalformedWrites)?;
    if decoder.position() == bytes.len() {
        Ok(())
    } else {
        Err(MalformedWrites)
    }
}

fn read<'b>(decoder: &mut Decoder<'b>, visit: &mut impl FnMut(&'b str, Write<'b>)) -> Option<()> {
    let mut last_map = None;
    for _ in 0..decoder.array().ok()?? {
        pair(decoder)?;
        let map = decoder.str().ok()?;
        if last_map.is_some_and(|last| last >= map.as_bytes()) {
            return None;
        }
        last_map = Some(map.as_bytes());
        read_map(decoder, |write| visit(map, write))?;
    }
    Some(())
}

fn read_map<'b>(decoder: &mut Decoder<'b>, mut visit: impl FnMut(Write<'b>)) -> Option<()> {
    let mut last_key: Option<&[u8]> = None;
    for _ in 0..decoder.array().ok()?? {
        pair(decoder)?;
        let key = decoder.bytes().ok()?;
        if last_key.is_some_and(|last| last >= key) {
            return None;
        }
        last_key = Some(key);
        let value = match decoder.datatype().ok()? {
            Type::Null => {
                decoder.null().ok()?;
                None
            }
            _ => Some(decoder.bytes().ok()?),
        };
        visit((key, value));
    }
    Some(())
}

fn pair(decoder: &mut Decoder<'_>) -> Option<()> {
    (decoder.array().ok()? == Some(2)).then_some(())
}
