//! TCB information and QE identities are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::intel::{qe_identity::QeIdentity, tcb_info::TcbInfo};

fuzz_target!(|text: &str| {
    let _ = TcbInfo::parse(text);
    let _ = QeIdentity::parse(text);
});
