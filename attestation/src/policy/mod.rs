//! Appraisal: from claims to a verdict, by rules that a policy states.

pub mod appraise;
mod builtin;
mod examine;
pub mod refusal;
pub mod rules;
pub mod verdict;
