//! A note in the node's folder of which replica ran there last, for the next run to name it as its
//! former self.
//!
//! The host can write what it likes into it. It is a hint, no more: governance lets a joiner take
//! the place of a replica only if that one is out, or was on the same machine by both evidences, or
//! if the members ordered it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synod_crypto::Digest;

use synod_identity::log;

/// The note is never longer.
const BYTES_MAX: u64 = 4096;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    network: String,
    replica: u64,
}

fn path(dir: &Path) -> PathBuf {
    dir.join("last-replica.toml")
}

/// The replica that ran in this folder last, if it was one of this network.
pub(crate) fn read(dir: &Path, network: Digest) -> Option<u64> {
    let path = path(dir);
    let length = std::fs::metadata(&path).ok()?.len();
    if length > BYTES_MAX {
        return None;
    }
    let text = std::fs::read_to_string(&path).ok()?;
    let note: Note = toml::from_str(&text)
        .inspect_err(|error| log::warn("join", format_args!("`{}`: {error}", path.display())))
        .ok()?;
    (note.network == network.to_string()).then_some(note.replica)
}

/// Notes which replica runs in this folder. A failure costs the hint, nothing else.
pub(crate) fn write(dir: &Path, network: Digest, replica: u64) {
    let note = Note {
        network: network.to_string(),
        replica,
    };
    let text = toml::to_string(&note).expect("a string and a number are TOML");
    let (path, fresh) = (path(dir), dir.join("last-replica.toml.new"));
    let written = std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &path));
    if let Err(error) = written {
        log::warn("node", format_args!("`{}`: {error}", path.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn note_is_read_back_for_the_same_network_only() {
        let dir = tempfile::tempdir().expect("a folder");
        let network = Digest::from([7; 32]);
        assert_eq!(read(dir.path(), network), None);
        write(dir.path(), network, 3);
        write(dir.path(), network, 4);
        assert_eq!(read(dir.path(), network), Some(4));
        assert_eq!(read(dir.path(), Digest::ZERO), None);
    }

    #[test]
    fn whatever_a_host_writes_there_is_no_more_than_no_hint() {
        let dir = tempfile::tempdir().expect("a folder");
        for text in [
            "",
            "replica = 1",
            "network = 1\nreplica = 1",
            &"x".repeat(5000),
        ] {
            std::fs::write(path(dir.path()), text).expect("written");
            assert_eq!(read(dir.path(), Digest::ZERO), None);
        }
    }
}
