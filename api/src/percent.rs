//! Percent-encoding of keys and parameters (RFC 3986 §2.1), from bytes to bytes.
//!
//! Every byte outside `A-Z a-z 0-9 - . _ ~` is written `%XX`. A `+` is a plus sign, in paths and
//! in queries alike: nothing here speaks the form encoding of browsers.

use bytes::Bytes;

/// Encodes bytes so that they can stand in a path segment or in a query value.
pub fn percent_encode(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if is_unreserved(byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(char::from(HEX[usize::from(byte >> 4)]));
            text.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    text
}

/// Decodes; `None` if a `%` is not followed by two hexadecimal digits.
///
/// Characters that need no encoding may stand encoded, and the other way round if HTTP lets
/// them through: every byte string has one meaning, even if not one spelling.
pub fn percent_decode(text: &str) -> Option<Bytes> {
    let bytes = text.as_bytes();
    if !bytes.contains(&b'%') {
        return Some(Bytes::copy_from_slice(bytes));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let (high, low) = (hex_digit(*after.first()?)?, hex_digit(*after.get(1)?)?);
            out.push(high << 4 | low);
            rest = &after[2..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    Some(Bytes::from(out))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_encoding() {
        let all: Vec<u8> = (0..=255).collect();
        let text = percent_encode(&all);
        assert!(text.bytes().all(|b| is_unreserved(b) || b == b'%'));
        assert_eq!(percent_decode(&text).unwrap(), all);
    }

    #[test]
    fn plus_is_a_plus_and_lower_case_hex_is_read() {
        assert_eq!(percent_decode("a+b%2f").unwrap(), &b"a+b/"[..]);
    }

    #[test]
    fn broken_escapes_are_refused() {
        for text in ["%", "a%2", "%zz", "%%41", "%+1"] {
            assert!(percent_decode(text).is_none(), "{text} was decoded");
        }
    }
}
