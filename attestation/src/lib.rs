//! `attestation`.
