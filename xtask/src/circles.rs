//! Modules of one crate do not import each other in circles, and nobody inside a crate imports
//! through its face.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;
use crate::imports::{self, Module};
use crate::sources::Place;
use crate::workspace::Package;

/// For each module, those that it imports, with the place of the first import.
type Arrows = BTreeMap<Module, BTreeMap<Module, Finding>>;

/// Checks one package. Each of its crates has the same modules in view; a package here has one
/// crate beside its tests.
pub(crate) fn check(package: &Package) -> Vec<Finding> {
    let modules: BTreeSet<Module> = package
        .sources
        .iter()
        .filter_map(|source| match &source.place {
            Place::Product(module) => Some(module.clone()),
            Place::Aside => None,
        })
        .collect();
    let mut findings = Vec::new();
    let mut arrows = Arrows::new();
    for source in &package.sources {
        let Place::Product(own) = &source.place else {
            continue;
        };
        for import in imports::find(source, own, &modules) {
            if import.target.is_empty() && !own.is_empty() {
                let item = import.item.as_deref().unwrap_or("*");
                let message = format!("`{item}` is imported through the face of the crate");
                findings.push(Finding::at(&source.path, import.line, message));
            } else if import.target != *own {
                let message = format!("imports `{}`", shown(&import.target));
                let place = Finding::at(&source.path, import.line, message);
                arrows
                    .entry(own.clone())
                    .or_default()
                    .entry(import.target)
                    .or_insert(place);
            }
        }
    }
    findings.extend(
        circles(&arrows)
            .into_iter()
            .map(|circle| tell(&circle, &arrows)),
    );
    findings
}

fn tell(circle: &[Module], arrows: &Arrows) -> Finding {
    let names: Vec<String> = circle.iter().map(|module| shown(module)).collect();
    let mut finding = arrows[&circle[0]][&circle[1 % circle.len()]].clone();
    finding.append(&format!(", a circle: {} → {}", names.join(" → "), names[0]));
    finding
}

fn shown(module: &[String]) -> String {
    if module.is_empty() {
        "crate".to_owned()
    } else {
        module.join("::")
    }
}

/// One shortest circle through each module that lies on one; each circle once.
fn circles(arrows: &Arrows) -> Vec<Vec<Module>> {
    let mut found: Vec<Vec<Module>> = Vec::new();
    for start in arrows.keys() {
        if found.iter().any(|circle| circle.contains(start)) {
            continue;
        }
        found.extend(shortest_circle(start, arrows));
    }
    found
}

fn shortest_circle(start: &Module, arrows: &Arrows) -> Option<Vec<Module>> {
    let mut came_from: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut front = vec![start];
    while !front.is_empty() {
        let mut next = Vec::new();
        for module in front {
            for target in arrows.get(module).into_iter().flat_map(BTreeMap::keys) {
                if target == start {
                    return Some(walk_back(start, module, &came_from));
                }
                if !came_from.contains_key(target) {
                    came_from.insert(target, module);
                    next.push(target);
                }
            }
        }
        front = next;
    }
    None
}

fn walk_back(start: &Module, last: &Module, came_from: &BTreeMap<&Module, &Module>) -> Vec<Module> {
    let mut path = vec![last.clone()];
    let mut module = last;
    while module != start {
        module = came_from[module];
        path.push(module.clone());
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(pairs: &[(&str, &str)]) -> Arrows {
        let mut arrows = Arrows::new();
        for (from, to) in pairs {
            let place = Finding::of("x.rs", format!("imports `{to}`"));
            arrows
                .entry(vec![(*from).to_owned()])
                .or_default()
                .insert(vec![(*to).to_owned()], place);
        }
        arrows
    }

    #[test]
    fn modules_that_only_look_down_have_no_circle() {
        assert!(circles(&arrows(&[("a", "b"), ("a", "c"), ("b", "c")])).is_empty());
    }

    #[test]
    fn circle_is_found_and_told_once_with_its_way() {
        let arrows = arrows(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]);
        let found = circles(&arrows);
        assert_eq!(found, [[vec!["b".to_owned()], vec!["c".to_owned()]]]);
        let told = tell(&found[0], &arrows).to_string();
        assert_eq!(told, "x.rs: imports `c`, a circle: b → c → b");
    }
}
