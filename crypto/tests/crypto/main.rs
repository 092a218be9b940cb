//! Promises of the primitives, and vectors of others.

mod cose_messages;
mod forms;
mod sealing;
mod sharing;
mod vectors;
