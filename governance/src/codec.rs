//! The one way governance writes and reads its formats.
//!
//! Everything is `[format, body]` in deterministic CBOR (RFC 8949 §4.2.1). A
//! reader accepts only what the writer gives: it encodes again and compares.

use minicbor::{Decode, Decoder, Encode, Encoder};

/// The version of all formats of this crate: `spec/governance.cddl`. In version 1 rows of replicas
/// named no hardware and no machine, an opening named no configuration, and a manifest had no
/// `unheard_s` and no `open_voters`: what a ledger of that version records cannot be recomputed.
pub const FORMAT: u16 = 2;

/// The bytes are no value of the expected format. Their author is at fault, or
/// the storage they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than the format allows.
    #[error("too long: {0} bytes")]
    TooLong(usize),
    /// Not CBOR of the expected shape.
    #[error("not CBOR of the expected shape")]
    Shape,
    /// A version that this program does not know.
    #[error("format version {0}, this program reads version {FORMAT}")]
    Version(u16),
    /// Not the deterministic encoding, or bytes are left over.
    #[error("not in the deterministic encoding")]
    NotCanonical,
}

pub(crate) fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder
        .array(2)
        .and_then(|e| e.u16(FORMAT))
        .and_then(|e| e.encode(value))
        .expect("writing to a vector cannot fail");
    encoder.into_writer()
}

pub(crate) fn decode<T>(bytes: &[u8], bytes_max: usize) -> Result<T, Malformed>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    if bytes.len() > bytes_max {
        return Err(Malformed::TooLong(bytes.len()));
    }
    let mut decoder = Decoder::new(bytes);
    if decoder.array().ok() != Some(Some(2)) {
        return Err(Malformed::Shape);
    }
    match decoder.u16() {
        Ok(FORMAT) => {}
        Ok(other) => return Err(Malformed::Version(other)),
        Err(_) => return Err(Malformed::Shape),
    }
    let value: T = decoder.decode().map_err(|_| Malformed::Shape)?;
    if encode(&value) != bytes {
        return Err(Malformed::NotCanonical);
    }
    Ok(value)
}

/// A list of byte strings, for `#[cbor(with = "…")]`.
pub(crate) mod byte_strings {
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};

    pub(crate) fn encode<C, W: Write>(
        list: &[Vec<u8>],
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        encoder.array(list.len() as u64)?;
        for bytes in list {
            encoder.bytes(bytes)?;
        }
        Ok(())
    }

    pub(crate) fn decode<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<Vec<Vec<u8>>, Error> {
        let length = decoder
            .array()?
            .ok_or_else(|| Error::message("indefinite list"))?;
        (0..length)
            .map(|_| decoder.bytes().map(<[u8]>::to_vec))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_another_format_are_refused_by_its_number() {
        let mut bytes = encode(&7u64);
        assert_eq!(decode::<u64>(&bytes, 16), Ok(7));
        for other in [1, 3] {
            bytes[1] = other;
            let refused = decode::<u64>(&bytes, 16).unwrap_err();
            assert_eq!(refused, Malformed::Version(other.into()));
            let text = format!("format version {other}, this program reads version 2");
            assert_eq!(refused.to_string(), text);
        }
    }
}
