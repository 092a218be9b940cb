//! Members and users, as the manifest lists them and the ledger keeps them.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use synod_crypto::{Digest, HpkePublicKey, PublicKey};
use synod_kv::VALUE_MAX;

use crate::codec::{self, Malformed};

const NAME_LENGTH_MAX: usize = 64;
const ROLE_LENGTH_MAX: usize = 32;
const ROLES_MAX: usize = 16;

/// A member of the consortium.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(deny_unknown_fields)]
pub struct MemberEntry {
    /// For people: 1 to 64 characters of `[A-Za-z0-9._@-]`.
    #[n(0)]
    pub name: String,
    /// Signs actions and approvals. Its digest is the `kid`.
    #[n(1)]
    pub key: PublicKey,
    /// The member's recovery share is sealed to it.
    #[n(2)]
    pub share_key: HpkePublicKey,
    /// SHA-256 of the `SubjectPublicKeyInfo` of the member's TLS certificate,
    /// if the member uses one.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Digest>,
}

/// A user of the service, known by certificate.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(deny_unknown_fields)]
pub struct UserEntry {
    /// The name, which is also the key of the record; see [`MemberEntry::name`].
    #[n(0)]
    pub name: String,
    /// SHA-256 of the `SubjectPublicKeyInfo` of the user's TLS certificate.
    #[n(1)]
    pub fingerprint: Digest,
    /// What the user may do: each 1 to 32 characters of `[a-z0-9-]`.
    #[n(2)]
    #[serde(default)]
    pub roles: BTreeSet<String>,
}

/// A name or a role breaks its rules. Whoever wrote it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// Not 1 to 64 characters of `[A-Za-z0-9._@-]`.
    #[error("name {0:?} is not 1 to {NAME_LENGTH_MAX} characters of [A-Za-z0-9._@-]")]
    Name(String),
    /// Not 1 to 32 characters of `[a-z0-9-]`.
    #[error("role {0:?} is not 1 to {ROLE_LENGTH_MAX} characters of [a-z0-9-]")]
    Role(String),
    /// More roles than one user can have.
    #[error("user has {0} roles, more than {ROLES_MAX}")]
    TooManyRoles(usize),
}

impl MemberEntry {
    /// Reads a row of [`map::MEMBERS`](crate::map::MEMBERS) outside of a state: as a write of block
    /// 0.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(row: &[u8]) -> Result<Self, Malformed> {
        codec::decode(row, VALUE_MAX)
    }

    pub(crate) fn check(&self) -> Result<(), BadEntry> {
        check_name(&self.name)
    }
}

impl UserEntry {
    pub(crate) fn check(&self) -> Result<(), BadEntry> {
        check_name(&self.name)?;
        if self.roles.len() > ROLES_MAX {
            return Err(BadEntry::TooManyRoles(self.roles.len()));
        }
        match self.roles.iter().find(|role| !is_role(role)) {
            Some(role) => Err(BadEntry::Role(role.clone())),
            None => Ok(()),
        }
    }
}

/// Whether the text is a role.
pub(crate) fn is_role(text: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    is_made_of(text, ROLE_LENGTH_MAX, allowed)
}

/// Whether a name may hold the byte.
pub(crate) fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-')
}

pub(crate) fn check_name(name: &str) -> Result<(), BadEntry> {
    if is_made_of(name, NAME_LENGTH_MAX, is_name_byte) {
        return Ok(());
    }
    Err(BadEntry::Name(name.chars().take(NAME_LENGTH_MAX).collect()))
}

fn is_made_of(text: &str, length_max: usize, allowed: impl Fn(u8) -> bool) -> bool {
    (1..=length_max).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    /// As `spec/governance.cddl` has it: the last field is left out, not null.
    #[test]
    fn a_member_without_certificate_has_three_fields() {
        let mut member = MemberEntry {
            name: "m".to_owned(),
            key: PublicKey::from([1; 32]),
            share_key: HpkePublicKey::from([2; 32]),
            tls: None,
        };
        let short = codec::encode(&member);
        assert_eq!(short[..5], [0x82, 0x02, 0x83, 0x61, b'm']);
        member.tls = Some(Digest::from([3; 32]));
        let long = codec::encode(&member);
        assert_eq!(long[..5], [0x82, 0x02, 0x84, 0x61, b'm']);
        for bytes in [short, long] {
            assert!(codec::decode::<MemberEntry>(&bytes, 1000).is_ok());
        }
    }
}
