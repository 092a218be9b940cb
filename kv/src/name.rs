//! Names of maps. The name alone decides whether a map is public.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::MAP_NAME_MAX;

/// Maps whose name begins so are written to the ledger in plain text.
pub const PUBLIC_PREFIX: &str = "public:";

/// The name of a map: 1 to [`MAP_NAME_MAX`] characters of `[a-z0-9._:-]`.
///
/// Cloning copies a pointer. Names order by their bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapName(Arc<str>);

/// The text is not a name of a map; the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMapName {
    /// A name has at least one character.
    #[error("map name is empty")]
    Empty,
    /// Longer than [`MAP_NAME_MAX`].
    #[error("map name is {0} bytes, longer than the {MAP_NAME_MAX} allowed")]
    TooLong(usize),
    /// A byte outside `[a-z0-9._:-]`, at this offset.
    #[error("map name has a character outside [a-z0-9._:-] at offset {0}")]
    BadCharacter(usize),
}

impl MapName {
    /// Checks and takes a name.
    pub fn new(name: &str) -> Result<Self, BadMapName> {
        check(name.as_bytes())?;
        Ok(Self(Arc::from(name)))
    }

    /// Whether writes to this map stand on the ledger in plain text.
    pub fn is_public(&self) -> bool {
        self.0.starts_with(PUBLIC_PREFIX)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(name: &[u8]) -> Result<(), BadMapName> {
    if name.is_empty() {
        return Err(BadMapName::Empty);
    }
    if name.len() > MAP_NAME_MAX {
        return Err(BadMapName::TooLong(name.len()));
    }
    let allowed = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-');
    match name.iter().position(|b| !allowed(b)) {
        Some(offset) => Err(BadMapName::BadCharacter(offset)),
        None => Ok(()),
    }
}

impl FromStr for MapName {
    type Err = BadMapName;

    fn from_str(name: &str) -> Result<Self, BadMapName> {
        Self::new(name)
    }
}

impl Borrow<str> for MapName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MapName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MapName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_alphabet_or_bounds_are_refused() {
        assert_eq!(MapName::new(""), Err(BadMapName::Empty));
        assert_eq!(
            MapName::new(&"a".repeat(129)),
            Err(BadMapName::TooLong(129))
        );
        assert_eq!(MapName::new("aB"), Err(BadMapName::BadCharacter(1)));
        assert_eq!(MapName::new("é"), Err(BadMapName::BadCharacter(0)));
        assert!(MapName::new(&"a".repeat(128)).is_ok());
        assert!(MapName::new("az09._:-").is_ok());
    }

    #[test]
    fn only_the_prefix_makes_a_map_public() {
        assert!(MapName::new("public:x").expect("valid").is_public());
        assert!(!MapName::new("public").expect("valid").is_public());
        assert!(!MapName::new("x.public:").expect("valid").is_public());
    }
}
