//! Runs both verifiers over drawn cases and sorts what they say.

use std::{collections::BTreeMap, fmt};

use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

use crate::{
    explained::{Row, by},
    mutate,
    sets::Set,
};

/// What a verifier says of a case. What it accepts is described, so that two
/// that accept can still differ; why it refuses is named by a short text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Genuine, with these claims.
    Genuine(String),
    /// Not genuine, for this reason.
    Refused(String),
}

/// How often two verifiers said what.
#[derive(Debug, Default)]
pub struct Report {
    /// Cases that both accept with equal claims.
    pub both_accept: usize,
    /// Cases that both refuse.
    pub both_refuse: usize,
    /// What ours says where the other agrees, and how often: the first word of
    /// the claims, or the reason.
    pub alike: BTreeMap<String, usize>,
    /// What they disagree on: what ours says, what the other says, how often,
    /// and the first case.
    pub disagreements: BTreeMap<(String, String), (usize, String)>,
}

/// Draws `count` cases from `sets` by `seed` and judges each twice. Every set
/// is judged once as it is, too.
pub fn run(
    sets: &[Set],
    count: usize,
    seed: u64,
    ours: impl Fn(&Set) -> Outcome,
    other: impl Fn(&Set) -> Outcome,
) -> Report {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    let drawn = (0..count).map(|_| mutate::draw(&mut random, sets));
    judge(sets.iter().cloned().chain(drawn), ours, other)
}

/// Judges each case twice.
pub fn judge(
    cases: impl Iterator<Item = Set>,
    ours: impl Fn(&Set) -> Outcome,
    other: impl Fn(&Set) -> Outcome,
) -> Report {
    let mut report = Report::default();
    for case in cases {
        report.add(&case, ours(&case), other(&case));
    }
    report
}

impl Report {
    fn add(&mut self, case: &Set, ours: Outcome, other: Outcome) {
        match (ours, other) {
            (Outcome::Genuine(a), Outcome::Genuine(b)) if a == b => {
                self.both_accept += 1;
                let word = a.split(' ').next().unwrap_or_default();
                *self.alike.entry(word.to_owned()).or_default() += 1;
            }
            (Outcome::Refused(reason), Outcome::Refused(_)) => {
                self.both_refuse += 1;
                *self.alike.entry(reason).or_default() += 1;
            }
            (ours, other) => {
                let entry = self
                    .disagreements
                    .entry(words(ours, other))
                    .or_insert_with(|| (0, case.id.clone()));
                entry.0 += 1;
            }
        }
    }

    /// The disagreements that `rows` have no words for.
    pub fn unexplained(&self, rows: &[Row]) -> Vec<String> {
        self.disagreements
            .iter()
            .filter(|((ours, other), _)| by(rows, ours, other).is_none())
            .map(|((ours, other), (count, id))| {
                format!("{count} x ours: {ours} | other: {other} | first: {id}")
            })
            .collect()
    }

    /// The report as a table.
    pub fn table(&self, rows: &[Row]) -> String {
        let mut lines = vec![format!(
            "both accept {}, both refuse {}, disagree {}",
            self.both_accept,
            self.both_refuse,
            self.disagreements
                .values()
                .map(|(count, _)| count)
                .sum::<usize>()
        )];
        for ((ours, other), (count, id)) in &self.disagreements {
            let why = by(rows, ours, other).unwrap_or("NOT EXPLAINED");
            lines.push(format!(
                "{count:>6}  ours {ours} | other {other} | {why} ({id})"
            ));
        }
        lines.join("\n")
    }
}

/// What the two say. Claims count only where both accept and differ.
fn words(ours: Outcome, other: Outcome) -> (String, String) {
    let short = |outcome: Outcome| match outcome {
        Outcome::Genuine(_) => "genuine".to_owned(),
        Outcome::Refused(reason) => format!("refused: {reason}"),
    };
    match (&ours, &other) {
        (Outcome::Genuine(a), Outcome::Genuine(b)) => {
            (format!("genuine: {a}"), format!("genuine: {b}"))
        }
        _ => (short(ours), short(other)),
    }
}

/// The names of the variants of an error, without their fields.
pub fn variants(error: &impl fmt::Debug) -> String {
    let text = format!("{error:?}");
    let names: Vec<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .take(3)
        .collect();
    names.join(".")
}
