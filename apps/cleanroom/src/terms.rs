//! The terms of a study: who takes part, what a row is, and what may be revealed. They never change; whoever uploads
//! rows or seals names the terms' digest, and so agrees to all of them.

use serde::{Deserialize, Serialize};

use crate::decimal;
use crate::digest::{self, Digest};
use synod_app::Problem;

/// The most owners, and the most analysts.
pub(crate) const PARTIES_MAX: usize = 16;
/// The most columns.
pub(crate) const COLUMNS_MAX: usize = 64;
/// The most categories of a column.
pub(crate) const CATEGORIES_MAX: usize = 64;
/// The longest name of a column or category, in bytes.
pub(crate) const NAME_MAX: usize = 64;
/// The longest title or purpose, in bytes.
pub(crate) const SENTENCE_MAX: usize = 500;
/// The greatest budget of an owner: an epsilon of 100, far beyond what protects anybody.
pub(crate) const BUDGET_MAX: u32 = 100_000;

/// The terms, as they are declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declaration {
    /// What the study is about, for people.
    pub(crate) title: String,
    /// Who uploads rows, and must approve each query.
    pub(crate) owners: Vec<Owner>,
    /// Who proposes and runs queries.
    pub(crate) analysts: Vec<String>,
    /// What a row is.
    pub(crate) columns: Vec<ColumnDeclaration>,
    /// A group of fewer rows is not answered for. From 2 on.
    pub(crate) group_min: u32,
    /// Whether answers get noise.
    pub(crate) noise: Noise,
}

/// Whether answers get noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Noise {
    /// Each answer gets noise and is paid for from the budgets.
    On,
    /// Answers are exact. Only the size of groups is protected, as far as it goes.
    Off,
}

/// An owner of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Owner {
    /// The user's name.
    pub(crate) id: String,
    /// The epsilon, in thousandths, that all answers together may cost the rows of this owner.
    /// 0, or left out, where noise is off.
    #[serde(default)]
    pub(crate) milli_epsilon: u32,
}

/// A column, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColumnDeclaration {
    /// Its name, as in the first line of each upload.
    pub(crate) name: String,
    /// What its cells hold.
    pub(crate) kind: CellKind,
    /// Decimals of a `decimal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scale: Option<u8>,
    /// The least number that a cell may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<String>,
    /// The greatest number that a cell may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<String>,
    /// The categories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<String>,
}

/// What cells hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CellKind {
    /// A whole number.
    Integer,
    /// A number of fixed decimals.
    Decimal,
    /// One of the declared words.
    Category,
}

/// A column that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// What its cells hold.
    pub(crate) cells: Cells,
}

/// What the cells of a column hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cells {
    /// Numbers from `min` to `max`, counted in the last of `scale` decimals.
    Numbers {
        /// Decimals.
        scale: u8,
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// The place of a word in this list.
    Categories(Vec<String>),
}

impl Cells {
    /// The place of a word among these categories.
    pub(crate) fn place(values: &[String], word: &str) -> Option<i64> {
        let mut numbered = (0..).zip(values);
        numbered
            .find(|(_, value)| *value == word)
            .map(|(place, _)| place)
    }
}

/// Terms that make sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// As they were declared.
    pub(crate) declaration: Declaration,
    /// The columns, in their order.
    pub(crate) columns: Vec<Column>,
}

impl Terms {
    /// Checks what was declared.
    ///
    /// # Errors
    /// The first thing that makes no sense; the declarer is at fault.
    pub(crate) fn of(declaration: Declaration) -> Result<Self, Problem> {
        if !is_sentence(&declaration.title) {
            return Err(bad("the title is not one line of 1 to 500 bytes"));
        }
        check_parties(&declaration)?;
        if declaration.group_min < 2 {
            return Err(bad("group_min is less than 2"));
        }
        let columns = columns(&declaration.columns)?;
        Ok(Terms {
            declaration,
            columns,
        })
    }

    /// SHA-256 of the terms' canonical text: what an owner agrees to.
    pub(crate) fn digest(&self, study: &str) -> Digest {
        digest::of_json("cleanroom terms 1", study, &self.declaration)
    }

    /// The owner of this name.
    pub(crate) fn owner(&self, id: &str) -> Option<&Owner> {
        self.declaration.owners.iter().find(|owner| owner.id == id)
    }

    /// Whether this is the name of an analyst.
    pub(crate) fn is_analyst(&self, id: &str) -> bool {
        self.declaration
            .analysts
            .iter()
            .any(|analyst| analyst == id)
    }

    /// The place and content of a column.
    pub(crate) fn column(&self, name: &str) -> Option<(usize, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .find(|(_, column)| column.name == name)
    }
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(400, "bad_terms", detail)
}

/// Titles and purposes: one line of text.
pub(crate) fn is_sentence(text: &str) -> bool {
    !text.is_empty() && text.len() <= SENTENCE_MAX && !text.chars().any(char::is_control)
}

fn check_parties(declaration: &Declaration) -> Result<(), Problem> {
    let owners: Vec<&str> = declaration
        .owners
        .iter()
        .map(|owner| owner.id.as_str())
        .collect();
    let analysts: Vec<&str> = declaration.analysts.iter().map(String::as_str).collect();
    for (who, ids) in [("owners", &owners), ("analysts", &analysts)] {
        if ids.is_empty() || ids.len() > PARTIES_MAX {
            return Err(bad([who, " are not 1 to 16"].concat()));
        }
        if let Some(id) = ids.iter().find(|id| !is_user_name(id)) {
            return Err(bad([
                who,
                " name `",
                &shown(id),
                "`, which is no user's name",
            ]
            .concat()));
        }
        if let Some(id) = repeated(ids) {
            return Err(bad([who, " name `", id, "` twice"].concat()));
        }
    }
    let off = declaration.noise == Noise::Off;
    let sound = |budget| {
        if off {
            budget == 0
        } else {
            (1..=BUDGET_MAX).contains(&budget)
        }
    };
    match declaration
        .owners
        .iter()
        .find(|owner| !sound(owner.milli_epsilon))
    {
        None => Ok(()),
        Some(owner) if off => Err(bad(
            ["without noise `", &owner.id, "` needs no budget"].concat()
        )),
        Some(owner) => Err(bad(
            ["the budget of `", &owner.id, "` is not 1 to 100000"].concat()
        )),
    }
}

/// As the service has it: 1 to 64 of `[A-Za-z0-9._@-]`. No `/`, so that names can stand in keys.
fn is_user_name(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._@-".contains(&b);
    (1..=64).contains(&id.len()) && id.bytes().all(allowed)
}

fn repeated<'a>(words: &[&'a str]) -> Option<&'a str> {
    let again = words
        .iter()
        .enumerate()
        .find(|(place, word)| words[..*place].contains(word));
    again.map(|(_, word)| *word)
}

/// As much of a bad name as an answer repeats.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(32).collect()
}

fn columns(declared: &[ColumnDeclaration]) -> Result<Vec<Column>, Problem> {
    if declared.is_empty() || declared.len() > COLUMNS_MAX {
        return Err(bad("columns are not 1 to 64"));
    }
    let names: Vec<&str> = declared.iter().map(|column| column.name.as_str()).collect();
    check_words("column", &names)?;
    declared.iter().map(column).collect()
}

fn column(declared: &ColumnDeclaration) -> Result<Column, Problem> {
    let cells = match declared.kind {
        CellKind::Category => categories(declared)?,
        CellKind::Integer | CellKind::Decimal => numbers(declared)?,
    };
    Ok(Column {
        name: declared.name.clone(),
        cells,
    })
}

fn categories(declared: &ColumnDeclaration) -> Result<Cells, Problem> {
    let of = |detail: &str| bad(["column `", &declared.name, "`: ", detail].concat());
    if declared.scale.is_some() || declared.min.is_some() || declared.max.is_some() {
        return Err(of("a category has no scale, min or max"));
    }
    if declared.values.is_empty() || declared.values.len() > CATEGORIES_MAX {
        return Err(of("values are not 1 to 64"));
    }
    let values: Vec<&str> = declared.values.iter().map(String::as_str).collect();
    check_words("value", &values)?;
    Ok(Cells::Categories(declared.values.clone()))
}

fn numbers(declared: &ColumnDeclaration) -> Result<Cells, Problem> {
    let of = |detail: &str| bad(["column `", &declared.name, "`: ", detail].concat());
    if !declared.values.is_empty() {
        return Err(of("a number has no values"));
    }
    let scale = match (declared.kind, declared.scale) {
        (CellKind::Integer, None) => 0,
        (CellKind::Integer, Some(_)) => return Err(of("an integer has no scale")),
        (_, Some(scale)) if (1..=decimal::SCALE_MAX).contains(&scale) => scale,
        (_, _) => return Err(of("the scale of a decimal is not 1 to 9")),
    };
    let bound = |text: &Option<String>, what: &str| {
        let text = text
            .as_deref()
            .ok_or_else(|| of(&[what, " is not there"].concat()))?;
        decimal::parse(text, scale).map_err(|why| of(&[what, " ", why.text()].concat()))
    };
    let (min, max) = (bound(&declared.min, "min")?, bound(&declared.max, "max")?);
    if min >= max {
        return Err(of("min is not less than max"));
    }
    Ok(Cells::Numbers { scale, min, max })
}

/// Names that can stand in a line of CSV without quotes, each once.
fn check_words(what: &str, words: &[&str]) -> Result<(), Problem> {
    let sound = |word: &str| {
        let plain = |c: char| !c.is_control() && c != ',' && c != '"';
        (1..=NAME_MAX).contains(&word.len()) && word.trim() == word && word.chars().all(plain)
    };
    if let Some(word) = words.iter().find(|word| !sound(word)) {
        return Err(bad([
            what,
            " `",
            &shown(word),
            "` is not a plain name of 1 to 64 bytes",
        ]
        .concat()));
    }
    match repeated(words) {
        Some(word) => Err(bad([what, " `", word, "` is there twice"].concat())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{declaration, title};

    fn refusal(break_it: impl FnOnce(&mut Declaration)) -> String {
        let mut declaration = declaration();
        break_it(&mut declaration);
        let problem = Terms::of(declaration).expect_err("it is broken");
        assert_eq!((problem.status(), problem.code()), (400, "bad_terms"));
        title(&problem)
    }

    #[test]
    fn terms_are_kept_as_declared() {
        let terms = Terms::of(declaration()).unwrap();
        assert_eq!(terms.declaration, declaration());
        let numbers = Cells::Numbers {
            scale: 1,
            min: 0,
            max: 2500,
        };
        assert_eq!(
            terms
                .column("weight")
                .map(|(place, column)| (place, &column.cells)),
            Some((1, &numbers))
        );
    }

    #[test]
    fn each_change_of_terms_or_study_changes_the_digest() {
        let terms = Terms::of(declaration()).unwrap();
        let mut other = declaration();
        other.group_min += 1;
        let other = Terms::of(other).unwrap();
        assert_ne!(terms.digest("a"), other.digest("a"));
        assert_ne!(terms.digest("a"), terms.digest("b"));
    }

    #[test]
    fn terms_that_make_no_sense_are_refused_by_name() {
        assert!(refusal(|d| d.title.clear()).contains("title"));
        assert!(refusal(|d| d.group_min = 1).contains("group_min"));
        assert!(refusal(|d| d.owners.clear()).contains("owners are not"));
        assert!(refusal(|d| d.owners[1].id = "a".into()).contains("owners name `a` twice"));
        assert!(refusal(|d| d.owners[0].id = "a/b".into()).contains("no user's name"));
        assert!(refusal(|d| d.analysts.clear()).contains("analysts"));
        assert!(refusal(|d| d.owners[0].milli_epsilon = 0).contains("budget of `a`"));
        assert!(refusal(|d| d.owners[0].milli_epsilon = BUDGET_MAX + 1).contains("budget of `a`"));
        assert!(refusal(|d| d.noise = Noise::Off).contains("needs no budget"));
        assert!(refusal(|d| d.columns.clear()).contains("columns"));
        assert!(
            refusal(|d| d.columns[0].name = "weight".into()).contains("`weight` is there twice")
        );
        assert!(refusal(|d| d.columns[0].name = "a,b".into()).contains("plain name"));
        assert!(refusal(|d| d.columns[0].scale = Some(1)).contains("an integer has no scale"));
        assert!(refusal(|d| d.columns[0].min = None).contains("min is not there"));
        assert!(refusal(|d| d.columns[0].min = Some("x".into())).contains("min is not a number"));
        assert!(refusal(|d| d.columns[0].min = Some("120".into())).contains("min is not less"));
        assert!(refusal(|d| d.columns[1].scale = None).contains("scale of a decimal"));
        assert!(refusal(|d| d.columns[1].max = Some("1.25".into())).contains("more decimals"));
        assert!(refusal(|d| d.columns[2].values.clear()).contains("values"));
        assert!(refusal(|d| d.columns[2].values[0] = " x".into()).contains("plain name"));
        assert!(refusal(|d| d.columns[2].min = Some("1".into())).contains("no scale, min or max"));
    }
}
