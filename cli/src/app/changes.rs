//! Whether the sources of an app changed since they were last looked at: by times and sizes of
//! files, asked anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that hold what is made of sources.
const MADE: [&str; 6] = [
    "target",
    "node_modules",
    "__pycache__",
    "dist",
    "build",
    "wit",
];
/// The most files that are looked at.
const FILES_MAX: usize = 10_000;
/// Folders below this depth are not looked at.
const DEPTH_MAX: usize = 16;

/// The files of an app's folder, as they stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sources(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Sources {
    /// Looks at the folder. Hidden files, what is made of sources, and `component` do not count.
    pub(crate) fn look(dir: &Path, component: &Path) -> Self {
        let mut sources = Self::default();
        sources.look_into(dir, component, DEPTH_MAX);
        sources
    }

    fn look_into(&mut self, dir: &Path, component: &Path, depth: usize) {
        // A folder that cannot be read now may be there again at the next look.
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if name.starts_with('.') || path == component || self.0.len() >= FILES_MAX {
                continue;
            }
            let Ok(data) = entry.metadata() else { continue };
            if data.is_file() {
                self.0.insert(path, (data.modified().ok(), data.len()));
            } else if data.is_dir() && depth > 0 && !MADE.contains(&&*name) {
                self.look_into(&path, component, depth - 1);
            }
        }
    }

    /// A file that is not as it was, if there is one.
    pub(crate) fn changed_since<'a>(&'a self, before: &'a Self) -> Option<&'a Path> {
        let fresh = self
            .0
            .iter()
            .find(|(path, seen)| before.0.get(*path) != Some(*seen));
        let gone = || before.0.keys().find(|path| !self.0.contains_key(*path));
        fresh
            .map(|(path, _)| path.as_path())
            .or_else(|| gone().map(PathBuf::as_path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_new_and_deleted_sources_are_seen_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let component = at("app.wasm");
        std::fs::create_dir_all(at("src")).unwrap();
        std::fs::create_dir_all(at("target")).unwrap();
        std::fs::write(at("src/lib.rs"), "1").unwrap();
        let first = Sources::look(dir.path(), &component);

        for made in ["target/x", "app.wasm", ".hidden"] {
            std::fs::write(at(made), "made").unwrap();
        }
        let same = Sources::look(dir.path(), &component);
        assert_eq!(same.changed_since(&first), None);

        std::fs::write(at("src/lib.rs"), "22").unwrap();
        let changed = Sources::look(dir.path(), &component);
        assert_eq!(changed.changed_since(&first), Some(&*at("src/lib.rs")));

        std::fs::remove_file(at("src/lib.rs")).unwrap();
        let gone = Sources::look(dir.path(), &component);
        assert_eq!(gone.changed_since(&changed), Some(&*at("src/lib.rs")));
    }
}
