//! Which module of a crate names which other: every path that begins with `crate`, `self`,
//! `super` or the name of a child module, in `use` declarations, in code and inside macros.
//!
//! What is compiled for tests only does not count.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, UseTree};

use crate::sources::{Source, is_for_tests};

/// A module, by its path from the root of its crate.
pub(crate) type Module = Vec<String>;

/// An import: the module that is named, and the line where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) target: Module,
    pub(crate) line: usize,
    /// The first name after the module, if any: what is taken from it.
    pub(crate) item: Option<String>,
}

/// Finds the imports of one file, which is the module `own` of a crate with these modules.
pub(crate) fn find(source: &Source, own: &[String], modules: &BTreeSet<Module>) -> Vec<Import> {
    let mut finder = Finder {
        modules,
        here: own.to_vec(),
        aliases: BTreeMap::new(),
        imports: Vec::new(),
    };
    finder.visit_file(&source.syntax);
    finder.imports
}

struct Finder<'a> {
    modules: &'a BTreeSet<Module>,
    /// The module that is being read, with modules inside the file.
    here: Module,
    /// Names that `use` declarations gave to modules.
    aliases: BTreeMap<String, Module>,
    imports: Vec<Import>,
}

impl Finder<'_> {
    /// Notes a path, if it leads to a module of this crate.
    fn note(&mut self, names: &[String], line: usize) {
        let Some(full) = self.resolve(names) else {
            return;
        };
        let length = (0..=full.len())
            .rev()
            .find(|length| self.modules.contains(&full[..*length]))
            .unwrap_or(0);
        let item = full.get(length).cloned();
        self.imports.push(Import {
            target: full[..length].to_vec(),
            line,
            item,
        });
    }

    /// The path from the root of the crate that names lead to.
    fn resolve(&self, names: &[String]) -> Option<Module> {
        let (first, mut rest) = names.split_first()?;
        let mut full = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.here.clone(),
            "super" => self.parent(),
            name => self.known(name)?,
        };
        while let Some((first, after)) = rest.split_first()
            && first == "super"
        {
            full.pop();
            rest = after;
        }
        full.extend_from_slice(rest);
        Some(full)
    }

    fn parent(&self) -> Module {
        self.here[..self.here.len().saturating_sub(1)].to_vec()
    }

    /// A child module, or a module that a `use` declaration brought here.
    fn known(&self, name: &str) -> Option<Module> {
        if let Some(module) = self.aliases.get(name) {
            return Some(module.clone());
        }
        let child = [&self.here[..], &[name.to_owned()]].concat();
        self.modules.contains(&child).then_some(child)
    }

    fn note_tree(&mut self, tree: &UseTree, before: &[String], line: usize) {
        match tree {
            UseTree::Path(path) => {
                let before = [before, &[path.ident.to_string()]].concat();
                self.note_tree(&path.tree, &before, line);
            }
            UseTree::Group(group) => {
                group
                    .items
                    .iter()
                    .for_each(|tree| self.note_tree(tree, before, line));
            }
            UseTree::Glob(_) => self.note(before, line),
            UseTree::Name(name) if name.ident == "self" => {
                let alias = before.last().cloned().unwrap_or_default();
                self.note_named(before, alias, line);
            }
            UseTree::Name(name) => {
                let names = [before, &[name.ident.to_string()]].concat();
                self.note_named(&names, name.ident.to_string(), line);
            }
            UseTree::Rename(rename) => {
                let names = [before, &[rename.ident.to_string()]].concat();
                self.note_named(&names, rename.rename.to_string(), line);
            }
        }
    }

    fn note_named(&mut self, names: &[String], alias: String, line: usize) {
        self.note(names, line);
        if let Some(full) = self
            .resolve(names)
            .filter(|full| self.modules.contains(full))
        {
            self.aliases.insert(alias, full);
        }
    }

    /// Notes the paths inside a macro's tokens that say where they begin.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (position, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.note_tokens(group.stream()),
                TokenTree::Ident(ident) if *ident == "crate" || *ident == "super" => {
                    let names = path_of_tokens(&tokens[position..]);
                    if names.len() > 1 {
                        self.note(&names, ident.span().start().line);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The names of a path at the beginning of some tokens: `a :: b :: c`.
fn path_of_tokens(tokens: &[TokenTree]) -> Vec<String> {
    let mut names = Vec::new();
    for step in tokens.chunks(3) {
        let [TokenTree::Ident(name), rest @ ..] = step else {
            break;
        };
        names.push(name.to_string());
        let colons = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ':');
        if !(rest.len() == 2 && rest.iter().all(colons)) {
            break;
        }
    }
    names
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Fn(function) => &function.attrs,
            syn::Item::Impl(block) => &block.attrs,
            syn::Item::Use(import) => &import.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.content.is_none() || is_for_tests(&module.attrs) {
            return;
        }
        self.here.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.here.pop();
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        let line = import.use_token.span.start().line;
        self.note_tree(&import.tree, &[], line);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let names: Vec<String> = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string())
                .collect();
            let line = path.segments[0].ident.span().start().line;
            self.note(&names, line);
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {
        // `pub(in path)` and `pub(super)` import nothing.
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {
        // Attributes are read by macros of others, which know nothing of our modules.
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.note_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Place;

    fn imports_of(own: &[&str], text: &str) -> Vec<(String, Option<String>)> {
        let module = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Module>();
        let modules: BTreeSet<Module> = [&[][..], &["a"], &["a", "deep"], &["b"], &["c"]]
            .map(module)
            .into();
        let source = Source {
            path: "x.rs".into(),
            text: text.to_owned(),
            syntax: syn::parse_file(text).unwrap(),
            place: Place::Product(module(own)),
        };
        let found = find(&source, &module(own), &modules);
        found
            .into_iter()
            .map(|import| (import.target.join("::"), import.item))
            .collect()
    }

    fn named(module: &str, item: &str) -> (String, Option<String>) {
        (module.to_owned(), Some(item.to_owned()))
    }

    #[test]
    fn use_declarations_lead_to_their_modules() {
        let found = imports_of(
            &["b"],
            "use crate::a::{self, Item, deep::{Other, self}}; use std::fmt;",
        );
        assert_eq!(
            found,
            [
                ("a".to_owned(), None),
                named("a", "Item"),
                named("a::deep", "Other"),
                ("a::deep".to_owned(), None)
            ]
        );
    }

    #[test]
    fn paths_in_code_and_in_macros_count() {
        let text = "fn f() { crate::c::g(); let _ = vec![crate::a::X, super::b::Y]; other::z(); }";
        assert_eq!(
            imports_of(&["a"], text),
            [named("c", "g"), named("a", "X"), named("b", "Y")]
        );
    }

    #[test]
    fn children_parents_and_aliases_are_followed() {
        assert_eq!(
            imports_of(&["a"], "use deep::X; use self::deep::Y;"),
            [named("a::deep", "X"), named("a::deep", "Y")]
        );
        assert_eq!(
            imports_of(&["a", "deep"], "use super::X; use super::super::b::Y;"),
            [named("a", "X"), named("b", "Y")]
        );
        let text = "use crate::a; fn f() { a::deep::g() }";
        assert_eq!(
            imports_of(&["b"], text),
            [("a".to_owned(), None), named("a::deep", "g")]
        );
    }

    #[test]
    fn face_of_the_crate_is_seen() {
        assert_eq!(
            imports_of(&["a"], "use crate::Thing;"),
            [named("", "Thing")]
        );
    }

    #[test]
    fn what_is_for_tests_does_not_count() {
        let text = "#[cfg(test)] mod tests { use crate::b::X; } #[test] fn t() { crate::c::f() }";
        assert_eq!(imports_of(&["a"], text), []);
    }
}
