//! AMD SEV-SNP: reports of versions 2 to 5, in the format of the firmware ABI
//! specification (56860), under VCEK or VLEK chains of Milan, Genoa and Turin.

pub mod certificate_table;
pub mod chain;
pub mod claims;
pub mod error;
pub mod key;
mod pem_chain;
pub mod product;
pub mod report;
pub mod verify;
