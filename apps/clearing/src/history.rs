//! The history of an account: one entry after the other, without a gap, each with the balance after it.

use serde::Serialize;
use synod_app::{Problem, Request, Response, ledger_time};

use crate::account::own;
use crate::records::{ACCOUNTS, Account, ENTRIES, Entry, EntryKind, entry_key};

/// Entries of a page.
const PAGE_MAX: u64 = 100;

/// Adds an entry to an account whose balance has changed, and keeps both.
pub(crate) fn book(name: &str, account: &mut Account, kind: EntryKind, amount: i64, id: &str) {
    account.entries += 1;
    let entry = Entry {
        number: account.entries,
        kind,
        amount,
        balance: account.balance,
        id: id.to_owned(),
        time_ms: ledger_time(),
    };
    ENTRIES.put(entry_key(&account.bank, name, entry.number), &entry);
    ACCOUNTS.put(name, account);
}

/// `GET /accounts/{account}/entries?before=&limit=`: the newest first.
pub(crate) fn list(request: &Request) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Listed {
        entries: Vec<Entry>,
        more: bool,
    }
    let (name, account) = own(request)?;
    let limit = request
        .query_as::<u64>("limit")?
        .unwrap_or(PAGE_MAX)
        .clamp(1, PAGE_MAX);
    let before = request.query_as::<u64>("before")?.unwrap_or(u64::MAX);
    let end = before.min(account.entries + 1).max(1);
    let start = end.saturating_sub(limit).max(1);
    let key = |number| entry_key(&account.bank, &name, number);
    let mut entries: Vec<Entry> = ENTRIES
        .range(key(start)..key(end))
        .map(|(_, entry)| entry)
        .collect();
    entries.reverse();
    Ok(Response::json(&Listed {
        entries,
        more: start > 1,
    }))
}
