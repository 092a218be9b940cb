//! Inputs, actions and approvals decode from their one encoding only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_governance::app::AppManifest;
use synod_governance::{Act, Action, Approval, Input, SignedAction, WrappedSecret};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = Input::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = Action::decode(bytes) {
        assert_eq!(value.encode(), bytes);
        if let Act::SetApp { manifest, .. } = &value.act {
            let _ = AppManifest::from_toml(manifest);
        }
    }
    if let Ok(value) = SignedAction::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = Approval::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    if let Ok(value) = WrappedSecret::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
});
