//! Counts and sums of a query's cells, row by row, before anything is hidden or blurred. Never leaves the app.

use crate::query::Plan;

/// How many rows each cell has, and what they add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Rows of each cell.
    pub(crate) counts: Vec<i64>,
    /// Sum of each cell, in the column's last decimal; zeros if nothing is added up.
    pub(crate) sums: Vec<i64>,
}

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn of(plan: &Plan) -> Self {
        let zeros = vec![0; plan.cells()];
        Tally {
            counts: zeros.clone(),
            sums: zeros,
        }
    }

    /// Counts a row.
    pub(crate) fn add(&mut self, plan: &Plan, row: &[i64]) {
        if let Some(cell) = plan.cell(row) {
            self.counts[cell] += 1;
            self.sums[cell] += plan.addend(row);
        }
    }
}
