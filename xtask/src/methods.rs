//! Files that call each other's methods in a circle, although their imports show none: `impl` blocks of one type in
//! several files let each of them touch what the others own.
//!
//! Two kinds of call count: `self.method(…)` inside an `impl` block, where another file's `impl` block of the same type
//! has that method; and `anything.method(…)`, where exactly one type of the crate with `impl` blocks in several files,
//! and no other type of the crate, has a method of that name. Some crates have such a circle of old: it may shrink and
//! not grow, and no new one may come.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Expr, ExprMethodCall, ImplItem, Item, ItemImpl, Type};

use crate::finding::Finding;
use crate::sources::{Place, Source, is_for_tests};
use crate::workspace::Package;

/// How many files may lie on such circles, by package; none in those that are not named.
const ON_CIRCLES: &[(&str, usize)] = &[("synod-replica", 22)];

/// A module, by its path from the root of its crate.
type Module = Vec<String>;

/// Checks one package against what is allowed to it.
pub(crate) fn check(package: &Package) -> Vec<Finding> {
    let entangled = entangled(&arrows(&package.sources));
    let allowed = ON_CIRCLES.iter().find(|(name, _)| *name == package.name);
    let allowed = allowed.map_or(0, |(_, allowed)| *allowed);
    if entangled.len() == allowed {
        return Vec::new();
    }
    let names: Vec<String> = entangled.iter().map(|module| module.join("::")).collect();
    let found = entangled.len();
    let message = if found > allowed {
        format!(
            "{found} files call each other's methods in circles, {allowed} may: {}",
            names.join(", ")
        )
    } else {
        format!(
            "{found} files lie on circles of methods; say so in xtask/src/methods.rs ({allowed} stands there)"
        )
    };
    vec![Finding::of(&package.manifest, message)]
}

/// Which file calls methods of which other.
fn arrows(sources: &[Source]) -> BTreeMap<Module, BTreeSet<Module>> {
    let files: Vec<(&Module, &Source)> = sources
        .iter()
        .filter_map(|source| match &source.place {
            Place::Product(module) => Some((module, source)),
            Place::Aside => None,
        })
        .collect();
    let mut homes = Homes::default();
    for (module, source) in &files {
        homes.collect(module, &source.syntax.items);
    }
    let mut arrows = BTreeMap::new();
    for (module, source) in files {
        let mut calls = Calls {
            homes: &homes,
            own: module,
            of: None,
            called: BTreeSet::new(),
        };
        calls.visit_file(&source.syntax);
        arrows.insert(module.clone(), calls.called);
    }
    arrows
}

/// In which files the types of a crate have their methods.
#[derive(Default)]
struct Homes {
    /// By type: the files with `impl` blocks of it.
    blocks: BTreeMap<String, BTreeSet<Module>>,
    /// By type and method: the file.
    methods: BTreeMap<(String, String), Module>,
}

impl Homes {
    fn collect(&mut self, module: &Module, items: &[Item]) {
        for item in items {
            let Item::Impl(block) = item else { continue };
            let Some(of) = inherent(block) else { continue };
            self.blocks
                .entry(of.clone())
                .or_default()
                .insert(module.clone());
            for item in &block.items {
                if let ImplItem::Fn(method) = item {
                    let name = method.sig.ident.to_string();
                    self.methods.insert((of.clone(), name), module.clone());
                }
            }
        }
    }

    /// The file of a method that is called on `self` inside an `impl` block of this type.
    fn of_self(&self, of: &str, method: &str) -> Option<&Module> {
        self.methods.get(&(of.to_owned(), method.to_owned()))
    }

    /// The file of a method that only one type has, if that type's `impl` blocks stand in several files.
    fn of_anybody(&self, method: &str) -> Option<&Module> {
        let mut having = self.methods.iter().filter(|((_, name), _)| name == method);
        let ((of, _), home) = having.next()?;
        let is_alone = having.next().is_none();
        (is_alone && self.blocks[of].len() > 1).then_some(home)
    }
}

/// The type of an `impl` block that implements no trait.
fn inherent(block: &ItemImpl) -> Option<String> {
    if block.trait_.is_some() || is_for_tests(&block.attrs) {
        return None;
    }
    match &*block.self_ty {
        Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        _ => None,
    }
}

/// The calls of one file.
struct Calls<'a> {
    homes: &'a Homes,
    own: &'a Module,
    /// The type of the `impl` block that is being read.
    of: Option<String>,
    called: BTreeSet<Module>,
}

impl<'ast> Visit<'ast> for Calls<'_> {
    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        let before = std::mem::replace(&mut self.of, inherent(block));
        visit::visit_item_impl(self, block);
        self.of = before;
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let method = call.method.to_string();
        let on_self = matches!(&*call.receiver, Expr::Path(path) if path.path.is_ident("self"));
        let home = match &self.of {
            Some(of) if on_self => self.homes.of_self(of, &method),
            _ => self.homes.of_anybody(&method),
        };
        if let Some(home) = home.filter(|home| *home != self.own) {
            self.called.insert(home.clone());
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// The files from which a way leads back to themselves.
fn entangled(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Module> {
    let reached = |start: &Module| {
        let mut seen: BTreeSet<&Module> = BTreeSet::new();
        let mut front: Vec<&Module> = arrows[start].iter().collect();
        while let Some(module) = front.pop() {
            if seen.insert(module) {
                front.extend(arrows.get(module).into_iter().flatten());
            }
        }
        seen.contains(start)
    };
    arrows
        .keys()
        .filter(|module| reached(module))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn source(module: &str, text: &str) -> Source {
        Source {
            path: PathBuf::from(format!("{module}.rs")),
            text: text.to_owned(),
            syntax: syn::parse_file(text).expect("Rust"),
            place: Place::Product(vec![module.to_owned()]),
        }
    }

    fn on_circles(sources: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = sources
            .iter()
            .map(|(name, text)| source(name, text))
            .collect();
        let found = entangled(&arrows(&sources));
        found.into_iter().map(|module| module.join("::")).collect()
    }

    #[test]
    fn two_files_that_call_each_others_methods_of_one_type_lie_on_a_circle() {
        let found = on_circles(&[
            ("a", "impl Room { fn go(&self) { self.back(); } }"),
            ("b", "impl Room { fn back(&self) { self.go(); } }"),
            ("c", "impl Room { fn look(&self) { self.go(); } }"),
        ]);
        assert_eq!(found, ["a", "b"]);
    }

    #[test]
    fn calls_through_a_field_count_where_the_name_is_of_one_type() {
        let found = on_circles(&[
            (
                "a",
                "impl Room { fn go(&self, core: &Core) { core.drive(); } }",
            ),
            (
                "b",
                "impl Core { fn drive(&self, room: &Room) { room.go(); } }",
            ),
            (
                "c",
                "impl Core { fn rest(&self) {} } impl Room { fn sit(&self) {} }",
            ),
        ]);
        assert_eq!(found, ["a", "b"]);
    }

    #[test]
    fn calls_in_one_direction_and_in_tests_make_no_circle() {
        let found = on_circles(&[
            ("a", "impl Room { fn go(&self) { self.back(); } }"),
            (
                "b",
                "impl Room { fn back(&self) {} } #[cfg(test)] mod tests { fn t(room: super::Room) { room.go(); } }",
            ),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn names_that_several_types_have_say_nothing_of_a_field() {
        let found = on_circles(&[
            (
                "a",
                "impl Room { fn go(&self) { self.list.push(1); } fn push(&self) {} }",
            ),
            (
                "b",
                "impl List { fn push(&self) { self.room.go(); } } impl Room { fn b(&self) {} }",
            ),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
