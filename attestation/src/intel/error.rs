//! Why Intel's evidence is not genuine, or is refused whatever the policy:
//! one variant for each check.

use std::fmt;

use synod_crypto::Digest;

use crate::{intel::levels::Shortfall, tee::Tee, x509::CertificateError};

/// Why a quote or its collateral is refused. Except for the times, the fault
/// is the attester's or its host's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntelError {
    /// The quote ends within this part.
    #[error("quote ends within its {0}")]
    Truncated(&'static str),
    /// The quote is of a version other than 3, 4, 5.
    #[error("unknown quote version {0}")]
    Version(u16),
    /// The attestation key is of another kind than ECDSA on P-256.
    #[error("unknown attestation key type {0}")]
    KeyType(u16),
    /// The quote is of no TEE that its version is used for.
    #[error("quote version {version} is not valid for TEE type {tee_type:#x}")]
    TeeType {
        /// Version of the quote.
        version: u16,
        /// The TEE type in its header.
        tee_type: u32,
    },
    /// The quote is of another TEE than the one it is said to be of.
    #[error("quote is from {found}, expected {expected}")]
    WrongTee {
        /// The TEE that the caller or the collateral named.
        expected: Tee,
        /// The TEE of the quote.
        found: Tee,
    },
    /// The quoting enclave's vendor is not Intel.
    #[error("vendor {} of the quoting enclave is not Intel", hex::encode(.0))]
    QeVendor([u8; 16]),
    /// The body is of a type that is not known, or not this TEE's.
    #[error("quote body type {0} is unknown for this TEE")]
    BodyType(u16),
    /// The body's stated size is not that of its type.
    #[error("quote body of type {body_type} states a length of {found} bytes, expected {expected}")]
    BodySize {
        /// Type of the body.
        body_type: u16,
        /// Its size by that type.
        expected: usize,
        /// The stated size.
        found: u32,
    },
    /// Bytes are left over within this part.
    #[error("unexpected bytes at the end of the {0} of the quote")]
    LeftOver(&'static str),
    /// The QE's certification data is of a type that is not known.
    #[error("unknown certification data type {0}")]
    CertificationType(u16),
    /// All signatures hold, but bytes other than zero follow the quote.
    #[error("bytes that are not zero follow the quote")]
    Trailing,
    /// Neither the quote nor the endorsements hold a PCK chain.
    #[error("the PCK certificate chain is missing")]
    NoPckChain,
    /// A chain is no PEM text of certificates.
    #[error("{0}: not a certificate chain in PEM")]
    Pem(Chain),
    /// A chain has too few or too many certificates.
    #[error("{chain}: {found} certificates, expected {expected}")]
    ChainLength {
        /// Which chain.
        chain: Chain,
        /// How many it must have, the root included.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A chain's root is not the trusted one.
    #[error("root certificate {found} is not trusted")]
    RootNotTrusted {
        /// SHA-256 of the root that was offered.
        found: Digest,
    },
    /// A certificate is wrong.
    #[error("{link} certificate {problem}")]
    Certificate {
        /// Which certificate.
        link: Link,
        /// What is wrong with it.
        problem: CertificateError,
    },
    /// A certificate under Intel's root has a name that Intel does not use
    /// there.
    #[error("{link} certificate has the unexpected name `{found}`")]
    Name {
        /// Which certificate.
        link: Link,
        /// Its common name.
        found: String,
    },
    /// The SGX extension of the PCK certificate is missing or malformed.
    #[error("SGX extension of the PCK certificate: {0}")]
    PckExtension(&'static str),
    /// The root's revocation list is wrong.
    #[error("revocation list of the root {0}")]
    RootCrl(CertificateError),
    /// The PCK revocation list is wrong.
    #[error("revocation list of PCK certificates {0}")]
    PckCrl(CertificateError),
    /// The PCK revocation list is that of another authority than the one that
    /// issued the PCK certificate.
    #[error("revocation list is not from the authority that issued the PCK certificate")]
    PckCrlOfAnotherAuthority,
    /// The TCB information is wrong.
    #[error("TCB information {0}")]
    TcbInfo(DocumentError),
    /// The identity of the quoting enclave is wrong.
    #[error("QE identity {0}")]
    QeIdentity(DocumentError),
    /// The TCB information is for another family of platforms.
    #[error("platform has FMSPC {}, but the TCB information is for {}", hex::encode(.platform), hex::encode(.collateral))]
    Fmspc {
        /// FMSPC of the PCK certificate.
        platform: [u8; 6],
        /// FMSPC of the TCB information.
        collateral: [u8; 6],
    },
    /// The TCB information is for another provisioning enclave.
    #[error("platform has PCE id {}, but the TCB information is for {}", hex::encode(.platform), hex::encode(.collateral))]
    PceId {
        /// PCE id of the PCK certificate.
        platform: [u8; 2],
        /// PCE id of the TCB information.
        collateral: [u8; 2],
    },
    /// The collateral was checked for another time.
    #[error(
        "collateral is valid from {from_ms} until {until_ms}, but the time is {now_ms} (Unix milliseconds)"
    )]
    CollateralTime {
        /// When the last part of it becomes valid.
        from_ms: u64,
        /// When the first part of it expires.
        until_ms: u64,
        /// The time of verification.
        now_ms: u64,
    },
    /// The PCK did not sign the quoting enclave's report.
    #[error("signature of the quoting enclave's report is invalid")]
    QeReportSignature,
    /// The quoting enclave does not vouch for the attestation key.
    #[error("quoting enclave's report does not cover the attestation key")]
    QeBinding,
    /// The quoting enclave is not the one that the collateral describes.
    #[error("{0} of the quoting enclave differs from the collateral")]
    QeMismatch(QeField),
    /// The quoting enclave can be debugged.
    #[error("quoting enclave is in debug mode")]
    QeDebug,
    /// The attestation key did not sign the quote.
    #[error("signature of the quote is invalid")]
    QuoteSignature,
    /// All signatures hold, but reserved bytes of the enclave's report are not
    /// zero.
    #[error("reserved bytes of the report are not zero")]
    Reserved,
    /// All signatures hold, but reserved attributes of the domain are set.
    #[error("attributes of the trust domain set the reserved bits {0:#x}")]
    ReservedAttributes(u64),
    /// All signatures hold, but the collateral knows no TDX module of this
    /// version.
    #[error("TCB information does not list version {0} of the TDX module")]
    ModuleUnknown(u8),
    /// All signatures hold, but the TDX module is signed by another.
    #[error("signer of the TDX module differs from the TCB information")]
    ModuleSigner,
    /// All signatures hold, but the TDX module has other attributes.
    #[error(
        "TDX module has the attributes {found:#x}, expected {expected:#x} under the mask {mask:#x}"
    )]
    ModuleAttributes {
        /// The attributes (SEAMATTRIBUTES).
        found: u64,
        /// What they should be, where the mask is set.
        expected: u64,
        /// Which of them count.
        mask: u64,
    },
    /// All signatures hold, but the platform, its TDX module or its quoting
    /// enclave is older than any level that Intel lists.
    #[error("{part} is older than every TCB level that the collateral lists{}", Shortfall::list(.behind))]
    NoTcbLevel {
        /// What is too old.
        part: Part,
        /// What is missing to the newest level.
        behind: Vec<Shortfall>,
    },
    /// All signatures hold, but Intel has revoked the TCB level of this part.
    #[error("TCB level of the {0} is revoked")]
    Revoked(Part),
}

impl IntelError {
    /// Whether every signature held and only the state of the platform or of
    /// the workload is refused.
    pub fn signatures_hold(&self) -> bool {
        matches!(
            self,
            Self::Trailing
                | Self::Reserved
                | Self::ReservedAttributes(_)
                | Self::ModuleUnknown(_)
                | Self::ModuleSigner
                | Self::ModuleAttributes { .. }
                | Self::NoTcbLevel { .. }
                | Self::Revoked(_)
        )
    }
}

/// A chain of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// Of the PCK certificate.
    Pck,
    /// Of the signer of the TCB information.
    TcbInfo,
    /// Of the signer of the QE identity.
    QeIdentity,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pck => "PCK chain",
            Self::TcbInfo => "issuer chain of the TCB information",
            Self::QeIdentity => "issuer chain of the QE identity",
        })
    }
}

/// A certificate's place under the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The root.
    Root,
    /// The authority that issues PCK certificates.
    PckAuthority,
    /// The PCK certificate.
    Pck,
    /// The signer of the TCB information.
    TcbInfoSigner,
    /// The signer of the QE identity.
    QeIdentitySigner,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::PckAuthority => "PCK authority's",
            Self::Pck => "PCK",
            Self::TcbInfoSigner => "TCB information signer's",
            Self::QeIdentitySigner => "QE identity signer's",
        })
    }
}

/// What is wrong with a signed JSON document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than any that Intel issues.
    #[error("is too long: {0} bytes")]
    TooLong(usize),
    /// Its signer did not sign it, byte for byte.
    #[error("is not signed by its signing certificate")]
    Signature,
    /// No JSON of the expected shape.
    #[error("is malformed: {0}")]
    Malformed(String),
    /// For another TEE.
    #[error("is for `{0}`, which is not the TEE of the evidence")]
    Id(String),
    /// Of a version that is not known.
    #[error("has the unknown version {0}")]
    Version(u32),
    /// Its TCB levels are compared in a way that is not known.
    #[error("has the unknown TCB type {0}")]
    TcbType(u32),
    /// Issued after the time of verification (Unix seconds).
    #[error("is issued at {issued_s}, but the time is {now_s} (Unix seconds)")]
    NotYetValid {
        /// When it was issued.
        issued_s: u64,
        /// The time of verification.
        now_s: u64,
    },
    /// Replaced before the time of verification (Unix seconds).
    #[error("expired at {next_s}, and the time is {now_s} (Unix seconds)")]
    Expired {
        /// When the next one was due.
        next_s: u64,
        /// The time of verification.
        now_s: u64,
    },
}

/// A field of the quoting enclave's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QeField {
    /// `MRSIGNER`.
    Signer,
    /// `ISVPRODID`.
    Product,
    /// `MISCSELECT`, under its mask.
    MiscSelect,
    /// `ATTRIBUTES`, under their mask.
    Attributes,
}

impl fmt::Display for QeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signer => "MRSIGNER",
            Self::Product => "ISVPRODID",
            Self::MiscSelect => "MISCSELECT",
            Self::Attributes => "ATTRIBUTES",
        })
    }
}

/// A part of the platform that has TCB levels of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Microcode, firmware and provisioning enclave.
    Platform,
    /// The platform as it is now, after updates under a running domain.
    CurrentPlatform,
    /// The TDX module.
    Module,
    /// The quoting enclave.
    QuotingEnclave,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Platform => "platform",
            Self::CurrentPlatform => "platform as it is now",
            Self::Module => "TDX module",
            Self::QuotingEnclave => "quoting enclave",
        })
    }
}
