//! Intel SGX: quotes of version 3, and of version 5 with an enclave's body.

pub mod claims;
