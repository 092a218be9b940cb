//! The Nitro attestation document: an untagged or tagged COSE_Sign1 (RFC 9052)
//! over a CBOR map, as the NSM API of `aws-nitro-enclaves-nsm-api` defines it.
//!
//! Invariants:
//! - the envelope is in its one deterministic encoding, so that nobody can give
//!   the same signed document other bytes, but for the tag;
//! - lengths are definite, except that of the payload's map, which newer NSMs
//!   leave open;
//! - no field or register appears twice, and none is longer than AWS
//!   allows;
//! - no field is unknown: it could say something that unmakes the rest, and
//!   nobody here would hear it.

use std::collections::BTreeMap;

use minicbor::{Decoder, Encoder, data::Type};

use crate::{nitro::error::NitroError, scalars::p384_scalars_in_range};

/// Tag 18, COSE_Sign1.
const TAG: u8 = 0xd2;

/// Protected header `{1: -35}` (`alg: ES384`), the only one that AWS uses.
const PROTECTED: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];

/// Bounds that AWS states for the fields.
const MODULE_ID_BYTES_MAX: usize = 256;
const PCR_INDEX_MAX: u8 = 31;
const CERTIFICATE_BYTES_MAX: usize = 1024;
const PUBLIC_KEY_BYTES_MAX: usize = 1024;
const USER_DATA_BYTES_MAX: usize = 512;
const NONCE_BYTES_MAX: usize = 512;
/// AWS's chains have four certificates above the leaf.
const CHAIN_MAX: usize = 10;

/// A parsed document. Nothing in it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Document {
    /// The enclave and the instance that holds it.
    pub module_id: String,
    /// When it says that it was made (Unix milliseconds).
    pub timestamp_ms: u64,
    /// The platform configuration registers, 0 to 2 at least.
    pub pcrs: BTreeMap<u8, [u8; 48]>,
    /// The certificate of the key that signed (DER).
    pub certificate: Vec<u8>,
    /// The certificates above it, from the root down (DER).
    pub chain: Vec<Vec<u8>>,
    /// A key that the enclave passed on.
    pub public_key: Option<Vec<u8>>,
    /// The enclave's own bytes.
    pub user_data: Option<Vec<u8>>,
    /// A nonce that the enclave passed on.
    pub nonce: Option<Vec<u8>>,
    /// The bytes that are signed (`Sig_structure`, RFC 9052 §4.4).
    pub(crate) signed: Vec<u8>,
    /// r ‖ s.
    pub(crate) signature: [u8; 96],
}

impl Document {
    /// Parses a document, with or without its tag.
    pub fn parse(bytes: &[u8]) -> Result<Self, NitroError> {
        let envelope = Envelope::parse(bytes)?;
        let fields = Fields::parse(envelope.payload)?;
        Ok(Self {
            module_id: required(fields.module_id, "module_id")?,
            timestamp_ms: required(fields.timestamp, "timestamp")?,
            pcrs: required(fields.pcrs, "pcrs")?,
            certificate: required(fields.certificate, "certificate")?,
            chain: required(fields.cabundle, "cabundle")?,
            public_key: fields.public_key.and_then(|field| field.0),
            user_data: fields.user_data.and_then(|field| field.0),
            nonce: fields.nonce.and_then(|field| field.0),
            signed: envelope.signed(),
            signature: envelope.signature,
        })
    }
}

fn required<T>(field: Option<T>, name: &'static str) -> Result<T, NitroError> {
    field.ok_or(NitroError::Missing(name))
}

/// The parts of a COSE_Sign1.
struct Envelope<'a> {
    payload: &'a [u8],
    signature: [u8; 96],
}

type Encoded = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

impl<'a> Envelope<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, NitroError> {
        let untagged = bytes.strip_prefix(&[TAG]).unwrap_or(bytes);
        let mut decoder = Decoder::new(untagged);
        let malformed = |_| NitroError::Envelope;
        if decoder.array().map_err(malformed)? != Some(4) {
            return Err(NitroError::Envelope);
        }
        if decoder.bytes().map_err(malformed)? != PROTECTED {
            return Err(NitroError::ProtectedHeader);
        }
        if decoder.map().map_err(malformed)? != Some(0) {
            return Err(NitroError::UnprotectedHeader);
        }
        let payload = decoder.bytes().map_err(malformed)?;
        let signature = decoder.bytes().map_err(malformed)?;
        let signature = signature
            .try_into()
            .map_err(|_| NitroError::SignatureLength(signature.len()))?;
        let envelope = Self { payload, signature };
        if envelope.encode() != untagged {
            return Err(NitroError::NotCanonical);
        }
        if !p384_scalars_in_range(&envelope.signature) {
            return Err(NitroError::SignatureRange);
        }
        Ok(envelope)
    }

    /// The one encoding, without a tag.
    fn encode(&self) -> Vec<u8> {
        self.written(|encoder| {
            encoder.array(4)?.bytes(&PROTECTED)?.map(0)?;
            encoder.bytes(self.payload)?.bytes(&self.signature)?;
            Ok(())
        })
    }

    /// `Sig_structure`, without further data of the application.
    fn signed(&self) -> Vec<u8> {
        self.written(|encoder| {
            encoder.array(4)?.str("Signature1")?.bytes(&PROTECTED)?;
            encoder.bytes(&[])?.bytes(self.payload)?;
            Ok(())
        })
    }

    fn written(&self, write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Encoded) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(self.payload.len() + 128));
        write(&mut encoder).expect("writing to a vector cannot fail");
        encoder.into_writer()
    }
}

/// The fields as they come; `None` is one that has not come yet.
#[derive(Default)]
struct Fields {
    module_id: Option<String>,
    digest: Option<()>,
    timestamp: Option<u64>,
    pcrs: Option<BTreeMap<u8, [u8; 48]>>,
    certificate: Option<Vec<u8>>,
    cabundle: Option<Vec<Vec<u8>>>,
    public_key: Option<PassedOn>,
    user_data: Option<PassedOn>,
    nonce: Option<PassedOn>,
}

/// A field that the enclave may leave empty (CBOR null).
struct PassedOn(Option<Vec<u8>>);

impl Fields {
    fn parse(payload: &[u8]) -> Result<Self, NitroError> {
        let mut decoder = Decoder::new(payload);
        let mut left = Left::of(decoder.map()).ok_or(NitroError::Payload)?;
        let mut fields = Self::default();
        while left.another(&mut decoder).ok_or(NitroError::Payload)? {
            let name = decoder.str().map_err(|_| NitroError::Payload)?;
            fields.read(name, &mut decoder)?;
        }
        if decoder.position() != payload.len() {
            return Err(NitroError::Payload);
        }
        required(fields.digest, "digest")?;
        Ok(fields)
    }

    fn read(&mut self, name: &str, decoder: &mut Decoder<'_>) -> Result<(), NitroError> {
        match name {
            "module_id" => put(&mut self.module_id, "module_id", module_id(decoder)),
            "digest" => put(&mut self.digest, "digest", digest(decoder)),
            "timestamp" => {
                let timestamp = decoder.u64().map_err(|_| NitroError::Field("timestamp"));
                put(&mut self.timestamp, "timestamp", timestamp)
            }
            "pcrs" => put(&mut self.pcrs, "pcrs", pcrs(decoder)),
            "certificate" => {
                let certificate = bounded(decoder, "certificate", CERTIFICATE_BYTES_MAX);
                put(&mut self.certificate, "certificate", certificate)
            }
            "cabundle" => put(&mut self.cabundle, "cabundle", cabundle(decoder)),
            "public_key" => {
                let field = passed_on(decoder, "public_key", PUBLIC_KEY_BYTES_MAX);
                put(&mut self.public_key, "public_key", field)
            }
            "user_data" => {
                let field = passed_on(decoder, "user_data", USER_DATA_BYTES_MAX);
                put(&mut self.user_data, "user_data", field)
            }
            "nonce" => {
                let field = passed_on(decoder, "nonce", NONCE_BYTES_MAX);
                put(&mut self.nonce, "nonce", field)
            }
            _ => Err(NitroError::UnknownField),
        }
    }
}

/// Stores a field, once.
fn put<T>(
    slot: &mut Option<T>,
    name: &'static str,
    value: Result<T, NitroError>,
) -> Result<(), NitroError> {
    if slot.is_some() {
        return Err(NitroError::Repeated(name));
    }
    *slot = Some(value?);
    Ok(())
}

/// How much of the payload's map is left: NSMs write it with a definite or
/// with an indefinite length.
struct Left(Option<u64>);

impl Left {
    fn of(length: Result<Option<u64>, minicbor::decode::Error>) -> Option<Self> {
        length.ok().map(Self)
    }

    /// Whether another item follows; `None` if the bytes end too early.
    fn another(&mut self, decoder: &mut Decoder<'_>) -> Option<bool> {
        if let Some(count) = &mut self.0 {
            let more = *count > 0;
            *count = count.saturating_sub(1);
            return Some(more);
        }
        if decoder.datatype().ok()? != Type::Break {
            return Some(true);
        }
        decoder.skip().ok()?;
        Some(false)
    }
}

fn module_id(decoder: &mut Decoder<'_>) -> Result<String, NitroError> {
    let wrong = NitroError::Field("module_id");
    let text = decoder.str().map_err(|_| wrong.clone())?;
    if !(1..=MODULE_ID_BYTES_MAX).contains(&text.len()) {
        return Err(wrong);
    }
    Ok(text.to_owned())
}

fn digest(decoder: &mut Decoder<'_>) -> Result<(), NitroError> {
    if decoder.str().ok() != Some("SHA384") {
        return Err(NitroError::DigestAlgorithm);
    }
    Ok(())
}

fn pcrs(decoder: &mut Decoder<'_>) -> Result<BTreeMap<u8, [u8; 48]>, NitroError> {
    let wrong = |_| NitroError::Field("pcrs");
    let count = decoder.map().map_err(wrong)?;
    let count = count.ok_or(NitroError::Field("pcrs"))?;
    let mut pcrs = BTreeMap::new();
    for _ in 0..count {
        let index = decoder.u8().map_err(wrong)?;
        if index > PCR_INDEX_MAX {
            return Err(NitroError::PcrIndex(index));
        }
        let value = decoder.bytes().map_err(wrong)?;
        let value = value.try_into().map_err(|_| NitroError::PcrLength {
            index,
            length: value.len(),
        })?;
        if pcrs.insert(index, value).is_some() {
            return Err(NitroError::PcrRepeated(index));
        }
    }
    // Without these, nobody could tell a debugged enclave.
    match (0..=2).find(|index| !pcrs.contains_key(index)) {
        Some(index) => Err(NitroError::PcrMissing(index)),
        None => Ok(pcrs),
    }
}

fn cabundle(decoder: &mut Decoder<'_>) -> Result<Vec<Vec<u8>>, NitroError> {
    let wrong = NitroError::Field("cabundle");
    let count = decoder.array().map_err(|_| wrong.clone())?.ok_or(wrong)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if !(1..=CHAIN_MAX).contains(&count) {
        return Err(NitroError::ChainLength(count));
    }
    (0..count)
        .map(|_| bounded(decoder, "cabundle", CERTIFICATE_BYTES_MAX))
        .collect()
}

fn passed_on(
    decoder: &mut Decoder<'_>,
    name: &'static str,
    bytes_max: usize,
) -> Result<PassedOn, NitroError> {
    let kind = decoder.datatype().map_err(|_| NitroError::Field(name))?;
    if kind == Type::Null {
        decoder.null().map_err(|_| NitroError::Field(name))?;
        return Ok(PassedOn(None));
    }
    bounded(decoder, name, bytes_max).map(|bytes| PassedOn(Some(bytes)))
}

fn bounded(
    decoder: &mut Decoder<'_>,
    name: &'static str,
    bytes_max: usize,
) -> Result<Vec<u8>, NitroError> {
    let bytes = decoder.bytes().map_err(|_| NitroError::Field(name))?;
    if bytes.len() > bytes_max {
        return Err(NitroError::FieldTooLong {
            name,
            length: bytes.len(),
        });
    }
    Ok(bytes.to_vec())
}
