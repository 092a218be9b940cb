//! Looks for texts in every byte below a folder.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::outcome::{Failure, Outcome};

/// How many first bytes of a text stand in the index; no text is shorter.
const PREFIX: usize = 6;
const FILTER_BITS: usize = 1 << 20;

/// Texts to look for, indexed by their first bytes.
pub(crate) struct Needles<'a> {
    /// One bit for the hash of each prefix: most positions are passed over with one look.
    filter: Vec<u64>,
    by_prefix: HashMap<[u8; PREFIX], Vec<&'a [u8]>>,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Bytes that were looked at.
    pub(crate) bytes: u64,
    /// Files that were looked at.
    pub(crate) files: u64,
    /// Where texts were found: the file, and the position in it.
    pub(crate) hits: Vec<(PathBuf, usize)>,
    /// The texts that were found.
    pub(crate) texts: BTreeSet<String>,
}

impl<'a> Needles<'a> {
    /// Of texts that have at least six bytes each; shorter ones are left out.
    pub(crate) fn new(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles = Self {
            filter: vec![0; FILTER_BITS / 64],
            by_prefix: HashMap::new(),
        };
        for text in texts.into_iter().map(str::as_bytes) {
            if let Some(prefix) = text.first_chunk::<PREFIX>() {
                let bit = hash(*prefix);
                needles.filter[bit / 64] |= 1 << (bit % 64);
                needles.by_prefix.entry(*prefix).or_default().push(text);
            }
        }
        needles
    }

    /// Where texts stand in `bytes`, and which.
    fn find_in<'s>(&'s self, bytes: &'s [u8]) -> impl Iterator<Item = (usize, &'a [u8])> + 's {
        let windows = bytes.windows(PREFIX).enumerate();
        windows.filter_map(move |(at, window)| Some((at, self.text_at(window, &bytes[at..])?)))
    }

    fn text_at(&self, window: &[u8], rest: &[u8]) -> Option<&'a [u8]> {
        let prefix: &[u8; PREFIX] = window.first_chunk().expect("a window has this length");
        let bit = hash(*prefix);
        if self.filter[bit / 64] & (1 << (bit % 64)) == 0 {
            return None;
        }
        self.by_prefix
            .get(prefix)?
            .iter()
            .find(|text| rest.starts_with(text))
            .copied()
    }
}

fn hash(prefix: [u8; PREFIX]) -> usize {
    let mut wide = [0; 8];
    wide[..PREFIX].copy_from_slice(&prefix);
    let mixed = u64::from_le_bytes(wide).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 44) as usize % FILTER_BITS
}

/// Looks at every file below `dir` but `except`.
pub(crate) fn search(dir: &Path, except: Option<&Path>, needles: &Needles<'_>) -> Outcome<Found> {
    let except = except.and_then(|path| path.canonicalize().ok());
    let mut found = Found::default();
    walk(dir, except.as_deref(), needles, &mut found)
        .map_err(|error| Failure::broken(format!("cannot search `{}`: {error}", dir.display())))?;
    Ok(found)
}

fn walk(
    dir: &Path,
    except: Option<&Path>,
    needles: &Needles<'_>,
    found: &mut Found,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(&path, except, needles, found)?;
        } else if entry.file_type()?.is_file() && path.canonicalize().ok().as_deref() != except {
            let bytes = std::fs::read(&path)?;
            found.files += 1;
            found.bytes += bytes.len() as u64;
            for (at, text) in needles.find_in(&bytes) {
                found.hits.push((path.clone(), at));
                found
                    .texts
                    .insert(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_wherever_they_stand() {
        let needles = Needles::new(["0.1184", "17.99,10.38"]);
        let positions =
            |bytes: &'static [u8]| needles.find_in(bytes).map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(
            positions(b"0.1184 x 17.99,10.38,1 0.1185 0.1184"),
            [0, 9, 30]
        );
        assert!(positions(b"0.118 17.99,10.3").is_empty());
    }

    #[test]
    fn every_file_but_the_source_is_searched() {
        let dir = tempfile::tempdir().unwrap();
        let (source, copy) = (dir.path().join("source"), dir.path().join("deep/er/copy"));
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::write(&source, "a secret value").unwrap();
        std::fs::write(&copy, "xx a secret value").unwrap();
        let found = search(dir.path(), Some(&source), &Needles::new(["secret value"])).unwrap();
        assert_eq!(found.hits, [(copy, 5)]);
        assert_eq!(found.files, 1);
    }
}
