//! Reads rows: CSV (RFC 4180) whose first line names the columns of the terms, in their order.
//!
//! Lines end in LF or CRLF. A cell may stand in double quotes, a quote in it doubled; it never holds a line break. An
//! upload with one bad cell is refused as a whole, and the answer names its line and column, never its content.

use crate::decimal;
use crate::terms::{Cells, Column};
use synod_app::Problem;

/// The most rows of one upload.
pub(crate) const UPLOAD_ROWS_MAX: usize = 20_000;

/// A row: for each column a number in its last decimal, or the place of a category in the column's list.
pub(crate) type Row = Vec<i64>;

/// Reads all rows of an upload.
///
/// # Errors
/// What is wrong, and where; the uploader is at fault.
pub(crate) fn parse(body: &[u8], columns: &[Column]) -> Result<Vec<Row>, Problem> {
    let text = core::str::from_utf8(body).map_err(|_| bad_file("the body is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    check_head(lines.next().unwrap_or_default(), columns)?;
    let mut rows = Vec::new();
    for (line, number) in lines.zip(2..) {
        if rows.len() == UPLOAD_ROWS_MAX {
            return Err(bad_file("an upload holds at most 20000 rows"));
        }
        rows.push(row(line, number, columns)?);
    }
    if rows.is_empty() {
        return Err(bad_file("there are no rows below the first line"));
    }
    Ok(rows)
}

fn check_head(line: &str, columns: &[Column]) -> Result<(), Problem> {
    let names = cells(line).ok_or_else(|| bad_file("line 1: quotes do not match"))?;
    let declared = columns.iter().map(|column| column.name.as_str());
    if names.iter().map(String::as_str).eq(declared) {
        return Ok(());
    }
    Err(bad_file(
        "line 1 does not name the columns of the terms, in their order",
    ))
}

fn row(line: &str, number: usize, columns: &[Column]) -> Result<Row, Problem> {
    let at = |detail: &str| bad_file(["line ", &number.to_string(), ": ", detail].concat());
    let cells = cells(line).ok_or_else(|| at("quotes do not match"))?;
    if cells.len() != columns.len() {
        return Err(at("it has not as many cells as the terms have columns"));
    }
    let pairs = cells.iter().zip(columns);
    pairs
        .map(|(text, column)| {
            let in_column = |why| at(&["column `", &column.name, "` ", why].concat());
            cell(text, &column.cells).map_err(in_column)
        })
        .collect()
}

fn cell(text: &str, cells: &Cells) -> Result<i64, &'static str> {
    match cells {
        Cells::Numbers { scale, min, max } => {
            let number = decimal::parse(text, *scale).map_err(decimal::NotANumber::text)?;
            let within = (*min..=*max).contains(&number);
            if within {
                Ok(number)
            } else {
                Err("is not within the declared bounds")
            }
        }
        Cells::Categories(values) => {
            Cells::place(values, text).ok_or("is none of the declared categories")
        }
    }
}

/// The cells of a line; none if its quotes do not match.
fn cells(line: &str) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = if rest.starts_with('"') {
            quoted(rest)?
        } else {
            plain(rest)?
        };
        cells.push(cell);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(cells),
            None => return None,
        }
    }
}

fn plain(text: &str) -> Option<(String, &str)> {
    let (cell, after) = text.split_at(text.find(',').unwrap_or(text.len()));
    (!cell.contains('"')).then(|| (cell.to_owned(), after))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        let (part, after) = rest.split_once('"')?;
        cell.push_str(part);
        match after.strip_prefix('"') {
            Some(next) => {
                cell.push('"');
                rest = next;
            }
            None => return Some((cell, after)),
        }
    }
}

fn bad_file(detail: impl Into<String>) -> Problem {
    Problem::new(400, "bad_rows", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Entropy as _;
    use crate::noise::seeded::Seeded;
    use crate::samples::{terms, title};

    fn rows(text: &str) -> Result<Vec<Row>, Problem> {
        parse(text.as_bytes(), &terms().columns)
    }

    fn refusal(text: &str) -> String {
        let problem = rows(text).expect_err("it is bad");
        assert_eq!((problem.status(), problem.code()), (400, "bad_rows"));
        title(&problem)
    }

    #[test]
    fn rows_are_read_in_the_scale_of_their_columns() {
        let read = rows("age,weight,sex\n40,81.5,f\n120,0,m\n");
        assert_eq!(read, Ok(vec![vec![40, 815, 0], vec![120, 0, 1]]));
        assert_eq!(
            rows("age,weight,sex\r\n40,81.5,\"f\"\r\n"),
            Ok(vec![vec![40, 815, 0]])
        );
        assert_eq!(
            rows("\"age\",weight,sex\n40,81.5,f"),
            Ok(vec![vec![40, 815, 0]])
        );
    }

    #[test]
    fn quotes_are_read_as_the_standard_says() {
        assert_eq!(
            cells(r#"a,"b,""c""",,"#),
            Some(vec![
                "a".into(),
                r#"b,"c""#.into(),
                String::new(),
                String::new()
            ])
        );
        assert_eq!(cells(r#"a"b"#), None);
        assert_eq!(cells(r#""a"b"#), None);
        assert_eq!(cells(r#""a"#), None);
        assert_eq!(cells(""), Some(vec![String::new()]));
    }

    #[test]
    fn bad_cells_are_named_by_line_and_column() {
        let head = "age,weight,sex\n1,1,f\n";
        assert_eq!(
            refusal(&format!("{head}40,81.55,f\n")),
            "line 3: column `weight` has more decimals than the column"
        );
        assert_eq!(
            refusal(&format!("{head}121,1,f\n")),
            "line 3: column `age` is not within the declared bounds"
        );
        assert_eq!(
            refusal(&format!("{head}-1,1,f\n")),
            "line 3: column `age` is not within the declared bounds"
        );
        assert_eq!(
            refusal(&format!("{head},1,f\n")),
            "line 3: column `age` is not a number such as -12.5"
        );
        assert_eq!(
            refusal(&format!("{head}1,1,F\n")),
            "line 3: column `sex` is none of the declared categories"
        );
        assert!(refusal(&format!("{head}1,1\n")).contains("line 3: it has not as many cells"));
        assert!(refusal(&format!("{head}1,1,f,\n")).contains("line 3: it has not as many cells"));
        assert!(refusal(&format!("{head}1,1,\"f\n")).contains("line 3: quotes"));
        assert!(refusal(&format!("{head}\n1,1,f\n")).contains("line 3: it has not as many cells"));
    }

    #[test]
    fn file_that_is_no_upload_is_refused() {
        assert!(refusal("").contains("line 1 does not name"));
        assert!(refusal("weight,age,sex\n1,1,f\n").contains("line 1 does not name"));
        assert!(refusal("age,weight,sex\n").contains("no rows"));
        assert!(refusal("age,weight,sex").contains("no rows"));
        assert!(parse(b"age,weight,sex\n1,1,\xff\n", &terms().columns).is_err());
        let many = "1,1,f\n".repeat(UPLOAD_ROWS_MAX + 1);
        assert!(refusal(&format!("age,weight,sex\n{many}")).contains("at most 20000"));
    }

    #[test]
    fn mutated_uploads_are_read_or_refused_and_rows_stay_within_bounds() {
        let sound = b"age,weight,sex\n40,81.5,f\n12,\"0.1\",\"m\"\n";
        let mut entropy = Seeded(5);
        for _ in 0..20_000 {
            let mut bytes = sound.to_vec();
            for _ in 0..=entropy.next() % 3 {
                let place = 15 + (entropy.next() % 20) as usize;
                bytes[place] = b"\",\n\r.-19fm\xff"[(entropy.next() % 11) as usize];
            }
            if let Ok(rows) = parse(&bytes, &terms().columns) {
                assert!(
                    rows.iter()
                        .all(|row| (0..=120).contains(&row[0]) && (0..=2500).contains(&row[1]))
                );
                assert!(rows.iter().all(|row| (0..=1).contains(&row[2])));
            }
        }
    }
}
