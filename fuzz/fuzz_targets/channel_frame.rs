//! A frame between replicas is decoded or refused, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_channel::PeerFrame;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = PeerFrame::decode(&bytes::Bytes::copy_from_slice(bytes)) {
        let written = frame.encode().expect("what was decoded can be encoded");
        // Before it stands its length.
        assert_eq!(written[4..], *bytes);
    }
});
