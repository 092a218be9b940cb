//! The wrapper in CBOR. Deterministic only: what was read is encoded again and
//! compared.

use minicbor::{Decoder, Encoder, data::Type};

use crate::cmw::message::{
    CMW_BYTES_MAX, COLLECTION_TYPE, Cmw, CmwError, Collection, DEPTH_MAX, ENTRIES_MAX, Indicator,
    Kind, Label, MediaType, Record, Tagged,
};

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

impl From<minicbor::decode::Error> for CmwError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// Reads one wrapper that fills `bytes`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cmw, CmwError> {
    if bytes.len() > CMW_BYTES_MAX {
        return Err(CmwError::TooLong(bytes.len()));
    }
    let mut decoder = Decoder::new(bytes);
    let cmw = read(&mut decoder, 0)?;
    if decoder.position() != bytes.len() {
        return Err(CmwError::Malformed);
    }
    if encode(&cmw) != bytes {
        return Err(CmwError::NotCanonical);
    }
    Ok(cmw)
}

/// The deterministic encoding.
pub(crate) fn encode(cmw: &Cmw) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder, cmw).expect("writing to a vector cannot fail");
    encoder.into_writer()
}

fn read(decoder: &mut Decoder<'_>, depth: usize) -> Result<Cmw, CmwError> {
    match decoder.datatype()? {
        Type::Array => read_record(decoder).map(Cmw::Record),
        Type::Tag => {
            let tag = decoder.tag()?.as_u64();
            let format = Tagged::format_of(tag).ok_or(CmwError::Tag(tag))?;
            let value = decoder.bytes()?.to_vec();
            Ok(Cmw::Tag(Tagged { format, value }))
        }
        Type::Map if depth < DEPTH_MAX => read_collection(decoder, depth).map(Cmw::Collection),
        Type::Map => Err(CmwError::TooDeep),
        _ => Err(CmwError::Malformed),
    }
}

fn read_record(decoder: &mut Decoder<'_>) -> Result<Record, CmwError> {
    let fields = decoder.array()?;
    if !matches!(fields, Some(2 | 3)) {
        return Err(CmwError::Malformed);
    }
    let kind = match decoder.datatype()? {
        Type::String => match decoder.str()? {
            tunnel if tunnel.starts_with('#') => return Err(CmwError::Tunnel),
            text => Kind::Media(MediaType::new(text)?),
        },
        _ => Kind::ContentFormat(decoder.u16()?),
    };
    let value = decoder.bytes()?.to_vec();
    let indicator = match fields {
        Some(3) => Some(Indicator::new(decoder.u32()?)?),
        _ => None,
    };
    Ok(Record {
        kind,
        value,
        indicator,
    })
}

fn read_collection(decoder: &mut Decoder<'_>, depth: usize) -> Result<Collection, CmwError> {
    let count = decoder.map()?.ok_or(CmwError::NotCanonical)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    // One more for the type of the collection.
    if count > ENTRIES_MAX + 1 {
        return Err(CmwError::Entries(count));
    }
    let (mut kind, mut entries) = (None, Vec::new());
    for _ in 0..count {
        match read_label(decoder)? {
            Label::Text(text) if text == COLLECTION_TYPE => {
                if kind.replace(decoder.str()?.to_owned()).is_some() {
                    return Err(CmwError::Duplicate);
                }
            }
            label => entries.push((label, read(decoder, depth + 1)?)),
        }
    }
    Collection::new(kind, entries)
}

fn read_label(decoder: &mut Decoder<'_>) -> Result<Label, CmwError> {
    Ok(match decoder.datatype()? {
        Type::String => Label::Text(decoder.str()?.to_owned()),
        _ => Label::Number(decoder.i64()?),
    })
}

fn write(encoder: &mut Encoder<Vec<u8>>, cmw: &Cmw) -> Written {
    match cmw {
        Cmw::Record(record) => write_record(encoder, record),
        Cmw::Tag(tagged) => {
            encoder
                .tag(minicbor::data::Tag::new(tagged.tag()))?
                .bytes(&tagged.value)?;
            Ok(())
        }
        Cmw::Collection(collection) => write_collection(encoder, collection),
    }
}

fn write_record(encoder: &mut Encoder<Vec<u8>>, record: &Record) -> Written {
    encoder.array(if record.indicator.is_some() { 3 } else { 2 })?;
    match &record.kind {
        Kind::Media(media) => encoder.str(media.as_str())?,
        Kind::ContentFormat(format) => encoder.u16(*format)?,
    };
    encoder.bytes(&record.value)?;
    if let Some(indicator) = record.indicator {
        encoder.u32(indicator.bits())?;
    }
    Ok(())
}

/// The type is sorted among the labels, as the encoding's rules have it.
fn write_collection(encoder: &mut Encoder<Vec<u8>>, collection: &Collection) -> Written {
    let kind_label = Label::Text(COLLECTION_TYPE.to_owned()).to_cbor();
    let mut kind = collection.kind();
    let count = collection.entries().len() + usize::from(kind.is_some());
    encoder.map(count as u64)?;
    for (name, entry) in collection.entries() {
        let label = name.to_cbor();
        if label > kind_label
            && let Some(kind) = kind.take()
        {
            encoder.str(COLLECTION_TYPE)?.str(kind)?;
        }
        encoder.writer_mut().extend_from_slice(&label);
        write(encoder, entry)?;
    }
    if let Some(kind) = kind {
        encoder.str(COLLECTION_TYPE)?.str(kind)?;
    }
    Ok(())
}
