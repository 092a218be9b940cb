//! Why a block is refused: one variant for each rule of the chain.

use synod_crypto::Digest;

use crate::configuration::{ConfigurationError, SuccessorError};

/// Why a block cannot follow. Its proposer's fault, except where a variant says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// Block 0 does not have the pinned hash.
    #[error("block 0 hashes to {found}, not to the network id {expected}")]
    Pin {
        /// The network id.
        expected: Digest,
        /// The hash found.
        found: Digest,
    },
    /// A field of block 0's header is not what block 0 has.
    #[error("block 0 has the wrong {field}")]
    Genesis {
        /// The field's name.
        field: &'static str,
    },
    /// It belongs to another network.
    #[error("the block belongs to a different network")]
    Network,
    /// It names another previous block.
    #[error("the block does not follow the newest block")]
    Previous,
    /// Its view is lower than the previous block's.
    #[error("view {found} is below the previous block's {previous}")]
    View {
        /// The previous block's view.
        previous: u64,
        /// The view found.
        found: u64,
    },
    /// Index and listed empty entries do not continue the engine's log.
    #[error("index and empty entries do not continue the log")]
    Empties,
    /// Its proposer is not a voter.
    #[error("the proposer {proposer} is not a voter")]
    Proposer {
        /// The id found.
        proposer: u64,
    },
    /// Its first seqno is not the next one.
    #[error("first seqno is {found}, expected {expected}")]
    FirstSeqno {
        /// The next seqno.
        expected: u64,
        /// The seqno found.
        found: u64,
    },
    /// The tree after its leaves has another root.
    #[error("the root differs from the root of the tree")]
    Root,
    /// It names a configuration that it may not name here.
    #[error("the block names a configuration that is not in force")]
    Configuration,
    /// It names the pending configuration, of which no certificate is known here:
    /// perhaps one is under way. Not necessarily a fault.
    #[error(
        "the block names configuration {number}, but the change to it is not known to be certified"
    )]
    ChangeNotCertified {
        /// The pending configuration's number.
        number: u64,
    },
    /// Something else than a new leader's opening block while a change is pending.
    #[error("a change of configuration is pending; only an opening block may name the old one")]
    ChangePending,
    /// It writes a second configuration while one is pending or in the same block.
    #[error("more than one change of configuration at a time")]
    SecondChange,
    /// The configuration that it writes is not valid.
    #[error("the written configuration is not valid: {0}")]
    WrittenConfiguration(#[from] ConfigurationError),
    /// The configuration that it writes cannot follow.
    #[error("the written configuration cannot follow the previous one: {0}")]
    Successor(#[from] SuccessorError),
    /// A configuration is removed, or stored under a key that is not its number.
    #[error("a configuration is removed or stored under the wrong key")]
    ConfigurationKey,
    /// A frame's public writes are not a write set.
    #[error("the public writes of transaction {seqno} are malformed")]
    PublicWrites {
        /// The transaction's seqno.
        seqno: u64,
    },
    /// Readings are not sorted by replica, or one occurs twice.
    #[error("clock readings are not sorted by replica, with one for each")]
    ClockReadingOrder,
    /// A reading from a replica that is not a voter.
    #[error("a clock reading is from replica {replica}, which is not a voter")]
    ClockReadingOfStranger {
        /// The id found.
        replica: u64,
    },
    /// A reading that adds nothing: its time is not later than the previous block's.
    #[error("the clock reading of replica {replica} is not later than the previous block")]
    ClockReadingNotLater {
        /// The reading's replica.
        replica: u64,
    },
    /// A reading bound to a block that is not among the last ones of this chain.
    #[error("the clock reading of replica {replica} does not name a recent block of this chain")]
    ClockReadingOffChain {
        /// The reading's replica.
        replica: u64,
    },
    /// A reading whose signature is not valid.
    #[error("the clock reading of replica {replica} does not have a valid signature")]
    ClockReadingSignature {
        /// The reading's replica.
        replica: u64,
    },
    /// The time is not what the readings give.
    #[error("ledger time is {found}, but the clock readings give {expected}")]
    Time {
        /// What the readings give.
        expected: u64,
        /// What the header says.
        found: u64,
    },
}
