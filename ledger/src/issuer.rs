//! Making receipts. Needs no secret: header, certificate and proof are enough.

use bytes::Bytes;
use synod_crypto::{Digest, Signature};

use crate::certificate::Certificate;
use crate::configuration::Configuration;
use crate::cose_receipt;
use crate::header::Head;
use crate::receipt::Receipt;
use crate::signature::protected_header;
use crate::transaction::{Leaf, ReplyPreimage};
use crate::tree::InclusionProof;

/// Hands out receipts under one certified block. The protected headers are
/// encoded once, however many receipts follow.
#[derive(Clone, Debug)]
pub struct ReceiptIssuer {
    header: Bytes,
    head: Head,
    signers: Vec<(Vec<u8>, Signature)>,
}

impl ReceiptIssuer {
    /// `certificate` must be verified, over the block of `head`, by `configuration`.
    /// Signers that the configuration does not know are left out.
    pub fn new(
        network: &Digest,
        header: Bytes,
        head: Head,
        certificate: &Certificate,
        configuration: &Configuration,
    ) -> Self {
        let signers = certificate
            .signatures
            .iter()
            .filter_map(|s| {
                let kid = configuration.voter(s.signer)?.key.digest();
                Some((
                    protected_header(network, &kid, &head.hash, head.view),
                    s.signature,
                ))
            })
            .collect();
        Self {
            header,
            head,
            signers,
        }
    }

    /// The certified block.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// A receipt for a leaf with its proof in this block's tree.
    pub fn issue(
        &self,
        leaf: Leaf,
        proof: &InclusionProof,
        opening: Option<ReplyPreimage>,
        public: Option<Bytes>,
    ) -> Receipt {
        let cose = self
            .signers
            .iter()
            .map(|(protected, signature)| cose_receipt::encode(protected, proof, signature))
            .collect();
        Receipt {
            header: self.header.clone(),
            leaf,
            opening,
            public,
            cose,
            ending: None,
        }
    }
}
