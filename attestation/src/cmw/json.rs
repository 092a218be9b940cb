//! The wrapper in JSON. Values are Base64 in the alphabet for URLs, without
//! padding (RFC 4648, 5), in their one canonical form.

use std::cell::Cell;
use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use crate::cmw::message::{
    CMW_BYTES_MAX, COLLECTION_TYPE, Cmw, CmwError, Collection, DEPTH_MAX, ENTRIES_MAX, Indicator,
    Kind, Label, MediaType, Record,
};

/// Reads one wrapper that fills `bytes`, but for white space.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cmw, CmwError> {
    if bytes.len() > CMW_BYTES_MAX {
        return Err(CmwError::TooLong(bytes.len()));
    }
    let why = Cell::new(CmwError::Malformed);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let seed = Message {
        depth: 0,
        why: &why,
    };
    let cmw = seed.deserialize(&mut json).map_err(|_| why.get())?;
    json.end().map_err(|_| CmwError::Malformed)?;
    Ok(cmw)
}

/// The wrapper in JSON, without white space.
pub(crate) fn encode(cmw: &Cmw) -> Result<String, CmwError> {
    let value = to_value(cmw)?;
    Ok(value.to_string())
}

fn to_value(cmw: &Cmw) -> Result<serde_json::Value, CmwError> {
    match cmw {
        Cmw::Record(record) => {
            let Kind::Media(media) = &record.kind else {
                return Err(CmwError::NotInJson);
            };
            let mut fields = vec![
                media.as_str().into(),
                URL_SAFE_NO_PAD.encode(&record.value).into(),
            ];
            fields.extend(record.indicator.map(|indicator| indicator.bits().into()));
            Ok(serde_json::Value::Array(fields))
        }
        Cmw::Tag(_) => Err(CmwError::NotInJson),
        Cmw::Collection(collection) => {
            let mut members = serde_json::Map::new();
            if let Some(kind) = collection.kind() {
                members.insert(COLLECTION_TYPE.to_owned(), kind.into());
            }
            for (label, entry) in collection.entries() {
                let Label::Text(text) = label else {
                    return Err(CmwError::NotInJson);
                };
                members.insert(text.clone(), to_value(entry)?);
            }
            Ok(serde_json::Value::Object(members))
        }
    }
}

/// Reads one message at a depth. `serde` carries texts only, so why it was
/// refused is noted next to it.
#[derive(Clone, Copy)]
struct Message<'a> {
    depth: usize,
    why: &'a Cell<CmwError>,
}

impl Message<'_> {
    fn refuse<E: serde::de::Error>(&self, why: CmwError) -> E {
        self.why.set(why);
        E::custom(why)
    }
}

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = Cmw;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Cmw, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = Cmw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record or a collection")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Cmw, A::Error> {
        let missing = || A::Error::custom("a field is missing");
        let kind: String = fields.next_element()?.ok_or_else(missing)?;
        if kind.starts_with('#') {
            return Err(self.refuse(CmwError::Tunnel));
        }
        let media = MediaType::new(kind).map_err(|why| self.refuse(why))?;
        let value: String = fields.next_element()?.ok_or_else(missing)?;
        let value = URL_SAFE_NO_PAD
            .decode(value)
            .map_err(|_| self.refuse(CmwError::NotCanonical))?;
        let indicator = match fields.next_element::<u32>()? {
            Some(bits) => Some(Indicator::new(bits).map_err(|why| self.refuse(why))?),
            None => None,
        };
        if fields.next_element::<serde::de::IgnoredAny>()?.is_some() {
            return Err(A::Error::custom("a field too many"));
        }
        Ok(Cmw::Record(Record {
            kind: Kind::Media(media),
            value,
            indicator,
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Cmw, A::Error> {
        if self.depth >= DEPTH_MAX {
            return Err(self.refuse(CmwError::TooDeep));
        }
        let (mut kind, mut entries) = (None, Vec::new());
        while let Some(name) = members.next_key::<String>()? {
            if name == COLLECTION_TYPE {
                if kind.replace(members.next_value::<String>()?).is_some() {
                    return Err(self.refuse(CmwError::Duplicate));
                }
                continue;
            }
            if entries.len() == ENTRIES_MAX {
                return Err(self.refuse(CmwError::Entries(ENTRIES_MAX + 1)));
            }
            let inner = Message {
                depth: self.depth + 1,
                ..self
            };
            entries.push((Label::Text(name), members.next_value_seed(inner)?));
        }
        Collection::new(kind, entries)
            .map(Cmw::Collection)
            .map_err(|why| self.refuse(why))
    }
}
