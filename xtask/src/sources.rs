//! The source files of a package, each parsed once and placed in the tree of modules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, Meta};

use crate::finding::Finding;

/// A source file. Its path is relative to the root of the workspace.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
    pub(crate) place: Place,
}

/// Where a file stands in its package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the product: the module that the file is, by its path from the root of the crate;
    /// empty for the root itself.
    Product(Vec<String>),
    /// Compiled for tests, examples or the build only.
    Aside,
}

/// What reading a package gave.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) sources: Vec<Source>,
    pub(crate) findings: Vec<Finding>,
}

/// Reads all `.rs` files below the folder of a package, whose crates have the given roots.
///
/// # Errors
/// A sentence, if a file cannot be read at all.
pub(crate) fn read(root: &Path, folder: &Path, roots: &[PathBuf]) -> Result<Read, String> {
    let mut reader = Reader {
        root,
        read: Read::default(),
        seen: BTreeSet::new(),
    };
    for file in roots {
        let below = file.parent().unwrap_or(Path::new("")).to_owned();
        reader.module(file, &below, &[], true)?;
    }
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files)?;
    for file in files {
        let path = file.strip_prefix(root).unwrap_or(&file).to_owned();
        if reader.seen.contains(&path) {
            continue;
        }
        if roots
            .iter()
            .filter_map(|root| root.parent())
            .any(|source| path.starts_with(source))
        {
            reader
                .read
                .findings
                .push(Finding::of(&path, "no module names this file"));
        }
        reader.file(&path, Place::Aside)?;
    }
    Ok(reader.read)
}

struct Reader<'a> {
    root: &'a Path,
    read: Read,
    seen: BTreeSet<PathBuf>,
}

impl Reader<'_> {
    /// Reads a module's file and those of its children, which stand in the folder `below`.
    fn module(
        &mut self,
        path: &Path,
        below: &Path,
        name: &[String],
        product: bool,
    ) -> Result<(), String> {
        let place = if product {
            Place::Product(name.to_vec())
        } else {
            Place::Aside
        };
        for (child, in_product) in self.file(path, place)? {
            let flat = below.join(format!("{child}.rs"));
            let nested = below.join(&child).join("mod.rs");
            let mut files = [flat, nested].into_iter();
            let Some(file) = files.find(|file| self.root.join(file).exists()) else {
                let message = format!("the module `{child}` has no file");
                self.read.findings.push(Finding::of(path, message));
                continue;
            };
            let name = [name, std::slice::from_ref(&child)].concat();
            self.module(&file, &below.join(&child), &name, product && in_product)?;
        }
        Ok(())
    }

    /// Reads one file, and says which modules it declares, and whether in the product.
    fn file(&mut self, path: &Path, place: Place) -> Result<Vec<(String, bool)>, String> {
        let text = std::fs::read_to_string(self.root.join(path))
            .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        self.seen.insert(path.to_owned());
        let syntax = match syn::parse_file(&text) {
            Ok(syntax) => syntax,
            Err(error) => {
                let line = error.span().start().line;
                let message = format!("this is not Rust: {error}");
                self.read.findings.push(Finding::at(path, line, message));
                return Ok(Vec::new());
            }
        };
        let declared = syntax.items.iter().filter_map(declared_module).collect();
        self.read.sources.push(Source {
            path: path.to_owned(),
            text,
            syntax,
            place,
        });
        Ok(declared)
    }
}

fn declared_module(item: &Item) -> Option<(String, bool)> {
    match item {
        Item::Mod(module) if module.content.is_none() => {
            Some((module.ident.to_string(), !is_for_tests(&module.attrs)))
        }
        _ => None,
    }
}

/// Whether an item is compiled for tests only.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        Meta::Path(path) => path
            .segments
            .last()
            .is_some_and(|last| last.ident == "test"),
        Meta::List(list) => list
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "test"),
        Meta::NameValue(_) => false,
    })
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let cannot = |error| format!("`{}` cannot be listed: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
