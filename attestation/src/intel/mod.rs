//! What SGX and TDX share: quotes, PCK certificates, collateral of PCS v4.

pub mod status;
