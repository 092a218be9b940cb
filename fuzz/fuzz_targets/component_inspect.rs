//! A component is described or refused within bounds, never a panic; and what is refused without a manifest is refused
//! with one.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use synod_governance::app::{AppManifest, IMPORTS};
use synod_component::inspect;

static MANIFEST: LazyLock<AppManifest> = LazyLock::new(|| {
    let text = format!("name = \"a\"\nversion = \"1\"\nimports = {IMPORTS:?}");
    AppManifest::from_toml(&text).expect("a manifest")
});

fuzz_target!(|bytes: &[u8]| {
    let said = inspect(bytes, None);
    assert_eq!(said.is_ok(), inspect(bytes, Some(&MANIFEST)).is_ok());
    if let Ok(said) = said {
        assert_eq!(said.beyond(&IMPORTS), Vec::<String>::new());
        assert_eq!(said.bytes, bytes.len() as u64);
        // `requests`, each of eight imports, `lifecycle`, `memory`, and six that no component can do.
        assert_eq!(said.can.len() + said.cannot.len(), 17);
    }
});
