//! A member's key file, and the card that others see of it.
//!
//! The key file holds two seeds: one signs acts and approvals, one opens the member's share of the
//! key that wraps the ledger secret. It is written for its owner alone and never leaves the
//! machine; the card is public and goes into the manifest.

use std::path::Path;

use serde::{Deserialize, Serialize};
use synod_crypto::{HpkePublicKey, HpkeSecretKey, PublicKey, Secret, SigningKey};
use synod_governance::MemberEntry;
use zeroize::{Zeroize as _, Zeroizing};

use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};

const VERSION: u16 = 1;

/// A member's keys.
pub(crate) struct MemberKey {
    name: String,
    signing_seed: Secret<32>,
    share_seed: Secret<32>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u16,
    name: String,
    signing_seed: String,
    share_seed: String,
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        self.signing_seed.zeroize();
        self.share_seed.zeroize();
    }
}

impl MemberKey {
    /// Fresh keys from the operating system's randomness.
    pub(crate) fn generate(name: &str) -> Outcome<Self> {
        Ok(Self {
            name: name.to_owned(),
            signing_seed: fresh_seed()?,
            share_seed: fresh_seed()?,
        })
    }

    /// Reads a key file.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let text = Zeroizing::new(files::read_text(path)?);
        let wrong = |what: String| {
            Failure::mistake(format!(
                "`{}` is not a member's key file: {what}",
                path.display()
            ))
        };
        let file: KeyFile =
            toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
        if file.version != VERSION {
            return Err(wrong(format!(
                "it has version {}, expected {VERSION}",
                file.version
            )));
        }
        Ok(Self {
            name: file.name.clone(),
            signing_seed: seed(&file.signing_seed)
                .ok_or_else(|| wrong("`signing_seed` is not a seed".to_owned()))?,
            share_seed: seed(&file.share_seed)
                .ok_or_else(|| wrong("`share_seed` is not a seed".to_owned()))?,
        })
    }

    /// Writes a new key file.
    pub(crate) fn create(&self, path: &Path) -> Outcome {
        let file = KeyFile {
            version: VERSION,
            name: self.name.clone(),
            signing_seed: hex::encode(self.signing_seed.expose()),
            share_seed: hex::encode(self.share_seed.expose()),
        };
        let text = Zeroizing::new(toml::to_string(&file).expect("strings and numbers are TOML"));
        files::create(path, text.as_bytes(), Readers::Owner)
    }

    /// The member's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The key that signs acts and approvals.
    pub(crate) fn signing_key(&self) -> SigningKey {
        SigningKey::from_seed(&self.signing_seed)
    }

    /// The key that opens the member's share.
    pub(crate) fn share_key(&self) -> HpkeSecretKey {
        HpkeSecretKey::from_seed(&self.share_seed)
    }

    /// The entry for the manifest.
    pub(crate) fn entry(&self) -> MemberEntry {
        let key: PublicKey = self.signing_key().public();
        let share_key: HpkePublicKey = self.share_key().public();
        MemberEntry {
            name: self.name.clone(),
            key,
            share_key,
            tls: None,
        }
    }
}

/// A fresh seed.
pub(crate) fn fresh_seed() -> Outcome<Secret<32>> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::broken(format!(
            "cannot get random bytes from the operating system: {error}"
        ))
    })?;
    let secret = Secret::new(bytes);
    bytes.zeroize();
    Ok(secret)
}

fn seed(text: &str) -> Option<Secret<32>> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    let secret = Secret::new(bytes);
    bytes.zeroize();
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_file_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("alice.key");
        let key = MemberKey::generate("alice").unwrap();
        key.create(&path).unwrap();
        let again = MemberKey::read(&path).unwrap();
        assert_eq!(again.entry(), key.entry());
        assert_eq!(again.name(), "alice");
    }

    #[test]
    fn other_files_are_refused_without_showing_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(
            &path,
            "version = 1\nname = \"a\"\nsigning_seed = \"c0ffee\"\nshare_seed = \"\"",
        )
        .unwrap();
        let failure = MemberKey::read(&path).err().unwrap();
        assert!(!failure.message.contains("c0ffee"));
    }
}
