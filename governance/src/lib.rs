//! `governance`.
