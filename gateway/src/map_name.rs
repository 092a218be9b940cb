//! The name of a map in a path or a query: decoded, and well-formed.

use synod_api::limits::MAP_NAME_BYTES_MAX;
use synod_api::{ErrorCode, percent_decode};

use crate::refusal::{Refused, quoted, refuse};

/// Decodes and checks a name; clients may encode the `:` in it, and generated ones do.
pub(crate) fn decoded_map(text: &str) -> Result<String, Refused> {
    let bytes = percent_decode(text).ok_or_else(|| wrong(text))?;
    let map = String::from_utf8(bytes.into()).map_err(|_| wrong(text))?;
    check_map(&map)?;
    Ok(map)
}

/// Whether the name is one that a map can have.
pub(crate) fn check_map(map: &str) -> Result<(), Refused> {
    let fits = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'.' | b'_' | b':' | b'-')
    };
    if map.is_empty() || map.len() > MAP_NAME_BYTES_MAX || !map.bytes().all(fits) {
        return Err(wrong(map));
    }
    Ok(())
}

fn wrong(map: &str) -> Refused {
    refuse(ErrorCode::InvalidMapName, format!("it is {}", quoted(map)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_the_same_however_it_is_encoded() {
        for text in ["public:notes", "public%3Anotes", "public%3anote%73"] {
            assert_eq!(decoded_map(text).unwrap(), "public:notes", "{text}");
        }
    }

    #[test]
    fn names_that_no_map_has_are_refused_also_in_encoded_form() {
        for text in [
            "", "A", "a%2Fb", "a%", "a%zz", "a%00", "a%FF", "a b", "a%20b",
        ] {
            let refused = decoded_map(text).unwrap_err();
            assert_eq!(refused.0.code, ErrorCode::InvalidMapName, "{text}");
        }
    }
}
