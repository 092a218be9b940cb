//! Money comes in and goes out: the operator issues it to an account, a bank redeems what it has. Of each currency, the
//! balances of all accounts add up to what was issued less what was redeemed.

use serde::{Deserialize, Serialize};
use synod_app::{Problem, Request, Response, caller, ledger_time, random};

use crate::account::own_named;
use crate::history::book;
use crate::once::Asked;
use crate::records::{ACCOUNTS, Account, CHANGES, Change, EntryKind, SUPPLY};
use crate::rules::{AMOUNT_MAX, BALANCE_MAX, check_amount, check_currency, refused};

/// Issues and redemptions of a page.
const PAGE_MAX: usize = 100;

/// An issue or redemption that is asked for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    reference: String,
    account: String,
    currency: String,
    amount: i64,
}

#[derive(Serialize)]
struct Made<'a> {
    id: &'a str,
}

fn unknown() -> Problem {
    Problem::new(404, "unknown_account", "there is no such account")
}

/// `POST /issues`
pub(crate) fn issue(request: &Request) -> Result<Response, Problem> {
    changed(request, EntryKind::Issue, |order, _| {
        let mut account = ACCOUNTS.get(&order.account).ok_or_else(unknown)?;
        account.receive(&order.currency, order.amount)?;
        Ok((account, order.amount))
    })
}

/// `POST /redemptions`
pub(crate) fn redeem(request: &Request) -> Result<Response, Problem> {
    changed(request, EntryKind::Redemption, |order, bank| {
        let mut account = own_named(&order.account, bank)?;
        account.pay(&order.currency, order.amount)?;
        Ok((account, -order.amount))
    })
}

fn changed(
    request: &Request,
    kind: EntryKind,
    change: impl FnOnce(&Order, &str) -> Result<(Account, i64), Problem>,
) -> Result<Response, Problem> {
    let order: Order = request.json()?;
    let caller = caller().id;
    let reference = match Asked::by(&caller, &order.reference, &(kind, &order))? {
        Asked::Before(made) => return Ok(Response::json(&Made { id: &made[0] })),
        Asked::New(reference) => reference,
    };
    check_amount(order.amount)?;
    check_currency(&order.currency)?;
    let (mut account, amount) = change(&order, &caller)?;
    let id = random::name();
    book(&order.account, &mut account, kind, amount, &id);
    reference.keep(vec![id.clone()]);
    record(&order, account.bank, amount, id.clone())?;
    Ok(Response::json(&Made { id: &id }).with_status(201))
}

fn record(order: &Order, bank: String, amount: i64, id: String) -> Result<(), Problem> {
    let mut supply = SUPPLY.get(&order.currency).unwrap_or_default();
    let part = if amount > 0 {
        &mut supply.issued
    } else {
        &mut supply.redeemed
    };
    *part += amount.abs();
    if *part > BALANCE_MAX {
        return Err(refused(
            "supply_too_large",
            "the currency's total would be too large",
        ));
    }
    supply.changes += 1;
    let change = Change {
        id,
        reference: order.reference.clone(),
        account: order.account.clone(),
        bank,
        amount,
        time_ms: ledger_time(),
    };
    CHANGES.put((&order.currency, supply.changes), &change);
    SUPPLY.put(&order.currency, &supply);
    Ok(())
}

/// `GET /supply/{currency}?after=`: every issue and redemption, for the operator.
pub(crate) fn list(request: &Request) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Listed {
        changes: Vec<Numbered>,
        more: bool,
    }
    #[derive(Serialize)]
    struct Numbered {
        number: u64,
        #[serde(flatten)]
        change: Change,
    }
    let currency = request.param("currency").to_owned();
    let after = request
        .query_as::<u64>("after")?
        .map(|after| (currency.clone(), after));
    let page = CHANGES.page((&currency,), after, PAGE_MAX);
    let numbered = |((_, number), change)| Numbered { number, change };
    Ok(Response::json(&Listed {
        changes: page.rows.into_iter().map(numbered).collect(),
        more: page.more,
    }))
}

/// `PUT /accounts/{account}/overdraft`: the operator's decision. An account already deeper in debt pays nothing until it is
/// within the new bound again.
pub(crate) fn set_overdraft(request: &Request) -> Result<Response, Problem> {
    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        overdraft: i64,
    }
    let asked: Asked = request.json()?;
    if !(0..=AMOUNT_MAX).contains(&asked.overdraft) {
        return Err(Problem::new(
            400,
            "bad_amount",
            "an overdraft is a whole number from 0 to 1000000000000000",
        ));
    }
    let name = request.param("account");
    let mut account = ACCOUNTS.get(name).ok_or_else(unknown)?;
    account.overdraft = asked.overdraft;
    ACCOUNTS.put(name, &account);
    Ok(Response::json(&asked))
}
