//! What can be wrong with a simulated platform.

/// A way in which a simulated platform is not as it should be. Its evidence
/// stays genuine; policies refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The host can look into the workload.
    Debug,
    /// The firmware is old. Nitro states no firmware, so there it changes
    /// nothing.
    OldFirmware,
    /// The workload can be moved. Only SEV-SNP states this.
    Migratable,
}
