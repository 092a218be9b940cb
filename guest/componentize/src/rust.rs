//! How an app in Rust is compiled, so that the same sources give the same bytes wherever they lie.

use std::path::{Path, PathBuf};

/// A script to be cargo's `RUSTC_WRAPPER`.
///
/// Cargo mixes the folder of a package into the names of what it compiles, and the order of
/// functions in a module follows their names; so the script names a package by its own name and
/// version alone.
pub const RUSTC_WRAPPER: &str = r#"#!/bin/sh
compiler=$1
shift
for argument do
  shift
  case $argument in
    metadata=*) argument="metadata=$CARGO_PKG_NAME-$CARGO_PKG_VERSION" ;;
  esac
  set -- "$@" "$argument"
done
exec "$compiler" "$@"
"#;

/// The folders of a build, whose names must not come into what is built.
#[derive(Clone, Debug, Default)]
pub struct RustBuild {
    folders: Vec<(PathBuf, String)>,
}

impl RustBuild {
    /// The same, where what lies in `folder` is called `name`. Of several that fit, the last one
    /// counts.
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
        let build = RustBuild::default()
            .called(Path::new("/home/a b/app"), "/app")
            .called(Path::new("/home/a b/.cargo"), "/cargo");
        assert_eq!(
            build.encoded_flags(),
            "--remap-path-prefix=/home/a b/app=/app\x1f--remap-path-prefix=/home/a b/.cargo=/cargo"
        );
    }
}
