//! Answers of the vendors' services are cut without a panic, and what Intel
//! signed stands in the answer word for word.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_endorser::{answer, pem};

fuzz_target!(|bytes: &[u8]| {
    for cut in [answer::tcb_info(bytes), answer::qe_identity(bytes)]
        .into_iter()
        .flatten()
    {
        let text = cut.text.as_bytes();
        assert!(bytes.windows(text.len()).any(|window| window == text));
        assert_eq!(cut.signature.len(), 64);
        let _ = answer::stated(&cut.text);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = answer::stated(text);
        if let Ok(chain) = answer::chain_of_header(text) {
            assert!(answer::chain(chain.as_bytes()).is_ok());
        }
    }
    let _ = answer::revocation_list(bytes);
    let _ = answer::certificate(bytes);
    if let Ok(blocks) = pem::blocks(bytes) {
        assert!((1..=pem::BLOCKS_MAX).contains(&blocks.len()));
    }
});
