//! The answer to `GET /v1/chain`: `[2, block0, opening, [* record]]` in deterministic CBOR
//! (RFC 8949 §4.2), see `spec/api.cddl`. Format 1 had no opening.
//!
//! Reading is strict: whatever does not encode to the same bytes again is refused.

use bytes::Bytes;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::limits::CHAIN_RECORDS_MAX;

/// The version of the format.
const FORMAT: u8 = 2;

/// All that a client needs to follow the configurations offline, from the block that it pinned
/// to the configuration in force. It is believed only after every step of it was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainFile {
    /// Block 0, whole; its hash is the network id.
    pub block0: Bytes,
    /// The action by which the members opened the network, with their signatures; none before they
    /// did.
    pub opening: Option<Bytes>,
    /// The chain records, from configuration 0 to 1 on.
    pub records: Vec<Bytes>,
}

/// Bytes that are no chain file. The sender is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFileError {
    /// The bytes are not CBOR of this shape.
    #[error("the chain file is malformed")]
    Malformed,
    /// The format is older or newer, or not ours.
    #[error("the chain file has format {found}, this program reads format {FORMAT}")]
    Format {
        /// The format found.
        found: u8,
    },
    /// It holds more records than any chain may have.
    #[error("the chain file holds {found} records, at most {CHAIN_RECORDS_MAX} are read")]
    TooManyRecords {
        /// The number announced.
        found: u64,
    },
    /// It is CBOR, but not in the one deterministic encoding.
    #[error("the chain file is not in its deterministic encoding")]
    NotCanonical,
}

impl ChainFile {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let size = self.records.iter().map(|r| r.len() + 9).sum::<usize>()
            + self.block0.len()
            + self.opening.as_ref().map_or(0, Bytes::len)
            + 36;
        let mut out = Encoder::new(Vec::with_capacity(size));
        self.write(&mut out)
            .expect("writing to a vector cannot fail");
        out.into_writer()
    }

    fn write(
        &self,
        out: &mut Encoder<Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        out.array(4)?.u8(FORMAT)?.bytes(&self.block0)?;
        match &self.opening {
            Some(opening) => out.bytes(opening)?,
            None => out.null()?,
        };
        out.array(self.records.len() as u64)?;
        for record in &self.records {
            out.bytes(record)?;
        }
        Ok(())
    }

    /// Reads a file; records share the memory of `bytes`.
    ///
    /// # Errors
    /// [`ChainFileError`], if these are not exactly the bytes that `encode` gives.
    pub fn decode(bytes: &Bytes) -> Result<Self, ChainFileError> {
        let mut input = Decoder::new(bytes);
        let parts = read(input.array())?;
        let found = read(input.u8())?;
        if found != FORMAT {
            return Err(ChainFileError::Format { found });
        }
        if parts != Some(4) {
            return Err(ChainFileError::Malformed);
        }
        let block0 = bytes.slice_ref(read(input.bytes())?);
        let opening = match read(input.datatype())? {
            Type::Null => read(input.null()).map(|()| None)?,
            _ => Some(bytes.slice_ref(read(input.bytes())?)),
        };
        let count = read(input.array())?.ok_or(ChainFileError::NotCanonical)?;
        if count > CHAIN_RECORDS_MAX as u64 {
            return Err(ChainFileError::TooManyRecords { found: count });
        }
        let mut records = Vec::new();
        for _ in 0..count {
            records.push(bytes.slice_ref(read(input.bytes())?));
        }
        let file = Self {
            block0,
            opening,
            records,
        };
        if file.encode() == bytes[..] {
            Ok(file)
        } else {
            Err(ChainFileError::NotCanonical)
        }
    }
}

fn read<T>(result: Result<T, minicbor::decode::Error>) -> Result<T, ChainFileError> {
    result.map_err(|_| ChainFileError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ChainFile {
        ChainFile {
            block0: Bytes::from_static(b"block zero"),
            opening: Some(Bytes::from_static(b"signed")),
            records: vec![Bytes::from_static(b"one"), Bytes::from(vec![7; 300])],
        }
    }

    #[test]
    fn chain_file_survives_its_encoding() {
        let unopened = ChainFile {
            opening: None,
            ..sample()
        };
        for file in [sample(), unopened, ChainFile::default()] {
            assert_eq!(ChainFile::decode(&file.encode().into()).unwrap(), file);
        }
    }

    #[test]
    fn other_format_is_named() {
        let mut bytes = sample().encode();
        bytes[1] = 3;
        assert_eq!(
            ChainFile::decode(&bytes.into()),
            Err(ChainFileError::Format { found: 3 })
        );
        let first_format = [0x83, 1, 0x40, 0x80];
        assert_eq!(
            ChainFile::decode(&Bytes::copy_from_slice(&first_format)),
            Err(ChainFileError::Format { found: 1 })
        );
    }

    #[test]
    fn trailing_bytes_and_long_forms_are_refused() {
        let mut trailing = sample().encode();
        trailing.push(0);
        assert_eq!(
            ChainFile::decode(&trailing.into()),
            Err(ChainFileError::NotCanonical)
        );
        // `2` as a two-byte integer: the same value, another encoding.
        let mut long = sample().encode();
        long.splice(1..2, [0x18, 2]);
        assert_eq!(
            ChainFile::decode(&long.into()),
            Err(ChainFileError::NotCanonical)
        );
    }

    #[test]
    fn announced_count_is_bounded_before_memory_is_taken() {
        let bytes = [
            0x84, 2, 0x40, 0xf6, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ];
        let result = ChainFile::decode(&Bytes::copy_from_slice(&bytes));
        assert_eq!(
            result,
            Err(ChainFileError::TooManyRecords { found: u64::MAX })
        );
    }

    #[test]
    fn mutated_bytes_never_panic_and_never_decode_to_other_bytes() {
        let valid = sample().encode();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..10_000 {
            let mut bytes = valid.clone();
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let position = (state >> 33) as usize % bytes.len();
            bytes[position] ^= (state >> 24) as u8;
            bytes.truncate((state >> 40) as usize % (valid.len() + 1));
            let bytes = Bytes::from(bytes);
            if let Ok(file) = ChainFile::decode(&bytes) {
                assert_eq!(file.encode(), bytes);
            }
        }
    }
}
