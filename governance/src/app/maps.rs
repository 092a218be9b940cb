//! Which map of the store belongs to which app.
//!
//! A private map `M` of app `N` is `app.N.M` in the store, a public one `public:app.N.M`, and the
//! component's chunks stand in `public:app.N:component`. The name of an app holds neither dot nor
//! colon, so each of these names reads in one way only.

use synod_kv::{MapName, PUBLIC_PREFIX};

use crate::app::name::AppName;

/// Longest name of a map as the manifest of its app has it, in bytes.
pub const MAP_OF_APP_LENGTH_MAX: usize = 64;

/// What the names of all maps of apps begin with, after `public:` if it is there.
const APP_PREFIX: &str = "app.";
/// What the names of the service's own maps begin with, after `public:` if it is there.
const SERVICE_PREFIX: &str = "synod.";
const COMPONENT_SUFFIX: &str = ":component";

/// A map of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppMap {
    /// Whose it is.
    pub app: AppName,
    /// Which of the app's maps.
    pub kind: AppMapKind,
}

/// Which of an app's maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppMapKind {
    /// A private one, with its name in the manifest.
    Private(String),
    /// A public one, with its name in the manifest, without `public:`.
    Public(String),
    /// The chunks of the app's components: the service's, not the app's.
    Component,
}

/// What a component gave is not a name of a map of an app; the app's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "map name {found:?} is not 1 to {MAP_OF_APP_LENGTH_MAX} characters of [a-z0-9_-], with or without `public:`"
)]
pub struct BadAppMap {
    /// The beginning of what was given.
    pub found: String,
}

/// The map of the store that app `app` calls `guest_name`: `accounts`, or `public:settlements`.
///
/// Whether the manifest declares the map is
/// [`AppManifest::declares`](crate::app::AppManifest::declares).
pub fn map_in_store(app: &AppName, guest_name: &str) -> Result<MapName, BadAppMap> {
    let (prefix, name) = match guest_name.strip_prefix(PUBLIC_PREFIX) {
        Some(name) => (PUBLIC_PREFIX, name),
        None => ("", guest_name),
    };
    if !is_name_of_map(name) {
        let found = guest_name.chars().take(MAP_OF_APP_LENGTH_MAX).collect();
        return Err(BadAppMap { found });
    }
    Ok(valid(&format!("{prefix}{APP_PREFIX}{app}.{name}")))
}

/// The map in which the chunks of the components of `app` stand; see [`chunk_key`].
pub fn component_map(app: &AppName) -> MapName {
    valid(&format!(
        "{PUBLIC_PREFIX}{APP_PREFIX}{app}{COMPONENT_SUFFIX}"
    ))
}

/// The key of chunk `index` (from 0) of version `number` in [`component_map`]: both big-endian.
pub fn chunk_key(number: u64, index: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

/// Whose map it is; `None` if it is not a map of an app.
pub fn owner_of_map(map: &MapName) -> Option<AppMap> {
    let (public, rest) = match map.as_str().strip_prefix(PUBLIC_PREFIX) {
        Some(rest) => (true, rest),
        None => (false, map.as_str()),
    };
    let rest = rest.strip_prefix(APP_PREFIX)?;
    if let Some(app) = rest.strip_suffix(COMPONENT_SUFFIX) {
        let (app, kind) = (AppName::new(app).ok()?, AppMapKind::Component);
        return public.then_some(AppMap { app, kind });
    }
    let (app, name) = rest.split_once('.')?;
    if !is_name_of_map(name) {
        return None;
    }
    let app = AppName::new(app).ok()?;
    let kind = if public {
        AppMapKind::Public(name.to_owned())
    } else {
        AppMapKind::Private(name.to_owned())
    };
    Some(AppMap { app, kind })
}

/// Whether the name is kept for apps (`app.…` and `public:app.…`), whether or not an app has such a
/// map.
pub fn is_app_map(map: &MapName) -> bool {
    stripped(map).starts_with(APP_PREFIX)
}

/// Whether the name is kept for the service and its apps: nobody writes such a map through the
/// key-value interface.
pub fn is_reserved_name(map: &MapName) -> bool {
    is_app_map(map) || stripped(map).starts_with(SERVICE_PREFIX)
}

fn stripped(map: &MapName) -> &str {
    let name = map.as_str();
    name.strip_prefix(PUBLIC_PREFIX).unwrap_or(name)
}

/// Whether the text is a valid map name in a manifest.
pub(crate) fn is_name_of_map(name: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=MAP_OF_APP_LENGTH_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

fn valid(name: &str) -> MapName {
    MapName::new(name).expect("names of apps and their maps are short and of allowed characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> AppName {
        AppName::new(name).expect("a name")
    }

    #[test]
    fn a_map_of_an_app_bears_its_name_and_reads_back() {
        let long = "m".repeat(MAP_OF_APP_LENGTH_MAX);
        let longest = app(&"a".repeat(32));
        for (app, guest) in [
            (&app("bank"), "accounts"),
            (&app("bank"), "public:totals"),
            (&longest, &long),
        ] {
            let map = map_in_store(app, guest).expect("a map");
            assert_eq!(map.is_public(), guest.starts_with("public:"));
            let owned = owner_of_map(&map).expect("an app's");
            assert_eq!(&owned.app, app);
            assert!(is_app_map(&map) && is_reserved_name(&map));
        }
        let map = map_in_store(&app("bank"), "accounts").expect("a map");
        assert_eq!(map.as_str(), "app.bank.accounts");
    }

    #[test]
    fn no_guest_name_reaches_the_map_of_another() {
        for name in [
            "",
            "public:",
            "a.b",
            "../x",
            "public:public:x",
            "other.accounts",
            ":component",
            "A",
            "x:component",
            "public:synod.users",
            "synod.users",
            "app.bank.accounts",
            "ä",
            &"m".repeat(65),
        ] {
            assert!(map_in_store(&app("bank"), name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_component_is_not_a_map_that_an_app_can_name() {
        let map = component_map(&app("bank"));
        assert_eq!(map.as_str(), "public:app.bank:component");
        let kind = owner_of_map(&map).map(|owned| owned.kind);
        assert_eq!(kind, Some(AppMapKind::Component));
        let private = MapName::new("app.bank:component").expect("a map");
        assert_eq!(owner_of_map(&private), None);
        assert!(is_reserved_name(&private));
    }

    #[test]
    fn keys_of_chunks_order_by_number_then_index() {
        let keys = [
            chunk_key(1, 2),
            chunk_key(1, 256),
            chunk_key(2, 0),
            chunk_key(256, 0),
        ];
        assert!(keys.is_sorted());
    }

    #[test]
    fn other_maps_are_nobody_s() {
        for name in [
            "ledger",
            "public:synod.users",
            "apps.bank.x",
            "app",
            "public:notes",
        ] {
            let map = MapName::new(name).expect("a map");
            assert_eq!(owner_of_map(&map), None);
            assert!(!is_app_map(&map), "{name}");
        }
        for (name, reserved) in [
            ("synod.x", true),
            ("public:synod.x", true),
            ("synodx", false),
        ] {
            let map = MapName::new(name).expect("a map");
            assert_eq!(is_reserved_name(&map), reserved, "{name}");
        }
    }
}
