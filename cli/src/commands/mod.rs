//! The commands, one file each.

pub(crate) mod app;
pub(crate) mod attest;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod kv;
pub(crate) mod ledger;
pub(crate) mod man;
pub(crate) mod member;
pub(crate) mod node;
pub(crate) mod receipt;
pub(crate) mod replica;
pub(crate) mod status;
pub(crate) mod user;
pub(crate) mod verify;
