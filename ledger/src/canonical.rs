//! Strict reading of deterministic CBOR.
//!
//! Everything this crate signs, hashes or stores has exactly one encoding. A
//! decoder therefore bounds the length first, reads one item, refuses bytes
//! after it, and compares with its own encoding of what it read. No other way
//! of decoding outside bytes exists here.

use minicbor::{Decode, Encode};

/// Why bytes are not a well-formed item of the expected format. The sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than the format allows; nothing was read.
    #[error("longer than the {max} bytes allowed")]
    TooLong {
        /// The format's bound in bytes.
        max: usize,
    },
    /// Not CBOR, or not of the expected shape.
    #[error("not of the expected shape")]
    Shape,
    /// Bytes follow the item.
    #[error("bytes follow the item")]
    Trailing,
    /// A valid encoding, but not the deterministic one (RFC 8949 §4.2.1).
    #[error("not the deterministic encoding")]
    NotCanonical,
    /// Another version of the format than this program reads.
    #[error("it has format {found}, expected {known}")]
    Version {
        /// The version found.
        found: u16,
        /// The version that this program reads.
        known: u16,
    },
}

/// Refuses an array whose first item is another version number than `known`. What else is wrong
/// with the bytes is for [`decode`] to say.
pub(crate) fn check_version(bytes: &[u8], known: u16) -> Result<(), Malformed> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let found = decoder.array().and_then(|_| decoder.u16());
    let found = found.map_err(|_| Malformed::Shape)?;
    if found == known {
        Ok(())
    } else {
        Err(Malformed::Version { found, known })
    }
}

/// Reads one item that fills `bytes` exactly and is encoded the one right way.
pub(crate) fn decode<'b, T>(bytes: &'b [u8], max: usize) -> Result<T, Malformed>
where
    T: Decode<'b, ()> + Encode<()>,
{
    if bytes.len() > max {
        return Err(Malformed::TooLong { max });
    }
    let mut decoder = minicbor::Decoder::new(bytes);
    let item: T = decoder.decode().map_err(|_| Malformed::Shape)?;
    if decoder.position() != bytes.len() {
        return Err(Malformed::Trailing);
    }
    if encode(&item) != bytes {
        return Err(Malformed::NotCanonical);
    }
    Ok(item)
}

/// Encodes into a fresh vector, which cannot fail.
pub(crate) fn encode<T: Encode<()>>(item: &T) -> Vec<u8> {
    minicbor::to_vec(item).expect("writing to a vector cannot fail")
}

/// Bytes that the CBOR head of a string or array of `len` takes in its shortest form.
pub(crate) const fn head_len(len: usize) -> usize {
    match len {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_encoding_is_accepted_and_its_variants_are_not() {
        assert_eq!(decode::<(u64, u64)>(&[0x82, 1, 2], 9), Ok((1, 2)));
        assert_eq!(
            decode::<(u64, u64)>(&[0x82, 1, 2, 0], 9),
            Err(Malformed::Trailing)
        );
        assert_eq!(
            decode::<(u64, u64)>(&[0x82, 1, 0x18, 2], 9),
            Err(Malformed::NotCanonical)
        );
        assert_eq!(decode::<(u64, u64)>(&[0x82, 1], 9), Err(Malformed::Shape));
        assert_eq!(
            decode::<(u64, u64)>(&[0x82, 1, 2], 2),
            Err(Malformed::TooLong { max: 2 })
        );
    }

    #[test]
    fn head_length_is_what_the_encoder_writes() {
        for len in [0usize, 23, 24, 255, 256, 65_535, 65_536, 100_000] {
            let encoded = minicbor::to_vec(len as u64).expect("vector").len();
            assert_eq!(head_len(len), encoded);
        }
    }
}
