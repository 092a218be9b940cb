//! The manifest of an app is read or refused, never a panic; what is read keeps its limits and names its own maps.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synod_governance::app::{AppLimits, AppManifest, AppPath, METHODS, owner_of_map};

fuzz_target!(|text: &str| {
    let Ok(manifest) = AppManifest::from_toml(text) else {
        return;
    };
    assert!(manifest.limits().time_ms <= AppLimits::TIME_MS.max);
    assert!(manifest.limits().memory_bytes <= AppLimits::MEMORY_BYTES.max);
    for name in manifest.private_maps() {
        let map = manifest.map(name).expect("a declared map has a name");
        let owner = owner_of_map(&map).expect("an app's map");
        assert_eq!(&owner.app, manifest.name());
    }
    for route in manifest.routes() {
        let Ok(path) = AppPath::parse(route.pattern.as_str()) else {
            continue;
        };
        for method in METHODS {
            let _ = manifest.route(method, &path);
        }
    }
});
