//! A query: which rows, in which groups, and what is computed of each. It is what owners approve, word by word: its
//! digest is its name.

use serde::{Deserialize, Serialize};

use crate::decimal;
use crate::digest::{self, Digest};
use crate::terms::{Cells, Column, Noise, Terms, is_sentence, shown};
use synod_app::Problem;

/// The most conditions, and the most cuts.
pub(crate) const PARTS_MAX: usize = 64;
/// The most cells of an answer: groups times bins.
pub(crate) const CELLS_MAX: usize = 256;
/// The greatest epsilon of one query, in thousandths.
pub(crate) const EPSILON_MAX: u32 = 100_000;

/// A query, as it is proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// Why it is asked, for the owners who are to approve it.
    pub(crate) purpose: String,
    /// What is computed.
    pub(crate) compute: Compute,
    /// Of which column; none for a count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<String>,
    /// Which rows: those that meet every condition.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<Condition>,
    /// A column of categories, each of which is a group of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// For a sum or mean: numbers beyond are counted as the bound. Narrower bounds than the column's need less noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clamp: Option<Clamp>,
    /// For a histogram or quantile of numbers: where one bin ends and the next begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cuts: Vec<String>,
    /// For a quantile: which one, from 1 to 999. 500 is the median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) per_mille: Option<u32>,
    /// What the answer costs each owner's budget, in thousandths of epsilon. Left out where noise is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) milli_epsilon: Option<u32>,
}

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compute {
    /// How many rows.
    Count,
    /// The sum of a column of numbers, and how many rows.
    Sum,
    /// The mean of a column of numbers, with the sum and the count that it is made of.
    Mean,
    /// How many rows are in each bin or category of a column.
    Histogram,
    /// In which bin of a column of numbers a quantile falls.
    Quantile,
}

/// What a row must meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    /// The column.
    pub(crate) column: String,
    /// For categories: one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) is: Vec<String>,
    /// For numbers: this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// For numbers: less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) below: Option<String>,
}

/// Bounds that numbers are brought within.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clamp {
    /// The least.
    pub(crate) min: String,
    /// The greatest.
    pub(crate) max: String,
}

impl Query {
    /// SHA-256 of the query's canonical text: its name, and what owners approve.
    pub(crate) fn digest(&self, study: &str) -> Digest {
        digest::of_json("cleanroom query 1", study, self)
    }
}

/// A query that makes sense under its study's terms: what to do with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    tests: Vec<Test>,
    groups: Option<(usize, usize)>,
    bins: Bins,
    summed: Option<Summed>,
    /// Thousandths of epsilon; none where noise is off.
    pub(crate) milli_epsilon: Option<u32>,
}

/// A column of numbers to add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summed {
    column: usize,
    /// Its decimals.
    pub(crate) scale: u8,
    /// The least that a row adds.
    pub(crate) min: i64,
    /// The most that a row adds.
    pub(crate) max: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    OneOf(usize, Vec<i64>),
    Within(usize, i64, i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bins {
    One,
    Categories(usize, usize),
    Cuts(usize, Vec<i64>),
}

impl Plan {
    /// Checks a query.
    ///
    /// # Errors
    /// The first thing that makes no sense under these terms; the proposer is at fault.
    pub(crate) fn of(query: &Query, terms: &Terms) -> Result<Self, Problem> {
        if !is_sentence(&query.purpose) {
            return Err(bad("the purpose is not one line of 1 to 500 bytes"));
        }
        check_fields(query)?;
        if query.conditions.len() > PARTS_MAX || query.cuts.len() > PARTS_MAX {
            return Err(bad("there are more than 64 conditions or cuts"));
        }
        let tests = query
            .conditions
            .iter()
            .map(|condition| test(condition, terms));
        let plan = Plan {
            tests: tests.collect::<Result<_, _>>()?,
            groups: groups(query, terms)?,
            bins: bins(query, terms)?,
            summed: summed(query, terms)?,
            milli_epsilon: epsilon(query, terms.declaration.noise)?,
        };
        if plan.cells() > CELLS_MAX {
            return Err(bad("the answer would have more than 256 cells"));
        }
        Ok(plan)
    }

    /// The same groups, each with all its bins in one.
    pub(crate) fn without_bins(self) -> Self {
        Plan {
            bins: Bins::One,
            ..self
        }
    }

    /// How many groups the answer has.
    pub(crate) fn groups(&self) -> usize {
        self.groups.map_or(1, |(_, groups)| groups)
    }

    /// How many bins each group has.
    pub(crate) fn bins(&self) -> usize {
        match &self.bins {
            Bins::One => 1,
            Bins::Categories(_, bins) => *bins,
            Bins::Cuts(_, cuts) => cuts.len() + 1,
        }
    }

    /// How many cells the answer has: group by group, its bins.
    pub(crate) fn cells(&self) -> usize {
        self.groups() * self.bins()
    }

    /// What is added up, if anything is.
    pub(crate) fn summed(&self) -> Option<Summed> {
        self.summed
    }

    /// The cell that a row belongs to; none if it does not meet the conditions.
    pub(crate) fn cell(&self, row: &[i64]) -> Option<usize> {
        if !self.tests.iter().all(|test| test.is_met(row)) {
            return None;
        }
        let group = self.groups.map_or(0, |(column, _)| place(row[column]));
        let bin = match &self.bins {
            Bins::One => 0,
            Bins::Categories(column, _) => place(row[*column]),
            Bins::Cuts(column, cuts) => cuts.partition_point(|cut| *cut <= row[*column]),
        };
        Some(group * self.bins() + bin)
    }

    /// What a row adds to its cell's sum.
    pub(crate) fn addend(&self, row: &[i64]) -> i64 {
        let addend = |summed: Summed| row[summed.column].clamp(summed.min, summed.max);
        self.summed.map_or(0, addend)
    }
}

impl Test {
    fn is_met(&self, row: &[i64]) -> bool {
        match self {
            Test::OneOf(column, places) => places.contains(&row[*column]),
            Test::Within(column, from, below) => (*from..*below).contains(&row[*column]),
        }
    }
}

fn place(cell: i64) -> usize {
    usize::try_from(cell).expect("a cell of categories holds a place")
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(400, "bad_query", detail)
}

/// Each computation has the fields that it needs, and no others, so that nobody approves a word without effect.
fn check_fields(query: &Query) -> Result<(), Problem> {
    let of = |allowed: &[Compute]| allowed.contains(&query.compute);
    let (sum, quantile) = (of(&[Compute::Sum, Compute::Mean]), of(&[Compute::Quantile]));
    for (field, is_there, needed, allowed) in [
        (
            "column",
            query.column.is_some(),
            !of(&[Compute::Count]),
            !of(&[Compute::Count]),
        ),
        ("clamp", query.clamp.is_some(), false, sum),
        (
            "cuts",
            !query.cuts.is_empty(),
            quantile,
            quantile || of(&[Compute::Histogram]),
        ),
        ("per_mille", query.per_mille.is_some(), quantile, quantile),
    ] {
        if needed && !is_there {
            return Err(bad(["`", field, "` is missing"].concat()));
        }
        if is_there && !allowed {
            return Err(bad(["`", field, "` has no meaning here"].concat()));
        }
    }
    match query.per_mille {
        Some(which) if !(1..=999).contains(&which) => Err(bad("`per_mille` is not 1 to 999")),
        _ => Ok(()),
    }
}

fn epsilon(query: &Query, noise: Noise) -> Result<Option<u32>, Problem> {
    match (noise, query.milli_epsilon) {
        (Noise::Off, None) => Ok(None),
        (Noise::Off, Some(_)) => Err(bad("`milli_epsilon` has no meaning where noise is off")),
        (Noise::On, Some(epsilon)) if (1..=EPSILON_MAX).contains(&epsilon) => Ok(Some(epsilon)),
        (Noise::On, _) => Err(bad("`milli_epsilon` is not 1 to 100000")),
    }
}

fn column<'a>(name: &str, terms: &'a Terms) -> Result<(usize, &'a Column), Problem> {
    let absent = || bad(["there is no column `", &shown(name), "`"].concat());
    terms.column(name).ok_or_else(absent)
}

fn number(text: &str, column: &str, scale: u8) -> Result<i64, Problem> {
    let why = |why: decimal::NotANumber| {
        bad([
            "`",
            &shown(text),
            "` for column `",
            column,
            "` ",
            why.text(),
        ]
        .concat())
    };
    decimal::parse(text, scale).map_err(why)
}

fn test(condition: &Condition, terms: &Terms) -> Result<Test, Problem> {
    let (place, column) = column(&condition.column, terms)?;
    let of = |detail: &str| bad(["condition on `", &column.name, "`: ", detail].concat());
    let bounded = condition.from.is_some() || condition.below.is_some();
    match &column.cells {
        Cells::Categories(values) if !bounded && !condition.is.is_empty() => {
            let places = condition.is.iter().map(|word| Cells::place(values, word));
            let places: Option<Vec<i64>> = places.collect();
            let places = places.ok_or_else(|| of("`is` names no category of the column"))?;
            Ok(Test::OneOf(place, places))
        }
        Cells::Numbers { scale, .. } if bounded && condition.is.is_empty() => {
            let bound = |text: &Option<String>, none: i64| {
                text.as_deref()
                    .map_or(Ok(none), |text| number(text, &column.name, *scale))
            };
            let (from, below) = (
                bound(&condition.from, i64::MIN)?,
                bound(&condition.below, i64::MAX)?,
            );
            if from >= below {
                Err(of("`from` is not below `below`"))
            } else {
                Ok(Test::Within(place, from, below))
            }
        }
        Cells::Categories(_) => Err(of("categories are chosen with `is`")),
        Cells::Numbers { .. } => Err(of("numbers are chosen with `from` and `below`")),
    }
}

fn groups(query: &Query, terms: &Terms) -> Result<Option<(usize, usize)>, Problem> {
    let Some(by) = &query.by else { return Ok(None) };
    match column(by, terms)? {
        (
            place,
            Column {
                cells: Cells::Categories(values),
                ..
            },
        ) => Ok(Some((place, values.len()))),
        _ => Err(bad("`by` names no column of categories")),
    }
}

fn bins(query: &Query, terms: &Terms) -> Result<Bins, Problem> {
    let (Compute::Histogram | Compute::Quantile, Some(name)) = (query.compute, &query.column)
    else {
        return Ok(Bins::One);
    };
    let (place, column) = column(name, terms)?;
    match &column.cells {
        Cells::Categories(values)
            if query.compute == Compute::Histogram && query.cuts.is_empty() =>
        {
            Ok(Bins::Categories(place, values.len()))
        }
        Cells::Categories(_) => Err(bad("categories have no order: no `cuts`, and no quantile")),
        Cells::Numbers { .. } if query.cuts.is_empty() => Err(bad("`cuts` is missing")),
        Cells::Numbers { scale, min, max } => {
            let cuts = query.cuts.iter().map(|cut| number(cut, name, *scale));
            let cuts: Vec<i64> = cuts.collect::<Result<_, _>>()?;
            let rising = cuts.is_sorted_by(|a, b| a < b);
            let inside = cuts.iter().all(|cut| (min + 1..=*max).contains(cut));
            if rising && inside {
                Ok(Bins::Cuts(place, cuts))
            } else {
                Err(bad("`cuts` do not rise within the column's bounds"))
            }
        }
    }
}

fn summed(query: &Query, terms: &Terms) -> Result<Option<Summed>, Problem> {
    let (Compute::Sum | Compute::Mean, Some(name)) = (query.compute, &query.column) else {
        return Ok(None);
    };
    let (
        column,
        Column {
            cells: Cells::Numbers { scale, min, max },
            ..
        },
    ) = column(name, terms)?
    else {
        return Err(bad("only numbers are added up"));
    };
    let (scale, mut min, mut max) = (*scale, *min, *max);
    if let Some(clamp) = &query.clamp {
        let (least, greatest) = (
            number(&clamp.min, name, scale)?,
            number(&clamp.max, name, scale)?,
        );
        if !(min <= least && least < greatest && greatest <= max) {
            return Err(bad("`clamp` is not within the column's bounds"));
        }
        (min, max) = (least, greatest);
    }
    Ok(Some(Summed {
        column,
        scale,
        min,
        max,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{query, terms, title};

    fn plan(query: &Query) -> Plan {
        Plan::of(query, &terms()).unwrap()
    }

    fn refusal(
        compute: Compute,
        column: Option<&str>,
        break_it: impl FnOnce(&mut Query),
    ) -> String {
        let mut query = query(compute, column);
        break_it(&mut query);
        let problem = Plan::of(&query, &terms()).expect_err("it is broken");
        assert_eq!((problem.status(), problem.code()), (400, "bad_query"));
        title(&problem)
    }

    fn condition(column: &str, is: &[&str], from: Option<&str>, below: Option<&str>) -> Condition {
        Condition {
            column: column.into(),
            is: is.iter().map(|word| (*word).to_owned()).collect(),
            from: from.map(str::to_owned),
            below: below.map(str::to_owned),
        }
    }

    #[test]
    fn rows_fall_into_the_cell_of_their_group_and_bin() {
        let mut query = query(Compute::Histogram, Some("weight"));
        query.by = Some("sex".into());
        query.cuts = vec!["50".into(), "80.5".into()];
        let plan = plan(&query);
        assert_eq!((plan.groups(), plan.bins(), plan.cells()), (2, 3, 6));
        for (row, cell) in [
            ([1, 0, 0], 0),
            ([1, 499, 0], 0),
            ([1, 500, 0], 1),
            ([1, 804, 1], 4),
            ([1, 805, 1], 5),
        ] {
            assert_eq!(plan.cell(&row), Some(cell), "{row:?}");
        }
    }

    #[test]
    fn rows_that_miss_a_condition_belong_nowhere() {
        let mut query = query(Compute::Count, None);
        query.conditions = vec![
            condition("age", &[], Some("40"), Some("60")),
            condition("sex", &["m"], None, None),
        ];
        let plan = plan(&query);
        for (row, cell) in [
            ([40, 0, 1], Some(0)),
            ([59, 0, 1], Some(0)),
            ([60, 0, 1], None),
            ([39, 0, 1], None),
            ([40, 0, 0], None),
        ] {
            assert_eq!(plan.cell(&row), cell, "{row:?}");
        }
    }

    #[test]
    fn addends_are_brought_within_the_narrower_bounds() {
        let mut query = query(Compute::Sum, Some("weight"));
        query.clamp = Some(Clamp {
            min: "40".into(),
            max: "150".into(),
        });
        let plan = plan(&query);
        assert_eq!(
            [0, 400, 815, 2500].map(|weight| plan.addend(&[1, weight, 0])),
            [400, 400, 815, 1500]
        );
    }

    #[test]
    fn each_change_of_a_query_changes_its_digest() {
        let one = query(Compute::Count, None);
        let mut other = one.clone();
        other.milli_epsilon = Some(101);
        assert_ne!(one.digest("s"), other.digest("s"));
        assert_ne!(one.digest("s"), one.digest("t"));
        assert_eq!(one.digest("s"), one.clone().digest("s"));
    }

    #[test]
    fn queries_that_make_no_sense_are_refused_by_name() {
        use Compute::{Count, Histogram, Mean, Quantile, Sum};
        assert!(refusal(Count, Some("age"), |_| ()).contains("`column` has no meaning"));
        assert!(refusal(Sum, None, |_| ()).contains("`column` is missing"));
        assert!(refusal(Mean, Some("sex"), |_| ()).contains("only numbers"));
        assert!(refusal(Sum, Some("nose"), |_| ()).contains("no column `nose`"));
        assert!(refusal(Histogram, Some("age"), |_| ()).contains("`cuts` is missing"));
        assert!(
            refusal(Histogram, Some("sex"), |q| q.cuts = vec!["1".into()]).contains("no order")
        );
        assert!(
            refusal(Histogram, Some("age"), |q| q.cuts =
                vec!["9".into(), "9".into()])
            .contains("do not rise")
        );
        assert!(
            refusal(Histogram, Some("age"), |q| q.cuts = vec!["0".into()])
                .contains("within the column's")
        );
        assert!(
            refusal(Histogram, Some("age"), |q| q.cuts = vec!["121".into()])
                .contains("within the column's")
        );
        assert!(
            refusal(Quantile, Some("age"), |q| q.cuts = vec!["9".into()])
                .contains("`per_mille` is missing")
        );
        assert!(
            refusal(Count, None, |q| q.per_mille = Some(5)).contains("`per_mille` has no meaning")
        );
        assert!(
            refusal(Quantile, Some("age"), |q| (q.cuts, q.per_mille) =
                (vec!["9".into()], Some(1000)))
            .contains("1 to 999")
        );
        assert!(refusal(Count, None, |q| q.by = Some("age".into())).contains("`by`"));
        assert!(refusal(Count, None, |q| q.milli_epsilon = None).contains("`milli_epsilon`"));
        assert!(refusal(Count, None, |q| q.milli_epsilon = Some(0)).contains("`milli_epsilon`"));
        assert!(refusal(Count, None, |q| q.purpose.clear()).contains("purpose"));
        for (column, is, from, below, said) in [
            ("sex", vec!["x"], None, None, "names no category"),
            ("sex", vec![], Some("1"), None, "chosen with `is`"),
            ("age", vec!["1"], None, None, "chosen with `from`"),
            ("age", vec![], None, None, "chosen with `from`"),
            ("age", vec![], Some("5"), Some("5"), "not below"),
            ("age", vec![], Some("5.5"), None, "more decimals"),
        ] {
            let broken = refusal(Count, None, |q| {
                q.conditions = vec![condition(column, &is, from, below)];
            });
            assert!(broken.contains(said), "{broken}");
        }
        let clamp = |min: &str, max: &str| {
            Some(Clamp {
                min: min.into(),
                max: max.into(),
            })
        };
        assert!(refusal(Sum, Some("age"), |q| q.clamp = clamp("0", "121")).contains("`clamp`"));
        assert!(refusal(Sum, Some("age"), |q| q.clamp = clamp("9", "9")).contains("`clamp`"));
        assert!(
            refusal(Count, None, |q| q.clamp = clamp("1", "2")).contains("`clamp` has no meaning")
        );
    }
}
