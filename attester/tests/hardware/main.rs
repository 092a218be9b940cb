//! The back-ends for real hardware, held against stand-ins that keep the
//! protocol of kernel, module and library OS; and detection on machines that
//! are not here.

mod configfs_tsm;
mod detection;
mod gramine;
mod gramine_standin;
mod machine_standin;
mod nsm;
mod nsm_standin;
mod pauses;
mod sev_guest;
mod sev_standin;
mod tsm_standin;

use synod_attestation::ReportData;

/// 2026-11-20.
const NOW_MS: u64 = 1_795_132_800_000;

/// The report data that is asked for.
fn report_data() -> ReportData {
    ReportData::from([0x5a; 64])
}

/// An error of the system by its number.
fn errno(errno: rustix::io::Errno) -> std::io::Error {
    errno.into()
}
