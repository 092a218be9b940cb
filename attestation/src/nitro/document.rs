//! The Nitro attestation document: an untagged or tagged COSE_Sign1 (RFC 9052)
//! over a CBOR map, as the NSM API of `aws-nitro-enclaves-nsm-api` defines it.
//!
//! Invariants: no field stands there twice, none is unknown, none is longer
//! than AWS allows, and no byte follows.

use std::collections::BTreeMap;

use coset::{CborSerializable, CoseSign1, TaggedCborSerializable};
use minicbor::{Decoder, data::Type};

use crate::nitro::error::NitroError;

/// Protected header `{1: -35}` (`alg: ES384`), the only one that AWS uses.
const PROTECTED: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];

/// Bounds that AWS states for the fields.
const MODULE_ID_BYTES_MAX: usize = 256;
const PCR_INDEX_MAX: u8 = 31;
const CERTIFICATE_BYTES_MAX: usize = 1024;
const PASSED_ON_BYTES_MAX: usize = 1024;
/// AWS's chains have four certificates above the leaf.
const CHAIN_MAX: usize = 10;

/// A parsed document. Nothing in it is verified yet.
pub(crate) struct Document {
    pub(crate) module_id: String,
    pub(crate) timestamp_ms: u64,
    pub(crate) pcrs: BTreeMap<u8, [u8; 48]>,
    pub(crate) certificate: Vec<u8>,
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) public_key: Option<Vec<u8>>,
    pub(crate) user_data: Option<Vec<u8>>,
    pub(crate) nonce: Option<Vec<u8>>,
    /// The bytes that are signed (`Sig_structure`, RFC 9052 §4.4).
    pub(crate) signed: Vec<u8>,
    /// r ‖ s.
    pub(crate) signature: Vec<u8>,
}

impl Document {
    /// Parses a document.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, NitroError> {
        let envelope = envelope(bytes)?;
        let payload = envelope.payload.as_deref().ok_or(NitroError::Envelope)?;
        let fields = Fields::parse(payload)?;
        Ok(Self {
            module_id: fields.module_id.ok_or(NitroError::Field("module_id"))?,
            timestamp_ms: fields.timestamp.ok_or(NitroError::Field("timestamp"))?,
            pcrs: fields.pcrs.ok_or(NitroError::Field("pcrs"))?,
            certificate: fields.certificate.ok_or(NitroError::Field("certificate"))?,
            chain: fields.cabundle.ok_or(NitroError::Field("cabundle"))?,
            public_key: fields.public_key.and_then(|field| field.0),
            user_data: fields.user_data.and_then(|field| field.0),
            nonce: fields.nonce.and_then(|field| field.0),
            signed: envelope.tbs_data(&[]),
            signature: envelope.signature,
        })
    }
}

fn envelope(bytes: &[u8]) -> Result<CoseSign1, NitroError> {
    let parsed = if bytes.first() == Some(&0xd2) {
        CoseSign1::from_tagged_slice(bytes)
    } else {
        CoseSign1::from_slice(bytes)
    };
    let envelope = parsed.map_err(|_| NitroError::Envelope)?;
    if envelope.protected.original_data.as_deref() != Some(&PROTECTED)
        || !envelope.unprotected.is_empty()
    {
        return Err(NitroError::ProtectedHeader);
    }
    Ok(envelope)
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
        if fields.digest.is_none() {
            return Err(NitroError::Field("digest"));
        }
        Ok(fields)
    }

    fn read(&mut self, name: &str, decoder: &mut Decoder<'_>) -> Result<(), NitroError> {
        match name {
            "module_id" => put(&mut self.module_id, "module_id", module_id(decoder)),
            "digest" => {
                if decoder.str().ok() != Some("SHA384") {
                    return Err(NitroError::DigestAlgorithm);
                }
                put(&mut self.digest, "digest", Some(()))
            }
            "timestamp" => put(&mut self.timestamp, "timestamp", decoder.u64().ok()),
            "pcrs" => put(&mut self.pcrs, "pcrs", pcrs(decoder)),
            "certificate" => put(
                &mut self.certificate,
                "certificate",
                bounded(decoder, CERTIFICATE_BYTES_MAX),
            ),
            "cabundle" => put(&mut self.cabundle, "cabundle", cabundle(decoder)),
            "public_key" => put(&mut self.public_key, "public_key", passed_on(decoder)),
            "user_data" => put(&mut self.user_data, "user_data", passed_on(decoder)),
            "nonce" => put(&mut self.nonce, "nonce", passed_on(decoder)),
            _ => Err(NitroError::Field("of an unknown name")),
        }
    }
}

/// Stores a field; an error if it could not be read or was there before.
fn put<T>(slot: &mut Option<T>, name: &'static str, value: Option<T>) -> Result<(), NitroError> {
    match (slot.is_some(), value) {
        (false, Some(value)) => {
            *slot = Some(value);
            Ok(())
        }
        _ => Err(NitroError::Field(name)),
    }
}

/// How much of a map or an array is left: the NSM writes some of them with
/// a definite and some with an indefinite length.
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

fn module_id(decoder: &mut Decoder<'_>) -> Option<String> {
    let text = decoder.str().ok()?;
    (1..=MODULE_ID_BYTES_MAX)
        .contains(&text.len())
        .then(|| text.to_owned())
}

fn pcrs(decoder: &mut Decoder<'_>) -> Option<BTreeMap<u8, [u8; 48]>> {
    let mut left = Left::of(decoder.map())?;
    let mut pcrs = BTreeMap::new();
    while left.another(decoder)? {
        let index = decoder.u8().ok().filter(|index| *index <= PCR_INDEX_MAX)?;
        let value = decoder.bytes().ok()?.try_into().ok()?;
        if pcrs.insert(index, value).is_some() {
            return None;
        }
    }
    (0..=2)
        .all(|index| pcrs.contains_key(&index))
        .then_some(pcrs)
}

fn cabundle(decoder: &mut Decoder<'_>) -> Option<Vec<Vec<u8>>> {
    let mut left = Left::of(decoder.array())?;
    let mut chain = Vec::new();
    while left.another(decoder)? {
        if chain.len() == CHAIN_MAX {
            return None;
        }
        chain.push(bounded(decoder, CERTIFICATE_BYTES_MAX)?);
    }
    Some(chain)
}

fn passed_on(decoder: &mut Decoder<'_>) -> Option<PassedOn> {
    if decoder.datatype().ok()? == Type::Null {
        decoder.null().ok()?;
        return Some(PassedOn(None));
    }
    bounded(decoder, PASSED_ON_BYTES_MAX).map(|bytes| PassedOn(Some(bytes)))
}

fn bounded(decoder: &mut Decoder<'_>, bytes_max: usize) -> Option<Vec<u8>> {
    let bytes = decoder.bytes().ok()?;
    (bytes.len() <= bytes_max).then(|| bytes.to_vec())
}
