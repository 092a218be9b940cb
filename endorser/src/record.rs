//! One answer as it stands on disk: `spec/endorser.cddl`, `record`.
//!
//! Invariants:
//! - a record decodes from its one encoding only;
//! - its digest covers all of it, so a torn or flipped file is not a record. It
//!   keeps accidents out, not forgers: those are verification's.

use minicbor::{Decoder, Encoder};
use synod_crypto::{Digest, sha256};

const LABEL: &str = "synod-endorser-record";
const FORMAT: u8 = 1;

/// Longest accepted URL, in bytes.
pub const URL_BYTES_MAX: usize = 2 * 1024;
/// Longest accepted record, in bytes: URL, chain header and the longest body.
pub const RECORD_BYTES_MAX: usize = 512 * 1024;

/// The bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There are more than [`RECORD_BYTES_MAX`] bytes.
    #[error("record is {0} bytes, longer than the {RECORD_BYTES_MAX} allowed")]
    TooLong(usize),
    /// Not the one encoding of any record.
    #[error("record is malformed")]
    Malformed,
    /// The digest does not match the bytes before it.
    #[error("record is damaged")]
    Damaged,
}

impl From<minicbor::decode::Error> for RecordError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// An answer, where it came from and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it was asked for.
    pub url: String,
    /// When it came, by the caller's clock (Unix milliseconds).
    pub fetched_ms: u64,
    /// The header with the issuer's chain, as it came.
    pub header: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Record {
    /// The encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(self.body.len() + 256));
        let digest = self.digest();
        self.write(&mut encoder)
            .and_then(|()| encoder.bytes(digest.as_bytes()).map(|_| ()))
            .expect("writing to a vector cannot fail");
        encoder.into_writer()
    }

    /// Decodes the one encoding, and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(RecordError::TooLong(bytes.len()));
        }
        let mut decoder = Decoder::new(bytes);
        if decoder.array()? != Some(7) || decoder.str()? != LABEL || decoder.u8()? != FORMAT {
            return Err(RecordError::Malformed);
        }
        let record = Self {
            url: decoder.str()?.to_owned(),
            fetched_ms: decoder.u64()?,
            header: header(&mut decoder)?,
            body: decoder.bytes()?.to_vec(),
        };
        if record.url.len() > URL_BYTES_MAX {
            return Err(RecordError::Malformed);
        }
        if decoder.bytes()? != record.digest().as_bytes() {
            return Err(RecordError::Damaged);
        }
        if record.encode() != bytes {
            return Err(RecordError::Malformed);
        }
        Ok(record)
    }

    fn digest(&self) -> Digest {
        let mut encoder = Encoder::new(Vec::with_capacity(self.body.len() + 256));
        self.write(&mut encoder)
            .expect("writing to a vector cannot fail");
        sha256(&[&encoder.into_writer()])
    }

    /// Everything but the digest.
    fn write(
        &self,
        encoder: &mut Encoder<Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        encoder.array(7)?.str(LABEL)?.u8(FORMAT)?;
        encoder.str(&self.url)?.u64(self.fetched_ms)?;
        match &self.header {
            Some(header) => encoder.str(header)?,
            None => encoder.null()?,
        };
        encoder.bytes(&self.body)?;
        Ok(())
    }
}

fn header(decoder: &mut Decoder<'_>) -> Result<Option<String>, RecordError> {
    if decoder.datatype()? == minicbor::data::Type::Null {
        decoder.null()?;
        return Ok(None);
    }
    Ok(Some(decoder.str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            url: "https://kds.test/x".to_owned(),
            fetched_ms: 1_752_000_000_000,
            header: Some("chain".to_owned()),
            body: b"body".to_vec(),
        }
    }

    #[test]
    fn a_record_is_read_back() {
        let mut record = record();
        assert_eq!(Record::decode(&record.encode()), Ok(record.clone()));
        record.header = None;
        assert_eq!(Record::decode(&record.encode()), Ok(record));
    }

    #[test]
    fn a_record_with_any_byte_changed_is_refused() {
        let good = record().encode();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x01;
            assert!(Record::decode(&bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_record_that_is_cut_or_goes_on_is_refused() {
        let good = record().encode();
        for length in 0..good.len() {
            assert!(Record::decode(&good[..length]).is_err(), "{length} bytes");
        }
        let longer = [good.as_slice(), &[0]].concat();
        assert_eq!(Record::decode(&longer), Err(RecordError::Malformed));
    }

    #[test]
    fn a_body_that_is_not_the_digests_is_damage() {
        let mut bytes = record().encode();
        let at = bytes.windows(4).position(|four| four == b"body");
        bytes[at.expect("the body stands there")] = b'B';
        assert_eq!(Record::decode(&bytes), Err(RecordError::Damaged));
    }

    #[test]
    fn a_record_longer_than_the_bound_is_not_read() {
        let bytes = vec![0x87; RECORD_BYTES_MAX + 1];
        let refused = Record::decode(&bytes);
        assert_eq!(refused, Err(RecordError::TooLong(RECORD_BYTES_MAX + 1)));
    }
}
