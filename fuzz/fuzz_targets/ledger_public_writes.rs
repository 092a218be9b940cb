//! A key is looked up in anything that claims to be public writes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_ledger::public_writes;

fuzz_target!(|bytes: &[u8]| {
    let _ = public_writes::find(bytes, "public:synod.configurations", &[0; 8]);
});
