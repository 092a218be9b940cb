//! Accounts, as their bank sees them. Their names are 128 random bits: who was not told one cannot pay to it, nor learn
//! that it is there.

use serde::{Deserialize, Serialize};
use synod_app::{Problem, Request, Response, caller, random};

use crate::records::{ACCOUNTS, Account, OPENED, OWN};
use crate::rules::{check_amount, check_currency, refused};

/// The most accounts that a bank may open.
const ACCOUNTS_MAX: u64 = 10_000;
/// Accounts of a page.
const PAGE_MAX: usize = 100;

/// An account as its bank sees it.
#[derive(Serialize)]
struct Shown<'a> {
    account: &'a str,
    currency: &'a str,
    balance: i64,
    overdraft: i64,
    limit: Option<i64>,
    publish: bool,
    closed: bool,
    entries: u64,
}

impl<'a> Shown<'a> {
    fn of(name: &'a str, account: &'a Account) -> Self {
        Shown {
            account: name,
            currency: &account.currency,
            balance: account.balance,
            overdraft: account.overdraft,
            limit: account.limit,
            publish: account.publish,
            closed: account.closed,
            entries: account.entries,
        }
    }
}

/// The account that the path names, if it is the caller's.
///
/// # Errors
/// 404, whether it is another bank's or nobody's.
pub(crate) fn own(request: &Request) -> Result<(String, Account), Problem> {
    let name = request.param("account");
    own_named(name, &caller().id).map(|account| (name.to_owned(), account))
}

/// An account, if it is this bank's.
///
/// # Errors
/// 404, as above.
pub(crate) fn own_named(name: &str, bank: &str) -> Result<Account, Problem> {
    let own = ACCOUNTS.get(name).filter(|account| account.bank == bank);
    own.ok_or_else(|| Problem::not_found("you have no such account"))
}

/// `POST /accounts`
pub(crate) fn open(request: &Request) -> Result<Response, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        currency: String,
        #[serde(default)]
        limit: Option<i64>,
        #[serde(default)]
        publish: bool,
    }
    let asked: Asked = request.json()?;
    check_currency(&asked.currency)?;
    asked.limit.map_or(Ok(()), check_amount)?;
    let (bank, name) = (caller().id, random::name());
    let opened = OPENED.get(&bank).unwrap_or(0);
    if opened >= ACCOUNTS_MAX {
        return Err(refused(
            "too_many_accounts",
            "a bank opens at most 10000 accounts",
        ));
    }
    OPENED.put(&bank, &(opened + 1));
    OWN.put((&bank, &name), &String::new());
    let account = Account {
        bank,
        currency: asked.currency,
        balance: 0,
        overdraft: 0,
        limit: asked.limit,
        publish: asked.publish,
        closed: false,
        entries: 0,
    };
    ACCOUNTS.put(&name, &account);
    Ok(Response::json(&Shown::of(&name, &account)).with_status(201))
}

/// `GET /accounts?after=`
pub(crate) fn list(request: &Request) -> Response {
    #[derive(Serialize)]
    struct Listed<'a> {
        accounts: Vec<Shown<'a>>,
        more: bool,
    }
    let bank = caller().id;
    let after = request
        .query_value("after")
        .map(|after| (bank.clone(), after));
    let page = OWN.page((&bank,), after, PAGE_MAX);
    let named = page.rows.into_iter().map(|((_, name), _)| {
        let account = ACCOUNTS
            .get(&name)
            .expect("a bank's account is among the accounts");
        (name, account)
    });
    let named: Vec<(String, Account)> = named.collect();
    let accounts = named
        .iter()
        .map(|(name, account)| Shown::of(name, account))
        .collect();
    Response::json(&Listed {
        accounts,
        more: page.more,
    })
}

/// `GET /accounts/{account}`
pub(crate) fn show(request: &Request) -> Result<Response, Problem> {
    let (name, account) = own(request)?;
    Ok(Response::json(&Shown::of(&name, &account)))
}

/// `PATCH /accounts/{account}`: what is left out stays; a limit of 0 is none.
pub(crate) fn change(request: &Request) -> Result<Response, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        limit: Option<i64>,
        #[serde(default)]
        publish: Option<bool>,
    }
    let (name, mut account) = own(request)?;
    let asked: Asked = request.json()?;
    match asked.limit {
        None => {}
        Some(0) => account.limit = None,
        Some(limit) => {
            check_amount(limit)?;
            account.limit = Some(limit);
        }
    }
    account.publish = asked.publish.unwrap_or(account.publish);
    ACCOUNTS.put(&name, &account);
    Ok(Response::json(&Shown::of(&name, &account)))
}

/// `DELETE /accounts/{account}`: closes it for good. Its history stays.
pub(crate) fn close(request: &Request) -> Result<Response, Problem> {
    let (name, mut account) = own(request)?;
    if account.balance != 0 {
        return Err(refused(
            "balance_not_zero",
            "an account is closed when nothing is on it",
        ));
    }
    account.closed = true;
    ACCOUNTS.put(&name, &account);
    Ok(Response::json(&Shown::of(&name, &account)))
}
