//! Names of apps.

use std::fmt;
use std::str::FromStr;

use minicbor::decode::{self, Decode, Decoder};
use minicbor::encode::{self, Encode, Encoder, Write};

/// Longest name of an app, in bytes.
pub const APP_NAME_LENGTH_MAX: usize = 32;

/// The name of an app: a letter of `a-z`, then at most 31 more characters of `[a-z0-9-]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppName(String);

/// The text is not a name of an app; the caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("app name {found:?} is not a letter and at most 31 more characters of [a-z0-9-]")]
pub struct BadAppName {
    /// The beginning of what was given.
    pub found: String,
}

impl AppName {
    /// Checks and takes a name.
    pub fn new(name: &str) -> Result<Self, BadAppName> {
        let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if begins && name.len() <= APP_NAME_LENGTH_MAX && name.bytes().all(allowed) {
            return Ok(Self(name.to_owned()));
        }
        let found = name.chars().take(APP_NAME_LENGTH_MAX).collect();
        Err(BadAppName { found })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AppName {
    type Err = BadAppName;

    fn from_str(name: &str) -> Result<Self, BadAppName> {
        Self::new(name)
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<C> Encode<C> for AppName {
    fn encode<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        encoder.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for AppName {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::new(decoder.str()?).map_err(decode::Error::message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        for good in ["a", "clearing", "a-1-b", &"z".repeat(32)] {
            assert_eq!(AppName::new(good).expect("a good name").as_str(), good);
        }
        let long = "z".repeat(33);
        for bad in ["", "1a", "-a", "A", "a.b", "a_b", "a:b", "a/b", "ä", &long] {
            assert!(AppName::new(bad).is_err(), "{bad}");
        }
    }
}
