//! Fields of Intel's signed JSON documents.

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{calendar, intel::status::TcbStatus};

/// A fixed number of bytes, written in hexadecimal digits of either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hex<const N: usize>(pub(crate) [u8; N]);

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; N];
        hex::decode_to_slice(&text, &mut bytes)
            .map_err(|_| D::Error::custom(format!("not {N} bytes in hexadecimal digits")))?;
        Ok(Self(bytes))
    }
}

/// A date, as Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Date(pub(crate) u64);

impl Date {
    pub(crate) fn ms(self) -> u64 {
        self.0.saturating_mul(1000)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        calendar::from_rfc3339(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("not a date in UTC"))
    }
}

/// Reads a status that Intel gives to platforms.
pub(crate) fn platform_status<'de, D>(deserializer: D) -> Result<TcbStatus, D::Error>
where
    D: Deserializer<'de>,
{
    status(deserializer, &TcbStatus::OF_PLATFORMS)
}

/// Reads a status that Intel gives to TDX modules.
pub(crate) fn module_status<'de, D>(deserializer: D) -> Result<TcbStatus, D::Error>
where
    D: Deserializer<'de>,
{
    status(deserializer, &TcbStatus::OF_MODULES)
}

/// Reads a status that Intel gives to quoting enclaves.
pub(crate) fn qe_status<'de, D>(deserializer: D) -> Result<TcbStatus, D::Error>
where
    D: Deserializer<'de>,
{
    status(deserializer, &TcbStatus::OF_QUOTING_ENCLAVES)
}

fn status<'de, D>(deserializer: D, allowed: &[TcbStatus]) -> Result<TcbStatus, D::Error>
where
    D: Deserializer<'de>,
{
    let name = String::deserialize(deserializer)?;
    name.parse()
        .ok()
        .filter(|status| allowed.contains(status))
        .ok_or_else(|| D::Error::custom(format!("the status `{name}` has no place here")))
}
