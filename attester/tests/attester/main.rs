//! Promises of the back-ends that collect evidence.

mod appraisal;
mod composite;
mod hardware;
