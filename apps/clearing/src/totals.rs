//! What the regulator sees: totals of each currency, and in it of each bank. No account, and no transfer.
//!
//! They are added up when they are asked for: kept totals would make every transfer wait for every other.

use serde::Serialize;
use synod_app::{Request, Response};

use crate::records::{ACCOUNTS, Account, SUPPLY};

/// Totals of a currency.
#[derive(Serialize)]
struct Circulation {
    currency: String,
    issued: i64,
    redeemed: i64,
    #[serde(flatten)]
    sums: Sums,
    /// Whether the balances are what was issued less what was redeemed.
    balanced: bool,
    banks: Vec<Bank>,
}

/// Totals of a bank in a currency.
#[derive(Serialize)]
struct Bank {
    bank: String,
    #[serde(flatten)]
    sums: Sums,
}

/// Added up over accounts. May be past what some JSON readers hold exactly.
#[derive(Clone, Copy, Default, Serialize)]
struct Sums {
    /// That are not closed.
    accounts: u64,
    /// Of all of them.
    balance: i128,
    /// How far below zero all of them together are.
    overdrawn: i128,
    /// How far below zero all of them together may be.
    overdraft: i128,
}

impl Sums {
    fn of(account: &Account) -> Self {
        Sums {
            accounts: u64::from(!account.closed),
            balance: i128::from(account.balance),
            overdrawn: i128::from(account.balance.min(0).abs()),
            overdraft: i128::from(account.overdraft),
        }
    }

    fn and(self, other: Self) -> Self {
        Sums {
            accounts: self.accounts + other.accounts,
            balance: self.balance + other.balance,
            overdrawn: self.overdrawn + other.overdrawn,
            overdraft: self.overdraft + other.overdraft,
        }
    }
}

/// `GET /totals`
pub(crate) fn show(_: &Request) -> Response {
    #[derive(Serialize)]
    struct Totals {
        currencies: Vec<Circulation>,
    }
    let mut parts: Vec<Part> = ACCOUNTS
        .all()
        .map(|(_, account)| Part::of(account))
        .collect();
    parts.sort_unstable_by(|a, b| (&a.currency, &a.bank).cmp(&(&b.currency, &b.bank)));
    let currencies = parts.chunk_by(|a, b| a.currency == b.currency).map(of);
    Response::json(&Totals {
        currencies: currencies.collect(),
    })
}

/// What one account adds.
struct Part {
    currency: String,
    bank: String,
    sums: Sums,
}

impl Part {
    fn of(account: Account) -> Self {
        let sums = Sums::of(&account);
        Part {
            currency: account.currency,
            bank: account.bank,
            sums,
        }
    }
}

/// Of the parts of one currency, bank by bank.
fn of(parts: &[Part]) -> Circulation {
    let currency = parts[0].currency.clone();
    let supply = SUPPLY.get(&currency).unwrap_or_default();
    let sums = sum(parts);
    let banks = parts.chunk_by(|a, b| a.bank == b.bank);
    Circulation {
        issued: supply.issued,
        redeemed: supply.redeemed,
        balanced: sums.balance == i128::from(supply.issued - supply.redeemed),
        sums,
        banks: banks
            .map(|parts| Bank {
                bank: parts[0].bank.clone(),
                sums: sum(parts),
            })
            .collect(),
        currency,
    }
}

fn sum(parts: &[Part]) -> Sums {
    let nothing = Sums::default();
    parts.iter().fold(nothing, |sums, part| sums.and(part.sums))
}
