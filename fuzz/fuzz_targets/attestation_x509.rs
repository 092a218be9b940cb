//! Certificates, revocation lists, chains in PEM and the PCK extension are read
//! or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::{
    intel::{
        pck::PckExtension,
        pem::{CERTIFICATES_MAX, decode_chain},
    },
    x509::{Certificate, RevocationList},
};

fuzz_target!(|bytes: &[u8]| {
    let _ = Certificate::parse(bytes);
    let _ = RevocationList::parse(bytes);
    let _ = PckExtension::parse(bytes);
    if let Ok(chain) = decode_chain(bytes) {
        assert!(chain.len() <= CERTIFICATES_MAX);
        for der in chain {
            let _ = Certificate::parse(&der);
        }
    }
});
