//! `crypto`.
