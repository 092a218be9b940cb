//! How a version of an app comes into force: replicas sign that they compiled it, and the leader
//! states every further step.

use minicbor::{Decode, Encode};
use synod_crypto::{BadSignature, Digest, PublicKey, Signature, SigningKey};
use synod_kv::MapName;

use crate::app::maps::{AppMapKind, owner_of_map};
use crate::app::name::AppName;
use crate::codec;

/// Longest code of a failure, in bytes.
pub const FAILURE_CODE_LENGTH_MAX: usize = 32;

const COMPILED_LABEL: &[u8] = b"synod-app-compiled-v1\0";

/// The leader takes the next step with an app's pending version, or deletes a removed app.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Deploy {
    /// The app.
    #[n(0)]
    pub name: AppName,
    /// The step.
    #[n(1)]
    pub step: DeployStep,
}

/// A step of an app's way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub enum DeployStep {
    /// The pending version answers from now on. The writes of its `init` or `migrate` are in the
    /// same transaction; only the leader knows whether the component really makes them.
    #[n(0)]
    Activate {
        /// The version's number.
        #[n(0)]
        number: u64,
        /// The voters that compiled it, sorted by id: at least a quorum.
        #[n(1)]
        compiled: Vec<Compiled>,
    },
    /// The pending version never takes effect; the active one stays in force.
    #[n(1)]
    Fail {
        /// The version's number.
        #[n(0)]
        number: u64,
        /// Why: 1 to [`FAILURE_CODE_LENGTH_MAX`] characters of `[a-z0-9-]`.
        #[n(1)]
        code: String,
    },
    /// No row of a removed app is left: its record goes.
    #[n(2)]
    Swept,
}

/// A replica says that it compiled a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Compiled {
    /// The replica.
    #[n(0)]
    pub replica: u64,
    /// By its identity key, over the [`CompiledStatement`].
    #[n(1)]
    pub signature: Signature,
}

/// What a replica signs once it has compiled a component.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
#[cbor(array)]
pub struct CompiledStatement {
    /// The network.
    #[n(0)]
    pub network: Digest,
    /// The app.
    #[n(1)]
    pub name: AppName,
    /// The version's number.
    #[n(2)]
    pub number: u64,
    /// SHA-256 of the component that was compiled.
    #[n(3)]
    pub component: Digest,
}

impl Deploy {
    /// Whether the transaction of this input may write to the map in addition to what governance
    /// computes: when a version comes into force, to the maps that its component can name, and no
    /// other.
    pub fn may_write(&self, map: &MapName) -> bool {
        let activates = matches!(self.step, DeployStep::Activate { .. });
        let owned = owner_of_map(map)
            .is_some_and(|owned| owned.app == self.name && owned.kind != AppMapKind::Component);
        activates && owned
    }
}

impl CompiledStatement {
    /// Signs it with the identity key of replica `replica`.
    pub fn sign(&self, replica: u64, identity: &SigningKey) -> Compiled {
        let signature = identity.sign(&self.message());
        Compiled { replica, signature }
    }

    /// Whether the owner of this identity key says so.
    pub fn verify(&self, identity: &PublicKey, signature: &Signature) -> Result<(), BadSignature> {
        identity.verify(&self.message(), signature)
    }

    fn message(&self) -> Vec<u8> {
        [COMPILED_LABEL, &codec::encode(self)].concat()
    }
}

/// Whether the text is a valid failure code.
pub fn is_failure_code(code: &str) -> bool {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=FAILURE_CODE_LENGTH_MAX).contains(&code.len()) && code.bytes().all(allowed)
}
