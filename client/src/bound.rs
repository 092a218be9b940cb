//! What a receipt must bind so that it proves *my* request and *the* answer that I got.

use serde::{Deserialize, Serialize};
use synod_api::{BoundRequest, bound_response};
use synod_crypto::{Digest, sha256};
use synod_ledger::{AnswerError, Transaction};

/// The digests of a request and of its answer. Kept by the caller, they turn a receipt from "some
/// transaction is committed" into "mine is, and this was the answer".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// SHA-256 of the request's meaning.
    pub request: Digest,
    /// The status of the answer.
    pub status: u16,
    /// SHA-256 of what the answer returned.
    pub response: Digest,
}

/// The form in files: hexadecimal digests.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    request: String,
    status: u16,
    response: String,
}

impl Bound {
    /// Of a request that was answered with these keys and values.
    pub(crate) fn new<'a>(
        request: &BoundRequest<'_>,
        found: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Self {
        Self {
            request: sha256(&[&request.message()]),
            status: 200,
            response: sha256(&[&bound_response(found)]),
        }
    }

    /// Of a write, which returns nothing.
    pub fn of_write(request: &BoundRequest<'_>) -> Self {
        Self::new(request, [])
    }

    /// Whether a verified receipt is for this request and this answer.
    ///
    /// # Errors
    /// [`AnswerError`] names what differs.
    pub fn check(&self, transaction: &Transaction) -> Result<(), AnswerError> {
        let reply = transaction.reply.as_ref().ok_or(AnswerError::NotOpened)?;
        if reply.request != self.request {
            return Err(AnswerError::Request);
        }
        if reply.status != self.status {
            return Err(AnswerError::Status {
                proven: reply.status,
            });
        }
        if reply.response != self.response {
            return Err(AnswerError::Response);
        }
        Ok(())
    }
}

impl Serialize for Bound {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Form {
            request: self.request.to_string(),
            status: self.status,
            response: self.response.to_string(),
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let form = Form::deserialize(from)?;
        Ok(Self {
            request: form.request.parse().map_err(serde::de::Error::custom)?,
            status: form.status,
            response: form.response.parse().map_err(serde::de::Error::custom)?,
        })
    }
}
