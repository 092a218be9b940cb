//! Everything that can change governance state, as it is recorded.

use minicbor::{Decode, Encode};
use synod_crypto::Digest;
use synod_kv::MapName;

use crate::act::SignedAction;
use crate::app::Deploy;
use crate::codec::{self, Malformed};
use crate::genesis::Genesis;
use crate::join::{AddressChange, Join};
use crate::lapse::Lapse;
use crate::leave::Leave;
use crate::reattest::Reattest;
use crate::unheard::{Replaced, Unheard};

/// Longest encoding of an input: the longest value of a key.
pub const INPUT_BYTES_MAX: usize = synod_kv::VALUE_MAX;

/// The leader makes a trusted replica a learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Learner {
    /// The replica.
    #[n(0)]
    pub id: u64,
}

/// The leader makes a learner a voter, on the learner's own signature over a
/// recent certified block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Promote {
    /// The replica.
    #[n(0)]
    pub id: u64,
    /// The index of the block that it signed.
    #[n(1)]
    pub index: u64,
    /// The hash of that block's header.
    #[n(2)]
    pub header_hash: Digest,
    /// The replica's block signature, as the ledger defines it.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// One input. It is recorded in `public:synod.inputs` under its seqno, next to
/// what it changed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub enum Input {
    /// Found the network; once, in block 0.
    #[n(0)]
    Genesis(#[n(0)] Box<Genesis>),
    /// The members decided something.
    #[n(1)]
    Action(#[n(0)] SignedAction),
    /// A replica asks to join.
    #[n(2)]
    Join(#[n(0)] Box<Join>),
    /// Proposed by the leader.
    #[n(3)]
    Learner(#[n(0)] Learner),
    /// Proposed by the leader.
    #[n(4)]
    Promote(#[n(0)] Promote),
    /// A replica has moved.
    #[n(5)]
    Address(#[n(0)] AddressChange),
    /// A replica attests anew.
    #[n(6)]
    Reattest(#[n(0)] Box<Reattest>),
    /// Proposed by the leader.
    #[n(7)]
    Lapse(#[n(0)] Lapse),
    /// Proposed by the leader.
    #[n(8)]
    Deploy(#[n(0)] Deploy),
    /// A replica leaves.
    #[n(9)]
    Leave(#[n(0)] Leave),
    /// Proposed by the leader, on what the other voters signed.
    #[n(10)]
    Unheard(#[n(0)] Box<Unheard>),
    /// Proposed by the leader.
    #[n(11)]
    Replaced(#[n(0)] Replaced),
}

impl Input {
    /// Whether the transaction of this input may write to the map in addition to what governance
    /// computes from it.
    pub(crate) fn may_write(&self, map: &MapName) -> bool {
        matches!(self, Self::Deploy(deploy) if deploy.may_write(map))
    }

    /// The encoding that is recorded.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what [`Input::encode`] writes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode(bytes, INPUT_BYTES_MAX)
    }
}
