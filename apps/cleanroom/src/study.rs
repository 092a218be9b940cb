//! Studies: declared once, filled by their owners, sealed. After that no row comes or goes.
//!
//! To whoever takes no part, a study does not exist: the answer is the same 404. No route gives a row back, nor the
//! number of another owner's rows.

use serde::{Deserialize, Serialize};
use synod_app::{Identity, Problem, Request, Response, caller, ledger_time, random};

use crate::csv;
use crate::digest::hex;
use crate::records::{DECLARED, OWNERS, PARTIES, ROWS, STUDIES, Share, Study};
use crate::rows;
use crate::terms::{Declaration, Terms};

/// Studies of one page, and refusals or queries.
pub(crate) const PAGE_MAX: usize = 100;

/// The most studies that one user declares.
const DECLARED_MAX: u64 = 100;

/// A study as one of its parties finds it.
pub(crate) struct Opened {
    /// Its name.
    pub(crate) name: String,
    /// What is kept of it.
    pub(crate) study: Study,
    /// Its terms.
    pub(crate) terms: Terms,
    /// Who found it.
    pub(crate) caller: Identity,
}

impl Opened {
    /// The study that the request names, for an owner or an analyst of it.
    ///
    /// # Errors
    /// 404, if there is none or the caller takes no part in it.
    pub(crate) fn by(request: &Request) -> Result<Self, Problem> {
        let (name, caller) = (request.param("study"), caller());
        let missing = || Problem::not_found("there is no such study");
        let study = STUDIES.get(name).ok_or_else(missing)?;
        let terms = Terms::of(study.terms.clone()).expect("only sound terms are kept");
        if terms.owner(&caller.id).is_none() && !terms.is_analyst(&caller.id) {
            return Err(missing());
        }
        Ok(Opened {
            name: name.to_owned(),
            study,
            terms,
            caller,
        })
    }

    /// The same for an owner alone.
    ///
    /// # Errors
    /// 404 as above, 403 for an analyst.
    pub(crate) fn by_owner(request: &Request) -> Result<Self, Problem> {
        let opened = Opened::by(request)?;
        let is_owner = opened.terms.owner(&opened.caller.id).is_some();
        if is_owner {
            Ok(opened)
        } else {
            Err(Problem::forbidden("only the study's owners may do this"))
        }
    }

    /// The same for an analyst alone.
    ///
    /// # Errors
    /// 404 as above, 403 for an owner.
    pub(crate) fn by_analyst(request: &Request) -> Result<Self, Problem> {
        let opened = Opened::by(request)?;
        let is_analyst = opened.terms.is_analyst(&opened.caller.id);
        if is_analyst {
            Ok(opened)
        } else {
            Err(Problem::forbidden("only the study's analysts may do this"))
        }
    }

    /// What an owner brought and spent.
    pub(crate) fn share(&self, owner: &str) -> Share {
        OWNERS.get((self.name.as_str(), owner)).unwrap_or_default()
    }

    /// The caller's own share, still open for rows, if the caller named these very terms.
    fn open_share(&self, terms: Option<&str>) -> Result<Share, Problem> {
        if terms != Some(&self.study.digest) {
            return Err(Problem::new(
                409,
                "other_terms",
                "`terms` is not the digest of this study's terms",
            ));
        }
        let share = self.share(&self.caller.id);
        if share.sealed {
            return Err(Problem::new(409, "sealed", "your rows are sealed"));
        }
        Ok(share)
    }

    fn set_share(&self, share: &Share) {
        OWNERS.put((self.name.as_str(), self.caller.id.as_str()), share);
    }
}

/// `POST /studies`
pub(crate) fn declare(request: &Request) -> Result<Response, Problem> {
    let declaration: Declaration = request.json()?;
    let (name, caller) = (random::name(), caller());
    let terms = Terms::of(declaration)?;
    if terms.owner(&caller.id).is_none() && !terms.is_analyst(&caller.id) {
        return Err(Problem::new(
            400,
            "bad_terms",
            "whoever declares a study is one of its owners or analysts",
        ));
    }
    let declared = DECLARED.get(&caller.id).unwrap_or(0);
    if declared >= DECLARED_MAX {
        return Err(Problem::new(
            409,
            "too_many_studies",
            "a user declares at most 100 studies",
        ));
    }
    DECLARED.put(&caller.id, &(declared + 1));
    let owners = terms.declaration.owners.iter().map(|owner| &owner.id);
    for party in owners.chain(&terms.declaration.analysts) {
        PARTIES.put((party, &name), &String::new());
    }
    let study = Study {
        digest: hex(&terms.digest(&name)),
        terms: terms.declaration,
        declared_by: caller.id,
        declared_ms: ledger_time(),
    };
    STUDIES.put(&name, &study);
    Ok(Response::json(&Named {
        study: &name,
        terms: &study.digest,
    })
    .with_status(201))
}

#[derive(Serialize)]
struct Named<'a> {
    study: &'a str,
    terms: &'a str,
}

/// `GET /studies?after=`
pub(crate) fn list(request: &Request) -> Response {
    #[derive(Serialize)]
    struct Listed {
        studies: Vec<String>,
        more: bool,
    }
    let caller = caller();
    let after = request
        .query_value("after")
        .map(|after| (caller.id.clone(), after));
    let page = PARTIES.page((&caller.id,), after, PAGE_MAX);
    let studies = page.rows.into_iter().map(|((_, study), _)| study).collect();
    Response::json(&Listed {
        studies,
        more: page.more,
    })
}

/// `GET /studies/{study}`
pub(crate) fn show(request: &Request) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Shown<'a> {
        study: &'a str,
        terms: &'a Declaration,
        digest: &'a str,
        declared_by: &'a str,
        declared_ms: u64,
        owners: Vec<OwnerShown<'a>>,
    }
    #[derive(Serialize)]
    struct OwnerShown<'a> {
        id: &'a str,
        sealed: bool,
        spent_milli_epsilon: u32,
    }
    let opened = Opened::by(request)?;
    let owner = |id| {
        let share = opened.share(id);
        OwnerShown {
            id,
            sealed: share.sealed,
            spent_milli_epsilon: share.spent,
        }
    };
    Ok(Response::json(&Shown {
        study: &opened.name,
        terms: &opened.study.terms,
        digest: &opened.study.digest,
        declared_by: &opened.study.declared_by,
        declared_ms: opened.study.declared_ms,
        owners: opened
            .study
            .terms
            .owners
            .iter()
            .map(|own| owner(own.id.as_str()))
            .collect(),
    }))
}

/// `POST /studies/{study}/rows?terms=`
pub(crate) fn upload(request: &Request) -> Result<Response, Problem> {
    let opened = Opened::by_owner(request)?;
    let mut share = opened.open_share(request.query_value("terms").as_deref())?;
    let read = csv::parse(&request.body, &opened.terms.columns)?;
    let count = u32::try_from(read.len()).expect("an upload has at most 20,000 rows");
    if share.rows + count > rows::rows_max(opened.terms.columns.len()) {
        return Err(Problem::new(
            409,
            "too_many_rows",
            "an owner brings at most 1000000 cells, and 100000 rows",
        ));
    }
    let (study, owner) = (opened.name.as_str(), opened.caller.id.as_str());
    for (chunk, part) in rows::pack(&read).iter().zip(0..) {
        ROWS.put((study, owner, share.uploads, part), chunk);
    }
    share.uploads += 1;
    share.rows += count;
    opened.set_share(&share);
    Ok(own_share(&share).with_status(201))
}

/// `GET /studies/{study}/rows`
pub(crate) fn own(request: &Request) -> Result<Response, Problem> {
    let opened = Opened::by_owner(request)?;
    Ok(own_share(&opened.share(&opened.caller.id)))
}

fn own_share(share: &Share) -> Response {
    #[derive(Serialize)]
    struct Own {
        uploads: u32,
        rows: u32,
        sealed: bool,
    }
    Response::json(&Own {
        uploads: share.uploads,
        rows: share.rows,
        sealed: share.sealed,
    })
}

/// `DELETE /studies/{study}/rows?terms=`
pub(crate) fn withdraw(request: &Request) -> Result<Response, Problem> {
    let opened = Opened::by_owner(request)?;
    let share = opened.open_share(request.query_value("terms").as_deref())?;
    let (study, owner) = (opened.name.as_str(), opened.caller.id.as_str());
    for (key, _) in ROWS.prefix((study, owner)) {
        ROWS.delete(&key);
    }
    let share = Share {
        uploads: 0,
        rows: 0,
        ..share
    };
    opened.set_share(&share);
    Ok(own_share(&share))
}

/// `POST /studies/{study}/seal`
pub(crate) fn seal(request: &Request) -> Result<Response, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Agreed {
        terms: String,
    }
    let opened = Opened::by_owner(request)?;
    let agreed: Agreed = request.json()?;
    let mut share = opened.open_share(Some(&agreed.terms))?;
    share.sealed = true;
    opened.set_share(&share);
    Ok(own_share(&share))
}
