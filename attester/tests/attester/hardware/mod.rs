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
mod verdict;

use synod_attestation::{NodeStatement, ReportData, Role};
use synod_crypto::{HpkeSecretKey, Secret, SigningKey, sha256};

/// 2026-11-20.
const NOW_MS: u64 = 1_795_132_800_000;

/// The report data that is asked for.
fn report_data() -> ReportData {
    ReportData::from([0x5a; 64])
}

/// A statement to be attested.
fn statement() -> NodeStatement {
    NodeStatement {
        identity: SigningKey::from_seed(&Secret::new([1; 32])).public(),
        tls: vec![2; 91],
        hpke: HpkeSecretKey::from_seed(&Secret::new([3; 32])).public(),
        role: Role::Replica,
        context: sha256(&[b"network"]),
        nonce: sha256(&[b"nonce"]),
    }
}

/// An error of the system by its number.
fn errno(errno: rustix::io::Errno) -> std::io::Error {
    errno.into()
}
