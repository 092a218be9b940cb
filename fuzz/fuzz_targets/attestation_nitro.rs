//! A document is read or refused, and a read one is within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::{
    Anchors, Endorsements, Evidence, MockRoots, Tee, nitro::document::Document, verify,
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(document) = Document::parse(bytes) else {
        return;
    };
    assert!((1..=10).contains(&document.chain.len()));
    assert!((3..=32).contains(&document.pcrs.len()));
    let Ok(evidence) = Evidence::new(Tee::Nitro, bytes.to_vec()) else {
        return;
    };
    let anchors = Anchors::Simulated(MockRoots::published());
    let now_ms = document.timestamp_ms;
    let _ = verify(&evidence, &Endorsements::Nitro, &anchors, now_ms);
});
