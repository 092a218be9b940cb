//! File descriptors: as many as the system gives, and shares of them that nobody else can take.
//!
//! A process that has no descriptor left can open no file of the ledger and dial no peer, however
//! few of its connections matter. So the node raises its limit at the start and takes fewer clients
//! where it is low.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use synod_governance::REPLICAS_MAX;

use crate::config::NodeLimits;
use synod_identity::log;

/// Descriptors that are kept for the doors between replicas: to each a dialled connection, from
/// each two, and their handshakes.
const FOR_PEERS: usize = 3 * REPLICAS_MAX + 80;
/// Descriptors that are kept for the ledger's files, timers, standard streams, and connections that
/// this node makes.
const FOR_ITSELF: usize = 64;
/// So many clients of each kind are taken however low the limit is.
const LEAST: usize = 8;

/// Raises the limit of open files as far as the system lets it, and lowers the numbers of
/// connections at the public door, if need be, so that what the node itself needs stays free.
/// `handshakes` come beside them.
pub(crate) fn prepare(limits: &NodeLimits, handshakes: usize) -> NodeLimits {
    let open = open_now();
    let files = raise();
    let kept = open + FOR_PEERS + FOR_ITSELF + handshakes + 2 * limits.ledger_streams_max;
    let fitting = within(limits, files.saturating_sub(kept));
    if fitting != *limits {
        log::warn(
            "node",
            format_args!(
                "this process may open {files} files: it takes {} connections of known callers and {} of strangers \
                 (hint: raise the limit, `ulimit -n`)",
                fitting.connections_max, fitting.strangers_max
            ),
        );
    }
    fitting
}

/// The same limits with at most `files` connections, shared out as they were.
fn within(limits: &NodeLimits, files: usize) -> NodeLimits {
    let wanted = limits.connections_max + limits.strangers_max;
    if wanted <= files {
        return limits.clone();
    }
    let share = |part: usize| (part * files / wanted).max(LEAST).min(part);
    NodeLimits {
        connections_max: share(limits.connections_max),
        strangers_max: share(limits.strangers_max),
        ..limits.clone()
    }
}

/// Raises the soft limit to the hard one; returns what holds then.
fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let holds = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            log::warn(
                "node",
                format_args!("the limit of open files cannot be raised: {error}"),
            );
            current
        }
    };
    holds.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    })
}

/// Descriptors that are open already.
fn open_now() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(FOR_ITSELF, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_fewer_where_few_files_may_be_open() {
        let limits = NodeLimits::default();
        assert_eq!(within(&limits, 1 << 20), limits);
        let fewer = within(&limits, 300);
        assert!(fewer.connections_max + fewer.strangers_max <= 300);
        assert!(fewer.connections_max > fewer.strangers_max);
        let least = within(&limits, 0);
        assert_eq!((least.connections_max, least.strangers_max), (LEAST, LEAST));
    }

    #[test]
    fn limit_is_raised_as_far_as_the_system_lets_it() {
        let files = raise();
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
        assert!(now.maximum.is_none_or(|most| most as usize == files));
    }
}
