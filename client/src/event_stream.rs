//! Server-sent events, read from bytes as they arrive. Pure: no I/O.

use serde::de::DeserializeOwned;
use synod_api::{Problem, WatchEvent};

/// Longest event that is read, in bytes (64 MiB).
pub const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a stream of changes says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// All up to this transaction was said.
    Reached(u64),
    /// A transaction changed what is watched.
    Changed(WatchEvent),
    /// The stream cannot continue.
    Ended(Box<Problem>),
}

/// The bytes are no stream of changes. Whoever sent them is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// An event is longer than the limit.
    #[error("an event is longer than {EVENT_BYTES_MAX} bytes")]
    TooLong,
    /// An event cannot be read.
    #[error("an event cannot be read")]
    Malformed,
}

/// Reads events out of pieces of bytes.
#[derive(Debug, Default)]
pub struct EventReader {
    bytes: Vec<u8>,
    /// Up to here there is no end of an event.
    searched: usize,
}

impl EventReader {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`BadEvent::TooLong`].
    pub fn push(&mut self, piece: &[u8]) -> Result<(), BadEvent> {
        if self.bytes.len() + piece.len() > EVENT_BYTES_MAX {
            return Err(BadEvent::TooLong);
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// The next complete event.
    ///
    /// # Errors
    /// [`BadEvent::Malformed`].
    pub fn next_event(&mut self) -> Result<Option<Event>, BadEvent> {
        loop {
            let from = self.searched.saturating_sub(1);
            let end = self.bytes[from..].windows(2).position(|two| two == b"\n\n");
            let Some(end) = end.map(|end| from + end) else {
                self.searched = self.bytes.len();
                return Ok(None);
            };
            let rest = self.bytes.split_off(end + 2);
            let block = std::mem::replace(&mut self.bytes, rest);
            self.searched = 0;
            if let Some(event) = read_block(&block)? {
                return Ok(Some(event));
            }
        }
    }
}

/// Reads one block of lines; `None` if it contains nothing relevant here.
fn read_block(block: &[u8]) -> Result<Option<Event>, BadEvent> {
    let text = std::str::from_utf8(block).map_err(|_| BadEvent::Malformed)?;
    let (mut id, mut event, mut data) = (None, "", None);
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("id", value)) => id = Some(value.parse().map_err(|_| BadEvent::Malformed)?),
            Some(("event", value)) => event = value,
            Some(("data", value)) => data = Some(value),
            _ => {}
        }
    }
    match (event, data, id) {
        ("change", Some(data), Some(id)) => {
            let change: WatchEvent = json(data)?;
            let right = change.transaction_id.seqno == id;
            right
                .then_some(Some(Event::Changed(change)))
                .ok_or(BadEvent::Malformed)
        }
        ("problem", Some(data), _) => Ok(Some(Event::Ended(Box::new(json(data)?)))),
        ("", None, Some(id)) => Ok(Some(Event::Reached(id))),
        ("change" | "problem", ..) => Err(BadEvent::Malformed),
        _ => Ok(None),
    }
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, BadEvent> {
    serde_json::from_str(text).map_err(|_| BadEvent::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": at 3\nid: 3\n\nid: 5\nevent: change\ndata: {\"transaction_id\":\"2.5\",\"map\":\"m\",\
                          \"changes\":[{\"key\":\"k\",\"value\":null}]}\n\n: hello\n\nevent: problem\ndata: \
                          {\"type\":\"x\",\"title\":\"t\",\"status\":410,\"code\":\"watch_expired\"}\n\n";

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Event>, BadEvent> {
        let (mut reader, mut events) = (EventReader::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            reader.push(piece)?;
            while let Some(event) = reader.next_event()? {
                events.push(event);
            }
        }
        Ok(events)
    }

    #[test]
    fn events_are_read_wherever_the_pieces_are_cut() {
        let whole = read(STREAM.as_bytes(), 10_000).unwrap();
        assert!(matches!(
            &whole[..],
            [Event::Reached(3), Event::Changed(change), Event::Ended(problem)]
                if change.changes.len() == 1 && problem.status == 410
        ));
        for piece in 1..40 {
            assert_eq!(read(STREAM.as_bytes(), piece).unwrap(), whole, "{piece}");
        }
    }

    #[test]
    fn what_is_no_event_of_ours_is_refused() {
        for text in [
            "event: change\ndata: {}\n\n",
            "id: x\n\n",
            "id: 5\nevent: change\n\n",
            "event: problem\ndata: []\n\n",
            "id: 6\nevent: change\ndata: {\"transaction_id\":\"2.5\",\"map\":\"m\",\"changes\":[]}\n\n",
        ] {
            assert_eq!(
                read(text.as_bytes(), 99),
                Err(BadEvent::Malformed),
                "{text}"
            );
        }
        assert_eq!(read(b"\xff\n\n", 9), Err(BadEvent::Malformed));
        let mut reader = EventReader::default();
        let piece = vec![b'x'; EVENT_BYTES_MAX];
        reader.push(&piece).unwrap();
        assert_eq!(reader.push(b"y"), Err(BadEvent::TooLong));
    }

    #[test]
    fn mutated_streams_never_panic_the_reader() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..5_000 {
            let mut bytes = STREAM.as_bytes().to_vec();
            for _ in 0..3 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let position = (state >> 33) as usize % bytes.len();
                bytes[position] = (state >> 24) as u8;
            }
            let _ = read(&bytes, 1 + (state >> 60) as usize);
        }
    }
}
