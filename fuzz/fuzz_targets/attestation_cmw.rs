//! Wrappers and the evidence in certificates are read or refused, never a panic; a wrapper has one form in CBOR.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_attestation::{Cmw, Credential};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(cmw) = Cmw::decode(bytes) {
        let again = Cmw::decode(&cmw.to_cbor());
        assert_eq!(again.as_ref(), Ok(&cmw));
        if !matches!(bytes[0], b'[' | b'{') {
            assert_eq!(cmw.to_cbor(), bytes);
        }
        if let Ok(json) = cmw.to_json() {
            assert_eq!(Cmw::decode(json.as_bytes()), Ok(cmw.clone()));
        }
        if let Ok(credential) = Credential::from_cmw(&cmw) {
            let wrapped = Credential::from_cmw(&credential.to_cmw());
            assert_eq!(wrapped, Ok(credential));
        }
    }
    let _ = Credential::from_certificate(bytes);
});
