//! How an app in Rust is compiled, so that the same sources give the same bytes wherever they lie.

use std::path::{Path, PathBuf};

/// What apps are compiled for.
pub const RUST_TARGET: &str = "wasm32-unknown-unknown";

/// The folders of a build, whose names must not come into what is built.
#[derive(Clone, Debug, Default)]
pub struct RustBuild {
    folders: Vec<(PathBuf, String)>,
}

impl RustBuild {
    /// A build of the sources in `sources`, with the packages in `cargo_home`.
    pub fn new(sources: &Path, cargo_home: &Path) -> Self {
        Self::default()
            .called(sources, "/app")
            .called(cargo_home, "/cargo")
    }

    /// The same, where what lies in `folder` is called `name`. Of several that fit, the last one counts.
    #[must_use]
    pub fn called(mut self, folder: &Path, name: &str) -> Self {
        self.folders.push((folder.to_owned(), name.to_owned()));
        self
    }

    /// What `CARGO_ENCODED_RUSTFLAGS` is to be for it.
    pub fn encoded_flags(&self) -> String {
        let flags = self.folders.iter().map(|(folder, name)| {
            let folder = folder.display();
            format!("--remap-path-prefix={folder}={name}")
        });
        flags.collect::<Vec<_>>().join("\x1f")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_called_by_other_names() {
        let build = RustBuild::new(Path::new("/home/a b/app"), Path::new("/root/.cargo"));
        assert_eq!(
            build.called(Path::new("/lib"), "/guest").encoded_flags(),
            "--remap-path-prefix=/home/a b/app=/app\x1f\
             --remap-path-prefix=/root/.cargo=/cargo\x1f--remap-path-prefix=/lib=/guest"
        );
    }
}
