//! The rules for AWS Nitro Enclaves, as they are written.

use serde::{Deserialize, Serialize};

/// Rules for AWS Nitro.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NitroRules {
    /// Accept enclaves in debug mode, which have no measurement.
    pub dangerous_allow_debug: bool,
}
