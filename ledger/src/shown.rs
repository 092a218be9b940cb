//! A block of which only the header is available, with its certificate: what one replica shows
//! another of its history.
//!
//! Two certified blocks that exclude each other prove that history was forked or rolled back, or
//! that a quorum's keys are in wrong hands. But an old configuration's keys prove nothing for ever:
//! once a chain has a certified block that writes a later configuration, whoever still signs under
//! the earlier one is at fault himself, whatever view and index he writes. Else the founder's key
//! alone could stop a network of any size.

use bytes::Bytes;
use minicbor::{Decode, Encode};
use synod_crypto::Digest;

use crate::canonical::{self, Malformed};
use crate::certificate::{CERTIFICATE_BYTES_MAX, Certificate, CertificateError};
use crate::header::{HEADER_BYTES_MAX, Head};
use crate::sequence::Sequence;

/// A certificate and the header of its block. Proves nothing until it is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownBlock {
    /// The header's bytes.
    pub header: Bytes,
    /// The certificate.
    pub certificate: Certificate,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire {
    #[cbor(n(0), with = "minicbor::bytes")]
    header: Vec<u8>,
    #[n(1)]
    certificate: Certificate,
}

/// What a shown block is to a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is of the chain.
    OnChain,
    /// It lies ahead of the chain's certified block, so nothing can be said yet.
    Ahead,
    /// It is not of the chain, but it is signed under a configuration that the chain has ended:
    /// whoever signed it is at fault.
    Superseded {
        /// The number of the ended configuration.
        number: u64,
    },
    /// It is certified, as the chain's own block in its place is: one of the two must not be.
    Fork {
        /// Its index.
        index: u64,
    },
}

/// Why a shown block says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// The header is malformed.
    #[error("the header is malformed: {0}")]
    Header(#[from] Malformed),
    /// It is of another network.
    #[error("the header is from a different network")]
    Network,
    /// It names a configuration that this chain does not know.
    #[error("the header names a configuration that is not in this chain")]
    Configuration,
    /// The certificate does not hold.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl ShownBlock {
    /// Deterministic CBOR: what is kept as proof.
    pub fn encode(&self) -> Bytes {
        let wire = Wire {
            header: self.header.to_vec(),
            certificate: self.certificate.clone(),
        };
        canonical::encode(&wire).into()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let max = HEADER_BYTES_MAX + CERTIFICATE_BYTES_MAX + 16;
        let wire: Wire = canonical::decode(bytes, max)?;
        Ok(Self {
            header: wire.header.into(),
            certificate: wire.certificate,
        })
    }

    /// What this block is to `chain`. `ours` is the chain's newest block at or below this one's
    /// index, where it is at hand; without it only a block whose transactions are others is told
    /// apart.
    ///
    /// # Errors
    /// [`NotShown`] where header and certificate do not make a certified block.
    pub fn standing(&self, chain: &Sequence, ours: Option<&Head>) -> Result<Standing, NotShown> {
        let (header, head) = Head::of_bytes(&self.header)?;
        if header.network != chain.network() {
            return Err(NotShown::Network);
        }
        let configuration = chain
            .configuration_named(&head.configuration)
            .ok_or(NotShown::Configuration)?;
        self.certificate
            .verify(&chain.network(), &head, configuration)?;
        let certified = chain.certified();
        if head.index > certified.index {
            return Ok(Standing::Ahead);
        }
        let same = match ours {
            Some(ours) => ours.hash == head.hash,
            None => {
                head.tree_size <= certified.tree_size
                    && chain.tree().root_at(head.tree_size) == Some(head.root)
            }
        };
        if same {
            return Ok(Standing::OnChain);
        }
        let number = configuration.number();
        if number < in_force(chain) {
            return Ok(Standing::Superseded { number });
        }
        Ok(Standing::Fork { index: head.index })
    }

    /// The hash that the certificate is over, and the index that it states.
    pub fn place(&self) -> (u64, Digest) {
        (self.certificate.index, self.certificate.header_hash)
    }
}

/// The number of the newest configuration that a certified block wrote.
fn in_force(chain: &Sequence) -> u64 {
    let pending = chain.pending().is_some() && !chain.pending_is_certified();
    let newest = if pending {
        chain.configuration()
    } else {
        chain.newest_configuration()
    };
    newest.number()
}
