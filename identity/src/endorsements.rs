//! What an operator tells a node of its endorsements: the table `[endorsements]` of the
//! configuration.
//!
//! It matters on real hardware alone, and there only where the platform hands out too little.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synod_attestation::{Anchors, VendorRoots};
use synod_endorser::config::{IntelService, TlsRoots};
use synod_endorser::{Config, Endorser, EndorserError, Watcher, pem};

/// Most folders that are looked into.
pub const ENDORSEMENT_FOLDERS_MAX: usize = 16;
/// Longest file of roots that is read, in bytes.
const ROOTS_BYTES_MAX: u64 = 256 * 1024;
/// The folder of the cache, in the node's own.
const CACHE: &str = "endorsements";

/// Where a node gets what its vendor says of its machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndorsementsConfig {
    /// Where answers of the services are kept; without it, `endorsements` in the node's own folder.
    pub cache: Option<PathBuf>,
    /// Folders that are read before anybody is asked, at most 16.
    pub folders: Vec<PathBuf>,
    /// A PCCS that is asked instead of Intel's own service: what stands before
    /// `/sgx/certification/v4`.
    pub pccs: Option<String>,
    /// Who is asked instead of AMD's key distribution service: what stands before `/vcek/v1`.
    pub amd_kds: Option<String>,
    /// The roots (PEM) to which the services' TLS certificates lead; without it, the web's.
    pub tls_roots: Option<PathBuf>,
    /// Whether nobody is asked: folders and cache must do.
    pub offline: bool,
}

/// Why there is nobody to endorse this machine. The operator's or our environment's fault.
#[derive(Debug, thiserror::Error)]
pub enum EndorsingError {
    /// The file of roots cannot be read.
    #[error("the roots `{path}` of `endorsements.tls_roots` cannot be read: {problem}")]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The cache cannot be used, or the network's settings.
    #[error("endorsements cannot be got: {0}")]
    Endorser(#[from] EndorserError),
}

impl EndorsingError {
    /// What would help, if that can be told.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Roots { .. } => Some("name a file of certificates in PEM"),
            Self::Endorser(error) => error.hint(),
        }
    }
}

impl EndorsementsConfig {
    /// The first key whose value is out of bounds, and what must hold.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        if self.folders.len() > ENDORSEMENT_FOLDERS_MAX {
            let rule = format!("must name at most {ENDORSEMENT_FOLDERS_MAX} folders");
            return Some(("endorsements.folders", rule));
        }
        let urls = [
            ("endorsements.pccs", &self.pccs),
            ("endorsements.amd_kds", &self.amd_kds),
        ];
        let wrong =
            |(_, url): &(_, &Option<String>)| url.as_deref().is_some_and(|url| !is_base(url));
        let (key, _) = urls.into_iter().find(wrong)?;
        Some((
            key,
            "must be of the form `https://host[:port][/path]`".to_owned(),
        ))
    }

    /// The same, with paths relative to `base`.
    pub fn beneath(self, base: &Path) -> Self {
        let beneath = |path: PathBuf| base.join(path);
        Self {
            cache: self.cache.map(beneath),
            folders: self.folders.into_iter().map(beneath).collect(),
            tls_roots: self.tls_roots.map(beneath),
            ..self
        }
    }

    /// An endorser under the vendors' own roots, for a node with the folder `dir`; `watcher` is
    /// told of what is slow.
    pub fn endorser(&self, dir: &Path, watcher: Watcher) -> Result<Endorser, EndorsingError> {
        Ok(Endorser::watched(self.settings(dir)?, watcher)?)
    }

    fn settings(&self, dir: &Path) -> Result<Config, EndorsingError> {
        let cache = self.cache.clone().unwrap_or_else(|| dir.join(CACHE));
        let anchors = Anchors::Vendor(VendorRoots::built_in());
        let mut config = Config::online(anchors, Some(cache));
        config.folders.clone_from(&self.folders);
        if let Some(base) = &self.pccs {
            config.services.intel = IntelService::Pccs { base: base.clone() };
        }
        if let Some(base) = &self.amd_kds {
            config.services.amd_kds.clone_from(base);
        }
        if let (Some(path), Some(network)) = (&self.tls_roots, &mut config.network) {
            network.tls_roots = TlsRoots::Only(roots(path)?);
        }
        if self.offline {
            config.network = None;
        }
        Ok(config)
    }
}

fn roots(path: &Path) -> Result<Vec<Vec<u8>>, EndorsingError> {
    let failed = |problem: String| EndorsingError::Roots {
        path: path.to_owned(),
        problem,
    };
    let unreadable = |error: std::io::Error| failed(error.to_string());
    if std::fs::metadata(path).map_err(unreadable)?.len() > ROOTS_BYTES_MAX {
        return Err(failed(format!("it is longer than {ROOTS_BYTES_MAX} bytes")));
    }
    let text = std::fs::read(path).map_err(unreadable)?;
    pem::certificates(&text).map_err(|error| failed(format!("it {error}")))
}

/// Whether paths of a service can be put behind it.
fn is_base(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else {
        return false;
    };
    let authority = uri.authority();
    uri.scheme_str() == Some("https")
        && uri.query().is_none()
        && authority.is_some_and(|found| !found.host().is_empty() && !found.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_in_the_nodes_own_folder_unless_said_otherwise() {
        let cache = |config: &EndorsementsConfig| {
            let settings = config
                .settings(Path::new("/node"))
                .expect("no file is read");
            settings.cache.expect("there is always one").folder
        };
        let mut config = EndorsementsConfig::default();
        assert_eq!(cache(&config), Path::new("/node/endorsements"));
        config.cache = Some("/elsewhere".into());
        assert_eq!(cache(&config), Path::new("/elsewhere"));
    }

    #[test]
    fn services_and_network_are_those_that_are_named() {
        let config = EndorsementsConfig {
            pccs: Some("https://pccs:8081".to_owned()),
            amd_kds: Some("https://kds".to_owned()),
            offline: true,
            ..EndorsementsConfig::default()
        };
        let settings = config
            .settings(Path::new("/node"))
            .expect("no file is read");
        let base = "https://pccs:8081".to_owned();
        assert_eq!(settings.services.intel, IntelService::Pccs { base });
        assert_eq!(settings.services.amd_kds, "https://kds");
        assert!(settings.network.is_none());
        assert!(!settings.anchors.simulated());
    }

    #[test]
    fn roots_that_cannot_be_read_are_named_with_a_hint() {
        let folder = tempfile::tempdir().expect("there is room");
        let garbage = folder.path().join("roots.pem");
        std::fs::write(&garbage, b"no PEM").expect("there is room");
        for path in [garbage, folder.path().join("absent.pem")] {
            let config = EndorsementsConfig {
                tls_roots: Some(path.clone()),
                ..EndorsementsConfig::default()
            };
            let error = config.settings(folder.path()).expect_err("no roots");
            assert!(matches!(&error, EndorsingError::Roots { path: named, .. } if *named == path));
            assert!(error.hint().is_some());
        }
    }
}
