//! Asking: a query is proposed, approved by every owner, and run once. What was released is released: running it
//! again gives the same answer and costs nothing.
//!
//! The answer, the debit of each owner's budget and the claim in the receipt are one transaction. The cost of answers
//! adds up (sequential composition): for an owner's rows, all answers of the study together are as private as the
//! budget says.

use serde::Serialize;
use synod_app::{Problem, Request, Response, bind_claim_of, keep_writes, ledger_time};

use crate::answer::{self, Answer, Released};
use crate::digest::hex;
use crate::draws::Draws;
use crate::guard::Guard;
use crate::query::{Compute, Plan, Query};
use crate::records::{
    ANSWERS, APPROVALS, OWNERS, Proposal, QUERIES, REFUSALS, REFUSED, ROWS, Refusal, Share,
};
use crate::rows;
use crate::study::{Opened, PAGE_MAX};
use crate::tally::Tally;
use crate::terms::Noise;

/// The most queries of a study.
const QUERIES_MAX: usize = 256;
/// The longest query, in bytes of its proposal.
const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Queries of a page.
const QUERY_PAGE_MAX: usize = 25;
/// Refusals that are kept, the newest.
const REFUSALS_MAX: u64 = 1_000;

/// A query of a study, as one of its parties finds it.
struct Asked {
    opened: Opened,
    name: String,
    proposal: Proposal,
}

impl Asked {
    fn of(opened: Opened, request: &Request) -> Result<Self, Problem> {
        let name = request.param("query").to_owned();
        let proposal = QUERIES.get((&opened.name, &name));
        let proposal = proposal.ok_or_else(|| Problem::not_found("there is no such query"))?;
        Ok(Asked {
            opened,
            name,
            proposal,
        })
    }

    fn key(&self) -> (&str, &str) {
        (&self.opened.name, &self.name)
    }

    fn plan(&self) -> Plan {
        sound(&self.proposal.query, &self.opened)
    }
}

fn sound(query: &Query, opened: &Opened) -> Plan {
    Plan::of(query, &opened.terms).expect("only sound queries are kept")
}

/// What parties see of a query.
#[derive(Serialize)]
struct Shown {
    digest: String,
    #[serde(flatten)]
    proposal: Proposal,
    approved_by: Vec<String>,
    answered: bool,
}

impl Shown {
    fn of(study: &str, digest: String, proposal: Proposal) -> Self {
        let approvals = APPROVALS.prefix((study, digest.as_str()));
        Shown {
            approved_by: approvals.map(|((_, _, owner), _)| owner).collect(),
            answered: ANSWERS.has((study, digest.as_str())),
            digest,
            proposal,
        }
    }
}

/// `POST /studies/{study}/queries`
pub(crate) fn propose(request: &Request) -> Result<Response, Problem> {
    let opened = Opened::by_analyst(request)?;
    if request.body.len() > QUERY_BYTES_MAX {
        return Err(Problem::new(
            413,
            "query_too_long",
            "a query has at most 16384 bytes",
        ));
    }
    let query: Query = request.json()?;
    Plan::of(&query, &opened.terms)?;
    let name = hex(&query.digest(&opened.name));
    let key = (opened.name.as_str(), name.as_str());
    if let Some(proposal) = QUERIES.get(key) {
        return Ok(Response::json(&Shown::of(&opened.name, name, proposal)));
    }
    if QUERIES.prefix((&opened.name,)).count() >= QUERIES_MAX {
        return Err(Problem::new(
            409,
            "too_many_queries",
            "the study has 256 queries, and takes no more",
        ));
    }
    let proposal = Proposal {
        query,
        proposed_by: opened.caller.id,
        proposed_ms: ledger_time(),
    };
    QUERIES.put(key, &proposal);
    Ok(Response::json(&Shown::of(&opened.name, name, proposal)).with_status(201))
}

/// `GET /studies/{study}/queries?after=`
pub(crate) fn list(request: &Request) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Listed {
        queries: Vec<Shown>,
        more: bool,
    }
    let study = Opened::by(request)?.name;
    let after = request
        .query_value("after")
        .map(|after| (study.clone(), after));
    let page = QUERIES.page((&study,), after, QUERY_PAGE_MAX);
    let shown = |((_, name), proposal)| Shown::of(&study, name, proposal);
    Ok(Response::json(&Listed {
        queries: page.rows.into_iter().map(shown).collect(),
        more: page.more,
    }))
}

/// `GET /studies/{study}/queries/{query}`
pub(crate) fn show(request: &Request) -> Result<Response, Problem> {
    let asked = Asked::of(Opened::by(request)?, request)?;
    Ok(Response::json(&Shown::of(
        &asked.opened.name,
        asked.name,
        asked.proposal,
    )))
}

/// `PUT /studies/{study}/queries/{query}/approval`
pub(crate) fn approve(request: &Request) -> Result<Response, Problem> {
    let asked = Asked::of(Opened::by_owner(request)?, request)?;
    let (study, query) = asked.key();
    APPROVALS.put(
        (study, query, asked.opened.caller.id.as_str()),
        &ledger_time(),
    );
    Ok(Response::json(&Shown::of(
        &asked.opened.name,
        asked.name,
        asked.proposal,
    )))
}

/// `DELETE /studies/{study}/queries/{query}/approval`
pub(crate) fn disapprove(request: &Request) -> Result<Response, Problem> {
    let asked = Asked::of(Opened::by_owner(request)?, request)?;
    let (study, query) = asked.key();
    if ANSWERS.has((study, query)) {
        return Err(Problem::new(
            409,
            "answered",
            "the answer is released already",
        ));
    }
    APPROVALS.delete((study, query, asked.opened.caller.id.as_str()));
    Ok(Response::json(&Shown::of(
        &asked.opened.name,
        asked.name,
        asked.proposal,
    )))
}

/// `GET /studies/{study}/queries/{query}/answer`
pub(crate) fn answer(request: &Request) -> Result<Response, Problem> {
    let asked = Asked::of(Opened::by(request)?, request)?;
    let answer = ANSWERS.get(asked.key());
    let answer = answer.ok_or_else(|| Problem::not_found("the query was not answered"))?;
    Ok(Response::bytes("application/json", answer))
}

/// `POST /studies/{study}/queries/{query}/run`
pub(crate) fn run(request: &Request) -> Result<Response, Problem> {
    let asked = Asked::of(Opened::by_analyst(request)?, request)?;
    if let Some(answer) = ANSWERS.get(asked.key()) {
        return Ok(Response::bytes("application/json", answer));
    }
    match release(&asked) {
        Ok(answer) => {
            let json = serde_json::to_vec(&answer)
                .expect("an answer is records of text and whole numbers");
            ANSWERS.put(asked.key(), &json);
            bind_claim_of(&json);
            Ok(Response::bytes("application/json", json).with_status(201))
        }
        Err(withheld) => {
            record(&asked, &withheld);
            Err(Problem::new(withheld.status, withheld.code, withheld.title))
        }
    }
}

/// Why there is no answer: what goes on record.
struct Withheld {
    status: u16,
    code: &'static str,
    title: String,
}

impl Withheld {
    fn now(code: &'static str, title: impl Into<String>) -> Self {
        Withheld {
            status: 409,
            code,
            title: title.into(),
        }
    }

    fn ever(code: &'static str, title: impl Into<String>) -> Self {
        Withheld {
            status: 422,
            code,
            title: title.into(),
        }
    }
}

fn release(asked: &Asked) -> Result<Answer, Withheld> {
    check_consent(asked)?;
    let plan = asked.plan();
    let opened = &asked.opened;
    let released = match (opened.terms.declaration.noise, plan.milli_epsilon) {
        (Noise::On, Some(milli_epsilon)) => {
            debit(opened, milli_epsilon)?;
            blurred(asked, &plan)
        }
        _ => exact(asked, &plan)?,
    };
    Ok(released.answer(&opened.name, &asked.proposal.query, &plan, &opened.terms))
}

/// All rows are there, and each owner has approved.
fn check_consent(asked: &Asked) -> Result<(), Withheld> {
    let (study, query) = asked.key();
    let owners = || {
        asked
            .opened
            .terms
            .declaration
            .owners
            .iter()
            .map(|owner| owner.id.as_str())
    };
    let open: Vec<&str> = owners()
        .filter(|owner| !asked.opened.share(owner).sealed)
        .collect();
    if !open.is_empty() {
        return Err(Withheld::now(
            "not_sealed",
            ["not sealed yet: ", &open.join(", ")].concat(),
        ));
    }
    let missing: Vec<&str> = owners()
        .filter(|owner| !APPROVALS.has((study, query, *owner)))
        .collect();
    if !missing.is_empty() {
        return Err(Withheld::now(
            "not_approved",
            ["not approved by ", &missing.join(", ")].concat(),
        ));
    }
    Ok(())
}

/// Takes the price from every owner's budget, or from nobody's.
fn debit(opened: &Opened, milli_epsilon: u32) -> Result<(), Withheld> {
    let owners = &opened.terms.declaration.owners;
    let shares: Vec<Share> = owners.iter().map(|owner| opened.share(&owner.id)).collect();
    let pairs = || owners.iter().zip(&shares);
    let short: Vec<&str> = pairs()
        .filter(|(owner, share)| owner.milli_epsilon - share.spent < milli_epsilon)
        .map(|(owner, _)| owner.id.as_str())
        .collect();
    if !short.is_empty() {
        return Err(Withheld::now(
            "budget_exhausted",
            ["not enough left of the budget of ", &short.join(", ")].concat(),
        ));
    }
    for (owner, share) in pairs() {
        let share = Share {
            spent: share.spent + milli_epsilon,
            ..share.clone()
        };
        OWNERS.put((&opened.name, &owner.id), &share);
    }
    Ok(())
}

fn blurred(asked: &Asked, plan: &Plan) -> Released {
    let group_min = asked.opened.terms.declaration.group_min;
    let tally = tally(&asked.opened, plan);
    answer::noisily(
        &tally,
        &asked.proposal.query,
        plan,
        group_min,
        &mut Draws::new(),
    )
}

fn exact(asked: &Asked, plan: &Plan) -> Result<Released, Withheld> {
    let group_min = asked.opened.terms.declaration.group_min;
    let released = answer::exactly(
        tally(&asked.opened, plan),
        &asked.proposal.query,
        plan,
        group_min,
    );
    if !released.says_anything() {
        return Err(Withheld::ever(
            "group_too_small",
            "no group has as many rows as the terms demand",
        ));
    }
    let mut guard = {
        let (plan, visible) = sets(&asked.proposal.query, plan.clone(), &released.visible);
        Guard::of(plan, visible)
    };
    for ((_, name), answer) in ANSWERS.prefix((&asked.opened.name,)) {
        let proposal = QUERIES
            .get((&asked.opened.name, &name))
            .expect("an answer has its query");
        let answer: Answer =
            serde_json::from_slice(&answer).expect("an answer is what this app writes");
        let plan = sound(&proposal.query, &asked.opened);
        let visible: Vec<bool> = answer.cells.iter().map(|cell| !cell.suppressed).collect();
        let (plan, visible) = sets(&proposal.query, plan, &visible);
        guard.compare_with(plan, visible);
    }
    each_row(&asked.opened, |row| guard.add(row));
    if !guard.permits(group_min) {
        let title =
            "a group differs from one that was answered for by fewer rows than the terms demand";
        return Err(Withheld::ever("difference_too_small", title));
    }
    Ok(released)
}

/// Which sets of rows an answer tells of: its cells, but of a quantile the groups.
fn sets(query: &Query, plan: Plan, visible: &[bool]) -> (Plan, Vec<bool>) {
    if query.compute != Compute::Quantile {
        return (plan, visible.to_vec());
    }
    let bins = visible.len() / plan.groups();
    (
        plan.without_bins(),
        visible.iter().step_by(bins).copied().collect(),
    )
}

fn tally(opened: &Opened, plan: &Plan) -> Tally {
    let mut tally = Tally::of(plan);
    each_row(opened, |row| tally.add(plan, row));
    tally
}

fn each_row(opened: &Opened, mut visit: impl FnMut(&[i64])) {
    for (_, chunk) in ROWS.prefix((&opened.name,)) {
        rows::unpack(&chunk, opened.terms.columns.len(), &mut visit);
    }
}

/// Puts a refusal on record, though its status is one from 400 on.
fn record(asked: &Asked, withheld: &Withheld) {
    let study = &asked.opened.name;
    let number = REFUSED.get(study).unwrap_or(0) + 1;
    let refusal = Refusal {
        query: asked.name.clone(),
        code: withheld.code.to_owned(),
        title: withheld.title.clone(),
        analyst: asked.opened.caller.id.clone(),
        refused_ms: ledger_time(),
    };
    REFUSALS.put((study, number), &refusal);
    REFUSED.put(study, &number);
    if let Some(oldest) = number.checked_sub(REFUSALS_MAX) {
        REFUSALS.delete((study, oldest));
    }
    keep_writes();
}

/// `GET /studies/{study}/refusals?after=`
pub(crate) fn refusals(request: &Request) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Listed {
        refusals: Vec<Numbered>,
        more: bool,
    }
    #[derive(Serialize)]
    struct Numbered {
        number: u64,
        #[serde(flatten)]
        refusal: Refusal,
    }
    let study = Opened::by(request)?.name;
    let after = request
        .query_as::<u64>("after")?
        .map(|after| (study.clone(), after));
    let page = REFUSALS.page((&study,), after, PAGE_MAX);
    let numbered = |((_, number), refusal)| Numbered { number, refusal };
    Ok(Response::json(&Listed {
        refusals: page.rows.into_iter().map(numbered).collect(),
        more: page.more,
    }))
}
