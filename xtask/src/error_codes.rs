//! Every error code of the HTTP interface is sent by somebody: a code in the OpenAPI document that
//! no program makes misleads whoever writes a client.

use std::path::Path;

use crate::finding::Finding;
use crate::sources::{Place, Source};
use crate::workspace::Package;

/// Where the codes stand, one in a line: `Name = "code", status, …`.
const TABLE: &str = "api/src/problem.rs";
/// Who answers over HTTP.
const SENDERS: &[&str] = &["synod-gateway", "synod-node"];

/// Holds the table of codes against the crates that send them.
pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    let all = || packages.iter().flat_map(|package| &package.sources);
    let Some(table) = all().find(|source| source.path == Path::new(TABLE)) else {
        return vec![Finding::of(TABLE, "the table of error codes is not there")];
    };
    let senders: Vec<&Source> = packages
        .iter()
        .filter(|package| SENDERS.contains(&package.name.as_str()))
        .flat_map(|package| &package.sources)
        .filter(|source| matches!(source.place, Place::Product(_)))
        .collect();
    let codes = codes(&table.text);
    if codes.is_empty() {
        return vec![Finding::of(TABLE, "no error code was found in the table")];
    }
    let is_sent = |name: &str| senders.iter().any(|source| names(&source.text, name));
    codes
        .into_iter()
        .filter(|(_, name)| !is_sent(name))
        .map(|(line, name)| Finding::at(Path::new(TABLE), line, format!("nobody sends `{name}`")))
        .collect()
}

/// The codes of the table, with their lines.
fn codes(text: &str) -> Vec<(usize, String)> {
    let code = |line: &str| {
        let (name, rest) = line.trim().split_once(" = \"")?;
        let (_, rest) = rest.split_once("\", ")?;
        let status = rest.split(',').next()?;
        let is_code = status.len() == 3 && status.parse::<u16>().is_ok();
        is_code.then(|| name.to_owned())
    };
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(number, line)| Some((number + 1, code(line)?)))
        .collect()
}

/// Whether the text names this code, and not one whose name begins so.
fn names(text: &str, name: &str) -> bool {
    let path = format!("Code::{name}");
    text.match_indices(&path).any(|(at, _)| {
        let next = text[at + path.len()..].chars().next();
        next.is_none_or(|next| !next.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_from_their_lines_and_nothing_else_is() {
        let text = "/// Text.\n    Busy = \"busy\", 503, \"too much\",\n    name = \"x\"\n    Gone = \"gone\", 410, \"\";";
        let found: Vec<_> = codes(text);
        assert_eq!(found, [(2, "Busy".to_owned()), (4, "Gone".to_owned())]);
    }

    #[test]
    fn code_is_named_as_a_whole_word() {
        assert!(names("ErrorCode::Gone.into()", "Gone"));
        assert!(!names("ErrorCode::GoneFar", "Gone"));
        assert!(!names("Gone", "Gone"));
    }
}
