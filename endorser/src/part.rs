//! What a vendor's service can be asked for, one thing at a time.
//!
//! Invariants:
//! - every part has a bound on the bytes that its answer may have;
//! - two different parts never share a [`Part`] value.

use std::fmt;

use synod_attestation::{
    Tee,
    snp::{
        key::KeyKind,
        product::{Product, TcbVersion},
    },
};

/// Which of Intel's two authorities issued a PCK certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PckCa {
    /// For processors that are packages of their own.
    Processor,
    /// For platforms of several processors.
    Platform,
}

impl PckCa {
    /// The name in Intel's URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Platform => "platform",
        }
    }

    /// The authority that a certificate's issuer names, by its common name.
    pub fn of_common_name(name: &str) -> Option<Self> {
        match name {
            "Intel SGX PCK Processor CA" => Some(Self::Processor),
            "Intel SGX PCK Platform CA" => Some(Self::Platform),
            _ => None,
        }
    }
}

/// What a quote without a PCK chain says about its platform (certification
/// data of type 2 or 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PckQuery {
    /// The platform's provisioning id, encrypted for Intel.
    pub encrypted_ppid: Vec<u8>,
    /// Security versions of the processor.
    pub cpu_svn: [u8; 16],
    /// Security version of the provisioning enclave.
    pub pce_svn: u16,
    /// Id of the provisioning enclave.
    pub pce_id: u16,
    /// Id of the quoting enclave.
    pub qe_id: [u8; 16],
}

/// The AMD certificate of one chip at one level of firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vcek {
    /// The processor family.
    pub product: Product,
    /// The chip: 64 bytes, on Turin 8.
    pub hardware_id: Vec<u8>,
    /// The firmware that the key is derived from.
    pub tcb: TcbVersion,
}

/// One thing to ask a vendor's service for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Intel's TCB information of a family of platforms (PCS v4, `tcb`).
    TcbInfo {
        /// SGX or TDX.
        tee: Tee,
        /// Family, model, stepping, platform type and custom SKU.
        fmspc: [u8; 6],
    },
    /// The identity of Intel's quoting enclave (PCS v4, `qe/identity`).
    QeIdentity {
        /// SGX or TDX.
        tee: Tee,
    },
    /// The revocation list of a PCK authority (PCS v4, `pckcrl`).
    PckCrl {
        /// Which authority.
        ca: PckCa,
    },
    /// The revocation list of Intel's root.
    RootCrl,
    /// The PCK certificate of a platform, from a PCCS (`pckcert`).
    Pck(Box<PckQuery>),
    /// The certificate of a chip (AMD 57230, `/vcek/v1/{product}/{hwid}`).
    Vcek(Box<Vcek>),
    /// ASK or ASVK, and ARK (AMD 57230, `cert_chain`).
    AmdChain {
        /// The processor family.
        product: Product,
        /// For which kind of key.
        key: KeyKind,
    },
    /// The revocation list of the ARK (AMD 57230, `crl`).
    AmdCrl {
        /// The processor family.
        product: Product,
        /// For which kind of key.
        key: KeyKind,
    },
}

/// Longest accepted TCB information, in bytes. Real ones have 4 to 40 KiB.
pub const TCB_INFO_BYTES_MAX: usize = 160 * 1024;
/// Longest accepted identity of a quoting enclave, in bytes; real: 2 KiB.
pub const QE_IDENTITY_BYTES_MAX: usize = 32 * 1024;
/// Longest accepted revocation list, in bytes; the longest real one has 8 KiB,
/// and lists grow. In hexadecimal it takes twice that.
pub const CRL_BYTES_MAX: usize = 128 * 1024;
/// Longest accepted certificate, in bytes; real: 2 KiB.
pub const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
/// Longest accepted chain of certificates, in bytes; real: 5 KiB.
pub const CHAIN_BYTES_MAX: usize = 64 * 1024;

impl Part {
    /// The most bytes that an answer may have.
    pub fn bytes_max(&self) -> usize {
        match self {
            Self::TcbInfo { .. } => TCB_INFO_BYTES_MAX,
            Self::QeIdentity { .. } => QE_IDENTITY_BYTES_MAX,
            Self::PckCrl { .. } | Self::RootCrl | Self::AmdCrl { .. } => 2 * CRL_BYTES_MAX + 2,
            Self::Pck(_) | Self::Vcek(_) => CERTIFICATE_BYTES_MAX,
            Self::AmdChain { .. } => CHAIN_BYTES_MAX,
        }
    }

    /// The header that carries the chain of the one who signed the answer.
    pub fn chain_header(&self) -> Option<&'static str> {
        match self {
            Self::TcbInfo { .. } => Some("tcb-info-issuer-chain"),
            Self::QeIdentity { .. } => Some("sgx-enclave-identity-issuer-chain"),
            Self::PckCrl { .. } => Some("sgx-pck-crl-issuer-chain"),
            Self::Pck(_) => Some("sgx-pck-certificate-issuer-chain"),
            Self::RootCrl | Self::Vcek(_) | Self::AmdChain { .. } | Self::AmdCrl { .. } => None,
        }
    }

    /// Whether newer answers replace older ones long before those expire:
    /// true of all that revokes or judges, false of bare certificates.
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Pck(_) | Self::Vcek(_) | Self::AmdChain { .. })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TcbInfo { tee, fmspc } => {
                write!(f, "{tee} TCB information of FMSPC {}", hex::encode(fmspc))
            }
            Self::QeIdentity { tee } => write!(f, "identity of the {tee} quoting enclave"),
            Self::PckCrl { ca } => write!(f, "revocation list of the PCK {} CA", ca.name()),
            Self::RootCrl => f.write_str("revocation list of Intel's root"),
            Self::Pck(_) => f.write_str("PCK certificate of the platform"),
            Self::Vcek(vcek) => write!(f, "VCEK of a {} chip", vcek.product),
            Self::AmdChain { product, key } => {
                write!(f, "{key} chain of {product}")
            }
            Self::AmdCrl { product, key } => {
                write!(f, "{key} revocation list of {product}")
            }
        }
    }
}
