//! Election timeouts without a random generator: a hash of (seed, id, term).
//!
//! Two replicas that collide in one term have other timeouts in the next, and a whole cluster
//! repeats its run under equal seeds.

/// The number of ticks that `id` waits in `term`, in `min..max`. `max` must exceed `min`.
pub(crate) fn election_ticks(seed: u64, id: u64, term: u64, min: usize, max: usize) -> usize {
    assert!(min < max, "an election timeout needs a range");
    let mixed = mix(seed ^ mix(id) ^ mix(term.rotate_left(32)));
    let span = (max - min) as u64;
    min + usize::try_from(mixed % span).expect("a remainder below a usize fits a usize")
}

/// The finalizer of splitmix64: every input bit changes every output bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::election_ticks;

    #[test]
    fn timeout_stays_in_range_and_differs_by_term_and_id() {
        let mut seen = std::collections::BTreeSet::new();
        for term in 1..200 {
            for id in 1..4 {
                let ticks = election_ticks(7, id, term, 40, 70);
                assert!((40..70).contains(&ticks));
                seen.insert(ticks);
            }
        }
        assert!(seen.len() > 25, "the whole range is used");
    }
}
