//! AMD SEV-SNP: reports of versions 2 to 5, in the format of the firmware ABI
//! specification (56860), under VCEK or VLEK chains of Milan, Genoa and Turin.

mod chain;
pub mod claims;
pub mod error;
pub mod product;
pub mod report;
pub(crate) mod verify;
