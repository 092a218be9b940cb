//! Certificates, keys and authorities of anybody are read or refused, and a
//! stream gives the same frames however it is cut.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use synod_channel::{Framer, Identity, PeerFrame, ServerTrust, Spki};

const FRAME_BYTES: usize = 4096;

fn frames(pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> Vec<PeerFrame> {
    let mut framer = Framer::new(FRAME_BYTES);
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(piece.as_ref());
        loop {
            match framer.take() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return frames,
            }
        }
    }
    frames
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = Spki::of_certificate(bytes) {
        assert!(key.as_der().len() < bytes.len());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = ServerTrust::service_ca_from_pem(text);
        let _ = Identity::from_pem(text, text);
    }
    let whole = frames([bytes].into_iter());
    assert_eq!(frames(bytes.chunks(3)), whole);
    let lengths = whole
        .iter()
        .map(|frame| frame.encode().map_or(0, |bytes| bytes.len()));
    assert!(lengths.sum::<usize>() <= bytes.len());
    let _ = PeerFrame::decode(&Bytes::copy_from_slice(bytes));
});
