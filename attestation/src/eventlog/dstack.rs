//! The event log of dstack: a JSON array of boot events, which repeat the
//! CCEL, and of the events that applications measure into `RTMR3` at runtime.
//!
//! The digest of a runtime event is SHA-384 over, in version 1, its type
//! (32 bits, little-endian), `:`, its name, `:` and its payload; in version 2,
//! the canonical JSON (RFC 8785) of `event`, `event_type`, `payload` and
//! `version`.

use serde::Deserialize;
use synod_crypto::sha384;

use crate::eventlog::{
    content::{self, NO_ACTION},
    error::EventLogError,
    event::{Content, Event, Register},
};

/// The type of runtime events.
const RUNTIME: u32 = 0x0800_0001;

/// An event as it stands in the JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    imr: u32,
    event_type: u32,
    /// May be left out of runtime events, whose digest follows from the rest.
    #[serde(default, with = "hex::serde")]
    digest: Vec<u8>,
    event: String,
    #[serde(with = "hex::serde")]
    event_payload: Vec<u8>,
    #[serde(default = "first_version")]
    version: u32,
    /// What was hashed, for the reader's convenience. It is computed here.
    #[serde(default, rename = "hash_input")]
    _hash_input: Option<String>,
}

fn first_version() -> u32 {
    1
}

/// Parses a log of at most `events_max` events.
pub(crate) fn parse(bytes: &[u8], events_max: usize) -> Result<Vec<Event>, EventLogError> {
    let entries: Vec<Entry> =
        serde_json::from_slice(bytes).map_err(|_| EventLogError::Malformed)?;
    if entries.len() > events_max {
        return Err(EventLogError::TooManyEvents);
    }
    entries
        .into_iter()
        .enumerate()
        .filter(|(_, entry)| entry.event_type != NO_ACTION)
        .map(|(number, entry)| event(number, entry))
        .collect()
}

fn event(number: usize, entry: Entry) -> Result<Event, EventLogError> {
    let register = Register::from_number(entry.imr).ok_or(EventLogError::NoSuchRegister {
        event: number,
        register: entry.imr,
    })?;
    if entry.event_type == RUNTIME {
        runtime(number, register, entry)
    } else {
        boot(number, register, entry)
    }
}

fn runtime(number: usize, register: Register, entry: Entry) -> Result<Event, EventLogError> {
    if register != Register::Rtmr3 {
        return Err(EventLogError::RuntimeRegister {
            event: number,
            register,
        });
    }
    let digest = runtime_digest(number, &entry)?;
    if !entry.digest.is_empty() && entry.digest != digest {
        return Err(EventLogError::PayloadMismatch {
            event: number,
            kind: RUNTIME,
        });
    }
    Ok(Event {
        register,
        kind: RUNTIME,
        digest,
        label: None,
        content: Content::Runtime {
            name: entry.event,
            payload: entry.event_payload,
        },
    })
}

fn runtime_digest(event: usize, entry: &Entry) -> Result<[u8; 48], EventLogError> {
    match entry.version {
        // With a colon in it, the name could end elsewhere.
        1 if entry.event.contains(':') => Err(EventLogError::RuntimeName { event }),
        1 => Ok(sha384(&[
            &RUNTIME.to_le_bytes(),
            b":",
            entry.event.as_bytes(),
            b":",
            &entry.event_payload,
        ])),
        2 => {
            let name = serde_json::Value::from(entry.event.as_str());
            let payload = hex::encode(&entry.event_payload);
            let canonical = format!(
                r#"{{"event":{name},"event_type":{RUNTIME},"payload":"{payload}","version":2}}"#
            );
            Ok(sha384(&[canonical.as_bytes()]))
        }
        version => Err(EventLogError::RuntimeVersion { event, version }),
    }
}

/// A boot event. Its payload may be left out; its name is a remark.
fn boot(number: usize, register: Register, entry: Entry) -> Result<Event, EventLogError> {
    let digest = <[u8; 48]>::try_from(entry.digest.as_slice())
        .map_err(|_| EventLogError::Digests { event: number })?;
    let (content, label) = if entry.event_payload.is_empty() {
        (Content::Stated(Vec::new()), None)
    } else {
        content::of(entry.event_type, &digest, &entry.event_payload).map_err(|_| {
            EventLogError::PayloadMismatch {
                event: number,
                kind: entry.event_type,
            }
        })?
    };
    Ok(Event {
        register,
        kind: entry.event_type,
        digest,
        label: label.or_else(|| (!entry.event.is_empty()).then_some(entry.event)),
        content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remark_is_no_event_and_extends_nothing() {
        let entry = |kind: u32| {
            let digest = "11".repeat(48);
            format!(
                r#"[{{"imr":0,"event_type":{kind},"digest":"{digest}","event":"","event_payload":""}}]"#
            )
        };
        let events = |kind| parse(entry(kind).as_bytes(), 9).map(|events| events.len());
        assert_eq!(events(NO_ACTION), Ok(0));
        assert_eq!(events(NO_ACTION + 1), Ok(1));
    }
}
