//! Trust files, state files, addresses of replicas and chain files of anybody are
//! read or refused, and what was read is written as it can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_client::{ReplicaUrl, TrustFile, parse_state, read_chain, state_text};
use synod_crypto::{Digest, sha256};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(file) = TrustFile::parse(text) {
            let again = TrustFile::parse(&file.to_toml()).expect("what was written is read");
            assert_eq!(again.to_toml(), file.to_toml());
            assert_eq!(again.network, file.network);
        }
        if let Ok(url) = text.parse::<ReplicaUrl>() {
            assert_eq!(url.to_string().parse(), Ok(url.clone()));
            assert_ne!(url.port(), 0);
        }
    }
    // As it is, and under a checksum that fits, which no fuzzer finds.
    let checksum = format!("checksum = \"{}\"\n", sha256(&[bytes]));
    for text in [bytes.to_vec(), [checksum.as_bytes(), bytes].concat()] {
        if let Ok(state) = parse_state(&text) {
            let again = state_text(&state).expect("what was read is written");
            assert_eq!(parse_state(again.as_bytes()), Ok(state));
        }
    }
    let file = bytes::Bytes::copy_from_slice(bytes);
    for pin in [Digest::default(), sha256(&[bytes])] {
        let _ = read_chain(pin, &file);
    }
});
