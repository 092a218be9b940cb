//! Appraisal: from claims to a verdict, by rules that a policy states.

pub mod appraise;
pub mod builtin;
pub mod check;
pub mod choice;
pub mod diff;
pub mod document;
pub mod error;
mod examine;
pub mod explain;
pub mod lines;
pub mod listing;
pub mod refusal;
pub mod rule;
pub mod rules;
pub mod tier;
mod validate;
pub mod verdict;
