//! Seeded choices.

use rand_chacha::ChaCha12Rng;
use rand_core::{RngCore, SeedableRng};

/// Draws by a seed.
pub(super) struct Draw(ChaCha12Rng);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    pub(super) fn one_in(&mut self, cases: u64) -> bool {
        self.below(cases) == 0
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = usize::try_from(self.below(from.len() as u64)).expect("an index fits");
        from[at].clone()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.0.next_u32() as u8
    }

    /// This security version once in `cases` changed, more often down than up.
    pub(super) fn near(&mut self, svn: u8, cases: u64) -> u8 {
        if !self.one_in(cases) {
            return svn;
        }
        let by = self.pick(&[-1_i8, -1, -2, 1, 3, -100]);
        svn.saturating_add_signed(by)
    }
}
