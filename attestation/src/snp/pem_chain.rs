//! Endorsements from the files that AMD's key distribution service gives: a
//! signing key in DER, and a `cert_chain` of its issuer and the root in PEM.

use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::{
    endorsements::SnpEndorsements,
    snp::error::{Link, SnpError},
};

impl SnpEndorsements {
    /// Longest accepted `cert_chain`, in bytes.
    pub const PEM_BYTES_MAX: usize = 64 * 1024;

    /// Endorsements of a signing key (DER) and the chain above it (PEM): ASK or
    /// ASVK first, then ARK, and nothing else (AMD 57230 §4.2).
    pub fn from_pem_chain(signer_der: &[u8], chain_pem: &str) -> Result<Self, SnpError> {
        if chain_pem.len() > Self::PEM_BYTES_MAX {
            return Err(SnpError::PemTooLong(chain_pem.len()));
        }
        let mut certificates = CertificateDer::pem_slice_iter(chain_pem.as_bytes());
        let mut next = |link| match certificates.next() {
            Some(Ok(certificate)) => Ok(certificate.to_vec()),
            Some(Err(_)) => Err(SnpError::PemMalformed),
            None => Err(SnpError::Missing(link)),
        };
        let (intermediate, root) = (next(Link::Intermediate)?, next(Link::Ark)?);
        if certificates.next().is_some() {
            return Err(SnpError::PemMalformed);
        }
        Ok(Self {
            signer: signer_der.to_vec(),
            intermediate,
            root,
            crl: None,
        })
    }
}
