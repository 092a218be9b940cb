//! Clearing: banks settle transfers between private accounts, atomically.
//!
//! * A bank sees its own accounts and transfers. Others' do not exist for it: the answer is the same 404.
//! * A transfer, or a batch, moves all its money or none, and is made once however often it is sent.
//! * Money comes in by an issue and goes out by a redemption; between them its sum stays the same.
//! * Each transfer binds a claim, so that the receipt proves it to whoever holds its text.

mod account;
mod app;
mod claim;
mod history;
mod once;
mod records;
mod rules;
mod supply;
mod totals;
mod transfer;

pub use app::Clearing;
