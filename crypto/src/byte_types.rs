//! What every public type of fixed length shares: lower-case hex in text, a
//! byte string of exactly that length in CBOR.

/// A text is not the lower-case hex of a value of the wanted length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} lower-case hex digits")]
pub struct ParseBytesError {
    /// The number of hex digits of a well-formed value.
    pub expected: usize,
}

/// Reads exactly `N` bytes from lower-case hex.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseBytesError> {
    let refused = ParseBytesError { expected: 2 * N };
    if text.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return Err(refused);
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| refused)?;
    Ok(bytes)
}

/// Reads a CBOR byte string of exactly `N` bytes.
pub(crate) fn from_cbor<const N: usize>(
    decoder: &mut minicbor::Decoder<'_>,
) -> Result<[u8; N], minicbor::decode::Error> {
    let position = decoder.position();
    decoder
        .bytes()?
        .try_into()
        .map_err(|_| minicbor::decode::Error::message("byte string of a wrong length").at(position))
}

/// Gives a `struct Name([u8; N])` its text, CBOR and serde forms.
macro_rules! byte_type {
    ($name:ident, $length:expr) => {
        impl $name {
            /// The length in bytes.
            pub const LENGTH: usize = $length;

            /// The bytes themselves.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl From<[u8; $length]> for $name {
            fn from(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = std::array::TryFromSliceError;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                bytes.try_into().map(Self)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{self}")
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::byte_types::ParseBytesError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::byte_types::from_hex(text).map(Self)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                decoder: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                $crate::byte_types::from_cbor(decoder).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use byte_type;
