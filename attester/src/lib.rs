//! `attester`.
