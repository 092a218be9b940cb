//! The ledger: what Synod remembers, and how anybody can check it.
//!
//! Blocks and their headers, the RFC 9162 tree over transactions, sealing,
//! configurations and quorum certificates, COSE receipts (RFC 9942), the chain
//! of configurations that a client follows offline, segment files, and the
//! structural audit.
//!
//! This crate performs no input or output, reads no clock and makes no random
//! bytes. It judges structure and signatures; what a governance write *means*
//! is for others to recompute.

mod audit;
mod block;
mod canonical;
mod certificate;
mod chain;
mod checksum;
mod clock_reading;
mod configuration;
mod cose_receipt;
mod genesis;
mod header;
mod issuer;
pub mod public_writes;
mod receipt;
mod sealing;
mod segment;
mod sequence;
mod sequence_error;
mod shown;
mod signature;
mod transaction;
mod tree;
mod written;

pub use crate::audit::{Audit, AuditError, AuditFault, Report, Step, audit_segments};
pub use crate::block::{BLOCK_BYTES_MAX, Block, BlockBuilder, FRAMES_MAX, Frame};
pub use crate::canonical::Malformed;
pub use crate::certificate::{
    CERTIFICATE_BYTES_MAX, Certificate, CertificateError, Certified, Tally,
};
pub use crate::chain::{CHAIN_RECORD_BYTES_MAX, Chain, ChainError, ChainRecord, Ended, Recorder};
pub use crate::clock_reading::{ClockReading, VerifiedClockReading, WINDOW, clock_reading_message};
pub use crate::configuration::{
    CONFIGURATION_BYTES_MAX, Configuration, ConfigurationError, QuorumError, SuccessorError,
    VENDOR_BYTES_MAX, VOTERS_MAX, Voter,
};
pub use crate::cose_receipt::CoseReceiptError;
pub use crate::genesis::genesis_block;
pub use crate::header::{EMPTIES_MAX, HEADER_BYTES_MAX, HEADER_FORMAT, Head, Header};
pub use crate::issuer::ReceiptIssuer;
pub use crate::receipt::{
    AnswerError, Committed, CoseParts, RECEIPT_BYTES_MAX, RECEIPT_FORMAT, Receipt, ReceiptError,
    ReceiptPolicy, Transaction,
};
pub use crate::sealing::{
    LedgerSecret, Opener, Place, Purpose, SEALED_BYTES_MAX, SEALED_FORMAT, SealError, Sealer,
    SealingKey,
};
pub use crate::segment::{
    Corruption, Damage, PAYLOAD_BYTES_MAX, Placed, RECORD_HEADER_LEN, Record, SEGMENT_FORMAT,
    SEGMENT_HEADER_LEN, Scanner, SegmentHeader, SignedAt,
};
pub use crate::sequence::{Appended, CertifyError, RetractsCertified, Sequence, Terms};
pub use crate::sequence_error::SequenceError;
pub use crate::shown::{NotShown, ShownBlock, Standing};
pub use crate::signature::{BlockSignature, block_signature_message, protected_header};
pub use crate::transaction::{
    CALLER_BYTES_MAX, CLAIMS_MAX, INTERIOR_BYTES_MAX, Interior, LEAF_BYTES_MAX, LEAF_VERSION, Leaf,
    REPLY_BYTES_MAX, ReplyPreimage, TxId, TxIdError, TxStatus,
};
pub use crate::tree::{
    InclusionProof, ProofError, Tree, leaf_hash, node_hash, root_from_inclusion,
    verify_consistency, verify_inclusion,
};
