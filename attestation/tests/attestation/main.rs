//! Promises of the verifier: recorded and simulated evidence, policies, formats.

mod amd_and_aws;
mod appraisals;
mod cmw;
mod dcap_testroot;
mod eventlog;
mod explain;
mod formats;
mod policy;
mod recorded;
mod schema;
mod vectors;
