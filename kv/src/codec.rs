//! The one encoding of a write set: `spec/kv.cddl`.
//!
//! Deterministic CBOR (RFC 8949 §4.2.1) of
//! `[ *[map tstr, [ +[key bstr, value bstr / null] ]] ]`, maps and keys in
//! rising byte order. The reader is written by hand because it must refuse
//! every longer spelling of a length, which general decoders accept.

use bytes::Bytes;

use crate::limits::{KEY_MAX, LimitExceeded, MAP_NAME_MAX, VALUE_MAX, WRITES_MAX};
use crate::name::{BadMapName, MapName};
use crate::writes::{KeyWrites, WriteSet, byte_len};

const BSTR: u8 = 2;
const TSTR: u8 = 3;
const ARRAY: u8 = 4;
const NULL: u8 = 0xf6;

/// The bytes are not a canonical write set; the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end within an item.
    #[error("write set is incomplete: the bytes end too early")]
    Truncated,
    /// Bytes follow the set.
    #[error("{0} bytes follow the write set")]
    Trailing(usize),
    /// Another type of item than the format has at this offset.
    #[error("unexpected item at offset {0}")]
    Unexpected(usize),
    /// A length is spelled in more bytes than it needs, or is indefinite.
    #[error("length at offset {0} is not in its shortest form")]
    NotShortest(usize),
    /// Maps or keys do not rise strictly.
    #[error("item at offset {0} is out of order or repeated")]
    OutOfOrder(usize),
    /// A map is listed without writes.
    #[error("map at offset {0} has no writes")]
    EmptyMap(usize),
    /// A string or list is longer than its bound.
    #[error("item at offset {0} is longer than allowed")]
    TooLong(usize),
    /// The name of a map breaks its rules.
    #[error(transparent)]
    Name(#[from] BadMapName),
    /// The set as a whole exceeds the limits of a transaction.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

impl WriteSet {
    /// The canonical encoding. The empty set is the one byte `80`.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_maps(|_| true)
    }

    /// The encodings of the two halves that [`WriteSet::split`] gives, public and private, without
    /// parting the set.
    pub fn encode_halves(&self) -> (Vec<u8>, Vec<u8>) {
        (
            self.encode_maps(MapName::is_public),
            self.encode_maps(|map| !map.is_public()),
        )
    }

    fn encode_maps(&self, wanted: impl Fn(&MapName) -> bool) -> Vec<u8> {
        let maps = || self.maps().iter().filter(|(map, _)| wanted(map));
        // Heads take at most 1 + 3 bytes a key, 5 a value; a map a few more.
        let spare = |(map, keys): (&MapName, &KeyWrites)| {
            10 * keys.len() + map.as_str().len() + 16 + byte_len(keys)
        };
        let mut out = Vec::with_capacity(maps().map(spare).sum::<usize>() + 5);
        head(&mut out, ARRAY, maps().count());
        for (map, keys) in maps() {
            head(&mut out, ARRAY, 2);
            head(&mut out, TSTR, map.as_str().len());
            out.extend_from_slice(map.as_str().as_bytes());
            head(&mut out, ARRAY, keys.len());
            for (key, value) in keys {
                head(&mut out, ARRAY, 2);
                string(&mut out, key);
                match value {
                    Some(value) => string(&mut out, value),
                    None => out.push(NULL),
                }
            }
        }
        out
    }

    /// Reads exactly what [`WriteSet::encode`] writes, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader { bytes, at: 0 };
        let mut set = Self::new();
        let maps = reader.head(ARRAY, WRITES_MAX)?;
        let mut previous: Option<MapName> = None;
        for _ in 0..maps {
            let at = reader.at;
            let map = reader.map(&mut set)?;
            if previous.is_some_and(|previous| previous >= map) {
                return Err(DecodeError::OutOfOrder(at));
            }
            previous = Some(map);
        }
        match bytes.len() - reader.at {
            0 => Ok(set),
            left => Err(DecodeError::Trailing(left)),
        }
    }
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, BSTR, bytes.len());
    out.extend_from_slice(bytes);
}

fn head(out: &mut Vec<u8>, major: u8, length: usize) {
    let major = major << 5;
    let length = u32::try_from(length).expect("the limits of a write set are below 4 GiB");
    match length {
        0..=23 => out.push(major | length as u8),
        24..=0xff => out.extend_from_slice(&[major | 0x18, length as u8]),
        0x100..=0xffff => {
            out.push(major | 0x19);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(major | 0x1a);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn map(&mut self, set: &mut WriteSet) -> Result<MapName, DecodeError> {
        self.pair()?;
        let at = self.at;
        let length = self.head(TSTR, MAP_NAME_MAX)?;
        let name =
            std::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::Unexpected(at))?;
        let map = MapName::new(name)?;
        let at = self.at;
        let keys = self.head(ARRAY, WRITES_MAX)?;
        if keys == 0 {
            return Err(DecodeError::EmptyMap(at));
        }
        let mut previous: Option<&[u8]> = None;
        for _ in 0..keys {
            self.pair()?;
            let at = self.at;
            let key = self.string(KEY_MAX)?;
            if previous.is_some_and(|previous| previous >= key) {
                return Err(DecodeError::OutOfOrder(at));
            }
            previous = Some(key);
            let value = self.value()?.map(Bytes::copy_from_slice);
            set.insert(&map, Bytes::copy_from_slice(key), value)?;
        }
        Ok(map)
    }

    fn value(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        if self.bytes.get(self.at) == Some(&NULL) {
            self.at += 1;
            return Ok(None);
        }
        self.string(VALUE_MAX).map(Some)
    }

    fn string(&mut self, max: usize) -> Result<&'a [u8], DecodeError> {
        let length = self.head(BSTR, max)?;
        self.take(length)
    }

    fn pair(&mut self) -> Result<(), DecodeError> {
        let at = self.at;
        match self.head(ARRAY, 2)? {
            2 => Ok(()),
            _ => Err(DecodeError::Unexpected(at)),
        }
    }

    /// The argument of an item of this major type, in its shortest form.
    fn head(&mut self, major: u8, max: usize) -> Result<usize, DecodeError> {
        let at = self.at;
        let first = self.take(1)?[0];
        if first >> 5 != major {
            return Err(DecodeError::Unexpected(at));
        }
        let (length, least) = match first & 0x1f {
            short @ 0..=23 => (u32::from(short), 0),
            24 => (self.number(1)?, 24),
            25 => (self.number(2)?, 0x100),
            26 => (self.number(4)?, 0x1_0000),
            _ => return Err(DecodeError::NotShortest(at)),
        };
        if length < least {
            return Err(DecodeError::NotShortest(at));
        }
        let length = length as usize;
        if length > max {
            return Err(DecodeError::TooLong(at));
        }
        Ok(length)
    }

    fn number(&mut self, width: usize) -> Result<u32, DecodeError> {
        Ok(self
            .take(width)?
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(length).ok_or(DecodeError::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(DecodeError::Truncated)?;
        self.at = end;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: &str) -> MapName {
        MapName::new(name).expect("valid name")
    }

    /// `[["m", [[h'61', h'31'], [h'62', null]]]]`
    const SMALL: &[u8] = b"\x81\x82\x61m\x82\x82\x41a\x41\x31\x82\x41b\xf6";

    fn small() -> WriteSet {
        let mut set = WriteSet::new();
        set.delete(&map("m"), "b").expect("within limits");
        set.put(&map("m"), "a", "1").expect("within limits");
        set
    }

    #[test]
    fn encoding_is_the_documented_one() {
        assert_eq!(WriteSet::new().encode(), [0x80]);
        assert_eq!(small().encode(), SMALL);
        assert_eq!(WriteSet::decode(SMALL), Ok(small()));
    }

    #[test]
    fn every_width_of_length_survives() {
        let mut set = WriteSet::new();
        for length in [0, 23, 24, 255, 256, 65_535, 65_536, VALUE_MAX] {
            set.put(&map("m"), vec![7; length.min(KEY_MAX)], vec![1; length])
                .expect("within limits");
        }
        assert_eq!(WriteSet::decode(&set.encode()), Ok(set));
    }

    #[test]
    fn longer_spellings_of_a_length_are_refused() {
        for bytes in [
            &b"\x98\x01\x82\x61m\x81\x82\x41a\x41\x31"[..],
            b"\x81\x82\x61m\x81\x82\x41a\x59\x00\x01\x31",
            b"\x81\x82\x61m\x81\x82\x41a\x5a\x00\x00\x00\x01\x31",
            b"\x81\x82\x61m\x81\x82\x41a\x5b\x00\x00\x00\x00\x00\x00\x00\x01\x31",
            b"\x9f\xff",
        ] {
            assert!(
                matches!(WriteSet::decode(bytes), Err(DecodeError::NotShortest(_))),
                "{bytes:x?}"
            );
        }
    }

    #[test]
    fn repeated_or_falling_keys_and_maps_are_refused() {
        for bytes in [
            &b"\x81\x82\x61m\x82\x82\x41b\xf6\x82\x41a\xf6"[..],
            b"\x81\x82\x61m\x82\x82\x41a\xf6\x82\x41a\xf6",
            b"\x82\x82\x61m\x81\x82\x41a\xf6\x82\x61m\x81\x82\x41a\xf6",
            b"\x82\x82\x61m\x81\x82\x41a\xf6\x82\x61a\x81\x82\x41a\xf6",
        ] {
            assert!(
                matches!(WriteSet::decode(bytes), Err(DecodeError::OutOfOrder(_))),
                "{bytes:x?}"
            );
        }
    }

    #[test]
    fn structure_and_bounds_are_enforced() {
        let refused = |bytes: &[u8]| WriteSet::decode(bytes).expect_err("not canonical");
        assert_eq!(refused(b""), DecodeError::Truncated);
        assert_eq!(refused(&SMALL[..SMALL.len() - 1]), DecodeError::Truncated);
        assert_eq!(
            refused(&[SMALL, b"\x00"].concat()),
            DecodeError::Trailing(1)
        );
        assert_eq!(refused(b"\xa0"), DecodeError::Unexpected(0));
        assert_eq!(refused(b"\x81\x82\x61m\x80"), DecodeError::EmptyMap(4));
        assert_eq!(refused(b"\x81\x81\x61m"), DecodeError::Unexpected(1));
        assert_eq!(
            refused(b"\x81\x82\x61M\x80"),
            DecodeError::Name(BadMapName::BadCharacter(0))
        );
        assert_eq!(
            refused(b"\x81\x82\x61m\x81\x82\x59\x02\x01"),
            DecodeError::TooLong(6)
        );
        assert_eq!(
            refused(b"\x81\x82\x61m\x81\x82\x41a\x5a\xff\xff\xff\xff"),
            DecodeError::TooLong(8)
        );
        assert_eq!(refused(b"\x99\xff\xff"), DecodeError::TooLong(0));
    }
}
