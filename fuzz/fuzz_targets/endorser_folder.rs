//! Whatever lies in a folder of endorsements, and whatever evidence asks for
//! them: no panic, and a bounded number of candidates.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::{Evidence, Tee};
use synod_endorser::{
    Platform,
    bundle::{Bundle, CANDIDATES_MAX},
};

fuzz_target!(|bytes: &[u8]| {
    // The first two bytes say where the evidence ends and the file begins.
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let at = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (evidence, file) = rest.split_at(at);
    let mut bundle = Bundle::default();
    bundle.take(file);
    for tee in [Tee::SevSnp, Tee::Tdx, Tee::Sgx] {
        let Ok(evidence) = Evidence::new(tee, evidence.to_vec()) else {
            return;
        };
        if let Ok(platform) = Platform::of(&evidence) {
            let candidates = bundle.candidates(&platform).unwrap_or_default();
            assert!(candidates.len() <= CANDIDATES_MAX);
        }
    }
});
