//! Differences of exact answers: whoever has the count of a set of rows, and that of the set without two of them,
//! knows about those two. So, with noise off, a query is refused if one of its sets of rows and one that was answered
//! before contain each other but for a small group.
//!
//! It compares pairs, on the rows themselves. It does not protect against three answers that together isolate a
//! row, nor against what somebody knows from elsewhere; noise does.

use crate::query::Plan;

/// An answered query: its cells, as far as they were shown, each a set of rows; and all of them together another.
struct Sets {
    plan: Plan,
    visible: Vec<bool>,
    /// Rows of each cell, and of all visible ones last.
    counts: Vec<i64>,
}

impl Sets {
    fn of(plan: Plan, visible: Vec<bool>) -> Self {
        let counts = vec![0; visible.len() + 1];
        Sets {
            plan,
            visible,
            counts,
        }
    }

    /// The visible cell of a row.
    fn cell(&self, row: &[i64]) -> Option<usize> {
        self.plan.cell(row).filter(|cell| self.visible[*cell])
    }

    fn count(&mut self, cell: usize) {
        self.counts[cell] += 1;
        let all = self.visible.len();
        self.counts[all] += 1;
    }
}

/// Compares a query's sets of rows with those of the queries answered before.
pub(crate) struct Guard {
    new: Sets,
    answered: Vec<Overlap>,
}

/// A query answered before, and how many rows each of its sets shares with each of the new one's.
struct Overlap {
    sets: Sets,
    shared: Vec<i64>,
}

impl Guard {
    /// A guard of a query whose answer would show these cells.
    pub(crate) fn of(plan: Plan, visible: Vec<bool>) -> Self {
        Guard {
            new: Sets::of(plan, visible),
            answered: Vec::new(),
        }
    }

    /// Adds a query that was answered, and the cells that its answer showed.
    pub(crate) fn compare_with(&mut self, plan: Plan, visible: Vec<bool>) {
        let sets = Sets::of(plan, visible);
        let shared = vec![0; sets.counts.len() * self.new.counts.len()];
        self.answered.push(Overlap { sets, shared });
    }

    /// Looks at a row. Every row of the study must pass once.
    pub(crate) fn add(&mut self, row: &[i64]) {
        let width = self.new.counts.len();
        let new = self.new.cell(row);
        if let Some(cell) = new {
            self.new.count(cell);
        }
        for overlap in &mut self.answered {
            let Some(old) = overlap.sets.cell(row) else {
                continue;
            };
            overlap.sets.count(old);
            let Some(new) = new else { continue };
            let all = overlap.sets.visible.len();
            for (old, new) in [(old, new), (old, width - 1), (all, new), (all, width - 1)] {
                overlap.shared[old * width + new] += 1;
            }
        }
    }

    /// Whether all sets are equal, or differ by large groups, or do not contain each other.
    pub(crate) fn permits(&self, group_min: u32) -> bool {
        let small = |rows: i64| 0 < rows && rows < i64::from(group_min);
        let width = self.new.counts.len();
        self.answered.iter().all(|overlap| {
            overlap.shared.iter().enumerate().all(|(place, &shared)| {
                let old = overlap.sets.counts[place / width] - shared;
                let new = self.new.counts[place % width] - shared;
                shared == 0 || !(old == 0 && small(new) || new == 0 && small(old))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Compute, Condition, Query};
    use crate::samples::{query, terms};

    fn from_age(age: u32) -> Query {
        let from = Some(age.to_string());
        let condition = Condition {
            column: "age".into(),
            is: vec![],
            from,
            below: None,
        };
        Query {
            conditions: vec![condition],
            ..query(Compute::Count, None)
        }
    }

    fn by_sex() -> Query {
        Query {
            by: Some("sex".into()),
            ..query(Compute::Count, None)
        }
    }

    /// Twenty rows of the ages 1 to 20, the even ones `m`.
    fn permits(new: &Query, answered: &[Query]) -> bool {
        let plan = |query: &Query| Plan::of(query, &terms()).unwrap();
        let all = |query: &Query| vec![true; plan(query).cells()];
        let mut guard = Guard::of(plan(new), all(new));
        for query in answered {
            guard.compare_with(plan(query), all(query));
        }
        for age in 1..=20 {
            guard.add(&[age, 0, (age + 1) % 2]);
        }
        guard.permits(3)
    }

    #[test]
    fn queries_that_differ_by_a_small_group_are_refused() {
        let everybody = query(Compute::Count, None);
        assert!(permits(&everybody, &[]));
        assert!(permits(&from_age(4), std::slice::from_ref(&everybody)));
        assert!(!permits(&from_age(3), std::slice::from_ref(&everybody)));
        assert!(!permits(&everybody, &[from_age(3)]));
        assert!(!permits(&from_age(6), &[everybody.clone(), from_age(8)]));
        assert!(permits(&from_age(0), &[everybody]));
    }

    #[test]
    fn groups_are_compared_too_alone_and_together() {
        let mut men = from_age(4);
        men.conditions.push(Condition {
            column: "sex".into(),
            is: vec!["m".into()],
            from: None,
            below: None,
        });
        assert!(!permits(&men, &[by_sex()]), "one man is younger");
        assert!(
            !permits(&from_age(2), &[by_sex()]),
            "together they are everybody"
        );
        assert!(permits(&from_age(4), &[by_sex()]));
    }

    #[test]
    fn sets_that_do_not_contain_each_other_are_no_difference() {
        let mut young = query(Compute::Count, None);
        let below = Some("5".into());
        young.conditions.push(Condition {
            column: "age".into(),
            is: vec![],
            from: None,
            below,
        });
        assert!(permits(&young, &[from_age(4)]));
    }
}
