//! The Confidential Computing Event Log of ACPI: a TCG 2 log with a
//! `Spec ID Event03` header.
//!
//! Source: TCG PC Client Platform Firmware Profile, "Event Logging"; UEFI
//! 2.10 §38.4 for the registers' numbers.
//!
//! Layout, little-endian. The header is an event of the first format:
//!
//! | field | bytes |
//! |---|---|
//! | register, type (`EV_NO_ACTION`), digest | 4, 4, 20 |
//! | length, `Spec ID Event03\0`, class, versions, word size | 4, 16, 4, 3, 1 |
//! | algorithms: count, then id and digest length of each | 4, 2 + 2 each |
//! | vendor's words: length, bytes | 1, … |
//!
//! and all others are of the second:
//!
//! | field | bytes |
//! |---|---|
//! | register, type | 4, 4 |
//! | digests: count, then algorithm and digest of each | 4, 2 + … each |
//! | event: length, bytes | 4, … |

use crate::eventlog::{
    content::{self, NO_ACTION},
    error::EventLogError,
    event::{Event, Register},
};

const SIGNATURE: &[u8] = b"Spec ID Event03\0";
const SHA384: u16 = 0x0c;
/// TCG registers fewer algorithms for digests than this.
const ALGORITHMS_MAX: u32 = 16;

/// Parses a log of at most `events_max` events.
pub(crate) fn parse(bytes: &[u8], events_max: usize) -> Result<Vec<Event>, EventLogError> {
    let mut reader = Reader { bytes, at: 0 };
    let algorithms = header(&mut reader).ok_or(EventLogError::Header)?;
    if !algorithms.contains(&(SHA384, 48)) {
        return Err(EventLogError::NoSha384);
    }
    let mut events = Vec::new();
    let mut number = 0;
    while !reader.only_padding_is_left()? {
        if number == events_max {
            return Err(EventLogError::TooManyEvents);
        }
        events.extend(event(&mut reader, &algorithms, number)?);
        number += 1;
    }
    Ok(events)
}

/// Whether the bytes begin as such a log does.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    bytes.get(32..48) == Some(SIGNATURE)
}

/// The algorithms of the log: id and length of the digest. `None` if the
/// header is malformed.
fn header(reader: &mut Reader<'_>) -> Option<Vec<(u16, usize)>> {
    let (_register, kind) = (reader.u32()?, reader.u32()?);
    let _digest = reader.take(20)?;
    let length = reader.u32()?;
    let bytes = reader.take(usize::try_from(length).ok()?)?;
    let mut body = Reader { bytes, at: 0 };
    if kind != NO_ACTION || body.take(16)? != SIGNATURE {
        return None;
    }
    let _class_and_versions = body.take(8)?;
    let count = body.u32().filter(|count| *count <= ALGORITHMS_MAX)?;
    let mut algorithms: Vec<(u16, usize)> = Vec::new();
    for _ in 0..count {
        let (id, length) = (body.u16()?, usize::from(body.u16()?));
        if algorithms.iter().any(|(known, _)| *known == id) {
            return None;
        }
        algorithms.push((id, length));
    }
    let vendor = usize::from(*body.take(1)?.first()?);
    body.take(vendor)?;
    (body.at == body.bytes.len()).then_some(algorithms)
}

/// The next event; `None` if it is one that is never measured.
fn event(
    reader: &mut Reader<'_>,
    algorithms: &[(u16, usize)],
    number: usize,
) -> Result<Option<Event>, EventLogError> {
    let truncated = EventLogError::Truncated { event: number };
    let (Some(register), Some(kind)) = (reader.u32(), reader.u32()) else {
        return Err(truncated);
    };
    let digest = digest(reader, algorithms, number)?;
    let length = reader.u32().and_then(|length| usize::try_from(length).ok());
    let bytes = length
        .and_then(|length| reader.take(length))
        .ok_or(truncated)?;
    if kind == NO_ACTION {
        return Ok(None);
    }
    let digest = digest.ok_or(EventLogError::Digests { event: number })?;
    // Register 0 is the measurement at launch, which no event extends.
    let register = register
        .checked_sub(1)
        .and_then(Register::from_number)
        .ok_or(EventLogError::NoSuchRegister {
            event: number,
            register,
        })?;
    let (content, label) =
        content::of(kind, &digest, bytes).map_err(|_| EventLogError::PayloadMismatch {
            event: number,
            kind,
        })?;
    Ok(Some(Event {
        register,
        kind,
        digest,
        label,
        content,
    }))
}

/// The SHA-384 digest of an event, if it has one.
fn digest(
    reader: &mut Reader<'_>,
    algorithms: &[(u16, usize)],
    event: usize,
) -> Result<Option<[u8; 48]>, EventLogError> {
    let wrong = EventLogError::Digests { event };
    let truncated = || EventLogError::Truncated { event };
    let count = reader.u32().ok_or_else(truncated)?;
    if usize::try_from(count).map_or(true, |count| count > algorithms.len()) {
        return Err(wrong);
    }
    let mut seen = Vec::new();
    let mut digest = None;
    for _ in 0..count {
        let id = reader.u16().ok_or_else(truncated)?;
        let known = algorithms.iter().find(|(known, _)| *known == id);
        let Some((_, length)) = known.filter(|_| !seen.contains(&id)) else {
            return Err(wrong);
        };
        seen.push(id);
        let bytes = reader.take(*length).ok_or_else(truncated)?;
        if id == SHA384 {
            digest = bytes.try_into().ok();
        }
    }
    Ok(digest)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Whether only padding is left: nothing, ones or zeros. No event begins
    /// like padding, since register and type are never both zero or both
    /// `0xffff_ffff`.
    fn only_padding_is_left(&self) -> Result<bool, EventLogError> {
        let rest = &self.bytes[self.at..];
        let Some(first) = rest.first().copied() else {
            return Ok(true);
        };
        let padding = matches!(first, 0x00 | 0xff);
        if !padding || rest.iter().take(8).any(|byte| *byte != first) {
            return Ok(false);
        }
        if rest.iter().any(|byte| *byte != first) {
            return Err(EventLogError::TrailingBytes { offset: self.at });
        }
        Ok(true)
    }
}
