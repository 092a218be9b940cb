//! Who calls.

use crate::bindings::app::synod::app::caller::{Identity, Kind};
use crate::host;

/// The caller of this request, as the ledger's own tables have it.
pub fn caller() -> Identity {
    host::identify()
}

impl Identity {
    /// Whether the caller is a user of this service.
    pub fn is_user(&self) -> bool {
        self.kind == Kind::User
    }

    /// Whether the caller is one of those who govern.
    pub fn is_member(&self) -> bool {
        self.kind == Kind::Member
    }

    /// Whether the caller is a user with this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// What is verified of the caller under this name; `key` is the SHA-256 of the public key in the caller's TLS
    /// certificate, in hexadecimal.
    pub fn claim(&self, name: &str) -> Option<&str> {
        let mut claims = self.claims.iter();
        let (_, value) = claims.find(|(own, _)| own == name)?;
        Some(value)
    }
}
