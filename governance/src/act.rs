//! What members decide, and how they sign it.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use synod_crypto::{Digest, SigningKey, cose};

use crate::app::AppName;
use crate::codec::{self, Malformed};
use crate::entries::MemberEntry;
use crate::refusal::Refusal;
use crate::signatures;

/// The content type under which members sign actions.
pub const ACTION_CONTENT_TYPE: &str = "application/synod-action+cbor";

const ACTION_BYTES_MAX: usize = 64 * 1024;
/// The most bytes of all signatures together; every signature contains the action.
const SIGNED_BYTES_MAX: usize = 12 * ACTION_BYTES_MAX;

/// What members can decide.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub enum Act {
    /// Let users in. It names the configuration in force, whose voters' evidence each member who
    /// signs has verified: from it on what voters sign counts for clients, who know the members'
    /// keys from block 0.
    #[n(0)]
    Open {
        /// The number of the configuration.
        #[n(0)]
        configuration: u64,
        /// Its digest: SHA-256 of its encoding.
        #[n(1)]
        digest: Digest,
    },
    /// Add a user, or give a user another certificate or other roles.
    #[n(1)]
    SetUser {
        /// The user's name.
        #[n(0)]
        name: String,
        /// SHA-256 of the certificate's `SubjectPublicKeyInfo`.
        #[n(1)]
        fingerprint: Digest,
        /// What the user may do.
        #[n(2)]
        roles: BTreeSet<String>,
    },
    /// Remove a user.
    #[n(2)]
    RemoveUser {
        /// The user's name.
        #[n(0)]
        name: String,
    },
    /// Trust a replica that waits for the members.
    #[n(3)]
    TrustReplica {
        /// The replica.
        #[n(0)]
        id: u64,
    },
    /// Remove a replica, for ever.
    #[n(4)]
    RemoveReplica {
        /// The replica.
        #[n(0)]
        id: u64,
        /// Why: at most 256 bytes, for people.
        #[n(1)]
        cause: String,
    },
    /// Require voters from `n` vendors. If this changes the rule for the current voters, a
    /// configuration with the new rule is written at once.
    #[n(5)]
    SetRequiredVendors {
        /// 1 or 2.
        #[n(0)]
        n: u8,
    },
    /// Set an app, or another version of it. It comes into force once a quorum of the voters has
    /// compiled it.
    #[n(6)]
    SetApp {
        /// Its manifest in TOML; it names the app.
        #[n(0)]
        manifest: String,
        /// SHA-256 of the component.
        #[n(1)]
        component: Digest,
        /// How many bytes the component has.
        #[n(2)]
        size: u64,
        /// SHA-256 of each chunk of [`CHUNK_BYTES`](crate::app::CHUNK_BYTES).
        #[n(3)]
        chunks: Vec<Digest>,
        /// The app's OpenAPI document: at most
        /// [`OPENAPI_BYTES_MAX`](crate::app::OPENAPI_BYTES_MAX).
        #[n(4)]
        openapi: Option<String>,
    },
    /// Remove an app, with all that its maps hold.
    #[n(7)]
    RemoveApp {
        /// The app's name.
        #[n(0)]
        name: AppName,
    },
    /// Replace a replica by another: it is removed once the other votes.
    #[n(8)]
    ReplaceReplica {
        /// The replica that goes.
        #[n(0)]
        id: u64,
        /// The replica that takes its place; without it, any replica that joins and names this one.
        #[n(1)]
        with: Option<u64>,
    },
}

/// An act, bound to one network and one place in its order of actions.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Action {
    /// The network id.
    #[n(0)]
    pub network: Digest,
    /// The number that the ledger gives to its next action; see
    /// [`crate::View::next_sequence`].
    #[n(1)]
    pub sequence: u64,
    /// What is decided.
    #[n(2)]
    pub act: Act,
}

impl Action {
    /// The bytes that members sign.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`Action::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode(bytes, ACTION_BYTES_MAX)
    }

    /// One member's signature: a COSE_Sign1 with the action as its payload.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        cose::sign1(key, ACTION_CONTENT_TYPE, &self.encode())
    }
}

/// An action with the signatures of the members who want it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SignedAction {
    /// One COSE_Sign1 for each member, all over the same payload.
    #[n(0)]
    #[cbor(with = "codec::byte_strings")]
    pub signatures: Vec<Vec<u8>>,
}

impl SignedAction {
    /// Combines signatures that members made separately. Equal signatures count once.
    pub fn combine(signatures: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self {
            signatures: signatures::combine(signatures),
        }
    }

    /// The encoding, for files and requests.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`SignedAction::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode(bytes, SIGNED_BYTES_MAX)
    }

    /// The action, if at least `threshold` of `members` signed it and nobody else did.
    pub fn verify(&self, members: &[MemberEntry], threshold: u8) -> Result<Action, Refusal> {
        let payload =
            signatures::verify(&self.signatures, ACTION_CONTENT_TYPE, members, threshold)?;
        Ok(Action::decode(&payload)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `spec/governance.cddl` has it.
    #[test]
    fn what_members_sign_is_drawn_to_the_byte() {
        let action = |act| {
            Action {
                network: Digest::from([0xab; 32]),
                sequence: 7,
                act,
            }
            .encode()
        };
        let head = [&[0x82, 0x02, 0x83, 0x58, 0x20][..], &[0xab; 32], &[0x07]].concat();
        let expect = |act, tail: &[u8]| assert_eq!(action(act), [&head, tail].concat());
        let open = Act::Open {
            configuration: 2,
            digest: Digest::from([0xcd; 32]),
        };
        let named = [&[0x82, 0x00, 0x82, 0x02, 0x58, 0x20][..], &[0xcd; 32]].concat();
        expect(open, &named);
        expect(
            Act::RemoveUser {
                name: "a".to_owned(),
            },
            &[0x82, 0x02, 0x81, 0x61, b'a'],
        );
        expect(Act::TrustReplica { id: 3 }, &[0x82, 0x03, 0x81, 0x03]);
        let remove = Act::RemoveReplica {
            id: 3,
            cause: String::new(),
        };
        expect(remove, &[0x82, 0x04, 0x82, 0x03, 0x60]);
        expect(Act::SetRequiredVendors { n: 1 }, &[0x82, 0x05, 0x81, 0x01]);
        let replace = |with| Act::ReplaceReplica { id: 3, with };
        expect(replace(Some(4)), &[0x82, 0x08, 0x82, 0x03, 0x04]);
        expect(replace(None), &[0x82, 0x08, 0x81, 0x03]);
        let name = AppName::new("a").expect("a name");
        expect(Act::RemoveApp { name }, &[0x82, 0x07, 0x81, 0x61, b'a']);
        let set = |openapi| Act::SetApp {
            manifest: "m".to_owned(),
            component: Digest::from([0xcd; 32]),
            size: 3,
            chunks: vec![Digest::from([0xef; 32])],
            openapi,
        };
        let digests = [
            &[0x61, b'm', 0x58, 0x20][..],
            &[0xcd; 32],
            &[0x03, 0x81, 0x58, 0x20],
            &[0xef; 32],
        ]
        .concat();
        expect(set(None), &[&[0x82, 0x06, 0x84][..], &digests].concat());
        let documented = [&[0x82, 0x06, 0x85][..], &digests, &[0x61, b'o']].concat();
        expect(set(Some("o".to_owned())), &documented);
    }
}
