//! What a new app begins with, for each language; the guest library comes with it, so that it
//! builds wherever it lies.

use crate::app::project::Language;

/// A file of a template: its path in the app's folder, and its text. `{{name}}` stands for the
/// app's name.
type TemplateFile = (&'static str, &'static str);

/// Files, by their paths in the app's folder, from a folder of the repository.
macro_rules! files {
    ($folder:literal: $($to:literal $(= $from:literal)?),+ $(,)?) => {
        &[$(($to, files!(@text $folder, $to $(, $from)?))),+]
    };
    (@text $folder:literal, $to:literal) => {
        include_str!(concat!("../../../guest/", $folder, "/", $to))
    };
    (@text $folder:literal, $to:literal, $from:literal) => {
        include_str!(concat!("../../../guest/", $folder, "/", $from))
    };
}

const RUST: &[TemplateFile] = files!("templates/rust":
    "Cargo.toml" = "Cargo.toml.txt",
    ".gitignore" = "gitignore.txt",
    "README.md",
    "app.toml",
    "src/lib.rs",
    // The library's own manifest inherits from the repository's workspace.
    "synod-app/Cargo.toml" = "synod-app.toml.txt",
    "tests/notes.toml",
);
const JAVASCRIPT: &[TemplateFile] = files!("templates/js":
    ".gitignore" = "gitignore.txt",
    "README.md",
    "app.toml",
    "package.json",
    "src/app.ts",
    "tests/notes.toml",
    "tsconfig.json",
);
const PYTHON: &[TemplateFile] = files!("templates/python":
    ".gitignore" = "gitignore.txt",
    "README.md",
    "app.py",
    "app.toml",
    "requirements.txt",
    "tests/notes.toml",
);

const RUST_LIBRARY: &[TemplateFile] = files!("rust":
    "src/bindings/app.rs",
    "src/bindings/lifecycle.rs",
    "src/bindings/mod.rs",
    "src/caller.rs",
    "src/claims.rs",
    "src/host.rs",
    "src/key.rs",
    "src/lib.rs",
    "src/log.rs",
    "src/map.rs",
    "src/random.rs",
    "src/request.rs",
    "src/response.rs",
    "src/router.rs",
    "src/testing.rs",
    "src/transaction.rs",
);
const JAVASCRIPT_LIBRARY: &[TemplateFile] = files!("js":
    "bin/synod-app-build.js",
    "src/app.js",
    "src/build.js",
    "src/claims.js",
    "src/host/imported.js",
    "src/host/pretended.js",
    "src/index.js",
    "src/keys.js",
    "src/log.js",
    "src/map.js",
    "src/random.js",
    "src/request.js",
    "src/response.js",
    "src/sha256.js",
    "src/testing.js",
    "src/transaction.js",
    "src/utf8.js",
    "types/index.d.ts",
    "types/testing.d.ts",
    "types/wit.d.ts",
    "wit/app.wit",
    "README.md",
    "package.json",
);
const PYTHON_LIBRARY: &[TemplateFile] = files!("python":
    "synod_app/__init__.py",
    "synod_app/app.py",
    "synod_app/app.wit",
    "synod_app/build.py",
    "synod_app/claims.py",
    "synod_app/component.py",
    "synod_app/host.py",
    "synod_app/keys.py",
    "synod_app/log.py",
    "synod_app/map.py",
    "synod_app/pretended.py",
    "synod_app/py.typed",
    "synod_app/random.py",
    "synod_app/request.py",
    "synod_app/response.py",
    "synod_app/testing.py",
    "synod_app/transaction.py",
    "synod_app/typed.py",
    "synod_app/values.py",
);

/// The files of a new app: path in its folder, and text in which `name` stands for the app.
pub(crate) fn files(language: Language, name: &str) -> Vec<(String, String)> {
    let (template, library, folder) = match language {
        Language::Rust => (RUST, RUST_LIBRARY, "synod-app/"),
        Language::JavaScript => (JAVASCRIPT, JAVASCRIPT_LIBRARY, "synod-app/"),
        Language::Python => (PYTHON, PYTHON_LIBRARY, ""),
    };
    let own = template
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.replace("{{name}}", name)));
    let vendored = library
        .iter()
        .map(|(path, text)| (format!("{folder}{path}"), (*text).to_owned()));
    own.chain(vendored).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn guest(folder: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../guest")
            .join(folder)
    }

    /// The files in these folders of the library, by their paths in it.
    fn present(library: &str, folders: &[&str]) -> BTreeSet<String> {
        let base = guest(library);
        let mut found = BTreeSet::new();
        for folder in folders {
            look_into(&base.join(folder), &base, &mut found);
        }
        found
    }

    fn look_into(folder: &Path, base: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.ends_with("__pycache__") {
                continue;
            }
            if path.is_dir() {
                look_into(&path, base, found);
            } else {
                let path = path.strip_prefix(base).unwrap();
                found.insert(path.to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn every_file_of_a_library_comes_with_a_new_app() {
        let paths = |library: &[TemplateFile]| -> BTreeSet<String> {
            library.iter().map(|(path, _)| (*path).to_owned()).collect()
        };
        assert_eq!(paths(RUST_LIBRARY), present("rust", &["src"]));
        let mut of_javascript = present("js", &["bin", "src", "types", "wit"]);
        of_javascript.extend(["README.md", "package.json"].map(str::to_owned));
        assert_eq!(paths(JAVASCRIPT_LIBRARY), of_javascript);
        assert_eq!(paths(PYTHON_LIBRARY), present("python", &["synod_app"]));
    }

    #[test]
    fn library_for_rust_wants_the_versions_that_the_repositorys_apps_want() {
        let table = |text: &str, keys: &[&str]| -> toml::Table {
            let all = toml::Value::Table(text.parse().unwrap());
            let table = keys.iter().fold(&all, |at, key| &at[*key]);
            table.as_table().unwrap().clone()
        };
        let workspace = std::fs::read_to_string(guest("../apps/Cargo.toml")).unwrap();
        let wanted = table(&workspace, &["workspace", "dependencies"]);
        let own = RUST
            .iter()
            .find(|(path, _)| *path == "synod-app/Cargo.toml");
        for (name, version) in table(own.unwrap().1, &["dependencies"]) {
            assert_eq!(Some(&version), wanted.get(&name), "{name}");
        }
    }

    #[test]
    fn names_are_put_in_everywhere() {
        for language in [Language::Rust, Language::JavaScript, Language::Python] {
            let all = files(language, "my-notes");
            let own = all.iter().filter(|(path, _)| !path.starts_with("synod"));
            for (path, text) in own {
                assert!(!text.contains("{{name}}"), "{path}");
            }
        }
    }
}
