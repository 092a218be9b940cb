//! Names of requests, so that they can be repeated and take effect once.

use crate::error::ClientError;

/// A fresh idempotency key.
pub(crate) fn fresh_key() -> Result<String, ClientError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ClientError::Environment(error.to_string()))?;
    Ok(hex::encode(bytes))
}
