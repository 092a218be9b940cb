//! What the runtime has done, for metrics. Says nothing of what apps do with what.

use std::sync::atomic::{AtomicU64, Ordering};

use synod_replica::app::AppFault;

/// The kinds of faults, as counters name them.
pub const FAULT_KINDS: [&str; 17] = [
    "trapped",
    "time_exceeded",
    "memory_exceeded",
    "stack_exceeded",
    "response_too_large",
    "bad_response",
    "undeclared_map",
    "write_in_query",
    "map_operations_exceeded",
    "key_or_value_too_large",
    "bad_claim",
    "too_many_claims",
    "random_too_much",
    "lifecycle_refused",
    "not_installed",
    "state_moved",
    "overloaded",
];

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    executions: AtomicU64,
    instances_begun: AtomicU64,
    faults: [AtomicU64; FAULT_KINDS.len()],
}

/// A look at the counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeCounts {
    /// Executions, whatever their end.
    pub executions: u64,
    /// Instances begun; the other executions were served by instances that were kept.
    pub instances_begun: u64,
    /// Versions of apps that are installed.
    pub installed: u64,
    /// Instances that are kept for their next call.
    pub instances_kept: u64,
    /// Executions that ended in a fault, by kind, in the order of [`FAULT_KINDS`].
    pub faults: Vec<(&'static str, u64)>,
}

impl Counters {
    pub(crate) fn begun(&self) {
        self.instances_begun.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn executed(&self, fault: Option<&AppFault>) {
        self.executions.fetch_add(1, Ordering::Relaxed);
        if let Some(fault) = fault {
            self.faults[kind(fault)].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn look(&self, installed: u64, instances_kept: u64) -> RuntimeCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RuntimeCounts {
            executions: count(&self.executions),
            instances_begun: count(&self.instances_begun),
            installed,
            instances_kept,
            faults: FAULT_KINDS
                .into_iter()
                .zip(self.faults.iter().map(count))
                .collect(),
        }
    }
}

/// The fault's place in [`FAULT_KINDS`].
fn kind(fault: &AppFault) -> usize {
    match fault {
        AppFault::Trapped => 0,
        AppFault::TimeExceeded { .. } => 1,
        AppFault::MemoryExceeded { .. } => 2,
        AppFault::StackExceeded => 3,
        AppFault::ResponseTooLarge { .. } => 4,
        AppFault::BadResponse(_) => 5,
        AppFault::UndeclaredMap(_) => 6,
        AppFault::WriteInQuery => 7,
        AppFault::MapOperationsExceeded { .. } => 8,
        AppFault::KeyOrValueTooLarge(_) => 9,
        AppFault::BadClaim => 10,
        AppFault::TooManyClaims => 11,
        AppFault::RandomTooMuch => 12,
        AppFault::LifecycleRefused(_) => 13,
        AppFault::NotInstalled => 14,
        AppFault::StateMoved => 15,
        AppFault::Overloaded => 16,
    }
}
