//! Cache records decode from their one encoding only; bytes also come with the
//! digest that they lack, to get past it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_crypto::sha256;
use synod_endorser::record::Record;

fuzz_target!(|bytes: &[u8]| {
    let digest = sha256(&[bytes]);
    let completed = [bytes, &[0x58, 0x20], digest.as_bytes()].concat();
    for bytes in [bytes, completed.as_slice()] {
        if let Ok(record) = Record::decode(bytes) {
            assert_eq!(record.encode(), bytes);
        }
    }
});
