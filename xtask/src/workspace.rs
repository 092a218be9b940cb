//! The workspace, as `cargo metadata` and the files tell it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::finding::Finding;
use crate::sources::{self, Source};

/// All packages, with their sources.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
    /// What went wrong while reading: files without a module, files that are not Rust.
    pub(crate) findings: Vec<Finding>,
}

/// One package of the workspace. Paths are relative to the root.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) manifest: PathBuf,
    /// Packages of the workspace that it depends on, but for its tests.
    pub(crate) imports: Vec<String>,
    /// All other packages that it depends on, its tests included.
    pub(crate) externals: Vec<String>,
    pub(crate) sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    packages: Vec<PackageFacts>,
}

#[derive(Deserialize)]
struct PackageFacts {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

impl Workspace {
    /// Asks cargo and reads all sources.
    ///
    /// # Errors
    /// A sentence that says why the workspace cannot be read.
    pub(crate) fn read() -> Result<Self, String> {
        let metadata = ask_cargo()?;
        let root = metadata.workspace_root;
        let mut workspace = Self {
            root,
            packages: Vec::new(),
            findings: Vec::new(),
        };
        for facts in metadata.packages {
            workspace.add(facts)?;
        }
        Ok(workspace)
    }

    fn add(&mut self, facts: PackageFacts) -> Result<(), String> {
        let manifest = self.relative(&facts.manifest_path);
        let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
        let roots: Vec<PathBuf> = facts
            .targets
            .iter()
            .filter(|target| {
                target
                    .kind
                    .iter()
                    .any(|kind| kind == "lib" || kind == "bin")
            })
            .map(|target| self.relative(&target.src_path))
            .collect();
        let read = sources::read(&self.root, &folder, &roots)?;
        self.findings.extend(read.findings);
        let (own, other): (Vec<_>, Vec<_>) = facts
            .dependencies
            .into_iter()
            .partition(|dependency| dependency.path.is_some());
        let imports = own
            .into_iter()
            .filter(|own| own.kind.as_deref() != Some("dev"));
        self.packages.push(Package {
            name: facts.name,
            folder,
            manifest,
            imports: imports.map(|own| own.name).collect(),
            externals: other.into_iter().map(|other| other.name).collect(),
            sources: read.sources,
        });
        Ok(())
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }
}

fn ask_cargo() -> Result<Metadata, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("`cargo metadata` cannot be started: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`cargo metadata` failed: {}", said.trim()));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("`cargo metadata` said something unexpected: {error}"))
}
