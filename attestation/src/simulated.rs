//! The root certificates of the simulated vendors.
//!
//! Their private keys stand in the repository, in `attester/mock`, for
//! everybody to read. Only `MockRoots` takes them, and every
//! verdict under them says `simulated`.

/// Stands for AMD's ARK of Turin: RSA-4096, DER.
pub const AMD_ARK: &[u8] = include_bytes!("../roots/simulated/amd-ark.der");

/// Stands for AMD's ASK of Turin, issued by [`AMD_ARK`]: RSA-4096, DER.
pub const AMD_ASK: &[u8] = include_bytes!("../roots/simulated/amd-ask.der");

/// Stands for Intel's SGX Root CA: P-256, DER.
pub const INTEL_ROOT: &[u8] = include_bytes!("../roots/simulated/intel-root.der");

/// Stands for AWS Nitro Enclaves Root G1: P-384, DER.
pub const AWS_ROOT: &[u8] = include_bytes!("../roots/simulated/aws-root.der");
