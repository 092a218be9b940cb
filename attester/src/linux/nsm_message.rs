//! The messages of the Nitro Secure Module, in CBOR.
//!
//! A request is a map with the command's name as its one key; an answer has
//! the same shape, or says `Error`.

use minicbor::{Decoder, Encoder, data::Type};

/// Longest answer of the module, in bytes.
pub const NSM_ANSWER_BYTES_MAX: usize = 0x3000;
/// Longest user data.
pub const NSM_USER_DATA_MAX: usize = 512;
/// Longest nonce.
pub const NSM_NONCE_MAX: usize = 512;
/// Longest public key.
pub const NSM_PUBLIC_KEY_MAX: usize = 1024;

/// What a document is to carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NsmRequest<'a> {
    /// User data: ours is the report data.
    pub user_data: Option<&'a [u8]>,
    /// A nonce.
    pub nonce: Option<&'a [u8]>,
    /// A public key.
    pub public_key: Option<&'a [u8]>,
}

/// A message is not as it should be, or says that something went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NsmMessageError {
    /// A field of the request is longer than the module takes.
    #[error("`{field}` is {length} bytes, longer than the {most} allowed")]
    FieldTooLong {
        /// Which one.
        field: &'static str,
        /// Its length.
        length: usize,
        /// The bound.
        most: usize,
    },
    /// The answer is longer than any.
    #[error("the response is {0} bytes, longer than the {NSM_ANSWER_BYTES_MAX} allowed")]
    AnswerTooLong(usize),
    /// The answer is not CBOR of the right shape.
    #[error("the response is malformed")]
    Malformed,
    /// The answer is for another command.
    #[error("the response is for `{0}`, which was not requested")]
    OtherCommand(String),
    /// The module refused; its word for why.
    #[error("the module answered `{0}`")]
    Refused(String),
}

impl From<minicbor::decode::Error> for NsmMessageError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

impl NsmRequest<'_> {
    /// The request for an attestation document.
    pub fn encode(&self) -> Result<Vec<u8>, NsmMessageError> {
        let fields = [
            ("user_data", self.user_data, NSM_USER_DATA_MAX),
            ("nonce", self.nonce, NSM_NONCE_MAX),
            ("public_key", self.public_key, NSM_PUBLIC_KEY_MAX),
        ];
        for (field, value, most) in fields {
            let length = value.map_or(0, <[u8]>::len);
            if length > most {
                return Err(NsmMessageError::FieldTooLong {
                    field,
                    length,
                    most,
                });
            }
        }
        let mut encoder = Encoder::new(Vec::with_capacity(128));
        write(&mut encoder, &fields).expect("writing to a vector cannot fail");
        Ok(encoder.into_writer())
    }
}

fn write(
    encoder: &mut Encoder<Vec<u8>>,
    fields: &[(&str, Option<&[u8]>, usize)],
) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
    encoder.map(1)?.str("Attestation")?;
    encoder.map(fields.len() as u64)?;
    for (name, value, _) in fields {
        encoder.str(name)?;
        match value {
            Some(bytes) => encoder.bytes(bytes)?,
            None => encoder.null()?,
        };
    }
    Ok(())
}

/// The attestation document in an answer.
pub fn document_of(answer: &[u8]) -> Result<Vec<u8>, NsmMessageError> {
    if answer.len() > NSM_ANSWER_BYTES_MAX {
        return Err(NsmMessageError::AnswerTooLong(answer.len()));
    }
    let mut decoder = Decoder::new(answer);
    let result = match only_key(&mut decoder)? {
        "Attestation" => match only_key(&mut decoder)? {
            "document" => Ok(decoder.bytes()?.to_vec()),
            _ => Err(NsmMessageError::Malformed),
        },
        "Error" => Err(NsmMessageError::Refused(word(decoder.str()?))),
        other => return Err(NsmMessageError::OtherCommand(word(other))),
    };
    if decoder.position() != answer.len() {
        return Err(NsmMessageError::Malformed);
    }
    result
}

/// The key of a map that has exactly one.
fn only_key<'a>(decoder: &mut Decoder<'a>) -> Result<&'a str, NsmMessageError> {
    if decoder.datatype()? != Type::Map || decoder.map()? != Some(1) {
        return Err(NsmMessageError::Malformed);
    }
    Ok(decoder.str()?)
}

/// A word for a message to people: short and printable.
fn word(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
