//! `attestation`: who is at the other end, proved by hardware.
//!
//! In the terms of RFC 9334: [`Evidence`] and [`Endorsements`] come in,
//! [`verify()`] turns them into [`Claims`] or refuses, and [`Policy::appraise`]
//! turns claims into a [`Verdict`] about the keys of a [`NodeStatement`], or
//! into a [`Refusal`] that explains itself.
//!
//! Never here: a clock (time is an argument), the network (endorsements are
//! handed in), the hardware (see `attester`).
//!
//! Invariants:
//! - a [`Verdict`] is made by [`Policy::appraise`] alone;
//! - simulated roots are of another type than vendors' roots, and a verdict
//!   under them says so.

pub mod anchors;
pub(crate) mod calendar;
pub mod checked;
pub mod claims;
pub mod cmw;
pub mod credential;
pub(crate) mod der;
pub mod endorsements;
pub mod error;
pub mod eventlog;
pub mod evidence;
pub mod intel;
pub mod measurement;
pub mod nitro;
pub mod policy;
pub mod reference_values;
pub mod report_data;
mod scalars;
pub mod sgx;
pub mod simulated;
pub mod snp;
pub mod statement;
pub mod tdx;
pub mod tee;
pub mod verify;
pub mod x509;

pub use anchors::{Anchors, MockRoots, VendorRoots};
pub use checked::CheckedEndorsements;
pub use claims::{Claims, Details, HardwareId, Tcb};
pub use cmw::message::{Cmw, CmwError};
pub use credential::{Credential, CredentialError};
pub use endorsements::{
    CompositeEndorsements, Endorsements, EndorsementsError, IntelCollateral, SnpEndorsements,
};
pub use error::VerifyError;
pub use evidence::{Evidence, EvidenceError, Part};
pub use measurement::{Measurement, MeasurementError};
pub use policy::{
    appraise::{Binding, Expected, Freshness},
    check::Check,
    document::Policy,
    error::PolicyError,
    explain::{Appraisal, AppraisedPart, Comparison, Outcome},
    refusal::Refusal,
    rule::Rule,
    verdict::Verdict,
};
pub use reference_values::{Accepted, ReferenceValues};
pub use report_data::ReportData;
pub use statement::{NodeStatement, Role, StatementError};
pub use tee::Tee;
pub use verify::{verify, verify_checked};
