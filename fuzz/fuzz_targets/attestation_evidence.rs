//! Evidence of anybody is refused or verified, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::{Anchors, Endorsements, Evidence, MockRoots, VendorRoots, verify};

fuzz_target!(|bytes: &[u8]| {
    const NOW_MS: u64 = 1_750_000_000_000;
    // The first two bytes say where evidence ends and endorsements begin.
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let (first, second) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
    let evidence = Evidence::decode(first).or_else(|_| Evidence::detect(first.to_vec()));
    let Ok(evidence) = evidence else { return };
    let Ok(endorsements) = Endorsements::decode(second) else {
        return;
    };
    for anchors in [
        Anchors::Vendor(VendorRoots::built_in()),
        Anchors::Simulated(MockRoots::published()),
    ] {
        let _ = verify(&evidence, &endorsements, &anchors, NOW_MS);
    }
});
