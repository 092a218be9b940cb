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
const CHAIN_MAX: u64 = 10;

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
            public_key: fields.public_key.flatten(),
            user_data: fields.user_data.flatten(),
            nonce: fields.nonce.flatten(),
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

/// The fields as they come; an outer `None` is one that has not come yet.
#[derive(Default)]
struct Fields {
    module_id: Option<String>,
    digest: Option<()>,
    timestamp: Option<u64>,
    pcrs: Option<BTreeMap<u8, [u8; 48]>>,
    certificate: Option<Vec<u8>>,
    cabundle: Option<Vec<Vec<u8>>>,
    public_key: Option<Option<Vec<u8>>>,
    user_data: Option<Option<Vec<u8>>>,
    nonce: Option<Option<Vec<u8>>>,
}

impl Fields {
    fn parse(payload: &[u8]) -> Result<Self, NitroError> {
        let mut decoder = Decoder::new(payload);
        let count = map_length(&mut decoder).ok_or(NitroError::Payload)?;
        let mut fields = Self::default();
        for _ in 0..count {
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

/// The number of pairs. AWS writes this map with an indefinite length in no
/// known document, so only definite ones are read.
fn map_length(decoder: &mut Decoder<'_>) -> Option<u64> {
    decoder.map().ok().flatten().filter(|count| *count <= 64)
}

fn module_id(decoder: &mut Decoder<'_>) -> Option<String> {
    let text = decoder.str().ok()?;
    (1..=MODULE_ID_BYTES_MAX)
        .contains(&text.len())
        .then(|| text.to_owned())
}

fn pcrs(decoder: &mut Decoder<'_>) -> Option<BTreeMap<u8, [u8; 48]>> {
    let count = map_length(decoder)?;
    let mut pcrs = BTreeMap::new();
    for _ in 0..count {
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
    let count = decoder.array().ok().flatten()?;
    if count > CHAIN_MAX {
        return None;
    }
    (0..count)
        .map(|_| bounded(decoder, CERTIFICATE_BYTES_MAX))
        .collect()
}

fn passed_on(decoder: &mut Decoder<'_>) -> Option<Option<Vec<u8>>> {
    if decoder.datatype().ok()? == Type::Null {
        decoder.null().ok()?;
        return Some(None);
    }
    bounded(decoder, PASSED_ON_BYTES_MAX).map(Some)
}

fn bounded(decoder: &mut Decoder<'_>, bytes_max: usize) -> Option<Vec<u8>> {
    let bytes = decoder.bytes().ok()?;
    (bytes.len() <= bytes_max).then(|| bytes.to_vec())
}
