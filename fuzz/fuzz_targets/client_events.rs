//! Streams of changes, cut into pieces anyhow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_client::EventReader;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let mut reader = EventReader::default();
    for piece in bytes.chunks(usize::from(piece) + 1) {
        if reader.push(piece).is_err() {
            return;
        }
        while let Ok(event) = reader.next_event() {
            if event.is_none() {
                break;
            }
        }
    }
});
