//! `synod attest verify --vectors`: every set of recorded evidence, judged at its own time by the
//! baseline policy and held against what the set expects.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use synod_attestation::verify::signatures_only;
use synod_attestation::{Anchors, Appraisal, Binding, Endorsements, Evidence, Policy, Tee};
use synod_endorser::{Platform, folder};

use crate::commands::attest::judge;
use crate::commands::attest::set::{self, Expect, Set};
use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// How a set came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Came {
    Accepted,
    Refused,
    /// It expects nothing, or holds too little to be judged.
    NotJudged,
    /// Its TEE is not supported.
    NotSupported,
}

/// One set's line.
#[derive(Debug, Serialize)]
struct Line {
    id: String,
    /// The TEE, or the group of sets that is not supported.
    tee: String,
    came: Came,
    /// Whether the signatures hold up to the vendor's root, if that was judged.
    authentic: Option<bool>,
    expect: Expect,
    /// Whether that is what the set expects; `None` if it was not judged.
    agrees: Option<bool>,
    /// The reason for this result.
    why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    appraisal: Option<Box<Appraisal>>,
}

/// The sums of one TEE.
#[derive(Debug, Default, Serialize)]
struct Totals {
    sets: usize,
    accepted: usize,
    refused: usize,
    agreeing: usize,
    disagreeing: usize,
    not_judged: usize,
    not_supported: usize,
}

/// What was found of one set.
struct Found {
    authentic: bool,
    /// `None` if too little is there for the policy.
    accepted: Option<bool>,
    why: String,
    appraisal: Option<Box<Appraisal>>,
}

pub(super) fn run(folder: &Path, output: Output) -> Outcome {
    let policy = Policy::baseline();
    let sets = set::find(folder)?;
    let lines: Vec<Line> = sets
        .iter()
        .map(|set| judge_set(&policy, set))
        .collect::<Outcome<_>>()?;
    let totals = totals(&lines);
    let disagreeing = lines
        .iter()
        .filter(|line| line.agrees == Some(false))
        .count();
    let data = serde_json::json!({ "policy": policy.name(), "tees": totals, "sets": lines });
    output.result(&data, || text(&lines, &totals))?;
    if disagreeing > 0 {
        return Err(Failure::not_verified(format!(
            "{disagreeing} sets do not give the expected result"
        )));
    }
    Ok(())
}

fn judge_set(policy: &Policy, set: &Set) -> Outcome<Line> {
    let line = |tee: String, came, why: &str| Line {
        id: set.id.clone(),
        tee,
        came,
        authentic: None,
        expect: set.expect.clone(),
        agrees: None,
        why: why.to_owned(),
        appraisal: None,
    };
    let Expect {
        authentic: None,
        accept: None,
        ..
    } = set.expect
    else {
        return match set.tee() {
            Some(tee) => judge_evidence(policy, set, tee, line),
            None if set.group == "roots" => Ok(line(
                set.group.clone(),
                Came::NotJudged,
                "roots only, no evidence",
            )),
            None => Ok(line(
                set.group.clone(),
                Came::NotSupported,
                "this kind of evidence is not supported yet",
            )),
        };
    };
    let group = set
        .tee()
        .map_or_else(|| set.group.clone(), |tee| tee.to_string());
    Ok(line(
        group,
        Came::NotJudged,
        "the set does not state an expected result",
    ))
}

fn judge_evidence(
    policy: &Policy,
    set: &Set,
    tee: Tee,
    line: impl Fn(String, Came, &str) -> Line,
) -> Outcome<Line> {
    let Some(evidence) = set.evidence(tee)? else {
        return Ok(line(
            tee.to_string(),
            Came::NotJudged,
            "no evidence in a known form",
        ));
    };
    let tee = if tee == Tee::Tdx { evidence.tee() } else { tee };
    let found = match set.expect.at {
        Some(at) => at_time(policy, set, &evidence, at.saturating_mul(1000)),
        None => without_time(policy.anchors(), &evidence),
    };
    let Some(found) = found else {
        return Ok(line(
            tee.to_string(),
            Came::NotJudged,
            "no endorsements for this evidence in the set",
        ));
    };
    let fits = |expected: Option<bool>, found: Option<bool>| {
        expected.is_none() || found.is_none() || expected == found
    };
    let agrees = fits(set.expect.authentic, Some(found.authentic))
        && fits(set.expect.accept, found.accepted);
    let came = if found.accepted.unwrap_or(found.authentic) {
        Came::Accepted
    } else {
        Came::Refused
    };
    Ok(Line {
        authentic: Some(found.authentic),
        agrees: Some(agrees),
        appraisal: found.appraisal,
        ..line(tee.to_string(), came, &found.why)
    })
}

/// Everything, at the set's own time.
fn at_time(policy: &Policy, set: &Set, evidence: &Evidence, at_ms: u64) -> Option<Found> {
    let candidates = match candidates(set, evidence) {
        Ok(candidates) => candidates,
        Err(why) => {
            return Some(Found {
                authentic: false,
                accepted: Some(false),
                why,
                appraisal: None,
            });
        }
    };
    match judge::best(policy, evidence, &candidates, Binding::Nothing, at_ms, &[]) {
        Some(appraisal) => Some(of_appraisal(appraisal)),
        None => without_time(policy.anchors(), evidence),
    }
}

/// The endorsements in the set's folder; an error if the evidence does not even say what it needs.
fn candidates(set: &Set, evidence: &Evidence) -> Result<Vec<Endorsements>, String> {
    let platform = Platform::of(evidence).map_err(|error| error.to_string())?;
    if platform == Platform::Nitro {
        return Ok(vec![Endorsements::Nitro]);
    }
    let bundle = folder::read(&set.folder).map_err(|error| error.to_string())?;
    let mut found = bundle.candidates(&platform).unwrap_or_default();
    if evidence.tee() == Tee::SevSnp {
        // Certificates of another chip are no candidates, and a set may be about just that.
        found.extend(set.amd_certificates());
    }
    Ok(found)
}

fn of_appraisal(appraisal: Appraisal) -> Found {
    let broken: Vec<String> = appraisal.broken().map(ToString::to_string).collect();
    let authentic = appraisal.parts.iter().all(|part| part.signatures_hold);
    Found {
        authentic,
        accepted: Some(appraisal.is_trusted()),
        why: if broken.is_empty() {
            appraisal.outcome.to_string()
        } else {
            broken.join("; ")
        },
        appraisal: Some(Box::new(appraisal)),
    }
}

/// What a quote's signatures and logs prove without collateral and at no time. A policy judges
/// nothing of it, and refuses what is not even that.
fn without_time(anchors: &Anchors, evidence: &Evidence) -> Option<Found> {
    let proven = signatures_only(evidence, anchors)?.map_err(|error| error.to_string());
    Some(Found {
        authentic: proven.is_ok(),
        accepted: proven.is_err().then_some(false),
        why: match proven {
            Ok(_) => {
                "signatures are valid up to the root; there is no collateral for judging the platform"
                    .to_owned()
            }
            Err(why) => why,
        },
        appraisal: None,
    })
}

fn totals(lines: &[Line]) -> BTreeMap<String, Totals> {
    let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
    for line in lines {
        let sums = totals.entry(line.tee.clone()).or_default();
        sums.sets += 1;
        match line.came {
            Came::Accepted => sums.accepted += 1,
            Came::Refused => sums.refused += 1,
            Came::NotJudged => sums.not_judged += 1,
            Came::NotSupported => sums.not_supported += 1,
        }
        match line.agrees {
            Some(true) => sums.agreeing += 1,
            Some(false) => sums.disagreeing += 1,
            None => {}
        }
    }
    totals
}

fn text(lines: &[Line], totals: &BTreeMap<String, Totals>) -> String {
    let mut told: Vec<String> = lines
        .iter()
        .filter(|line| line.came != Came::NotSupported)
        .map(of_line)
        .collect();
    told.push(format!(
        "\n{:<14} {:>5} {:>9} {:>8} {:>9} {:>12} {:>11} {:>18}",
        "TEE",
        "sets",
        "accepted",
        "refused",
        "agreeing",
        "disagreeing",
        "not judged",
        "not supported yet"
    ));
    told.extend(totals.iter().map(|(tee, sums)| {
        format!(
            "{tee:<14} {:>5} {:>9} {:>8} {:>9} {:>12} {:>11} {:>18}",
            sums.sets,
            sums.accepted,
            sums.refused,
            sums.agreeing,
            sums.disagreeing,
            sums.not_judged,
            sums.not_supported
        )
    }));
    told.join("\n")
}

fn of_line(line: &Line) -> String {
    let (mark, word) = match (line.agrees, line.came) {
        (Some(false), Came::Accepted) => ('✗', "accepted"),
        (Some(false), _) => ('✗', "refused"),
        (_, Came::Accepted) => ('✓', "accepted"),
        (_, Came::Refused) => ('✓', "refused"),
        _ => ('-', "not judged"),
    };
    let text = format!("{mark} {word:<10} {}: {}", line.id, line.why);
    if line.agrees != Some(false) {
        return text;
    }
    let said = |value: Option<bool>| value.map_or("-".to_owned(), |value| value.to_string());
    format!(
        "{text}\n    DISAGREES: the set expects authentic {}, accept {} ({}); found authentic {}",
        said(line.expect.authentic),
        said(line.expect.accept),
        line.expect.why.as_deref().unwrap_or("no reason stated"),
        said(line.authentic)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_counts_each_set_once() {
        let line = |came, agrees| Line {
            id: "tdx/x".to_owned(),
            tee: "tdx".to_owned(),
            came,
            authentic: None,
            expect: Expect {
                at: None,
                authentic: None,
                accept: None,
                why: None,
            },
            agrees,
            why: String::new(),
            appraisal: None,
        };
        let lines = [
            line(Came::Accepted, Some(true)),
            line(Came::Refused, Some(true)),
            line(Came::Refused, Some(false)),
            line(Came::NotJudged, None),
        ];
        let sums = &totals(&lines)["tdx"];
        assert_eq!((sums.sets, sums.accepted, sums.refused), (4, 1, 2));
        assert_eq!(
            (sums.agreeing, sums.disagreeing, sums.not_judged),
            (2, 1, 1)
        );
        assert!(of_line(&lines[2]).contains("DISAGREES"));
    }
}
