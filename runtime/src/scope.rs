//! What one version of an app may reach: its maps and its limits, made ready for each call.

use std::collections::BTreeMap;

use synod_governance::app::{AppLimits, AppManifest};
use synod_kv::{MapName, PUBLIC_PREFIX};

/// The maps and limits of one version.
#[derive(Debug)]
pub(crate) struct Scope {
    maps: BTreeMap<String, MapName>,
    pub(crate) limits: AppLimits,
}

impl Scope {
    pub(crate) fn new(manifest: &AppManifest) -> Self {
        let public = manifest.public_maps().iter();
        let public = public.map(|name| format!("{PUBLIC_PREFIX}{name}"));
        let mut maps = BTreeMap::new();
        for name in manifest.private_maps().iter().cloned().chain(public) {
            if let Some(map) = manifest.map(&name) {
                maps.insert(name, map);
            }
        }
        Self {
            maps,
            limits: *manifest.limits(),
        }
    }

    /// The map that the component calls so, if the manifest declares it. Copies a pointer.
    pub(crate) fn map(&self, guest_name: &str) -> Option<MapName> {
        self.maps.get(guest_name).cloned()
    }
}
