//! What an engine may start from, and how raft-rs is set.

use raft::{Config, ReadOnlyOption};

use crate::admission::NUMBER_MAX;
use crate::interface::{Groups, Start, Tuning};
use crate::refused::StartError;

/// Whether an engine may start from here.
pub(crate) fn check_start(start: &Start) -> Result<(), StartError> {
    for number in [start.id, start.index, start.term] {
        if number == 0 || number >= NUMBER_MAX {
            return Err(StartError::OutOfRange);
        }
    }
    let members: Vec<u64> = start
        .voters
        .iter()
        .chain(&start.learners)
        .copied()
        .collect();
    let mut distinct = sorted(members.clone());
    distinct.dedup();
    if start.voters.is_empty() || distinct.len() != members.len() || distinct.contains(&0) {
        return Err(StartError::Membership);
    }
    check_groups(&start.groups, &start.voters)
        .map_err(|required| StartError::GroupsTooFew { required })
}

/// Whether the sizes and times are possible.
pub(crate) fn check_tuning(tuning: &Tuning) -> Result<(), StartError> {
    let wrong = |what: &str| Err(StartError::Tuning(what.to_owned()));
    if tuning.heartbeat_ticks == 0 || tuning.election_ticks_min <= tuning.heartbeat_ticks {
        return wrong("the election timeout must exceed the heartbeat");
    }
    if tuning.election_ticks_max <= tuning.election_ticks_min {
        return wrong("the election timeout needs a range");
    }
    if tuning.inflight_max == 0 || tuning.unpersisted_max == 0 || tuning.fetch_max == 0 {
        return wrong("a bound is 0");
    }
    Ok(())
}

/// The settings of raft-rs that the rules ask for: one entry per append, pre-votes, a leader that
/// steps down without its quorum, and reads that ask a quorum, never a clock.
pub(crate) fn config(start: &Start, tuning: &Tuning) -> Config {
    Config {
        id: start.id,
        election_tick: tuning.election_ticks_min,
        min_election_tick: tuning.election_ticks_min,
        max_election_tick: tuning.election_ticks_max,
        heartbeat_tick: tuning.heartbeat_ticks,
        applied: start.index,
        max_size_per_msg: 0,
        max_inflight_msgs: tuning.inflight_max,
        check_quorum: true,
        pre_vote: true,
        read_only_option: ReadOnlyOption::Safe,
        ..Config::default()
    }
}

/// The number of required groups, if the voters do not span them. With two required, raft-rs would
/// silently count a plain majority if only one is present, and wait for the slowest voter if one is
/// missing. Neither may happen.
pub(crate) fn check_groups(groups: &Groups, voters: &[u64]) -> Result<(), u8> {
    let required = groups.required;
    let no_zero = groups.of.values().all(|group| *group != 0);
    let diverse = match required {
        1 => true,
        2 => spans_two(groups, voters),
        _ => false,
    };
    if no_zero && diverse {
        Ok(())
    } else {
        Err(required)
    }
}

fn spans_two(groups: &Groups, voters: &[u64]) -> bool {
    let assigned: Option<Vec<u64>> = voters.iter().map(|id| groups.of.get(id).copied()).collect();
    assigned.is_some_and(|groups| {
        let mut groups = sorted(groups);
        groups.dedup();
        groups.len() >= 2
    })
}

/// The ids in rising order.
pub(crate) fn sorted(mut ids: Vec<u64>) -> Vec<u64> {
    ids.sort_unstable();
    ids
}
