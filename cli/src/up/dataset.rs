//! The records that a tour imports, and the texts that must be found nowhere afterwards.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files;
use crate::outcome::{Failure, Outcome};

/// The data set that ships with the program: Breast Cancer Wisconsin (Diagnostic), CC BY 4.0.
const DEFAULT: &str = include_str!("../../../examples/data/breast_cancer.csv");
/// The shortest value that is searched for: shorter ones stand in any file by chance.
const VALUE_LENGTH_MIN: usize = 6;
/// Most records of a data set.
const RECORDS_MAX: usize = 100_000;

/// One record: a line of the data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A data set.
#[derive(Clone, Debug)]
pub(crate) struct DataSet {
    pub(crate) name: String,
    pub(crate) records: Vec<Record>,
    /// Texts that prove nothing, since they stood in files before the import.
    pub(crate) commonplace: BTreeSet<String>,
}

impl DataSet {
    /// The lines of a CSV file after the first, or of the data set that ships with the program.
    pub(crate) fn read(path: Option<&Path>) -> Outcome<Self> {
        match path {
            None => Self::parse("569 patients from a public study", DEFAULT),
            Some(path) => Self::parse(&path.display().to_string(), &files::read_text(path)?),
        }
    }

    fn parse(name: &str, text: &str) -> Outcome<Self> {
        let lines = text
            .lines()
            .skip(1)
            .map(str::trim_end)
            .filter(|line| !line.is_empty());
        let records: Vec<_> = lines
            .enumerate()
            .map(|(number, line)| Record {
                key: format!("record-{number:06}"),
                value: line.to_owned(),
            })
            .collect();
        if records.is_empty() || records.len() > RECORDS_MAX {
            return Err(Failure::mistake(format!(
                "`{name}` has {} records, expected 1 to {RECORDS_MAX}",
                records.len()
            ))
            .with_hint("the first line is the header, and every other line is a record"));
        }
        let longest = records
            .iter()
            .map(|record| record.value.len())
            .max()
            .unwrap_or_default();
        if longest > synod_api::limits::VALUE_BYTES_MAX {
            return Err(Failure::mistake(format!(
                "`{name}` has a line of {longest} bytes"
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            records,
            commonplace: BTreeSet::new(),
        })
    }

    /// Every line, and every value of six characters and more, but for commonplaces.
    pub(crate) fn texts(&self) -> BTreeSet<&str> {
        let mut texts = BTreeSet::new();
        for record in &self.records {
            texts.insert(record.value.as_str());
            texts.extend(fields(&record.value));
        }
        texts.retain(|text| text.len() >= VALUE_LENGTH_MIN && !self.commonplace.contains(*text));
        texts
    }
}

/// The fields of a line of CSV, without their quotes.
fn fields(line: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    line.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .map(|field| field.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_data_set_has_its_569_patients() {
        let data = DataSet::read(None).unwrap();
        assert_eq!(data.records.len(), 569);
        assert!(data.texts().contains("0.1184"));
    }

    #[test]
    fn quoted_commas_do_not_part_a_field() {
        assert_eq!(
            fields("a, \"Smith, John\",7").collect::<Vec<_>>(),
            ["a", "Smith, John", "7"]
        );
    }

    #[test]
    fn header_alone_is_no_data_set() {
        assert!(DataSet::parse("x", "name,age\n").is_err());
    }
}
