//! Why an SEV-SNP report is not genuine. Each variant is one check.

use synod_crypto::Digest;

use crate::{
    snp::{
        key::KeyKind,
        product::{Product, TcbVersion},
    },
    x509::CertificateError,
};

/// Which certificate of the chain is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The product's root.
    Ark,
    /// The issuer of signing keys (ASK or ASVK).
    Intermediate,
    /// The key that signs reports (VCEK or VLEK).
    Signer,
    /// The root's revocation list.
    RevocationList,
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ark => "ARK",
            Self::Intermediate => "ASK or ASVK",
            Self::Signer => "VCEK or VLEK",
            Self::RevocationList => "revocation list",
        })
    }
}

/// Why a report is not genuine. The fault is the attester's or the host's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnpError {
    /// A report has exactly 1184 bytes.
    #[error("report is {0} bytes, expected 1184")]
    Length(usize),
    /// The version is not one of 2, 3, 4, 5.
    #[error("unknown report version {0}")]
    Version(u32),
    /// The signature algorithm is not ECDSA P-384 with SHA-384.
    #[error("unknown signature algorithm {0}")]
    SignatureAlgorithm(u32),
    /// A bit or byte that must be zero (or, for bit 17 of the policy, one) is not.
    #[error("reserved field at offset {0:#x} does not have its fixed value")]
    Reserved(usize),
    /// R or S of the signature is longer than 48 bytes: another encoding of
    /// the same signature.
    #[error("padding of the signature is not zero")]
    SignaturePadding,
    /// R or S is zero or not below the order of the curve.
    #[error("R or S of the signature is out of range")]
    SignatureRange,
    /// The report is signed by a key that is neither VCEK nor VLEK.
    #[error("signing key {0} is neither VCEK nor VLEK")]
    SigningKey(u32),
    /// The processor is of a family whose root is not known.
    #[error("unknown processor: family {family:#x}, model {model:#x}")]
    UnknownProduct {
        /// CPUID family.
        family: u8,
        /// CPUID model.
        model: u8,
    },
    /// The processor is of a family that is known by name, but has no root
    /// here.
    #[error("no trusted root for product {0}")]
    ProductWithoutRoot(Product),
    /// The root is not one of the trusted ones.
    #[error("root certificate {found} is not trusted")]
    RootNotTrusted {
        /// SHA-256 of the root that was offered.
        found: Digest,
    },
    /// The report is of another product than its chain.
    #[error("report is from product {report}, but the certificate chain is for {chain}")]
    ProductMismatch {
        /// By the report's CPUID.
        report: Product,
        /// By the root.
        chain: Product,
    },
    /// A chain in PEM has more than
    /// [`PEM_BYTES_MAX`](crate::endorsements::SnpEndorsements::PEM_BYTES_MAX) bytes.
    #[error("certificate chain is too long: {0} bytes")]
    PemTooLong(usize),
    /// A chain in PEM is malformed, or holds a third certificate.
    #[error("certificate chain is not two certificates in PEM")]
    PemMalformed,
    /// A chain in PEM ends too early.
    #[error("certificate chain has no {0}")]
    Missing(Link),
    /// A certificate of the chain fails a check.
    #[error("{link} {problem}")]
    Certificate {
        /// Which one.
        link: Link,
        /// What is wrong with it.
        problem: CertificateError,
    },
    /// A certificate's name is not the one that AMD gives it.
    #[error("{link} has the name `{found}`, expected `{expected}`")]
    CertificateName {
        /// Which one.
        link: Link,
        /// The name that AMD gives.
        expected: String,
        /// The name found.
        found: String,
    },
    /// The signing key does not say what it must, or says it twice.
    #[error("extension {0} of the signing key is missing or malformed")]
    Extension(&'static str),
    /// The signing key belongs to other firmware than the report states.
    #[error("signing key is for TCB ({certificate}), but the report states TCB ({report})")]
    TcbMismatch {
        /// In the certificate.
        certificate: TcbVersion,
        /// In the report.
        report: TcbVersion,
    },
    /// The signing key belongs to another chip than the report states.
    #[error("signing key is for a different chip than the report")]
    ChipMismatch,
    /// The report names another kind of signing key than its chain has.
    #[error("report is signed by a {report}, but the certificate chain is for a {chain}")]
    KeyKindMismatch {
        /// In the report.
        report: KeyKind,
        /// By the names of the certificates.
        chain: KeyKind,
    },
    /// The report says that the chip's key is masked and that it signed.
    #[error("chip key is masked, so it cannot have signed the report")]
    ChipKeyMasked,
    /// The chain was checked earlier, and is not valid at the time of
    /// verification.
    #[error(
        "certificate chain is valid from {from_ms} to {until_ms}, but the time is {now_ms} (Unix milliseconds)"
    )]
    OutsideWindow {
        /// From when on all of the chain is valid.
        from_ms: u64,
        /// Until when all of the chain is valid.
        until_ms: u64,
        /// The time of verification.
        now_ms: u64,
    },
    /// The signature of the report does not verify.
    #[error("signature of the report is invalid")]
    ReportSignature,
}
