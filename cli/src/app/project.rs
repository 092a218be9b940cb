//! The folder of an app: its manifest, the language that it is written in, what stands next to it.

use std::fmt;
use std::path::{Path, PathBuf};

use synod_governance::app::AppManifest;

use crate::files;
use crate::outcome::{Failure, Outcome};

/// The manifest's file in the folder of an app.
pub(crate) const MANIFEST: &str = "app.toml";
/// Longest text that describes an app's interface, in bytes.
const OPENAPI_BYTES_MAX: usize = 48 * 1024;

/// A language that apps are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Rust.
    Rust,
    /// JavaScript or TypeScript.
    #[value(name = "js", alias = "javascript", alias = "ts", alias = "typescript")]
    JavaScript,
    /// Python.
    #[value(name = "python", alias = "py")]
    Python,
}

impl Language {
    /// The file that says that a folder holds an app of this language.
    fn mark(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "package.json",
            Self::Python => "requirements.txt",
        }
    }

    /// The language of the folder's sources, if there are any.
    fn of(dir: &Path) -> Option<Self> {
        [Self::Rust, Self::JavaScript, Self::Python]
            .into_iter()
            .find(|language| dir.join(language.mark()).exists())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
        })
    }
}

/// An app's folder.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) dir: PathBuf,
    pub(crate) manifest: AppManifest,
    /// The manifest as it stands in the file.
    pub(crate) toml: String,
}

impl Project {
    /// Reads the manifest of the app in this folder.
    pub(crate) fn open(dir: &Path) -> Outcome<Self> {
        let path = dir.join(MANIFEST);
        if !path.exists() {
            return Err(Failure::mistake(format!(
                "there is no `{MANIFEST}` in `{}`",
                dir.display()
            ))
            .with_hint("`synod app new --lang rust NAME` makes an app; for an existing one, name its folder"));
        }
        let toml = files::read_text(&path)?;
        let manifest = AppManifest::from_toml(&toml).map_err(|error| {
            let failure = Failure::mistake(format!("`{}`: {error}", path.display()));
            match error.hint() {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        })?;
        Ok(Self {
            dir: dir.to_owned(),
            manifest,
            toml,
        })
    }

    /// The language of its sources.
    pub(crate) fn language(&self) -> Outcome<Language> {
        Language::of(&self.dir).ok_or_else(|| {
            Failure::mistake(format!(
                "`{}` has no sources that can be built: there is no `Cargo.toml`, `package.json` or `requirements.txt`",
                self.dir.display()
            ))
        })
    }

    /// Where the component stands.
    pub(crate) fn component_path(&self) -> PathBuf {
        self.dir.join(self.manifest.component())
    }

    /// The component, as it was built last.
    pub(crate) fn component(&self) -> Outcome<Vec<u8>> {
        let path = self.component_path();
        if !path.exists() {
            return Err(
                Failure::mistake(format!("there is no component `{}`", path.display())).with_hint(
                    format!("build it: `synod app build {}`", self.dir.display()),
                ),
            );
        }
        files::read(&path)
    }

    /// The description of its interface, if the manifest names one.
    pub(crate) fn openapi(&self) -> Outcome<Option<String>> {
        let Some(name) = self.manifest.openapi() else {
            return Ok(None);
        };
        let path = self.dir.join(name);
        let text = files::read_text(&path)?;
        if text.len() > OPENAPI_BYTES_MAX {
            return Err(Failure::mistake(format!(
                "`{}` is {} bytes, longer than the {OPENAPI_BYTES_MAX} allowed",
                path.display(),
                text.len()
            )));
        }
        Ok(Some(text))
    }
}
