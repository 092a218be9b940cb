//! The simulator keeps its word: equal seeds give equal runs, and the profiles that must pass do.
//!
//! A few seconds of a few seeds: `.ci/run` runs many more, optimised.

use std::sync::Arc;

use synod_sim::{Outcome, Plan, named, profiles, run};

fn run_seed(seed: u64, profile: &str, seconds: u64) -> Outcome {
    run(&Plan {
        seed,
        profile: named(profile).expect("a profile"),
        seconds,
        shown: false,
        pulse: Arc::default(),
    })
}

/// What was counted, without the bytes: evidence is signed with ECDSA and RSA-PSS, which draw their
/// own randomness, and the length of an ECDSA signature follows from it.
fn drawn_counts(outcome: &Outcome) -> Vec<(String, u64)> {
    let counts = outcome.counts.iter().cloned();
    counts
        .filter(|(counted, _)| counted != "bytes searched for secrets")
        .collect()
}

#[test]
fn equal_seeds_give_equal_runs_event_by_event() {
    let runs = |seed| {
        [
            run_seed(seed, "everything", 8),
            run_seed(seed, "everything", 8),
        ]
    };
    let [one, other] = runs(7);
    assert_eq!(one.failure, None);
    assert!(one.events > 1000, "{} events", one.events);
    assert_eq!((one.trace, one.events), (other.trace, other.events));
    assert_eq!(drawn_counts(&one), drawn_counts(&other));
    let another = run_seed(8, "everything", 8);
    assert_ne!(another.trace, one.trace);
}

#[test]
fn profiles_that_must_pass_do() {
    for profile in profiles().iter().filter(|it| it.expected_to_fail.is_none()) {
        let outcome = run_seed(11, profile.name, 4);
        assert_eq!(outcome.failure, None, "{}", profile.name);
        let count = |name| {
            let found = outcome.counts.iter().find(|(counted, _)| counted == name);
            found.map_or(0, |(_, number)| *number)
        };
        assert!(
            count("operations answered") > 10,
            "{}: {:?}",
            profile.name,
            outcome.counts
        );
        assert!(count("receipts verified") > 0, "{}", profile.name);
    }
}

/// The checkers see what an adversary can do against whom no rule stands yet.
#[test]
fn terms_that_nobody_earned_are_seen_to_stop_the_network() {
    let failed = (1..=3).any(|seed| run_seed(seed, "broken-unbearable", 20).failure.is_some());
    assert!(
        failed,
        "three seeds of the profile that is expected to fail passed"
    );
}
