//! The sets of real evidence, each with its parts by name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// A set: evidence, endorsements and the time to judge at.
#[derive(Clone, Debug)]
pub struct Set {
    /// The folder's name.
    pub id: String,
    /// The evidence.
    pub evidence: Vec<u8>,
    /// The endorsements, each with its name; text is kept as its bytes.
    pub parts: Vec<(String, Vec<u8>)>,
    /// Unix milliseconds.
    pub now_ms: u64,
}

impl Set {
    /// The part called `name`; empty if there is none.
    pub fn part(&self, name: &str) -> &[u8] {
        self.parts
            .iter()
            .find(|(found, _)| found == name)
            .map_or(&[], |(_, bytes)| bytes)
    }

    /// The part called `name` as text, or nothing if it is no text.
    pub fn text(&self, name: &str) -> Option<String> {
        String::from_utf8(self.part(name).to_vec()).ok()
    }
}

/// What a folder's files hold: evidence, and endorsements by name; `None` if
/// some are missing.
pub type Loaded = Option<(Vec<u8>, Vec<(String, Vec<u8>)>)>;

/// The folder of sets, if it is there; says loudly that it is not.
pub fn folder() -> Option<PathBuf> {
    let path = std::env::var_os("SYNOD_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"),
        PathBuf::from,
    );
    if path.is_dir() {
        return Some(path);
    }
    println!("SKIP SKIP SKIP: no vectors in {}", path.display());
    None
}

/// Reads the sets of `kinds` (`snp`, …) whose files `load` understands.
pub fn read(vectors: &Path, kinds: &[&str], load: impl Fn(&Path) -> Loaded) -> Vec<Set> {
    let mut sets: Vec<Set> = kinds
        .iter()
        .flat_map(|kind| fs::read_dir(vectors.join(kind)).expect("the folder is readable"))
        .filter_map(|entry| read_one(&entry.expect("the entry is readable").path(), &load))
        .collect();
    sets.sort_by(|a, b| a.id.cmp(&b.id));
    sets
}

fn read_one(folder: &Path, load: impl Fn(&Path) -> Loaded) -> Option<Set> {
    let meta = fs::read(folder.join("meta.json")).ok()?;
    let meta: Value = serde_json::from_slice(&meta).expect("meta.json is JSON");
    let at_s = meta["expect"]["at"].as_u64()?;
    let (evidence, parts) = load(folder)?;
    Some(Set {
        id: meta["id"].as_str()?.to_owned(),
        evidence,
        parts,
        now_ms: at_s * 1000,
    })
}
