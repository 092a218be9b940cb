//! Files that call each other's methods in a circle, although their imports show none: `impl`
//! blocks of one type in several files let each of them touch what the others own.
//!
//! Two kinds of call count: `self.method(…)` inside an `impl` block, where another file's `impl`
//! block of the same type has that method; and `own_requests.method(…)` or
//! `self.own_requests.method(…)`, where a type `OwnRequests` of the crate has it: a field or
//! variable that bears the name of its type. No product may have such a circle.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Expr, ExprMethodCall, ImplItem, Item, ItemImpl, Member, Type};

use crate::finding::Finding;
use crate::sources::{Place, Source, is_for_tests};
use crate::workspace::Package;

/// How many files may lie on such circles, by package; none in those that are not named. In the
/// simulator's world everything happens to everything else, and nobody's product rests on it.
const ON_CIRCLES: &[(&str, usize)] = &[("synod-sim", 7)];

/// A module, by its path from the root of its crate.
type Module = Vec<String>;

/// Checks one package.
pub(crate) fn check(package: &Package) -> Vec<Finding> {
    let entangled = entangled(&arrows(&package.sources));
    let allowed = ON_CIRCLES.iter().find(|(name, _)| *name == package.name);
    if entangled.len() <= allowed.map_or(0, |(_, allowed)| *allowed) {
        return Vec::new();
    }
    let names: Vec<String> = entangled.iter().map(|module| module.join("::")).collect();
    let message = format!(
        "these files call each other's methods in circles: {}",
        names.join(", ")
    );
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

/// In which files the types of a crate have their methods: by the type's name, in snake case, and
/// the method's.
#[derive(Default)]
struct Homes(BTreeMap<(String, String), Module>);

impl Homes {
    fn collect(&mut self, module: &Module, items: &[Item]) {
        for item in items {
            let Item::Impl(block) = item else { continue };
            let Some(of) = inherent(block) else { continue };
            for item in &block.items {
                if let ImplItem::Fn(method) = item {
                    let name = method.sig.ident.to_string();
                    self.0.insert((of.clone(), name), module.clone());
                }
            }
        }
    }

    fn of(&self, of: &str, method: &str) -> Option<&Module> {
        self.0.get(&(of.to_owned(), method.to_owned()))
    }
}

/// The type of an `impl` block that implements no trait, in snake case.
fn inherent(block: &ItemImpl) -> Option<String> {
    if block.trait_.is_some() || is_for_tests(&block.attrs) {
        return None;
    }
    match &*block.self_ty {
        Type::Path(path) => Some(snake_case(&path.path.segments.last()?.ident.to_string())),
        _ => None,
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The name of what a method is called on: of a variable, or of a field.
fn receiver_name(receiver: &Expr) -> Option<String> {
    match receiver {
        Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
        Expr::Field(field) => match &field.member {
            Member::Named(name) => Some(name.to_string()),
            Member::Unnamed(_) => None,
        },
        Expr::Reference(reference) => receiver_name(&reference.expr),
        Expr::Paren(inner) => receiver_name(&inner.expr),
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
        let receiver = receiver_name(&call.receiver);
        let of = match receiver.as_deref() {
            Some("self") => self.of.as_deref(),
            other => other,
        };
        let home = of.and_then(|of| self.homes.of(of, &method));
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
    fn calls_through_a_field_or_variable_that_bears_its_types_name_count() {
        let found = on_circles(&[
            (
                "a",
                "impl OwnRequests { fn go(&self, core: &Core) { core.drive(); } }",
            ),
            (
                "b",
                "impl Core { fn drive(&self) { self.room.own_requests.go(self); } }",
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
    fn methods_of_another_type_with_the_same_name_do_not_count() {
        let found = on_circles(&[
            ("a", "impl Room { fn step(&self) { self.back(); } }"),
            ("b", "impl Room { fn back(&self) { self.engine.step(); } }"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
