//! The checked-in OpenAPI document is the one that the code gives.
#![allow(clippy::disallowed_methods, reason = "the test compares a file")]

use std::path::PathBuf;

fn checked_in() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/openapi.json")
}

/// With `SYNOD_BLESS=1` in the environment the file is written instead of compared.
#[test]
fn checked_in_document_has_not_drifted_from_the_code() {
    let fresh = synod_api::openapi_json();
    if std::env::var_os("SYNOD_BLESS").is_some() {
        std::fs::write(checked_in(), &fresh).expect("spec/openapi.json can be written");
    }
    let stored = std::fs::read_to_string(checked_in()).expect("spec/openapi.json is checked in");
    assert!(
        stored == fresh,
        "spec/openapi.json differs from the code\nhint: look at the change with \
         `SYNOD_BLESS=1 cargo test -p synod-api && git diff spec/openapi.json`"
    );
}
