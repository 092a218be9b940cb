//! What lies where in the folder of a tour, and the lock on it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::files;
use crate::ledger_folder::LedgerFolder;
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

    /// The folder of the replica whose ledger was written last, for a killed one's lacks what came
    /// after; none, if there is no ledger.
    pub(crate) fn freshest_replica(&self) -> Option<PathBuf> {
        let ledgers = LedgerFolder::find_all(&self.dir).ok()?;
        let freshest = ledgers.iter().max_by_key(|ledger| ledger.written_at())?;
        let below = freshest.path().strip_prefix(&self.dir).ok()?;
        Some(self.dir.join(below.components().next()?))
    }

    /// What can be done with what lies here, a word and a command for each; nothing is named that
    /// is not there.
    pub(crate) fn remaining_commands(&self) -> Vec<(&'static str, String)> {
        let dir = self.dir.display();
        let trust = if self.trust().exists() {
            format!(" --trust {}", self.trust().display())
        } else {
            String::new()
        };
        let mut commands = Vec::new();
        if let Some(replica) = self.freshest_replica() {
            let replica = replica.display();
            let (alice, bob) = (self.member_key("alice"), self.member_key("bob"));
            commands.push(("the ledgers", format!("synod ledger audit {dir}{trust}")));
            commands.push((
                "what is public",
                format!("synod ledger show {replica}{trust}"),
            ));
            if alice.exists() && bob.exists() {
                commands.push((
                    "the records",
                    format!(
                        "synod ledger rebuild {replica} --share {} --share {}{trust}   # two members together",
                        alice.display(),
                        bob.display()
                    ),
                ));
            }
        }
        let receipt = self.receipts().join("record-000000.receipt");
        if receipt.exists() && self.chain().exists() && self.trust().exists() {
            commands.push((
                "the receipts",
                format!(
                    "synod receipt verify {} --chain {}{trust}",
                    receipt.display(),
                    self.chain().display()
                ),
            ));
        }
        commands
    }

    /// The folder of the replica with this number; the number is the tour's own, not the replica
    /// id.
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
    /// Makes the folder if it is not there, and locks it. Then it must be empty but for the lock:
    /// what an earlier run left is explained, and never touched.
    pub(crate) fn take(layout: &Layout) -> Outcome<Self> {
        files::make_folder(layout.dir())?;
        let path = layout.dir().join("lock");
        let failed = |error: std::io::Error| {
            Failure::io(format!("cannot lock `{}`", path.display()), &error)
        };
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
        .map_err(|error| Failure::io(format!("cannot read `{dir}`"), &error))?;
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
            Failure::mistake(format!("`{dir}` is not empty and does not contain a synod"))
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
            || "whose network was never opened".to_owned(),
            |trust| trust.network.to_string(),
        );
    let commands = layout.remaining_commands();
    let possible: String = if commands.is_empty() {
        "no useful files were written".to_owned()
    } else {
        let lines = commands.iter().map(|(_, command)| format!("\n  {command}"));
        format!("you can still use:{}", lines.collect::<String>())
    };
    format!(
        "`{dir}` holds what an earlier run left: network {network}, the folders of {replicas} replicas, and the keys \
         of members and a user. Nothing of it was touched. The replicas' own keys died with their processes, so that \
         service cannot go on; {possible}"
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
        write_ledger(&layout, 1, 100);
        let failure = Lock::take(&layout).unwrap_err();
        assert!(failure.message.contains("ledger audit"), "{failure}");
        assert_eq!(std::fs::read(layout.manifest()).unwrap(), b"old");
    }

    /// A ledger of replica `number` that was written at this time.
    fn write_ledger(layout: &Layout, number: u8, at_s: u64) {
        let folder = layout.replica(number).join("ledger");
        std::fs::create_dir_all(&folder).unwrap();
        let file = File::create(folder.join("0.ledger")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(at_s))
            .unwrap();
    }

    #[test]
    fn ledger_that_was_written_last_is_the_one_to_rebuild_from() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        for (number, at_s) in [(1, 300), (2, 100), (3, 200)] {
            write_ledger(&layout, number, at_s);
        }
        assert_eq!(layout.freshest_replica(), Some(layout.replica(1)));
    }

    #[test]
    fn nothing_is_named_that_an_interrupted_tour_did_not_make() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        assert!(layout.remaining_commands().is_empty());
        write_ledger(&layout, 1, 100);
        let named = |layout: &Layout| {
            let commands = layout.remaining_commands();
            commands
                .into_iter()
                .map(|(what, _)| what)
                .collect::<Vec<_>>()
        };
        assert_eq!(named(&layout), ["the ledgers", "what is public"]);
        let [(_, audit), ..] = &layout.remaining_commands()[..] else {
            panic!("a ledger can be audited")
        };
        assert!(!audit.contains("--trust"), "{audit}");

        let receipt = layout.receipts().join("record-000000.receipt");
        for path in [
            layout.trust(),
            layout.chain(),
            receipt,
            layout.member_key("alice"),
            layout.member_key("bob"),
        ] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        assert_eq!(
            named(&layout),
            [
                "the ledgers",
                "what is public",
                "the records",
                "the receipts"
            ]
        );
    }

    #[test]
    fn foreign_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("thesis.txt"), "mine").unwrap();
        let failure = Lock::take(&Layout::new(dir.path())).unwrap_err();
        assert!(
            failure.message.contains("does not contain a synod"),
            "{failure}"
        );
    }
}
