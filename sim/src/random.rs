//! Chance: everything that the simulator leaves open is drawn from here, and all of it stems from
//! one seed.
//!
//! `splitmix64` (Steele, Lea, Flood 2014), not [`synod_crypto::Entropy`]: it is drawn from several
//! times for every event, nothing here is secret, and its result must not depend on the
//! cryptography under test.
//!
//! Invariants
//! - a fork depends on the seed and its label alone, so that one part may draw more or less without
//!   moving the others.

use synod_crypto::{Entropy, Secret, sha256};

/// A stream of draws.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// The root of all streams of a run.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self {
            seed,
            state: mix(seed ^ 0x5359_4e4f_4453_494d),
        }
    }

    /// A stream of its own for the part `label`.
    pub(crate) fn fork(&self, label: &str) -> Self {
        let digest = sha256(&[b"sim", &self.seed.to_le_bytes(), label.as_bytes()]);
        let mut first = [0; 8];
        first.copy_from_slice(&digest.as_bytes()[..8]);
        Self::from_seed(u64::from_le_bytes(first))
    }

    /// Entropy for keys and for the product.
    pub(crate) fn entropy(&self, label: &str) -> Entropy {
        let digest = sha256(&[b"sim entropy", &self.seed.to_le_bytes(), label.as_bytes()]);
        Entropy::from_seed(Secret::new(*digest.as_bytes()))
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below 0");
        // The bias is below one in 2^32 for the small bounds that are asked for.
        self.number() % bound
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "the range has a number in it");
        low + self.below(high - low + 1)
    }

    /// A number from `-bound` to `bound`, both included.
    pub(crate) fn around_zero(&mut self, bound: i64) -> i64 {
        let span = 2 * bound.unsigned_abs();
        let up = i64::try_from(self.between(0, span)).expect("bounds are small");
        up - bound
    }

    /// True in `per_mille` of a thousand draws.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of these; none of none.
    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() {
            return None;
        }
        let at = self.below(from.len() as u64);
        Some(from[usize::try_from(at).expect("a place in a slice")].clone())
    }
}

/// The finalizer of splitmix64.
fn mix(value: u64) -> u64 {
    let mut z = value;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn equal_seeds_give_equal_draws_and_forks_do_not_move_each_other() {
        let (mut one, mut other) = (Random::from_seed(7), Random::from_seed(7));
        let fork = one.fork("disk");
        assert_eq!(one.number(), other.number());
        assert_eq!(other.fork("disk").number(), fork.clone().number());
        assert_ne!(other.fork("clock").number(), fork.clone().number());
    }

    #[test]
    fn draws_keep_to_their_range() {
        let mut random = Random::from_seed(1);
        assert!((0..1000).all(|_| (3..=5).contains(&random.between(3, 5))));
        assert!((0..100).all(|_| !random.chance(0) && random.chance(1000)));
        assert_eq!(random.pick::<u8>(&[]), None);
    }
}
