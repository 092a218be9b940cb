//! Where the keys of a policy stand in its text.
//!
//! Lines are for messages: they are no part of the policy's digest.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use toml::de::{DeTable, DeValue};

/// Where a rule's value comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Line {
    /// The policy was not read from text, or the rule has no key: it holds for
    /// every policy.
    #[default]
    Unknown,
    /// The key is not written: the default holds.
    Default,
    /// The key is written in this line, counted from 1.
    Written(u32),
}

impl Line {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(in crate::policy) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

impl Serialize for Line {
    /// A number, `"default"`, or nothing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown => serializer.serialize_none(),
            Self::Default => serializer.serialize_str("default"),
            Self::Written(line) => serializer.serialize_u32(*line),
        }
    }
}

/// The line of each key of a policy.
#[derive(Clone, Debug, Default)]
pub(in crate::policy) struct Lines(Option<BTreeMap<String, u32>>);

impl Lines {
    /// The lines of a text that is TOML; none of one that is not.
    pub(in crate::policy) fn of(text: &str) -> Self {
        let Ok(document) = DeTable::parse(text) else {
            return Self(None);
        };
        let mut found = BTreeMap::new();
        let at = LineStarts::of(text);
        walk(document.get_ref(), "", &at, &mut found);
        Self(Some(found))
    }

    /// Where `path` (`tdx.statuses`, `accept[0].measurement`) is written.
    pub(in crate::policy) fn find(&self, path: &str) -> Line {
        match &self.0 {
            None => Line::Unknown,
            Some(lines) => lines
                .get(path)
                .map_or(Line::Default, |line| Line::Written(*line)),
        }
    }
}

fn walk(table: &DeTable<'_>, prefix: &str, at: &LineStarts, found: &mut BTreeMap<String, u32>) {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{prefix}.{}", key.get_ref())
        };
        found.insert(path.clone(), at.line(key.span().start));
        enter(value.get_ref(), &path, at, found);
    }
}

fn enter(value: &DeValue<'_>, path: &str, at: &LineStarts, found: &mut BTreeMap<String, u32>) {
    match value {
        DeValue::Table(table) => walk(table, path, at, found),
        DeValue::Array(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                let path = format!("{path}[{index}]");
                found.insert(path.clone(), at.line(entry.span().start));
                if let DeValue::Table(table) = entry.get_ref() {
                    walk(table, &path, at, found);
                }
            }
        }
        _ => (),
    }
}

/// The offsets at which lines begin.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn of(text: &str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(breaks).collect())
    }

    fn line(&self, offset: usize) -> u32 {
        let before = self.0.partition_point(|start| *start <= offset);
        u32::try_from(before).unwrap_or(u32::MAX)
    }
}
