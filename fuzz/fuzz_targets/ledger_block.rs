//! A block decodes from its one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_ledger::Block;

fuzz_target!(|bytes: &[u8]| {
    let Ok(block) = Block::decode(bytes::Bytes::copy_from_slice(bytes)) else {
        return;
    };
    assert_eq!(block.bytes(), bytes);
});
