//! Rows as they are kept: each cell a number of one to ten bytes, many rows in one value.
//!
//! A number is folded so that those near zero are short (0, -1, 1, -2 become 0, 1, 2, 3), and written in groups of
//! seven bits, the least first, the eighth bit set where more follow.

use crate::csv::Row;

/// The most rows that one owner may bring into a study.
pub(crate) const ROWS_MAX: u32 = 100_000;

/// The most cells: as many as are read in a second or so, of all owners together.
const CELLS_MAX: u32 = 1_000_000;

/// How many bytes of rows stand in one value, about.
const CHUNK_BYTES: usize = 32 * 1024;

/// The most rows of so many columns that one owner may bring.
pub(crate) fn rows_max(columns: usize) -> u32 {
    let columns = u32::try_from(columns).unwrap_or(u32::MAX).max(1);
    ROWS_MAX.min(CELLS_MAX / columns)
}

/// Packs rows into values.
pub(crate) fn pack(rows: &[Row]) -> Vec<Vec<u8>> {
    let mut chunks = vec![Vec::new()];
    for row in rows {
        if chunks
            .last()
            .is_some_and(|chunk: &Vec<u8>| chunk.len() >= CHUNK_BYTES)
        {
            chunks.push(Vec::new());
        }
        if let Some(chunk) = chunks.last_mut() {
            for &cell in row {
                push(chunk, cell);
            }
        }
    }
    chunks
}

fn push(chunk: &mut Vec<u8>, cell: i64) {
    let mut rest = (cell << 1 ^ cell >> 63).cast_unsigned();
    while rest > 0x7f {
        chunk.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    chunk.push(rest.to_le_bytes()[0]);
}

/// Unpacks a value, row by row, into `visit`.
///
/// # Panics
/// If the value is none that [`pack`] made of rows of `columns` cells: nobody else writes them.
pub(crate) fn unpack(chunk: &[u8], columns: usize, mut visit: impl FnMut(&[i64])) {
    let mut row = Vec::with_capacity(columns);
    let mut rest = chunk;
    while !rest.is_empty() {
        row.push(pull(&mut rest));
        if row.len() == columns {
            visit(&row);
            row.clear();
        }
    }
    assert!(row.is_empty(), "a value holds whole rows");
}

fn pull(rest: &mut &[u8]) -> i64 {
    let (mut folded, mut shift) = (0_u64, 0);
    loop {
        let (&byte, after) = rest.split_first().expect("a value holds whole cells");
        *rest = after;
        folded |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
        }
        assert!(shift < 70, "a cell has at most ten bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::NUMBER_MAX;

    #[test]
    fn rows_come_out_as_they_went_in() {
        let cell = |n: i64| [n, -n, n * 1_000_003 % NUMBER_MAX];
        let rows: Vec<Row> = (0..30_000)
            .map(|n| cell(n).to_vec())
            .chain([vec![NUMBER_MAX, -NUMBER_MAX, i64::MIN]])
            .collect();
        let mut back = Vec::new();
        let chunks = pack(&rows);
        assert!(chunks.len() > 5);
        for chunk in chunks {
            assert!(chunk.len() <= CHUNK_BYTES + 30);
            unpack(&chunk, 3, |row| back.push(row.to_vec()));
        }
        assert_eq!(back, rows);
    }
}
