//! AMD's processor families, and how each lays out its firmware versions.
//!
//! Source: AMD "SEV Secure Nested Paging Firmware ABI Specification" (56860),
//! `TCB_VERSION`, and "Versioned Chip Endorsement Key (VCEK) Certificate and
//! KDS Interface Specification" (57230).

use std::{fmt, str::FromStr};

/// A family of EPYC processors with a root certificate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// EPYC 7003.
    Milan,
    /// EPYC 9004, also Bergamo and Siena.
    Genoa,
    /// EPYC 9005.
    Turin,
    /// EPYC of the sixth generation. Its root is not known here, so nothing of
    /// it verifies.
    Venice,
}

impl Product {
    /// Every product whose root is known.
    pub const ALL: [Self; 3] = [Self::Milan, Self::Genoa, Self::Turin];

    /// The name in policies and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Milan => "milan",
            Self::Genoa => "genoa",
            Self::Turin => "turin",
            Self::Venice => "venice",
        }
    }

    /// The name in AMD's certificates.
    pub(crate) fn certificate_name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
            Self::Venice => "Venice",
        }
    }

    /// The product of a CPUID family and model, as reports from version 3 on
    /// carry them.
    pub fn of_cpuid(family: u8, model: u8) -> Option<Self> {
        match (family, model) {
            (0x19, 0x00..=0x0f) => Some(Self::Milan),
            (0x19, 0x10..=0x1f | 0xa0..=0xaf) => Some(Self::Genoa),
            (0x1a, 0x00..=0x11) => Some(Self::Turin),
            (0x1a, 0x50..=0x57 | 0x90..=0xaf | 0xc0..=0xc7) => Some(Self::Venice),
            _ => None,
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is not one of `milan`, `genoa`, `turin`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown AMD product `{0}`")]
pub struct UnknownProduct(pub String);

impl FromStr for Product {
    type Err = UnknownProduct;

    fn from_str(name: &str) -> Result<Self, UnknownProduct> {
        Self::ALL
            .into_iter()
            .find(|product| product.name() == name)
            .ok_or_else(|| UnknownProduct(name.to_owned()))
    }
}

/// The security versions of a platform's firmware (`TCB_VERSION`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcbVersion {
    /// First mutable code; Milan and Genoa have none, there it is 0.
    pub fmc: u8,
    /// Boot loader of the secure processor.
    pub bootloader: u8,
    /// Operating system of the secure processor.
    pub tee: u8,
    /// SNP firmware.
    pub snp: u8,
    /// Lowest microcode patch level of all cores.
    pub microcode: u8,
}

impl TcbVersion {
    /// Reads the eight bytes as `product` lays them out.
    pub fn from_bytes(product: Product, bytes: [u8; 8]) -> Self {
        match product {
            Product::Milan | Product::Genoa => Self {
                fmc: 0,
                bootloader: bytes[0],
                tee: bytes[1],
                snp: bytes[6],
                microcode: bytes[7],
            },
            Product::Turin | Product::Venice => Self {
                fmc: bytes[0],
                bootloader: bytes[1],
                tee: bytes[2],
                snp: bytes[3],
                microcode: bytes[7],
            },
        }
    }

    /// The eight bytes as `product` lays them out.
    pub fn to_bytes(self, product: Product) -> [u8; 8] {
        match product {
            Product::Milan | Product::Genoa => [
                self.bootloader,
                self.tee,
                0,
                0,
                0,
                0,
                self.snp,
                self.microcode,
            ],
            Product::Turin | Product::Venice => [
                self.fmc,
                self.bootloader,
                self.tee,
                self.snp,
                0,
                0,
                0,
                self.microcode,
            ],
        }
    }

    /// Whether every component is at least that of `minimum`.
    pub fn is_at_least(&self, minimum: &Self) -> bool {
        self.fmc >= minimum.fmc
            && self.bootloader >= minimum.bootloader
            && self.tee >= minimum.tee
            && self.snp >= minimum.snp
            && self.microcode >= minimum.microcode
    }
}

impl fmt::Display for TcbVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fmc {} bootloader {} tee {} snp {} microcode {}",
            self.fmc, self.bootloader, self.tee, self.snp, self.microcode
        )
    }
}
