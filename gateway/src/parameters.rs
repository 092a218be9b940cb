//! Query parameters, read strictly: unknown, repeated and unreadable ones are refused.

use bytes::Bytes;
use http::request::Parts;
use synod_api::limits::{
    KEY_BYTES_MAX, LIST_ENTRIES_DEFAULT, LIST_ENTRIES_MAX, LOG_LINES_DEFAULT, LOG_LINES_MAX,
    NONCE_BYTES, NUMBER_MAX,
};
use synod_api::{Consistency, CursorScope, ErrorCode, percent_decode};

use crate::map_name::decoded_map;
use crate::map_query::{Page, Watching};
use crate::refusal::{Refused, quoted, refuse};

/// No place takes more parameters than this.
const PARAMETERS_MAX: usize = 8;

/// The parameters of one query, by the names that its place allows.
pub(crate) struct Parameters<'a> {
    allowed: &'static [&'static str],
    values: [Option<&'a str>; PARAMETERS_MAX],
}

impl<'a> Parameters<'a> {
    /// Splits a query.
    pub(crate) fn read(
        query: Option<&'a str>,
        allowed: &'static [&'static str],
    ) -> Result<Self, Refused> {
        assert!(allowed.len() <= PARAMETERS_MAX);
        let mut parameters = Self {
            allowed,
            values: [None; PARAMETERS_MAX],
        };
        for pair in query
            .unwrap_or("")
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            parameters.add(pair)?;
        }
        Ok(parameters)
    }

    fn add(&mut self, pair: &'a str) -> Result<(), Refused> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(position) = self.allowed.iter().position(|allowed| *allowed == name) else {
            return Err(self.unknown(name));
        };
        if self.values[position].replace(value).is_some() {
            return Err(invalid(format!("the parameter `{name}` stands twice")));
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> Refused {
        let hint = if self.allowed.is_empty() {
            "this route takes no parameters".to_owned()
        } else {
            format!("this route takes: {}", self.allowed.join(", "))
        };
        invalid(format!("the parameter {} is unknown here", quoted(name))).with_hint(hint)
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        let position = self.allowed.iter().position(|allowed| *allowed == name)?;
        self.values[position]
    }

    /// The one of two words that a parameter says; the first is its default.
    fn choice(&self, name: &str, words: [&str; 2]) -> Result<bool, Refused> {
        match self.value(name) {
            None => Ok(false),
            Some(word) if word == words[0] => Ok(false),
            Some(word) if word == words[1] => Ok(true),
            Some(other) => Err(invalid(format!(
                "the parameter `{name}` is {}, not `{}` or `{}`",
                quoted(other),
                words[0],
                words[1]
            ))),
        }
    }

    /// `consistency=linearizable|local`.
    pub(crate) fn consistency(&self) -> Result<Consistency, Refused> {
        let local = self.choice("consistency", ["linearizable", "local"])?;
        Ok(if local {
            Consistency::Local
        } else {
            Consistency::Linearizable
        })
    }

    /// `wait=commit|none`: whether the answer may be pending.
    pub(crate) fn pending(&self) -> Result<bool, Refused> {
        self.choice("wait", ["commit", "none"])
    }

    /// `receipt=inline`.
    pub(crate) fn receipt(&self) -> Result<bool, Refused> {
        self.choice("receipt", ["none", "inline"])
    }

    /// `from=INDEX` of a ledger stream.
    pub(crate) fn first_index(&self) -> Result<u64, Refused> {
        let Some(text) = self.value("from") else {
            return Ok(1);
        };
        match decimal(text) {
            Some(index) if index > 0 => Ok(index),
            _ => Err(invalid(format!(
                "the index {} is not a number from 1 on",
                quoted(text)
            ))),
        }
    }

    /// `nonce=HEX`.
    pub(crate) fn nonce(&self) -> Result<[u8; NONCE_BYTES], Refused> {
        let text = self.value("nonce").unwrap_or("");
        lower_hex(text).ok_or_else(|| {
            invalid("the parameter `nonce` is not 32 bytes in lower-case hexadecimal")
        })
    }

    /// All that says which page of a map is asked for.
    pub(crate) fn page(&self, map: String) -> Result<Page, Refused> {
        let mut page = Page {
            map,
            prefix: self.bytes("prefix")?.unwrap_or_default(),
            from: self.bytes("from")?.unwrap_or_default(),
            to: self.bytes("to")?,
            after: None,
            limit: self.limit()?,
        };
        page.after = self.cursor(&page.cursor_scope())?;
        Ok(page)
    }

    /// `after` and `limit` of a log.
    pub(crate) fn lines(&self) -> Result<(u64, u32), Refused> {
        let after = self.number("after")?.unwrap_or(0);
        let limit = self.bounded("limit", LOG_LINES_DEFAULT, LOG_LINES_MAX)?;
        Ok((after, limit))
    }

    /// `map`, `prefix` and `from` of a watch.
    pub(crate) fn watching(&self) -> Result<Watching, Refused> {
        Ok(Watching {
            map: decoded_map(self.value("map").unwrap_or_default())?,
            prefix: self.bytes("prefix")?.unwrap_or_default(),
            from: self.number("from")?,
        })
    }

    /// A number in decimal digits.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refused> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        decimal(text).map(Some).ok_or_else(|| {
            invalid(format!(
                "the parameter `{name}` is {}, not a number",
                quoted(text)
            ))
        })
    }

    fn bytes(&self, name: &str) -> Result<Option<Bytes>, Refused> {
        let Some(text) = self.value(name) else {
            return Ok(None);
        };
        let bytes = percent_decode(text)
            .ok_or_else(|| invalid(format!("the percent-encoding of `{name}` is broken")))?;
        if bytes.len() > KEY_BYTES_MAX {
            let found = bytes.len();
            return Err(invalid(format!(
                "`{name}` has {found} bytes, a key has at most {KEY_BYTES_MAX}"
            )));
        }
        Ok(Some(bytes))
    }

    fn cursor(&self, scope: &CursorScope<'_>) -> Result<Option<Bytes>, Refused> {
        let Some(text) = self.value("cursor") else {
            return Ok(None);
        };
        match scope.read_cursor(text) {
            Some(key) if key.len() <= KEY_BYTES_MAX => Ok(Some(key)),
            _ => Err(
                invalid("the parameter `cursor` was not given out for this listing").with_hint(
                    "map, `prefix`, `from` and `to` must be as they were for the page before",
                ),
            ),
        }
    }

    fn limit(&self) -> Result<u32, Refused> {
        self.bounded("limit", LIST_ENTRIES_DEFAULT, LIST_ENTRIES_MAX)
    }

    fn bounded(&self, name: &str, default: u32, max: u32) -> Result<u32, Refused> {
        let Some(text) = self.value(name) else {
            return Ok(default);
        };
        match decimal(text).and_then(|limit| u32::try_from(limit).ok()) {
            Some(limit) if (1..=max).contains(&limit) => Ok(limit),
            _ => Err(invalid(format!(
                "the parameter `{name}` is {}, not a number from 1 to {max}",
                quoted(text)
            ))),
        }
    }
}

fn invalid(detail: impl Into<String>) -> Refused {
    refuse(ErrorCode::InvalidParameter, detail)
}

/// A number in decimal digits alone, at most [`NUMBER_MAX`].
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return None;
    }
    text.parse().ok().filter(|number| *number <= NUMBER_MAX)
}

fn lower_hex(text: &str) -> Option<[u8; NONCE_BYTES]> {
    let mut bytes = [0; NONCE_BYTES];
    if text.len() != 2 * NONCE_BYTES {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The parameters of a request, of which no other than these may be given.
pub(crate) fn parameters<'a>(
    parts: &'a Parts,
    allowed: &'static [&'static str],
) -> Result<Parameters<'a>, Refused> {
    Parameters::read(parts.uri.query(), allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &[&str] = &["prefix", "from", "to", "limit", "cursor", "consistency"];

    fn page(query: &str) -> Result<Page, Refused> {
        Parameters::read(Some(query), PAGE)?.page("m".to_owned())
    }

    #[test]
    fn page_is_read_with_its_defaults() {
        let all = page("").unwrap();
        assert_eq!(
            (all.limit, all.to, all.after),
            (LIST_ENTRIES_DEFAULT, None, None)
        );
        let scope = CursorScope {
            map: "m",
            prefix: b"a/",
            from: b"a/b",
            to: Some(b"a/z"),
        };
        let cursor = scope.write_cursor(b"a/x");
        let query = format!("prefix=a%2F&from=a%2Fb&to=a%2fz&limit=7&cursor={cursor}");
        let some = page(&query).unwrap();
        assert_eq!(some.prefix, &b"a/"[..]);
        assert_eq!(some.from, &b"a/b"[..]);
        assert_eq!(some.to.unwrap(), &b"a/z"[..]);
        assert_eq!(some.after.unwrap(), &b"a/x"[..]);
        assert_eq!(some.limit, 7);
    }

    #[test]
    fn sloppy_parameters_are_refused() {
        for query in [
            "limit=0",
            "limit=1001",
            "limit=-1",
            "limit=+5",
            "limit=",
            "limit=99999999999999999999",
            "prefix=a&prefix=a",
            "prefix=%",
            "Prefix=a",
            "cursor=***",
            "cursor=YS94",
            "x",
            "=",
        ] {
            let found = page(query);
            assert_eq!(
                found.unwrap_err().0.code,
                ErrorCode::InvalidParameter,
                "{query}"
            );
        }
        let long = format!("from={}", "a".repeat(KEY_BYTES_MAX + 1));
        assert_eq!(page(&long).unwrap_err().0.code, ErrorCode::InvalidParameter);
    }

    #[test]
    fn nonce_is_lower_hex_of_the_right_length() {
        let nonce = |text: &str| Parameters::read(Some(text), &["nonce"]).unwrap().nonce();
        let digits = "0a".repeat(32);
        assert_eq!(nonce(&format!("nonce={digits}")).unwrap(), [10; 32]);
        for bad in [
            String::new(),
            "0A".repeat(32),
            "0a".repeat(31),
            "zz".repeat(32),
        ] {
            assert!(nonce(&format!("nonce={bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn foreign_names_are_repeated_printably_and_briefly() {
        let name = "\u{7f}".repeat(100);
        let detail = page(&name).unwrap_err().0.detail.unwrap();
        assert!(detail.is_ascii() || detail.contains('…'));
        assert!(detail.len() < 600);
    }
}
