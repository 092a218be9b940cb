//! The one way governance writes and reads its formats.
//!
//! Everything is `[format, body]` in deterministic CBOR (RFC 8949 §4.2.1). A
//! reader accepts only what the writer gives: it encodes again and compares.

use minicbor::{Decode, Decoder, Encode, Encoder};

/// The version of all formats of this crate: `spec/governance.cddl`.
pub const FORMAT: u16 = 1;

/// The bytes are no value of the expected format. Their author is at fault, or
/// the storage they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than the format allows.
    #[error("{0} bytes are too long")]
    TooLong(usize),
    /// Not CBOR of the expected shape.
    #[error("not CBOR of the expected shape")]
    Shape,
    /// A version that this program does not know.
    #[error("unknown format version {0}")]
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
