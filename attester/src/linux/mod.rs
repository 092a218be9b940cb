//! How Linux hands out evidence to its guests.
//!
//! | module | guest | kernel |
//! |---|---|---|
//! | `configfs_tsm` | SEV-SNP and TDX | 6.7 and later |
//! | `sev_guest` | SEV-SNP, where configfs-tsm is missing | 5.19 and later |
//! | `nsm` | Nitro enclaves | 6.8 and later, or Amazon's driver |
//!
//! For TDX there is nothing beside configfs-tsm: the older `/dev/tdx_guest`
//! makes a report that only this machine's quoting enclave can turn into a
//! quote, over a road that differs from cloud to cloud.

pub(crate) mod configfs_tsm;
pub(crate) mod ioctl;
pub(crate) mod nsm;
pub(crate) mod nsm_message;
pub(crate) mod sev_guest;
