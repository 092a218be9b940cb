//! Why a Nitro document is not genuine. Each variant is one check.

use synod_crypto::Digest;

use crate::x509::CertificateError;

/// Why a document is not genuine. The fault is the attester's or the host's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NitroError {
    /// The bytes are not a COSE_Sign1 with an attached payload, or bytes follow.
    #[error("document is no COSE_Sign1")]
    Envelope,
    /// The protected header is not exactly the algorithm ES384.
    #[error("protected header is not exactly `alg: ES384`")]
    ProtectedHeader,
    /// A field of the payload is missing, there twice, unknown, of a wrong type or
    /// out of its bounds.
    #[error("field `{0}` of the document is missing, repeated or out of bounds")]
    Field(&'static str),
    /// The payload is not a map, or bytes follow it.
    #[error("payload is malformed")]
    Payload,
    /// The digest algorithm is not `SHA384`.
    #[error("digest algorithm is not SHA384")]
    DigestAlgorithm,
    /// The chain is empty or longer than ten certificates.
    #[error("chain of {0} certificates is empty or too long")]
    ChainLength(usize),
    /// The root is not the trusted one.
    #[error("root certificate {found} is not a trusted one")]
    RootNotTrusted {
        /// SHA-256 of the root that was offered.
        found: Digest,
    },
    /// A certificate of the chain fails a check.
    #[error("certificate {position} of the chain (0 is the root) {problem}")]
    Certificate {
        /// Position from the root.
        position: usize,
        /// What is wrong with it.
        problem: CertificateError,
    },
    /// The signature of the document does not verify.
    #[error("signature of the document is invalid")]
    DocumentSignature,
}
