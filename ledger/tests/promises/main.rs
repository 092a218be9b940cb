//! What the ledger promises, each as a claim.

#[allow(dead_code, reason = "shared with an example, which uses a part of it")]
mod network;
mod openings;

mod audits;
mod certificates;
mod chains;
mod mutations;
mod readings;
mod receipts;
mod seals;
mod segments;
mod sequences;
mod shown;
mod superseded;
mod trees;
