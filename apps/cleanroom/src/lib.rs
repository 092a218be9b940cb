//! A clean room: hospitals bring private rows, and only what all of them approved comes out.
//!
//! * A query runs only if every owner approved that very query, by its digest.
//! * A group of fewer rows than the terms demand is not answered for.
//! * With noise on, each answer has exact discrete Laplace noise, and costs every owner's budget in the transaction
//!   that releases it.
//! * No row ever comes out.

mod answer;
mod app;
mod asking;
mod csv;
mod decimal;
mod digest;
mod draws;
mod guard;
mod noise;
mod query;
mod records;
mod rows;
#[cfg(test)]
mod samples;
mod study;
mod tally;
mod terms;

pub use app::Cleanroom;
