//! Bytes in JSON.
//!
//! Two forms, for two uses:
//! * [`Blob`], a key or a value of the user: a JSON string is its UTF-8 text, an object
//!   `{"base64": "…"}` is any bytes. Answers use the string whenever the bytes are UTF-8, so a
//!   reader needs both forms and nothing is ambiguous;
//! * [`Base64`], a binary format of ours (receipt, evidence): always a base64 string.
//!
//! Base64 is that of RFC 4648 §4, with padding, and is read strictly.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::limits::KEY_BYTES_MAX;

/// A key or a value: text, or `{"base64": "…"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob(pub Bytes);

impl From<&str> for Blob {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

/// The two forms as serde reads them.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form<'a> {
    Text(std::borrow::Cow<'a, str>),
    Binary(Binary),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Binary {
    base64: Base64,
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => to.serialize_str(text),
            Err(_) => Binary {
                base64: Base64(self.0.clone()),
            }
            .serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match Form::deserialize(from)? {
            Form::Text(text) => Self(Bytes::from(text.into_owned().into_bytes())),
            Form::Binary(binary) => Self(binary.base64.0),
        })
    }
}

impl PartialSchema for Blob {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("UTF-8 text"));
        let about = "A value: text, or an object with base64 for bytes that are not UTF-8.";
        text_or_binary(text, BASE64, about)
    }
}

impl ToSchema for Blob {}

/// The schema of a [`Blob`] that is a key: not empty.
pub(crate) struct KeyForm;

impl PartialSchema for KeyForm {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(KEY_BYTES_MAX))
            .description(Some("UTF-8 text"));
        let about = "A key, of at most 512 bytes: text, or an object with base64 for bytes that are not UTF-8.";
        text_or_binary(text, BASE64_OF_SOME, about)
    }
}

impl ToSchema for KeyForm {}

/// Padded base64 (RFC 4648 section 4), and that of at least one byte.
const BASE64: &str =
    "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";
const BASE64_OF_SOME: &str = "^([A-Za-z0-9+/]{4})*\
     ([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/]{4})$";

fn text_or_binary(text: ObjectBuilder, base64: &str, about: &str) -> RefOr<Schema> {
    let bytes = ObjectBuilder::new()
        .schema_type(Type::String)
        .content_encoding("base64")
        .pattern(Some(base64));
    let binary = ObjectBuilder::new()
        .property("base64", bytes)
        .required("base64")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    OneOfBuilder::new()
        .description(Some(about))
        .item(text)
        .item(binary)
        .into()
}

/// Bytes of a binary format, in JSON as base64 (RFC 4648 §4, padded).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Base64(pub Bytes);

impl From<Bytes> for Base64 {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Base64 {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Bytes::from(bytes))
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(Bytes::from(bytes)))
    }
}

impl PartialSchema for Base64 {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .content_encoding("base64")
            .pattern(Some(BASE64))
            .into()
    }
}

impl ToSchema for Base64 {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_string_and_other_bytes_are_base64() {
        let text = serde_json::to_string(&Blob::from("grüß\n")).unwrap();
        assert_eq!(text, "\"grüß\\n\"");
        let bytes = serde_json::to_string(&Blob(Bytes::from_static(&[0xff, 0]))).unwrap();
        assert_eq!(bytes, "{\"base64\":\"/wA=\"}");
    }

    #[test]
    fn both_forms_are_read_back() {
        for blob in [
            Blob::from(""),
            Blob::from("a"),
            Blob(Bytes::from_static(&[0xff, 0, 0x80])),
        ] {
            let json = serde_json::to_string(&blob).unwrap();
            assert_eq!(serde_json::from_str::<Blob>(&json).unwrap(), blob);
        }
        let as_base64: Blob = serde_json::from_str("{\"base64\":\"YQ==\"}").unwrap();
        assert_eq!(as_base64, Blob::from("a"));
    }

    #[test]
    fn sloppy_forms_are_refused() {
        for json in [
            "{\"base64\":\"YQ\"}",
            "{\"base64\":\"YR==\"}",
            "{\"base64\":\"\",\"x\":1}",
            "7",
            "{}",
            "null",
        ] {
            assert!(
                serde_json::from_str::<Blob>(json).is_err(),
                "{json} was read"
            );
        }
    }
}
