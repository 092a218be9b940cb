//! What lies where in the folder of a tour, and the lock on it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::files;
use crate::outcome::{Failure, Outcome};

/// The folder of a tour.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.dir.join("manifest.toml")
    }

    pub(crate) fn trust(&self) -> PathBuf {
        self.dir.join("trust.toml")
    }

    pub(crate) fn service_ca(&self) -> PathBuf {
        self.dir.join("service-ca.pem")
    }

    pub(crate) fn chain(&self) -> PathBuf {
        self.dir.join("chain.cbor")
    }

    pub(crate) fn receipts(&self) -> PathBuf {
        self.dir.join("receipts")
    }

    pub(crate) fn members(&self) -> PathBuf {
        self.dir.join("members")
    }

    pub(crate) fn member_key(&self, name: &str) -> PathBuf {
        self.members().join(format!("{name}.key"))
    }

    /// The key with which a member shows up in TLS.
    pub(crate) fn member_tls_key(&self, name: &str) -> PathBuf {
        self.members().join(format!("{name}.tls.key"))
    }

    pub(crate) fn member_certificate(&self, name: &str) -> PathBuf {
        self.members().join(format!("{name}.tls.pem"))
    }

    pub(crate) fn users(&self) -> PathBuf {
        self.dir.join("users")
    }

    pub(crate) fn user_certificate(&self) -> PathBuf {
        self.users().join("user.pem")
    }

    pub(crate) fn user_key(&self) -> PathBuf {
        self.users().join("user.key")
    }

    /// The folder of the replica with this number; the number is the tour's own, not the replica id.
    pub(crate) fn replica(&self, number: u8) -> PathBuf {
        self.dir.join(format!("replica-{number}"))
    }
}

/// The lock on a folder: as long as it is held, no other tour runs there.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Makes the folder if it is not there, and locks it. Then it must be empty but for the lock: what an earlier
    /// run left is explained, and never touched.
    pub(crate) fn take(layout: &Layout) -> Outcome<Self> {
        files::make_folder(layout.dir())?;
        let path = layout.dir().join("lock");
        let failed = |error| Failure::mistake(format!("cannot lock `{}`: {error}", path.display()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(layout, &mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        refuse_remains(layout)?;
        file.set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn held(layout: &Layout, file: &mut File) -> Failure {
    let mut holder = String::new();
    let known = file
        .read_to_string(&mut holder)
        .is_ok_and(|length| length > 0);
    let holder = if known {
        format!("process {}", holder.trim())
    } else {
        "another process".to_owned()
    };
    Failure::mistake(format!(
        "a `synod up` runs in `{}` ({holder})",
        layout.dir().display()
    ))
    .with_hint("stop it with Ctrl-C, or choose another folder with `--dir DIR`")
}

/// Says what stands in the folder, if anything does.
fn refuse_remains(layout: &Layout) -> Outcome {
    let dir = layout.dir().display();
    let entries = std::fs::read_dir(layout.dir())
        .map_err(|error| Failure::mistake(format!("cannot read `{dir}`: {error}")))?;
    let names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| name != "lock")
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let another = format!("choose a new folder with `--dir DIR`, or remove `{dir}` yourself");
    if !layout.manifest().exists() {
        return Err(
            Failure::mistake(format!("`{dir}` is not empty, and holds no synod"))
                .with_hint(another),
        );
    }
    Err(Failure::mistake(remains_text(layout, &names)).with_hint(another))
}

fn remains_text(layout: &Layout, names: &[String]) -> String {
    let dir = layout.dir().display();
    let replicas = names
        .iter()
        .filter(|name| name.starts_with("replica-"))
        .count();
    let network = files::read_text(&layout.trust())
        .ok()
        .and_then(|text| synod_client::TrustFile::parse(&text).ok())
        .map_or_else(
            || "that was never opened".to_owned(),
            |trust| trust.network.to_string(),
        );
    format!(
        "`{dir}` holds what an earlier run left: network {network}, the folders of {replicas} replicas, and the keys \
         of members and a user. Nothing of it was touched. The replicas' own keys died with their processes, so that \
         service cannot go on; what remains possible:\n\
         \x20 synod ledger audit {dir}\n\
         \x20 synod ledger rebuild {dir}/replica-2 --share {dir}/members/alice.key --share {dir}/members/bob.key"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_lock_names_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let _lock = Lock::take(&layout).unwrap();
        let failure = Lock::take(&layout).unwrap_err();
        assert!(
            failure.message.contains(&std::process::id().to_string()),
            "{failure}"
        );
    }

    #[test]
    fn remains_are_explained_and_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        std::fs::write(layout.manifest(), "old").unwrap();
        let failure = Lock::take(&layout).unwrap_err();
        assert!(failure.message.contains("ledger audit"), "{failure}");
        assert_eq!(std::fs::read(layout.manifest()).unwrap(), b"old");
    }

    #[test]
    fn foreign_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
        let failure = Lock::take(&Layout::new(dir.path())).unwrap_err();
        assert!(failure.message.contains("holds no synod"), "{failure}");
    }
}
