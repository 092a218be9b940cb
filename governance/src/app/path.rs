//! The path below `/app/NAME`, read once and in one way.

/// Longest path, in bytes as it came.
pub const PATH_BYTES_MAX: usize = 4096;
/// Most segments of a path.
pub const SEGMENTS_MAX: usize = 64;

/// A path below `/app/NAME`.
///
/// What a proxy, a file system or a careless program would read in another way is refused, not
/// mended: empty segments, `.` and `..` (however they are written), slashes, backslashes and
/// control characters within a segment, and what is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppPath {
    raw: String,
    segments: Vec<String>,
}

/// The path is refused; the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// Longer than [`PATH_BYTES_MAX`].
    #[error("path is {0} bytes, longer than the {PATH_BYTES_MAX} allowed")]
    TooLong(usize),
    /// More than [`SEGMENTS_MAX`] segments.
    #[error("path has more than {SEGMENTS_MAX} segments")]
    TooManySegments,
    /// A path begins with a slash.
    #[error("path does not begin with `/`")]
    NoSlash,
    /// Two slashes together, or one at the end.
    #[error("path has an empty segment")]
    EmptySegment,
    /// A segment is `.` or `..`, perhaps percent-encoded.
    #[error("path has a segment `.` or `..`")]
    DotSegment,
    /// A slash or backslash within a segment.
    #[error("path has a slash or backslash within a segment")]
    Slash,
    /// A character that must be percent-encoded in a path, such as `?` or a space.
    #[error("path has a character that must be percent-encoded")]
    Character,
    /// A NUL or another control character.
    #[error("path has a control character")]
    Control,
    /// A `%` without two hexadecimal digits.
    #[error("path has a `%` without two hexadecimal digits")]
    Encoding,
    /// A segment is not UTF-8 once it is decoded.
    #[error("path is not UTF-8")]
    NotText,
}

impl AppPath {
    /// Reads the path as it came, percent-encoded. The empty path is that of `/`.
    pub fn parse(raw: &str) -> Result<Self, BadPath> {
        if raw.len() > PATH_BYTES_MAX {
            return Err(BadPath::TooLong(raw.len()));
        }
        if raw.is_empty() || raw == "/" {
            let (raw, segments) = ("/".to_owned(), Vec::new());
            return Ok(Self { raw, segments });
        }
        let below = raw.strip_prefix('/').ok_or(BadPath::NoSlash)?;
        if below.split('/').nth(SEGMENTS_MAX).is_some() {
            return Err(BadPath::TooManySegments);
        }
        let segments = below.split('/').map(segment).collect::<Result<_, _>>()?;
        let raw = raw.to_owned();
        Ok(Self { raw, segments })
    }

    /// As it came, but for the empty path, which is `/`.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The segments, percent-decoded; none for `/`.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }
}

fn segment(raw: &str) -> Result<String, BadPath> {
    if raw.is_empty() {
        return Err(BadPath::EmptySegment);
    }
    let text = String::from_utf8(decoded(raw.as_bytes())?).map_err(|_| BadPath::NotText)?;
    if text == "." || text == ".." {
        return Err(BadPath::DotSegment);
    }
    if text.contains(['/', '\\']) {
        return Err(BadPath::Slash);
    }
    if text.chars().any(char::is_control) {
        return Err(BadPath::Control);
    }
    Ok(text)
}

fn decoded(raw: &[u8]) -> Result<Vec<u8>, BadPath> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        rest = tail;
        bytes.push(match first {
            b'%' => {
                let [high, low, tail @ ..] = tail else {
                    return Err(BadPath::Encoding);
                };
                rest = tail;
                digit(*high)? << 4 | digit(*low)?
            }
            b'\\' => return Err(BadPath::Slash),
            b'?' | b'#' => return Err(BadPath::Character),
            0x21..=0x7e => *first,
            0x00..=0x1f | 0x7f => return Err(BadPath::Control),
            _ => return Err(BadPath::Character),
        });
    }
    Ok(bytes)
}

fn digit(byte: u8) -> Result<u8, BadPath> {
    let value = char::from(byte).to_digit(16).ok_or(BadPath::Encoding)?;
    Ok(u8::try_from(value).expect("a hexadecimal digit is below 16"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(raw: &str) -> Vec<String> {
        AppPath::parse(raw).expect("a path").segments().to_vec()
    }

    #[test]
    fn a_path_is_decoded_segment_by_segment() {
        assert!(segments("").is_empty());
        assert!(segments("/").is_empty());
        assert_eq!(segments("/a/b"), ["a", "b"]);
        assert_eq!(
            segments("/a%20b/%C3%A4/c;d=1/..."),
            ["a b", "ä", "c;d=1", "..."]
        );
        assert_eq!(segments("/%252e%252E"), ["%2e%2E"], "decoded once");
        assert_eq!(AppPath::parse("").expect("the root").raw(), "/");
        assert_eq!(AppPath::parse("/a%20b").expect("a path").raw(), "/a%20b");
    }

    #[test]
    fn path_tricks_are_refused() {
        for (raw, expected) in [
            ("a", BadPath::NoSlash),
            ("//", BadPath::EmptySegment),
            ("/a//b", BadPath::EmptySegment),
            ("/a/", BadPath::EmptySegment),
            ("/.", BadPath::DotSegment),
            ("/a/../b", BadPath::DotSegment),
            ("/a/%2e%2E", BadPath::DotSegment),
            ("/%2e", BadPath::DotSegment),
            ("/a/.%2e/b", BadPath::DotSegment),
            ("/a%2fb", BadPath::Slash),
            ("/a%2Fb", BadPath::Slash),
            ("/a%5cb", BadPath::Slash),
            ("/a\\b", BadPath::Slash),
            ("/a%00", BadPath::Control),
            ("/a%0d%0a", BadPath::Control),
            ("/a%7f", BadPath::Control),
            ("/a%c2%85", BadPath::Control),
            ("/a\0", BadPath::Control),
            ("/a b", BadPath::Character),
            ("/a?b", BadPath::Character),
            ("/a#b", BadPath::Character),
            ("/ä", BadPath::Character),
            ("/a%", BadPath::Encoding),
            ("/a%4", BadPath::Encoding),
            ("/a%zz", BadPath::Encoding),
            ("/a%+1", BadPath::Encoding),
            ("/%ff", BadPath::NotText),
            ("/%c0%af", BadPath::NotText),
            ("/%ed%a0%80", BadPath::NotText),
        ] {
            assert_eq!(AppPath::parse(raw), Err(expected), "{raw:?}");
        }
    }

    #[test]
    fn long_paths_are_refused() {
        let longest = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
        assert!(AppPath::parse(&longest).is_ok());
        let longer = format!("{longest}a");
        assert_eq!(
            AppPath::parse(&longer),
            Err(BadPath::TooLong(PATH_BYTES_MAX + 1))
        );
        assert!(AppPath::parse(&"/a".repeat(SEGMENTS_MAX)).is_ok());
        let deeper = "/a".repeat(SEGMENTS_MAX + 1);
        assert_eq!(AppPath::parse(&deeper), Err(BadPath::TooManySegments));
    }
}
