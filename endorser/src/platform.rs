//! The platform that made evidence, as far as its vendor's service must know
//! it to answer.
//!
//! What evidence says here is not verified yet: a lie leads to endorsements
//! for another platform, under which that evidence does not verify.

use synod_attestation::{
    Evidence, Tee,
    snp::{
        error::SnpError,
        key::KeyKind,
        product::{Product, TcbVersion},
        report::{Cpuid, Report},
    },
};

use crate::{
    certificate::Certificate,
    part::{Part, PckCa, PckQuery, Vcek},
    pem,
    quote::{self, Certification, QuoteError},
};

/// Certification data of types 2 and 3: encrypted PPID of 256 or 384 bytes,
/// CPUSVN, PCESVN, PCEID.
const SVNS_BYTES: usize = 16 + 2 + 2;
const PCK_CHAIN: u16 = 5;

/// The evidence does not say which endorsements it needs. The fault is the
/// attester's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// A quote's platform cannot be found.
    #[error(transparent)]
    Quote(#[from] QuoteError),
    /// The quote is of another TEE than it is said to be.
    #[error("quote is from {0}")]
    WrongTee(Tee),
    /// The quote's certification data is of a type that names no platform.
    #[error("certification data of type {0} does not identify the platform")]
    CertificationType(u16),
    /// The PCK chain of the quote cannot be read.
    #[error("PCK chain of the quote cannot be read")]
    PckChain,
    /// The PCK certificate does not name its family of platforms.
    #[error("PCK certificate has no FMSPC")]
    NoFmspc,
    /// The PCK certificate is of an authority that is not known.
    #[error("PCK certificate is issued by `{0}`")]
    UnknownCa(String),
    /// An SEV-SNP report cannot be read.
    #[error(transparent)]
    Report(#[from] SnpError),
}

/// The platform of a quote, in Intel's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntelPlatform {
    /// SGX or TDX.
    pub tee: Tee,
    /// Family, model, stepping, platform type and custom SKU.
    pub fmspc: [u8; 6],
    /// Who issued the PCK certificate.
    pub ca: PckCa,
    /// The certificates that came along, the PCK's first (DER).
    pub chain: Vec<Vec<u8>>,
}

/// What signs the reports of an AMD platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AmdSigner {
    /// The key of a chip.
    Vcek {
        /// The report's `CHIP_ID`; `None` if the host hides it.
        chip_id: Option<Box<[u8; 64]>>,
        /// The report's `REPORTED_TCB`, laid out by product.
        tcb: [u8; 8],
    },
    /// The key of a cloud provider's fleet, whose certificate no public
    /// service hands out.
    Vlek {
        /// The report's `REPORTED_TCB`, laid out by product.
        tcb: [u8; 8],
    },
}

/// The platform of a report, in AMD's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmdPlatform {
    /// The processor family. Reports of version 2 do not say; then these are
    /// the ones that it may be.
    pub products: Vec<Product>,
    /// What signs.
    pub signer: AmdSigner,
}

/// A platform, as its vendor's service must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Of a quote that holds its PCK chain.
    Intel(IntelPlatform),
    /// Of a quote that only says what to ask a PCCS for its PCK chain with.
    IntelUnnamed {
        /// SGX or TDX.
        tee: Tee,
        /// The question.
        query: Box<PckQuery>,
    },
    /// Of an SEV-SNP report.
    Amd(AmdPlatform),
    /// Of a Nitro document, which needs no endorsements.
    Nitro,
}

impl Platform {
    /// The kind of TEE.
    pub fn tee(&self) -> Tee {
        match self {
            Self::Intel(intel) => intel.tee,
            Self::IntelUnnamed { tee, .. } => *tee,
            Self::Amd(_) => Tee::SevSnp,
            Self::Nitro => Tee::Nitro,
        }
    }

    /// Reads the platform out of evidence.
    pub fn of(evidence: &Evidence) -> Result<Self, PlatformError> {
        match evidence.tee() {
            Tee::Nitro => Ok(Self::Nitro),
            Tee::SevSnp => of_report(evidence.bytes()).map(Self::Amd),
            tee => of_quote(tee, evidence.bytes()),
        }
    }
}

impl IntelPlatform {
    /// The platform of a PCK chain, the PCK's certificate first.
    pub fn of_chain(tee: Tee, chain: Vec<Vec<u8>>) -> Result<Self, PlatformError> {
        let leaf = chain.first().ok_or(PlatformError::PckChain)?;
        let leaf = Certificate::parse(leaf).ok_or(PlatformError::PckChain)?;
        let issuer = leaf.issuer_common_name();
        Ok(Self {
            tee,
            fmspc: leaf.fmspc().ok_or(PlatformError::NoFmspc)?,
            ca: PckCa::of_common_name(&issuer).ok_or(PlatformError::UnknownCa(issuer))?,
            chain,
        })
    }

    /// What to ask for: TCB information, identity, both lists.
    pub fn parts(&self) -> [Part; 4] {
        [
            Part::TcbInfo {
                tee: self.tee,
                fmspc: self.fmspc,
            },
            Part::QeIdentity { tee: self.tee },
            Part::PckCrl { ca: self.ca },
            Part::RootCrl,
        ]
    }
}

impl AmdPlatform {
    /// Which kind of key signs.
    pub fn key(&self) -> KeyKind {
        match self.signer {
            AmdSigner::Vcek { .. } => KeyKind::Vcek,
            AmdSigner::Vlek { .. } => KeyKind::Vlek,
        }
    }

    /// The certificate to ask for if the chip is of `product`; none for a VLEK
    /// or a hidden chip.
    pub fn vcek(&self, product: Product) -> Option<Part> {
        Some(Part::Vcek(Box::new(Vcek {
            product,
            hardware_id: self.hardware_id(product)?.to_vec(),
            tcb: self.tcb(product),
        })))
    }

    /// What names the chip if it is of `product`; on Turin eight bytes.
    pub fn hardware_id(&self, product: Product) -> Option<&[u8]> {
        let AmdSigner::Vcek { chip_id, .. } = &self.signer else {
            return None;
        };
        let chip_id = chip_id.as_ref()?;
        Some(match product {
            Product::Turin | Product::Venice => &chip_id[..8],
            Product::Milan | Product::Genoa => chip_id.as_slice(),
        })
    }

    /// The report's firmware, if the chip is of `product`.
    pub fn tcb(&self, product: Product) -> TcbVersion {
        match self.signer {
            AmdSigner::Vcek { tcb, .. } | AmdSigner::Vlek { tcb } => {
                TcbVersion::from_bytes(product, tcb)
            }
        }
    }
}

fn of_report(bytes: &[u8]) -> Result<AmdPlatform, PlatformError> {
    let report = Report::parse(bytes)?;
    let tcb = report.reported_tcb;
    let signer = match report.key_kind {
        KeyKind::Vlek => AmdSigner::Vlek { tcb },
        KeyKind::Vcek => {
            let hidden = report.chip_id == [0; 64];
            AmdSigner::Vcek {
                chip_id: (!hidden).then(|| Box::new(report.chip_id)),
                tcb,
            }
        }
    };
    // Firmware that writes version 2 does not run on Turin.
    let unsaid = || vec![Product::Milan, Product::Genoa];
    let products = match report.cpuid {
        None => unsaid(),
        Some(Cpuid { family, model, .. }) => {
            let product = Product::of_cpuid(family, model);
            vec![product.ok_or(SnpError::UnknownProduct { family, model })?]
        }
    };
    Ok(AmdPlatform { products, signer })
}

fn of_quote(tee: Tee, bytes: &[u8]) -> Result<Platform, PlatformError> {
    let certification = quote::certification(bytes)?;
    if certification.tee != tee {
        return Err(PlatformError::WrongTee(certification.tee));
    }
    match certification.kind {
        PCK_CHAIN => {
            let chain =
                pem::certificates(certification.bytes).map_err(|_| PlatformError::PckChain)?;
            IntelPlatform::of_chain(tee, chain).map(Platform::Intel)
        }
        2 => query(&certification, 256),
        3 => query(&certification, 384),
        other => Err(PlatformError::CertificationType(other)),
    }
}

fn query(certification: &Certification<'_>, ppid_bytes: usize) -> Result<Platform, PlatformError> {
    let bytes = certification.bytes;
    if bytes.len() != ppid_bytes + SVNS_BYTES {
        return Err(PlatformError::Quote(QuoteError::TooShort));
    }
    let (ppid, svns) = bytes.split_at(ppid_bytes);
    let number = |at: usize| u16::from_le_bytes([svns[at], svns[at + 1]]);
    Ok(Platform::IntelUnnamed {
        tee: certification.tee,
        query: Box::new(PckQuery {
            encrypted_ppid: ppid.to_vec(),
            cpu_svn: svns[..16].try_into().expect("the slice has 16 bytes"),
            pce_svn: number(16),
            pce_id: number(18),
            qe_id: certification.qe_id,
        }),
    })
}
