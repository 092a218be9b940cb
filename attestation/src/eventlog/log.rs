//! A log as a whole, and its binding to the registers of a quote.
//!
//! Invariants:
//! - a [`BoundLog`] is made by [`EventLog::bind`] alone;
//! - all four registers are compared, those without events as well.

use synod_crypto::sha384;

use crate::eventlog::{
    ccel, dstack,
    error::EventLogError,
    event::{Content, Event, Register},
};

/// The format of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The Confidential Computing Event Log of ACPI, binary.
    Ccel,
    /// dstack's log, JSON.
    Dstack,
}

impl Kind {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Ccel, Self::Dstack];

    /// The name in messages and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ccel => "ccel",
            Self::Dstack => "dstack",
        }
    }

    /// The number that represents this format in encoded evidence.
    pub fn number(self) -> u8 {
        match self {
            Self::Ccel => 1,
            Self::Dstack => 2,
        }
    }

    /// The format of a number in encoded evidence.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Tells the format from the first bytes. A wrong guess does no harm:
    /// parsing then fails.
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        if ccel::looks_like(bytes) {
            return Some(Self::Ccel);
        }
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
        (*first == b'[').then_some(Self::Dstack)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A parsed log. Nothing in it is proved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLog {
    kind: Kind,
    events: Vec<Event>,
}

impl EventLog {
    /// Longest accepted log, in bytes.
    pub const BYTES_MAX: usize = 1024 * 1024;
    /// Most events of a log.
    pub const EVENTS_MAX: usize = 4096;

    /// Parses a log.
    pub fn parse(kind: Kind, bytes: &[u8]) -> Result<Self, EventLogError> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(EventLogError::TooLong(bytes.len()));
        }
        let events = match kind {
            Kind::Ccel => ccel::parse(bytes, Self::EVENTS_MAX)?,
            Kind::Dstack => dstack::parse(bytes, Self::EVENTS_MAX)?,
        };
        Ok(Self { kind, events })
    }

    /// The format.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The events that were measured, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Binds the log to the registers of a quote, `RTMR0` to `RTMR3`. Whether
    /// the quote is genuine is another question.
    pub fn bind(self, registers: &[[u8; 48]; 4]) -> Result<BoundLog, EventLogError> {
        let replayed = replay(&self.events);
        for register in Register::ALL {
            let number = register.number();
            if replayed[number] != registers[number] {
                return Err(EventLogError::RegisterMismatch {
                    register,
                    replayed: replayed[number],
                    quoted: registers[number],
                });
            }
        }
        Ok(BoundLog(self))
    }
}

/// What events add up to: each register begins as zeros, and an event makes it
/// the SHA-384 of itself and the event's digest.
pub fn replay(events: &[Event]) -> [[u8; 48]; 4] {
    let mut registers = [[0; 48]; 4];
    for event in events {
        let register = &mut registers[event.register.number()];
        *register = sha384(&[register.as_slice(), &event.digest]);
    }
    registers
}

/// A log whose events add up to the registers of a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundLog(EventLog);

impl BoundLog {
    /// The format.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The events, in order. The quote vouches for their digests, and for
    /// their content where [`Content::vouched`] says so.
    pub fn events(&self) -> &[Event] {
        &self.0.events
    }

    /// The payloads of dstack's runtime events of this name, in order. An
    /// application may measure the same name again, so a policy that wants one
    /// value refuses several.
    pub fn runtime<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.events()
            .iter()
            .filter_map(move |event| match &event.content {
                Content::Runtime {
                    name: found,
                    payload,
                } if found == name => Some(payload.as_slice()),
                _ => None,
            })
    }
}
