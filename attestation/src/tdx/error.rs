//! Why a TDX quote is not genuine. Each variant is one check, or one group of
//! checks that `dcap-qvl` makes.

use synod_crypto::Digest;

/// Why a quote is not genuine. The fault is the attester's or the host's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TdxError {
    /// The bytes are not a quote.
    #[error("quote is malformed: {0}")]
    Malformed(String),
    /// The quote is of a version, TEE or key type that is not known.
    #[error("quote is of an unknown kind: {0}")]
    UnknownKind(String),
    /// The quote holds no chain of certificates, nor do the endorsements.
    #[error("no PCK certificate chain at hand")]
    NoPckChain,
    /// The chain's root is not the trusted one.
    #[error("root certificate {found} is not a trusted one")]
    RootNotTrusted {
        /// SHA-256 of the root that was offered.
        found: Digest,
    },
    /// A certificate or revocation list is malformed, expired, revoked, or not
    /// signed by its issuer.
    #[error("certificates or revocation lists: {0}")]
    Certificates(String),
    /// The collateral is malformed or badly signed, or for another platform.
    #[error("collateral: {0}")]
    Collateral(String),
    /// The collateral is not valid yet, or not any more.
    #[error("collateral is out of its time: {0}")]
    CollateralTime(String),
    /// The quoting enclave is not Intel's, or did not make the quote.
    #[error("quoting enclave: {0}")]
    QuotingEnclave(String),
    /// The signature over the quote is wrong.
    #[error("signature of the quote is invalid")]
    QuoteSignature,
    /// The TDX module is not Intel's.
    #[error("TDX module: {0}")]
    Module(String),
    /// All signatures hold, but the platform is older than any level that
    /// Intel lists.
    #[error("platform is older than any TCB level that the collateral lists")]
    NoTcbLevel,
    /// All signatures hold, but Intel has revoked the platform's TCB level.
    #[error("platform's TCB level is revoked")]
    Revoked,
    /// All signatures hold, but bytes other than zero follow the quote.
    #[error("bytes that are not zero follow the quote")]
    Trailing,
    /// All signatures hold, but the domain has attributes that nobody accepts:
    /// reserved ones, migration, a page table that the host can fault
    /// silently.
    #[error("attributes of the domain: {0}")]
    Attributes(String),
    /// A check failed that has no variant of its own.
    #[error("{0}")]
    Other(String),
}

impl TdxError {
    /// Whether every signature held and only the state of the platform or of
    /// the domain is refused.
    pub fn signatures_hold(&self) -> bool {
        matches!(
            self,
            Self::NoTcbLevel | Self::Revoked | Self::Attributes(_) | Self::Trailing
        )
    }

    /// Sorts the message of a failed `dcap-qvl` check (version 0.7.1) into the
    /// group that it belongs to. It only chooses the variant: the message is
    /// kept, and none of them is a success.
    pub(crate) fn of_dcap_qvl(message: String) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        if says(&["No matching TCB level", "TDX module ISVSVN"]) {
            return Self::NoTcbLevel;
        }
        if says(&["TCB status is invalid: Revoked"]) {
            return Self::Revoked;
        }
        if says(&["ISV enclave report signature"]) {
            return Self::QuoteSignature;
        }
        let group = GROUPS.iter().find(|(words, _)| says(words));
        let make = group.map_or(Self::Other as Make, |(_, make)| *make);
        make(message)
    }
}

type Make = fn(String) -> TdxError;

/// Words in the messages of `dcap-qvl`, and the variants they belong to; the
/// first that fits counts.
const GROUPS: [(&[&str], Make); 8] = [
    (
        &[
            "quote version",
            "QE vendor",
            "Unsupported TEE type",
            "Invalid TEE type",
            "TEE quote must",
            "attestation key type",
            "body type",
        ],
        TdxError::UnknownKind,
    ),
    (&["decode quote", "signed quote scope"], TdxError::Malformed),
    (
        &[
            "TCBInfo expired",
            "QE Identity expired",
            "issue date is in the future",
        ],
        TdxError::CollateralTime,
    ),
    (
        &[
            "TD attributes",
            "TD migration",
            "SERVTD_EXT",
            "SEPT_VE_DISABLE",
            "service TD",
        ],
        TdxError::Attributes,
    ),
    (
        &["TDX module", "tdxModule", "SEAMATTRIBUTES"],
        TdxError::Module,
    ),
    (
        &[
            "qe_report",
            "QE report",
            "QE auth data",
            "QE ISVSVN",
            "QE ISVPRODID",
            "QE MRSIGNER",
            "QE MISCSELECT",
            "QE ATTRIBUTES",
        ],
        TdxError::QuotingEnclave,
    ),
    (
        &[
            "certificate",
            "CRL",
            "Crl",
            "Cert",
            "certs",
            "Intel extension",
            "issued directly",
            "root ca",
            "RevocationStatus",
            "UnknownIssuer",
        ],
        TdxError::Certificates,
    ),
    (
        &[
            "tcb_info",
            "qe_identity",
            "TcbInfo",
            "QeIdentity",
            "QE Identity",
            "TCB info",
            "TCB Info",
            "Fmspc",
            "component count",
        ],
        TdxError::Collateral,
    ),
];
