//! The trust file: all that a client needs to know a service, in TOML. It holds no secret.
//!
//! ```toml
//! version = 1
//! network = "<64 hexadecimal digits>"              # the pin: the hash of block 0
//! urls = ["https://127.0.0.1:8001"]
//! service_ca = "-----BEGIN CERTIFICATE-----…"      # optional, for ordinary clients such as curl
//! policy = "…"                                     # optional, an appraisal policy in TOML; default: block 0's
//!
//! [[app]]                                          # optional: what is demanded of an app before it is called
//! name = "clearing"
//! component = "<64 hexadecimal digits>"            # optional: SHA-256 of the component
//! imports = ["maps", "caller"]                     # optional: no interface beyond these
//! ```

use serde::{Deserialize, Serialize};
use synod_attestation::Policy;
use synod_crypto::Digest;

use crate::app_pin::AppPin;
use crate::remembered::Remembered;
use crate::url::ReplicaUrl;
use crate::verify::Verifier;

/// The version of the format.
const VERSION: u16 = 1;
/// Longest file that is read, in bytes.
pub const TRUST_FILE_BYTES_MAX: usize = 256 * 1024;

/// What a client knows of a service before it asks it anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFile {
    /// The network id.
    pub network: Digest,
    /// Replicas to begin with.
    pub urls: Vec<ReplicaUrl>,
    /// The certificate of the service's authority (PEM).
    pub service_ca: Option<String>,
    /// The client's own policy for evidence.
    pub policy: Option<Policy>,
    /// What is demanded of apps.
    pub apps: Vec<AppPin>,
}

/// Why a text is not a trust file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustFileError {
    /// It is longer than any.
    #[error("the trust file is {0} bytes, longer than the {TRUST_FILE_BYTES_MAX} allowed")]
    TooLong(usize),
    /// It is not TOML of this shape.
    #[error("the trust file is malformed: {0}")]
    Malformed(String),
    /// It is of another version.
    #[error("the trust file has version {0}, expected {VERSION}")]
    Version(u16),
    /// The network id cannot be read.
    #[error("`network` must be 64 hexadecimal digits")]
    Network,
    /// A pin of an app cannot be read, or an app is pinned twice.
    #[error("the pin of the app `{app}` is wrong: {what}")]
    App {
        /// The app.
        app: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The policy cannot be read.
    #[error("`policy` is wrong: {0}")]
    Policy(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u16,
    network: String,
    urls: Vec<ReplicaUrl>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_ca: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default, rename = "app", skip_serializing_if = "Vec::is_empty")]
    apps: Vec<AppFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppFile {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    imports: Option<Vec<String>>,
}

impl AppFile {
    fn of(pin: &AppPin) -> Self {
        Self {
            name: pin.name.clone(),
            component: pin.component.map(|digest| digest.to_string()),
            imports: pin.imports.clone(),
        }
    }

    fn read(self) -> Result<AppPin, TrustFileError> {
        let component = self.component.map(|text| text.parse()).transpose();
        let app = self.name.clone();
        let what = "`component` must be 64 hexadecimal digits";
        Ok(AppPin {
            component: component.map_err(|_| TrustFileError::App { app, what })?,
            name: self.name,
            imports: self.imports,
        })
    }
}

impl TrustFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`TrustFileError`].
    pub fn parse(text: &str) -> Result<Self, TrustFileError> {
        if text.len() > TRUST_FILE_BYTES_MAX {
            return Err(TrustFileError::TooLong(text.len()));
        }
        let file: File =
            toml::from_str(text).map_err(|error| TrustFileError::Malformed(error.to_string()))?;
        if file.version != VERSION {
            return Err(TrustFileError::Version(file.version));
        }
        let policy = file.policy.map(|text| Policy::from_toml(&text)).transpose();
        let apps = file.apps.into_iter().map(AppFile::read);
        let apps = apps.collect::<Result<Vec<_>, _>>()?;
        check_once(&apps)?;
        Ok(Self {
            apps,
            network: file.network.parse().map_err(|_| TrustFileError::Network)?,
            urls: file.urls,
            service_ca: file.service_ca,
            policy: policy.map_err(|error| TrustFileError::Policy(error.to_string()))?,
        })
    }

    /// The text that gives this again.
    pub fn to_toml(&self) -> String {
        let file = File {
            version: VERSION,
            network: self.network.to_string(),
            urls: self.urls.clone(),
            service_ca: self.service_ca.clone(),
            policy: self.policy.as_ref().map(Policy::to_toml),
            apps: self.apps.iter().map(AppFile::of).collect(),
        };
        toml::to_string(&file).expect("strings and lists are TOML")
    }

    /// What is demanded of an app, if anything is.
    pub fn app(&self, name: &str) -> Option<&AppPin> {
        self.apps.iter().find(|pin| pin.name == name)
    }

    /// The verifier that this file asks for, with a memory of its own.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.network, self.policy.clone())
    }

    /// The addresses to try, in this order: those of the file that the network named when a client
    /// looked last, then the others that it named, then the rest of the file.
    pub fn addresses(&self, remembered: &Remembered) -> Vec<ReplicaUrl> {
        let named = remembered.addresses();
        let (mut first, last): (Vec<_>, Vec<_>) = self
            .urls
            .iter()
            .cloned()
            .partition(|url| named.contains(url));
        let more = named.iter().filter(|url| !first.contains(url));
        let more: Vec<_> = more.cloned().collect();
        first.extend(more);
        first.extend(last);
        first
    }
}

fn check_once(apps: &[AppPin]) -> Result<(), TrustFileError> {
    let twin = |at: usize| apps[..at].iter().any(|other| other.name == apps[at].name);
    match (0..apps.len()).find(|at| twin(*at)) {
        Some(at) => Err(TrustFileError::App {
            app: apps[at].name.clone(),
            what: "it is pinned twice",
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TrustFile {
        TrustFile {
            network: Digest::from([7; 32]),
            urls: vec!["https://127.0.0.1:8001".parse().unwrap()],
            service_ca: Some(
                "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".into(),
            ),
            policy: Some(Policy::baseline()),
            apps: vec![AppPin {
                name: "clearing".into(),
                component: Some(Digest::from([9; 32])),
                imports: Some(vec!["maps".into()]),
            }],
        }
    }

    #[test]
    fn trust_file_survives_its_text() {
        let least = TrustFile {
            service_ca: None,
            policy: None,
            apps: Vec::new(),
            ..sample()
        };
        for file in [sample(), least] {
            assert_eq!(TrustFile::parse(&file.to_toml()).unwrap(), file);
        }
    }

    #[test]
    fn each_wrong_part_is_named() {
        let text = sample().to_toml();
        let broken =
            |from: &str, to: &str| TrustFile::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(
            broken("version = 1", "version = 2"),
            TrustFileError::Version(2)
        );
        assert_eq!(broken(&"07".repeat(32), "07"), TrustFileError::Network);
        assert!(matches!(
            broken("baseline", "base\nline"),
            TrustFileError::Malformed(_) | TrustFileError::Policy(_)
        ));
        assert!(matches!(
            broken("https:", "http:"),
            TrustFileError::Malformed(_)
        ));
        assert!(matches!(
            broken(&"09".repeat(32), "09"),
            TrustFileError::App { .. }
        ));
        let twice = format!("{text}\n[[app]]\nname = \"clearing\"\n");
        assert!(matches!(
            TrustFile::parse(&twice),
            Err(TrustFileError::App { .. })
        ));
        assert!(matches!(
            broken("urls", "surprise = 1\nurls"),
            TrustFileError::Malformed(_)
        ));
    }
}
