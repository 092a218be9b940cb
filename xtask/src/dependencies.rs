//! Every dependency has earned a line of reason in `deny.toml`:
//!
//! ```text
//! # name: why it is here and not written by us
//! ```
//!
//! between the lines `# -- reasons --` and `# -- end of reasons --`.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;
use crate::workspace::Workspace;

const FILE: &str = "deny.toml";
const BEGIN: &str = "# -- reasons --";
const END: &str = "# -- end of reasons --";

/// Holds the direct dependencies of all packages against the reasons.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let text = match std::fs::read_to_string(workspace.root.join(FILE)) {
        Ok(text) => text,
        Err(error) => return vec![Finding::of(FILE, format!("it cannot be read: {error}"))],
    };
    let used: BTreeSet<&str> = workspace
        .packages
        .iter()
        .flat_map(|package| package.externals.iter().map(String::as_str))
        .collect();
    compare(&used, &reasons(&text))
}

/// The names with a reason, and their lines.
fn reasons(text: &str) -> BTreeMap<&str, usize> {
    let numbered = text
        .lines()
        .enumerate()
        .map(|(number, line)| (line, number + 1));
    numbered
        .skip_while(|(line, _)| *line != BEGIN)
        .take_while(|(line, _)| *line != END)
        .filter_map(|(line, number)| {
            let (name, reason) = line.strip_prefix("# ")?.split_once(": ")?;
            (!name.contains(' ') && !reason.trim().is_empty()).then_some((name, number))
        })
        .collect()
}

fn compare(used: &BTreeSet<&str>, reasons: &BTreeMap<&str, usize>) -> Vec<Finding> {
    let without = used.iter().filter(|name| !reasons.contains_key(**name));
    let unused = reasons.iter().filter(|(name, _)| !used.contains(**name));
    without
        .map(|name| {
            Finding::of(
                FILE,
                format!("the dependency `{name}` has no line of reason"),
            )
        })
        .chain(unused.map(|(name, line)| {
            Finding::at(
                FILE.as_ref(),
                *line,
                format!("nothing depends on `{name}` any more"),
            )
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependency_without_reason_and_reason_without_dependency_are_seen() {
        let text = "# -- reasons --\n# a: for a\n# b: for b\n#    and more\n# -- end of reasons --\n# c: no\n";
        let used = BTreeSet::from(["a", "c"]);
        let found: Vec<String> = compare(&used, &reasons(text))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "deny.toml: the dependency `c` has no line of reason",
                "deny.toml:3: nothing depends on `b` any more"
            ]
        );
    }
}
