//! Why a Nitro document is not genuine. Each variant is one check.

use synod_crypto::Digest;

use crate::x509::CertificateError;

/// Why a document is not genuine. The fault is the attester's or the host's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NitroError {
    /// The bytes are not a COSE_Sign1 with an attached payload: an array of four.
    #[error("document is not a COSE_Sign1 message")]
    Envelope,
    /// The envelope is not in its deterministic encoding, or bytes follow it.
    #[error("envelope of the document is not in its canonical encoding, or extra bytes follow it")]
    NotCanonical,
    /// The protected header is not exactly the algorithm ES384.
    #[error("protected header is not exactly `alg: ES384`")]
    ProtectedHeader,
    /// The unprotected header is not empty.
    #[error("unprotected header is not empty")]
    UnprotectedHeader,
    /// The signature does not have 96 bytes.
    #[error("signature is {0} bytes, expected 96")]
    SignatureLength(usize),
    /// R or S is zero or not below the order of the curve.
    #[error("R or S of the signature is out of range")]
    SignatureRange,
    /// A field of the payload is missing.
    #[error("field `{0}` of the document is missing")]
    Missing(&'static str),
    /// A field of the payload appears twice.
    #[error("field `{0}` of the document appears twice")]
    Repeated(&'static str),
    /// A field of the payload has a name that AWS does not define.
    #[error("document has a field with an unknown name")]
    UnknownField,
    /// A field of the payload is of a wrong type, empty, or of an indefinite
    /// length.
    #[error("field `{0}` of the document has the wrong type or format")]
    Field(&'static str),
    /// A field of the payload is longer than AWS allows.
    #[error("field `{name}` of the document is too long: {length} bytes")]
    FieldTooLong {
        /// Which one.
        name: &'static str,
        /// Its length, in bytes.
        length: usize,
    },
    /// A register has a number above 31.
    #[error("PCR{0} does not exist")]
    PcrIndex(u8),
    /// A register does not have the 48 bytes of SHA-384.
    #[error("PCR{index} is {length} bytes, expected 48")]
    PcrLength {
        /// Which one.
        index: u8,
        /// Its length, in bytes.
        length: usize,
    },
    /// A register appears twice.
    #[error("PCR{0} appears twice")]
    PcrRepeated(u8),
    /// One of the registers 0 to 2 is missing.
    #[error("PCR{0} is missing")]
    PcrMissing(u8),
    /// The payload is not a map, or bytes follow it.
    #[error("payload is malformed")]
    Payload,
    /// The digest algorithm is not `SHA384`.
    #[error("digest algorithm is not SHA384")]
    DigestAlgorithm,
    /// The chain is empty or longer than ten certificates.
    #[error("certificate chain has {0} certificates, which is too few or too many")]
    ChainLength(usize),
    /// The root is not the trusted one.
    #[error("root certificate {found} is not trusted")]
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
    /// The document says that it was made when its leaf was not valid, by more
    /// than five minutes.
    #[error(
        "document was made at {timestamp_ms}, but its leaf certificate is valid from {from_ms} to {until_ms} (Unix milliseconds)"
    )]
    Timestamp {
        /// When it says that it was made (Unix milliseconds).
        timestamp_ms: u64,
        /// When the leaf becomes valid (Unix milliseconds).
        from_ms: u64,
        /// When the leaf expires (Unix milliseconds).
        until_ms: u64,
    },
    /// The signature of the document does not verify.
    #[error("signature of the document is invalid")]
    DocumentSignature,
}
