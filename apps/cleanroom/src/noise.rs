//! Exact noise: the discrete Laplace distribution, drawn with whole numbers alone.
//!
//! After C. Canonne, G. Kamath, T. Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms 1
//! and 2. A sampler that computes with binary fractions leaks through their rounding; here there are none, and each
//! draw has exactly the probability that the mathematics gives it.
//!
//! What it does not hide: how many random numbers a draw took, and so its time.

/// Where random numbers come from.
pub(crate) trait Entropy {
    /// A number of 64 random bits.
    fn next(&mut self) -> u64;
}

/// The spread of a discrete Laplace distribution, as a fraction: P(x) is proportional to `exp(-|x| * below / above)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    above: u64,
    below: u64,
}

impl Spread {
    /// The spread that makes a number of this sensitivity `milli_epsilon / (1000 * parts)`-differentially private.
    /// `parts`: among how many releases the epsilon is divided.
    ///
    /// # Panics
    /// If epsilon or the parts are 0, or the fraction does not fit 64 bits. `Terms` and `Query` admit neither.
    pub(crate) fn of(sensitivity: u64, milli_epsilon: u32, parts: u32) -> Self {
        assert!(milli_epsilon > 0 && parts > 0, "noise needs an epsilon");
        let above = sensitivity.checked_mul(1000 * u64::from(parts));
        let above = above.expect("numbers are bounded by `NUMBER_MAX`");
        let below = u64::from(milli_epsilon);
        Spread { above, below }
    }

    /// A distance from zero within which at least 999 of 1,000 draws fall, for P(|x| > b) <= exp(-b / spread), and
    /// exp(-7) < 1/1000.
    pub(crate) fn within(self) -> i64 {
        let bound = (u128::from(self.above) * 7).div_ceil(u128::from(self.below));
        i64::try_from(bound).unwrap_or(i64::MAX)
    }

    /// Draws one number.
    pub(crate) fn draw(self, entropy: &mut impl Entropy) -> i64 {
        if self.above == 0 {
            return 0;
        }
        loop {
            let rest = below(entropy, self.above);
            if !is_exp(entropy, rest, self.above) {
                continue;
            }
            let mut turns = 0_u64;
            while is_exp(entropy, 1, 1) {
                turns += 1;
            }
            let distance = u128::from(rest) + u128::from(self.above) * u128::from(turns);
            let distance = i64::try_from(distance / u128::from(self.below)).unwrap_or(i64::MAX);
            let negative = entropy.next() & 1 == 1;
            if !(negative && distance == 0) {
                return if negative { -distance } else { distance };
            }
        }
    }
}

/// A number from 0 to `bound - 1`, each with the same probability.
fn below(entropy: &mut impl Entropy, bound: u64) -> u64 {
    let mask = u64::MAX >> ((bound - 1) | 1).leading_zeros();
    loop {
        let candidate = entropy.next() & mask;
        if candidate < bound {
            return candidate;
        }
    }
}

/// True with the probability `exp(-above / below)`, where `above <= below`.
fn is_exp(entropy: &mut impl Entropy, above: u64, below_: u64) -> bool {
    let mut k = 1;
    while below(entropy, below_) < above && below(entropy, k) == 0 {
        k += 1;
    }
    k % 2 == 1
}

#[cfg(test)]
pub(crate) mod seeded {
    //! Random numbers for tests, from a seed: `SplitMix64`.

    use super::Entropy;

    /// The state of `SplitMix64`.
    pub(crate) struct Seeded(pub(crate) u64);

    impl Entropy for Seeded {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers here are small, and statistics are held against bounds with room to spare"
)]
mod tests {
    use super::seeded::Seeded;
    use super::*;

    const DRAWS: u32 = 100_000;

    /// How often each of -32..=32 comes, and how often anything else.
    fn frequencies(spread: Spread, seed: u64) -> ([u32; 65], u32) {
        let mut entropy = Seeded(seed);
        let (mut near, mut far) = ([0; 65], 0);
        for _ in 0..DRAWS {
            match usize::try_from(spread.draw(&mut entropy) + 32) {
                Ok(place) if place < 65 => near[place] += 1,
                _ => far += 1,
            }
        }
        (near, far)
    }

    fn probability(spread: Spread, x: i32) -> f64 {
        let p = (-(spread.below as f64) / spread.above as f64).exp();
        (1.0 - p) / (1.0 + p) * p.powi(x.abs())
    }

    #[test]
    fn draws_are_as_frequent_as_the_distribution_says() {
        for (seed, spread) in [
            Spread::of(1, 1000, 1),
            Spread::of(1, 500, 1),
            Spread::of(1, 300, 2),
            Spread::of(3, 1700, 1),
        ]
        .into_iter()
        .enumerate()
        {
            let (near, far) = frequencies(spread, seed as u64 + 1);
            let (mut chi_squared, mut classes, mut rest) = (0.0, 0, f64::from(DRAWS));
            let mut rest_seen = DRAWS;
            for x in -32..=32_i32 {
                let expected = probability(spread, x) * f64::from(DRAWS);
                let seen = near[(x + 32) as usize];
                if expected >= 10.0 {
                    chi_squared += (f64::from(seen) - expected).powi(2) / expected;
                    classes += 1;
                    rest -= expected;
                    rest_seen -= seen;
                }
            }
            chi_squared += (f64::from(rest_seen) - rest).powi(2) / rest;
            // One of a million draws of chi-squared with n degrees of freedom is above n + 5 sqrt(2n) + 13.
            let n = f64::from(classes);
            assert!(
                chi_squared < n + 5.0 * (2.0 * n).sqrt() + 13.0,
                "{spread:?}: {chi_squared}"
            );
            assert!(far < DRAWS / 100);
        }
    }

    #[test]
    fn mean_is_zero_and_variance_that_of_the_distribution() {
        let spread = Spread::of(40_000, 500, 2);
        let (mut entropy, mut sum, mut squares) = (Seeded(7), 0.0, 0.0);
        for _ in 0..DRAWS {
            let x = spread.draw(&mut entropy) as f64;
            sum += x;
            squares += x * x;
        }
        let (n, scale) = (f64::from(DRAWS), 40_000.0 * 4.0);
        let (mean, variance) = (sum / n, squares / n);
        assert!(mean.abs() < 5.0 * scale * (2.0 / n).sqrt(), "{mean}");
        assert!(
            (variance / (2.0 * scale * scale) - 1.0).abs() < 0.05,
            "{variance}"
        );
    }

    #[test]
    fn as_many_draws_as_promised_are_within_the_stated_bound() {
        for spread in [
            Spread::of(1, 1000, 1),
            Spread::of(1, 10, 1),
            Spread::of(40_000, 250, 2),
        ] {
            let mut entropy = Seeded(11);
            let beyond = (0..DRAWS).filter(|_| spread.draw(&mut entropy).abs() > spread.within());
            assert!(beyond.count() < 1 + DRAWS as usize / 1000);
        }
    }

    #[test]
    fn number_that_nobody_can_move_gets_no_noise() {
        let mut entropy = Seeded(1);
        assert_eq!(Spread::of(0, 1, 2).draw(&mut entropy), 0);
    }

    #[test]
    fn uniform_numbers_stay_below_their_bound() {
        let mut entropy = Seeded(3);
        for bound in [1, 2, 3, 5, 64, 1000, u64::MAX] {
            assert!((0..1000).all(|_| below(&mut entropy, bound) < bound));
        }
        let mut seen = [0; 3];
        for _ in 0..3000 {
            seen[below(&mut entropy, 3) as usize] += 1;
        }
        assert!(seen.iter().all(|&times| times > 900), "{seen:?}");
    }
}
