//! Path patterns of routes: `/transfers/{id}`, `/files/{rest...}`.

use std::cmp::Ordering;
use std::fmt;

use crate::app::path::{AppPath, SEGMENTS_MAX};

const PATTERN_BYTES_MAX: usize = 256;
const PARAM_LENGTH_MAX: usize = 32;

/// What paths a route serves.
///
/// A segment is literal, or `{name}` for any one segment, or, at the end, `{name...}` for one or
/// more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    One(String),
    Rest(String),
}

/// The text is not a pattern; the manifest's author is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Too long, or of too many segments.
    #[error("it is longer than {PATTERN_BYTES_MAX} bytes or {SEGMENTS_MAX} segments")]
    TooLong,
    /// A pattern begins with a slash.
    #[error("it does not begin with `/`")]
    NoSlash,
    /// Two slashes together, or one at the end.
    #[error("it has an empty segment")]
    EmptySegment,
    /// No request has such a segment.
    #[error("no request path can contain the segment `{0}`")]
    DotSegment(String),
    /// A literal is of printable ASCII without space and `/ \ % ? # { }`; patterns are compared
    /// once paths are decoded.
    #[error("segment `{0}` has a character that is not allowed in a literal segment")]
    Character(String),
    /// Not 1 to 32 characters of `[a-z0-9_]`.
    #[error(
        "parameter `{{{0}}}` must have a name of 1 to {PARAM_LENGTH_MAX} characters of [a-z0-9_]"
    )]
    Param(String),
    /// Two parts have the same name.
    #[error("parameter `{{{0}}}` appears twice")]
    Repeated(String),
    /// The segment that takes the rest of the path must be last.
    #[error("`{{{0}...}}` is not the last segment")]
    RestNotLast(String),
}

impl PathPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let below = text.strip_prefix('/').ok_or(BadPattern::NoSlash)?;
        if text.len() > PATTERN_BYTES_MAX || below.split('/').nth(SEGMENTS_MAX).is_some() {
            return Err(BadPattern::TooLong);
        }
        let mut parts = Vec::new();
        if !below.is_empty() {
            parts = below
                .split('/')
                .map(Part::parse)
                .collect::<Result<_, _>>()?;
        }
        check_params(&parts)?;
        let text = text.to_owned();
        Ok(Self { text, parts })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names in it, in order.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(Part::param)
    }

    /// The values of the parameters, if the path matches.
    pub fn matches(&self, path: &AppPath) -> Option<Vec<(String, String)>> {
        let mut segments = path.segments();
        let mut params = Vec::new();
        for part in &self.parts {
            let (first, rest) = segments.split_first()?;
            segments = rest;
            match part {
                Part::Literal(literal) if literal == first => {}
                Part::Literal(_) => return None,
                Part::One(name) => params.push((name.clone(), first.clone())),
                Part::Rest(name) => {
                    let all = std::iter::once(first).chain(rest).map(String::as_str);
                    params.push((name.clone(), all.collect::<Vec<_>>().join("/")));
                    segments = &[];
                }
            }
        }
        segments.is_empty().then_some(params)
    }

    /// Which of two patterns that serve one path is the more specific: the lesser. At the first
    /// segment where they differ, a literal goes before a name, and a name before a rest.
    pub(crate) fn specificity(&self, other: &Self) -> Ordering {
        let ranks = |pattern: &Self| pattern.parts.iter().map(Part::rank).collect::<Vec<_>>();
        ranks(self).cmp(&ranks(other))
    }

    /// Whether both serve the same paths.
    pub(crate) fn same_shape(&self, other: &Self) -> bool {
        let same = |(a, b): (&Part, &Part)| match (a, b) {
            (Part::Literal(a), Part::Literal(b)) => a == b,
            (a, b) => a.rank() == b.rank(),
        };
        self.parts.len() == other.parts.len() && self.parts.iter().zip(&other.parts).all(same)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Part {
    fn parse(text: &str) -> Result<Self, BadPattern> {
        let Some(inner) = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
        else {
            return literal(text);
        };
        let (name, rest) = match inner.strip_suffix("...") {
            Some(name) => (name, true),
            None => (inner, false),
        };
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if !(1..=PARAM_LENGTH_MAX).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(BadPattern::Param(inner.to_owned()));
        }
        let name = name.to_owned();
        Ok(if rest {
            Self::Rest(name)
        } else {
            Self::One(name)
        })
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::One(name) | Self::Rest(name) => Some(name),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::One(_) => 1,
            Self::Rest(_) => 2,
        }
    }
}

fn literal(text: &str) -> Result<Part, BadPattern> {
    let allowed = |b: u8| b.is_ascii_graphic() && !b"/\\%?#{}".contains(&b);
    match text {
        "" => Err(BadPattern::EmptySegment),
        "." | ".." => Err(BadPattern::DotSegment(text.to_owned())),
        _ if text.bytes().all(allowed) => Ok(Part::Literal(text.to_owned())),
        _ => Err(BadPattern::Character(text.to_owned())),
    }
}

fn check_params(parts: &[Part]) -> Result<(), BadPattern> {
    let last = parts.len().saturating_sub(1);
    for (at, part) in parts.iter().enumerate() {
        let Some(name) = part.param() else { continue };
        if parts[..at]
            .iter()
            .any(|before| before.param() == Some(name))
        {
            return Err(BadPattern::Repeated(name.to_owned()));
        }
        if matches!(part, Part::Rest(_)) && at != last {
            return Err(BadPattern::RestNotLast(name.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
        let pattern = PathPattern::parse(pattern).expect("a pattern");
        pattern.matches(&AppPath::parse(path).expect("a path"))
    }

    fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_pattern_serves_what_it_says_and_nothing_else() {
        assert_eq!(params("/", ""), Some(named(&[])));
        assert_eq!(params("/", "/a"), None);
        assert_eq!(params("/a/b", "/a/b"), Some(named(&[])));
        assert_eq!(params("/a/b", "/a"), None);
        assert_eq!(params("/a/b", "/a/b/c"), None);
        assert_eq!(params("/a/b", "/a/B"), None);
        assert_eq!(
            params("/t/{id}/x", "/t/4%202/x"),
            Some(named(&[("id", "4 2")]))
        );
        assert_eq!(params("/t/{id}", "/t"), None);
        assert_eq!(
            params("/f/{rest...}", "/f/a/b"),
            Some(named(&[("rest", "a/b")]))
        );
        assert_eq!(
            params("/f/{rest...}", "/f"),
            None,
            "one segment at the least"
        );
        assert_eq!(
            params("/{a}/{b...}", "/x/y"),
            Some(named(&[("a", "x"), ("b", "y")]))
        );
        assert_eq!(params("/.well-known", "/%2Ewell-known"), Some(named(&[])));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = format!("/{}", "a".repeat(PATTERN_BYTES_MAX));
        for bad in [
            "",
            "a",
            "/a/",
            "//",
            "/.",
            "/a/..",
            "/a%20",
            "/a b",
            "/ä",
            "/{",
            "/{}",
            "/{A}",
            "/{a}b",
            "/b{a}",
            "/{a}/{a}",
            "/{a...}/b",
            "/{...}",
            "/{a..}",
            "/a?b",
            "/a#",
            "/a\\b",
            &long,
            &"/a".repeat(65),
        ] {
            assert!(PathPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_segment_that_differs_in_kind_decides() {
        let order = [
            "/a/b",
            "/a/{x}",
            "/a/{x...}",
            "/{x}/b",
            "/{x}/{y}",
            "/{x...}",
        ];
        let patterns = order.map(|text| PathPattern::parse(text).expect("a pattern"));
        for (at, pattern) in patterns.iter().enumerate() {
            for after in &patterns[at + 1..] {
                assert_eq!(
                    pattern.specificity(after),
                    Ordering::Less,
                    "{pattern} {after}"
                );
            }
        }
    }
}
