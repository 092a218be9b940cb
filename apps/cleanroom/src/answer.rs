//! From counts and sums to what is released.
//!
//! With noise on, each count and sum gets exact discrete Laplace noise *before* anything else is decided on it: which
//! groups are too small is judged on the noisy count, for a judgement on the true one would tell it. With noise off,
//! small cells are hidden, and as many others as it takes that the hidden ones together are not a small group either.
//!
//! A row is in one cell alone, so the cells of one answer cost one epsilon together. Sums and means spend half of it
//! on the counts. Everything after the noise (hiding, dividing, finding the quantile) costs nothing.

use serde::{Deserialize, Serialize};

use crate::decimal::{self, QUOTIENT_DECIMALS};
use crate::noise::{Entropy, Spread};
use crate::query::{Compute, Plan, Query, Summed};
use crate::tally::Tally;
use crate::terms::{Cells, Terms};

/// What is released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The study.
    pub(crate) study: String,
    /// The query's digest, in hexadecimal.
    pub(crate) query: String,
    /// Group by group, bin by bin.
    pub(crate) cells: Vec<Cell>,
    /// What was added to the truth; none where noise is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) noise: Option<NoiseStated>,
}

/// One group, or one bin of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// The category of the column `by`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// The bin of a histogram, or the one in which the quantile falls: a category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// The same, of numbers: this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// Less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) below: Option<String>,
    /// In the last bin: this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// Rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<i64>,
    /// Their sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sum: Option<String>,
    /// Their mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mean: Option<String>,
    /// Too few rows: nothing is said.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(crate) suppressed: bool,
}

/// What was added to the truth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NoiseStated {
    /// What the answer cost each owner's budget, in thousandths of epsilon.
    pub(crate) milli_epsilon: u32,
    /// With a probability of 999 in 1,000 or more, the noise of a count is not farther from 0.
    pub(crate) count_within: i64,
    /// The same of a sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sum_within: Option<String>,
}

/// What will be released of each cell.
pub(crate) struct Released {
    counts: Vec<i64>,
    sums: Vec<i64>,
    /// Which cells are visible.
    pub(crate) visible: Vec<bool>,
}

/// Hides what is too small in exact counts. If all is hidden, there is no answer.
pub(crate) fn exactly(tally: Tally, query: &Query, plan: &Plan, group_min: u32) -> Released {
    let units = units(&tally.counts, query, plan);
    let visible = per_cell(&visible(&units, i64::from(group_min)), query, plan);
    Released {
        counts: tally.counts,
        sums: tally.sums,
        visible,
    }
}

/// Blurs, then hides what looks too small.
///
/// # Panics
/// If the plan has no epsilon: it is one of a study without noise.
pub(crate) fn noisily(
    tally: &Tally,
    query: &Query,
    plan: &Plan,
    group_min: u32,
    entropy: &mut impl Entropy,
) -> Released {
    let spreads = Spreads::of(plan).expect("the caller knows that noise is on");
    let blurred = |exact: &[i64], spread: Spread, entropy: &mut _| {
        let blur = |number: &i64| number.saturating_add(spread.draw(entropy));
        exact.iter().map(blur).collect::<Vec<i64>>()
    };
    let counts = blurred(&tally.counts, spreads.count, entropy);
    let sums = match spreads.sum {
        Some(spread) => blurred(&tally.sums, spread, entropy),
        None => tally.sums.clone(),
    };
    let large = |unit: &i64| *unit >= i64::from(group_min);
    let visible: Vec<bool> = units(&counts, query, plan).iter().map(large).collect();
    Released {
        counts,
        sums,
        visible: per_cell(&visible, query, plan),
    }
}

struct Spreads {
    count: Spread,
    sum: Option<Spread>,
}

impl Spreads {
    fn of(plan: &Plan) -> Option<Self> {
        let milli_epsilon = plan.milli_epsilon?;
        let summed = plan.summed();
        let parts = if summed.is_some() { 2 } else { 1 };
        let sensitivity = |summed: Summed| summed.min.unsigned_abs().max(summed.max.unsigned_abs());
        Some(Spreads {
            count: Spread::of(1, milli_epsilon, parts),
            sum: summed.map(|summed| Spread::of(sensitivity(summed), milli_epsilon, parts)),
        })
    }
}

/// What is hidden as one: a cell, or, of a quantile, the group.
fn units(counts: &[i64], query: &Query, plan: &Plan) -> Vec<i64> {
    match query.compute {
        Compute::Quantile => counts
            .chunks(plan.bins())
            .map(|bins| bins.iter().sum())
            .collect(),
        _ => counts.to_vec(),
    }
}

fn per_cell(units: &[bool], query: &Query, plan: &Plan) -> Vec<bool> {
    let times = if query.compute == Compute::Quantile {
        plan.bins()
    } else {
        1
    };
    units
        .iter()
        .flat_map(|unit| core::iter::repeat_n(*unit, times))
        .collect()
}

/// Which of exact counts may be seen.
fn visible(counts: &[i64], group_min: i64) -> Vec<bool> {
    let mut visible: Vec<bool> = counts.iter().map(|count| *count >= group_min).collect();
    loop {
        let hidden = counts
            .iter()
            .zip(&visible)
            .filter(|(_, visible)| !**visible);
        let hidden: i64 = hidden.map(|(count, _)| count).sum();
        let shown = (0..counts.len()).filter(|place| visible[*place]);
        match shown.min_by_key(|place| counts[*place]) {
            Some(smallest) if 0 < hidden && hidden < group_min => visible[smallest] = false,
            _ => return visible,
        }
    }
}

impl Released {
    /// Whether anything is left to say.
    pub(crate) fn says_anything(&self) -> bool {
        self.visible.contains(&true)
    }

    /// Writes the answer.
    pub(crate) fn answer(&self, study: &str, query: &Query, plan: &Plan, terms: &Terms) -> Answer {
        let cells = match query.compute {
            Compute::Quantile => (0..plan.groups())
                .map(|group| self.quantile(group, query, plan, terms))
                .collect(),
            _ => (0..plan.cells())
                .map(|place| self.cell(place, query, plan, terms))
                .collect(),
        };
        let query = crate::digest::hex(&query.digest(study));
        Answer {
            study: study.to_owned(),
            query,
            cells,
            noise: stated(plan),
        }
    }

    fn cell(&self, place: usize, query: &Query, plan: &Plan, terms: &Terms) -> Cell {
        let (group, bin) = (place / plan.bins(), place % plan.bins());
        let cell = named(group, Some(bin), query, terms);
        if !self.visible[place] {
            return Cell {
                suppressed: true,
                ..cell
            };
        }
        let (count, sum) = (self.counts[place], self.sums[place]);
        let summed = plan.summed();
        let mean = |summed: Summed| {
            let finer = 10_i64.pow(u32::from(QUOTIENT_DECIMALS));
            let mean = decimal::quotient(sum, count).clamp(summed.min * finer, summed.max * finer);
            decimal::text(mean, summed.scale + QUOTIENT_DECIMALS)
        };
        Cell {
            count: Some(count),
            sum: summed.map(|summed| decimal::text(sum, summed.scale)),
            mean: summed.filter(|_| query.compute == Compute::Mean).map(mean),
            ..cell
        }
    }

    /// The first bin up to whose end there are so many per mille of the group's rows.
    fn quantile(&self, group: usize, query: &Query, plan: &Plan, terms: &Terms) -> Cell {
        let first = group * plan.bins();
        if !self.visible[first] {
            return Cell {
                suppressed: true,
                ..named(group, None, query, terms)
            };
        }
        let counts: Vec<i64> = self.counts[first..first + plan.bins()]
            .iter()
            .map(|count| (*count).max(0))
            .collect();
        let wanted = counts.iter().sum::<i64>() * i64::from(query.per_mille.unwrap_or_default());
        let mut below = 0;
        let reaches = |count: &i64| {
            below += count * 1000;
            below >= wanted
        };
        let bin = counts.iter().position(reaches).unwrap_or_default();
        named(group, Some(bin), query, terms)
    }
}

fn stated(plan: &Plan) -> Option<NoiseStated> {
    let spreads = Spreads::of(plan)?;
    let within = |summed: Summed, spread: Spread| decimal::text(spread.within(), summed.scale);
    Some(NoiseStated {
        milli_epsilon: plan.milli_epsilon?,
        count_within: spreads.count.within(),
        sum_within: plan
            .summed()
            .zip(spreads.sum)
            .map(|(summed, spread)| within(summed, spread)),
    })
}

/// A cell with its names alone.
fn named(group: usize, bin: Option<usize>, query: &Query, terms: &Terms) -> Cell {
    let column = |name: &Option<String>| Some(&terms.column(name.as_deref()?)?.1.cells);
    let mut cell = Cell::default();
    if let Some(Cells::Categories(values)) = column(&query.by) {
        cell.group = values.get(group).cloned();
    }
    let Some(bin) = bin else { return cell };
    match column(&query.column) {
        Some(Cells::Categories(values)) => cell.value = values.get(bin).cloned(),
        Some(Cells::Numbers { scale, min, max }) if !query.cuts.is_empty() => {
            let least = || decimal::text(*min, *scale);
            cell.from = Some(
                bin.checked_sub(1)
                    .map_or_else(least, |cut| query.cuts[cut].clone()),
            );
            match query.cuts.get(bin) {
                Some(cut) => cell.below = Some(cut.clone()),
                None => cell.to = Some(decimal::text(*max, *scale)),
            }
        }
        _ => {}
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::seeded::Seeded;
    use crate::samples::{query, terms};

    fn of(
        compute: Compute,
        column: Option<&str>,
        change: impl FnOnce(&mut Query),
    ) -> (Query, Plan) {
        let mut query = query(compute, column);
        change(&mut query);
        let plan = Plan::of(&query, &terms()).unwrap();
        (query, plan)
    }

    #[test]
    fn hidden_cells_are_never_a_small_group_together() {
        assert_eq!(visible(&[10, 5], 3), [true, true]);
        assert_eq!(visible(&[10, 2, 5], 3), [true, false, false]);
        assert_eq!(visible(&[10, 0, 5], 3), [true, false, true]);
        assert_eq!(visible(&[10, 1, 2, 5], 3), [true, false, false, true]);
        assert_eq!(visible(&[2], 3), [false]);
        assert_eq!(visible(&[4, 1], 3), [false, false]);
    }

    #[test]
    fn mean_is_that_of_the_sum_and_count_released() {
        let (query, plan) = of(Compute::Mean, Some("weight"), |q| q.by = Some("sex".into()));
        let tally = Tally {
            counts: vec![3, 2],
            sums: vec![2000, 1500],
        };
        let released = exactly(tally, &query, &plan, 2);
        let answer = released.answer("s", &query, &plan, &terms());
        let cell = &answer.cells[0];
        assert_eq!(cell.group.as_deref(), Some("f"));
        assert_eq!(
            (cell.count, cell.sum.as_deref(), cell.mean.as_deref()),
            (Some(3), Some("200.0"), Some("66.66667"))
        );
    }

    #[test]
    fn bins_are_named_by_their_ends() {
        let (query, plan) = of(Compute::Histogram, Some("weight"), |q| {
            q.cuts = vec!["50".into(), "80.5".into()];
        });
        let released = exactly(
            Tally {
                counts: vec![5, 0, 5],
                sums: vec![0; 3],
            },
            &query,
            &plan,
            3,
        );
        let cells = released.answer("s", &query, &plan, &terms()).cells;
        let ends = |cell: &Cell| {
            [cell.from.clone(), cell.below.clone(), cell.to.clone()].map(Option::unwrap_or_default)
        };
        assert_eq!(ends(&cells[0]), ["0.0", "50", ""]);
        assert_eq!(ends(&cells[2]), ["80.5", "", "250.0"]);
        assert!(cells[1].suppressed && cells[1].count.is_none());
    }

    #[test]
    fn quantile_tells_the_bin_alone() {
        let change =
            |q: &mut Query| (q.cuts, q.per_mille) = (vec!["50".into(), "80".into()], Some(500));
        let (query, plan) = of(Compute::Quantile, Some("weight"), change);
        for (counts, from) in [
            ([5, 1, 4], "0.0"),
            ([4, 1, 5], "50"),
            ([0, 0, 9], "80"),
            ([1, 1, 3], "80"),
        ] {
            let released = exactly(
                Tally {
                    counts: counts.to_vec(),
                    sums: vec![0; 3],
                },
                &query,
                &plan,
                3,
            );
            let cells = released.answer("s", &query, &plan, &terms()).cells;
            assert_eq!(
                (cells.len(), cells[0].from.as_deref(), cells[0].count),
                (1, Some(from), None),
                "{counts:?}"
            );
        }
    }

    #[test]
    fn sums_and_means_spend_half_their_epsilon_on_the_counts() {
        let (_, count) = of(Compute::Count, None, |_| ());
        let (_, mean) = of(Compute::Mean, Some("age"), |_| ());
        let (count, mean) = (Spreads::of(&count).unwrap(), Spreads::of(&mean).unwrap());
        assert_eq!(count.count, Spread::of(1, 100, 1));
        assert_eq!(mean.count, Spread::of(1, 100, 2));
        assert_eq!(mean.sum, Some(Spread::of(120, 100, 2)));
    }

    #[test]
    fn blurred_answers_are_as_near_as_stated_and_seldom_exact() {
        let (query, plan) = of(Compute::Sum, Some("age"), |_| ());
        let tally = Tally {
            counts: vec![1000],
            sums: vec![40_000],
        };
        let (mut far, mut exact) = (0, 0);
        for seed in 0..1000 {
            let released = noisily(&tally, &query, &plan, 3, &mut Seeded(seed));
            let noise = stated(&plan).unwrap();
            assert_eq!(
                (noise.count_within, noise.sum_within.as_deref()),
                (140, Some("16800"))
            );
            far += u32::from(
                (released.counts[0] - 1000).abs() > 140
                    || (released.sums[0] - 40_000).abs() > 16_800,
            );
            exact += u32::from(released.counts[0] == 1000);
        }
        assert!(far < 10 && exact < 100, "{far} {exact}");
    }

    #[test]
    fn with_noise_small_groups_are_judged_by_the_blurred_count() {
        let (query, plan) = of(Compute::Count, None, |_| ());
        let tally = Tally {
            counts: vec![0],
            sums: vec![0],
        };
        let shown = (0..1000)
            .filter(|&seed| noisily(&tally, &query, &plan, 3, &mut Seeded(seed)).says_anything());
        assert!((300..500).contains(&shown.count()));
    }
}
