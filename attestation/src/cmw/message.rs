//! What a wrapper holds, in either serialization.
//!
//! Invariants:
//! - a [`Cmw`] that exists is within the bounds named here, and its types are
//!   well-formed;
//! - a wrapper secures nothing: what is inside must prove itself.

use minicbor::Encoder;

/// Longest wrapper that is read, in bytes.
pub const CMW_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most entries of a collection.
pub const ENTRIES_MAX: usize = 32;
/// Collections nest no deeper.
pub const DEPTH_MAX: usize = 4;
/// Longest media type, label or collection type, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// The key under which a collection says its own type.
pub(crate) const COLLECTION_TYPE: &str = "__cmwc_t";

/// The first CBOR tag for CoAP content formats, and the last (RFC 9277,
/// Appendix B).
const TAG_MIN: u64 = 1_668_546_817;
const TAG_MAX: u64 = 1_668_612_095;

/// A wrapped message, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cmw {
    /// Type and value.
    Record(Record),
    /// A value whose CBOR tag is its type.
    Tag(Tagged),
    /// Several, each under a label.
    Collection(Collection),
}

/// `[type, value, ?ind]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the value is.
    pub kind: Kind,
    /// The message.
    pub value: Vec<u8>,
    /// Which conceptual messages the value holds, where the type does not say.
    pub indicator: Option<Indicator>,
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A media type (RFC 6838).
    Media(MediaType),
    /// A CoAP content format (RFC 7252, 12.3); in CBOR only.
    ContentFormat(u16),
}

/// A media type, as far as its form goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(String);

impl MediaType {
    /// Takes `type/subtype`, with parameters or without.
    ///
    /// # Errors
    /// [`CmwError::MediaType`].
    pub fn new(text: impl Into<String>) -> Result<Self, CmwError> {
        let text = text.into();
        let bare = text.split(';').next().unwrap_or_default();
        let sound = bare
            .split_once('/')
            .is_some_and(|(major, minor)| is_name(major) && is_name(minor.trim_end()));
        let printable = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if text.len() > NAME_BYTES_MAX || !sound || !printable {
            return Err(CmwError::MediaType);
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A restricted name of RFC 6838, 4.2.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
}

/// Which conceptual messages a value holds: a set of bits (RFC 9999), never
/// empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indicator(u32);

impl Indicator {
    /// Reference values.
    pub const REFERENCE_VALUES: Self = Self(1);
    /// Endorsements.
    pub const ENDORSEMENTS: Self = Self(2);
    /// Evidence.
    pub const EVIDENCE: Self = Self(4);
    /// Attestation results.
    pub const ATTESTATION_RESULTS: Self = Self(8);

    /// The set of these bits.
    ///
    /// # Errors
    /// [`CmwError::Indicator`], if there is none.
    pub fn new(bits: u32) -> Result<Self, CmwError> {
        if bits == 0 {
            return Err(CmwError::Indicator);
        }
        Ok(Self(bits))
    }

    /// The bits.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of `other` are in.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A byte string under a tag that represents a content format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// The content format.
    pub format: u16,
    /// The message.
    pub value: Vec<u8>,
}

impl Tagged {
    /// The CBOR tag: `TN(format)` of RFC 9277, Appendix B.
    pub fn tag(&self) -> u64 {
        let format = u64::from(self.format);
        TAG_MIN + format / 255 * 256 + format % 255
    }

    /// The content format that a tag stands for.
    pub(crate) fn format_of(tag: u64) -> Option<u16> {
        let offset = (TAG_MIN..=TAG_MAX).contains(&tag).then(|| tag - TAG_MIN)?;
        // No format maps to the last number of a row of 256.
        (offset % 256 != 255)
            .then(|| u16::try_from(offset / 256 * 255 + offset % 256).ok())
            .flatten()
    }
}

/// The key of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// A text.
    Text(String),
    /// A number; in CBOR only.
    Number(i64),
}

impl Label {
    /// The encoding, by which entries are sorted.
    pub(crate) fn to_cbor(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        let written = match self {
            Self::Text(text) => encoder.str(text).map(|_| ()),
            Self::Number(number) => encoder.i64(*number).map(|_| ()),
        };
        written.expect("writing to a vector cannot fail");
        encoder.into_writer()
    }
}

/// Messages under labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    kind: Option<String>,
    entries: Vec<(Label, Cmw)>,
}

impl Collection {
    /// A collection of these entries, of the type `kind` (a URI, or an OID
    /// with dots) if it has one. The order of the entries means nothing.
    ///
    /// # Errors
    /// [`CmwError`] names the bound or rule that is broken.
    pub fn new(kind: Option<String>, entries: Vec<(Label, Cmw)>) -> Result<Self, CmwError> {
        if entries.is_empty() || entries.len() > ENTRIES_MAX {
            return Err(CmwError::Entries(entries.len()));
        }
        let too_long = |text: &String| text.is_empty() || text.len() > NAME_BYTES_MAX;
        if kind.as_ref().is_some_and(too_long) {
            return Err(CmwError::Name);
        }
        for (at, (label, entry)) in entries.iter().enumerate() {
            if let Label::Text(text) = label
                && (too_long(text) || text == COLLECTION_TYPE)
            {
                return Err(CmwError::Name);
            }
            if entries[..at].iter().any(|(earlier, _)| earlier == label) {
                return Err(CmwError::Duplicate);
            }
            if entry.depth() >= DEPTH_MAX {
                return Err(CmwError::TooDeep);
            }
        }
        let mut entries = entries;
        entries.sort_by_cached_key(|(label, _)| label.to_cbor());
        Ok(Self { kind, entries })
    }

    /// Its type.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The entries, in the order of their encoding.
    pub fn entries(&self) -> &[(Label, Cmw)] {
        &self.entries
    }

    /// The entry with this text as its label.
    pub fn entry(&self, label: &str) -> Option<&Cmw> {
        let is_it =
            |(found, _): &&(Label, Cmw)| matches!(found, Label::Text(text) if text == label);
        self.entries.iter().find(is_it).map(|(_, entry)| entry)
    }
}

impl Cmw {
    fn depth(&self) -> usize {
        match self {
            Self::Record(_) | Self::Tag(_) => 0,
            Self::Collection(collection) => {
                let inner = collection.entries.iter().map(|(_, entry)| entry.depth());
                1 + inner.max().unwrap_or_default()
            }
        }
    }
}

/// Why bytes are no wrapper that is read here. Their sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CmwError {
    /// Longer than [`CMW_BYTES_MAX`].
    #[error("wrapper is {0} bytes, longer than the {CMW_BYTES_MAX} allowed")]
    TooLong(usize),
    /// Neither record, tag nor collection, or bytes after it.
    #[error("wrapper is malformed")]
    Malformed,
    /// The CBOR is not deterministic, or the Base64 not canonical.
    #[error("wrapper is not in its canonical encoding")]
    NotCanonical,
    /// The type is not a media type.
    #[error("type of a record is not a valid media type")]
    MediaType,
    /// The tag stands for no content format.
    #[error("tag {0} does not correspond to a content format")]
    Tag(u64),
    /// The indicator is empty.
    #[error("indicator of a record is empty")]
    Indicator,
    /// None or more than [`ENTRIES_MAX`] entries.
    #[error("collection has {0} entries, expected 1 to {ENTRIES_MAX}")]
    Entries(usize),
    /// A label or type that is empty, reserved or too long.
    #[error("label or type of a collection is empty, reserved or too long")]
    Name,
    /// Two entries have one label.
    #[error("collection has two entries with the same label")]
    Duplicate,
    /// Collections in collections, deeper than [`DEPTH_MAX`].
    #[error("collections are nested too deeply")]
    TooDeep,
    /// A tunnel from the other serialization, which is not read here.
    #[error("wrapper contains a wrapper in another serialization")]
    Tunnel,
    /// JSON cannot say it.
    #[error("wrapper has content that JSON cannot represent")]
    NotInJson,
}
