//! Certified heads: the header of a block with what proves that a quorum of the newest
//! configuration certified it.
//!
//! Invariants
//! - a head is made from outside bytes only by a check against a followed chain, or read back from
//!   the state file that this client itself wrote;
//! - only the newest configuration of the chain vouches for a head: what a superseded one signs
//!   fixes no size and no root;
//! - a head holds nothing of the caller's: of a receipt, request, answer and public writes are left
//!   out.

use bytes::Bytes;
use synod_crypto::Digest;
use synod_ledger::{
    Certificate, CertificateError, Chain, Head, Malformed, Receipt, ReceiptError, ReceiptPolicy,
};

/// Longest header and proof together that are kept, in bytes (256 KiB); usual are less than 2 KiB.
pub(crate) const HEAD_BYTES_MAX: usize = 256 * 1024;

/// A certified block: its place, time, tree size and root, with the bytes that prove them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedHead {
    header: Bytes,
    proof: HeadProof,
    head: Head,
}

/// What proves that the block is certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadProof {
    /// The certificate over the header.
    Certificate(Bytes),
    /// A receipt under the header, without what it opens.
    Receipt(Bytes),
}

/// Why a replica's newest certified block is refused. The replica is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The header cannot be read.
    #[error("its header is malformed: {0}")]
    Header(Malformed),
    /// The certificate cannot be read.
    #[error("its certificate is malformed: {0}")]
    Certificate(Malformed),
    /// It is of another network.
    #[error("it is from a different network")]
    Network,
    /// It names a configuration that the replica's chain does not have.
    #[error("it names the configuration {0}, which is not in the chain")]
    UnknownConfiguration(Digest),
    /// The certificate does not hold.
    #[error(transparent)]
    NotCertified(#[from] CertificateError),
}

impl CertifiedHead {
    /// Checks that the newest configuration of the chain certified this header. `None` where an
    /// earlier one did, or where the bytes are too many to be kept.
    ///
    /// # Errors
    /// [`HeadError`].
    pub fn of_certificate(
        chain: &Chain,
        header: &Bytes,
        certificate: &Bytes,
    ) -> Result<Option<Self>, HeadError> {
        let (read, head) = Head::of_bytes(header).map_err(HeadError::Header)?;
        if read.network != chain.network() {
            return Err(HeadError::Network);
        }
        let digest = head.configuration;
        let configuration = chain
            .configuration(&digest)
            .ok_or(HeadError::UnknownConfiguration(digest))?;
        Certificate::decode(certificate)
            .map_err(HeadError::Certificate)?
            .verify(&chain.network(), &head, configuration)?;
        let proof = HeadProof::Certificate(certificate.clone());
        Ok(Self::kept(chain, header.clone(), proof, head))
    }

    /// The head under which a receipt proves its transaction. `None` where an earlier configuration
    /// certified it, or where the bytes are too many to be kept.
    ///
    /// # Errors
    /// [`ReceiptError`], where the receipt proves nothing.
    pub fn of_receipt(chain: &Chain, mut receipt: Receipt) -> Result<Option<Self>, ReceiptError> {
        receipt.opening = None;
        receipt.public = None;
        let any_time = ReceiptPolicy {
            before_opening: true,
            ..ReceiptPolicy::default()
        };
        let head = receipt.verify(chain, &any_time)?.head;
        let proof = HeadProof::Receipt(receipt.encode());
        Ok(Self::kept(chain, receipt.header.clone(), proof, head))
    }

    fn kept(chain: &Chain, header: Bytes, proof: HeadProof, head: Head) -> Option<Self> {
        let is_newest = head.configuration == chain.current().digest();
        let fits = header.len() + proof.bytes().len() <= HEAD_BYTES_MAX;
        (is_newest && fits).then_some(Self {
            header,
            proof,
            head,
        })
    }

    /// What was checked and written down before; `None` where the bytes are no header.
    pub(crate) fn written_down(header: Bytes, proof: HeadProof) -> Option<Self> {
        let (_, head) = Head::of_bytes(&header).ok()?;
        Some(Self {
            header,
            proof,
            head,
        })
    }

    /// Transactions in the ledger after the block.
    pub fn tree_size(&self) -> u64 {
        self.head.tree_size
    }

    /// The root of the tree over them.
    pub fn root(&self) -> Digest {
        self.head.root
    }

    /// The ledger's time, in Unix milliseconds.
    pub fn time_ms(&self) -> u64 {
        self.head.time_ms
    }

    /// The block's header, encoded.
    pub fn header(&self) -> &Bytes {
        &self.header
    }

    /// What proves that it is certified.
    pub fn proof(&self) -> &HeadProof {
        &self.proof
    }
}

impl HeadProof {
    /// The certificate or the receipt, encoded.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Certificate(bytes) | Self::Receipt(bytes) => bytes,
        }
    }
}
