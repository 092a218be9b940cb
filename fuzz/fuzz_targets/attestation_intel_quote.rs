//! A quote of SGX or TDX is taken apart or refused, and what it holds is
//! within it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::{intel::quote::Quote, intel::verify::verify_signatures_only, simulated};

fuzz_target!(|bytes: &[u8]| {
    let Ok(quote) = Quote::parse(bytes) else {
        return;
    };
    assert!((3..=5).contains(&quote.version));
    assert!(
        quote
            .pck_chain()
            .is_none_or(|chain| chain.len() < bytes.len())
    );
    let _ = verify_signatures_only(bytes, None, simulated::INTEL_ROOT);
});
