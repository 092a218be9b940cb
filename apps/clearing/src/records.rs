//! What the app keeps: its maps and their records. Amounts are whole numbers of the currency's minor unit.

use serde::{Deserialize, Serialize};
use synod_app::{Map, Raw};

/// Accounts by name.
pub(crate) const ACCOUNTS: Map<String, Account> = Map::new("accounts");
/// Which accounts a bank has: bank, account.
pub(crate) const OWN: Map<(String, String), String, Raw> = Map::new("own");
/// How many accounts a bank has opened.
pub(crate) const OPENED: Map<String, u64, Raw> = Map::new("opened");
/// What happened on an account, under the key that [`entry_key`] makes.
pub(crate) const ENTRIES: Map<String, Entry> = Map::new("entries");
/// Transfers by name.
pub(crate) const TRANSFERS: Map<String, Transfer> = Map::new("transfers");
/// Who asked for a transfer's claim again: transfer, bank. When, in milliseconds since 1970.
pub(crate) const CONFIRMATIONS: Map<(String, String), u64, Raw> = Map::new("confirmations");
/// What was done under a reference: caller, reference.
pub(crate) const REFERENCES: Map<(String, String), Done> = Map::new("references");
/// Money issued and redeemed, by currency.
pub(crate) const SUPPLY: Map<String, Supply> = Map::new("supply");
/// Each issue and redemption: currency, number.
pub(crate) const CHANGES: Map<(String, u64), Change> = Map::new("changes");
/// Transfers that both banks want to be public: by their claim, in hexadecimal. The ledger's time, in milliseconds since
/// 1970, as eight bytes.
pub(crate) const SETTLEMENTS: Map<String, u64, Raw> = Map::new("public:settlements");

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Whose it is.
    pub(crate) bank: String,
    /// Three capital letters.
    pub(crate) currency: String,
    /// Less than zero as far as the overdraft goes.
    pub(crate) balance: i64,
    /// How far below zero the balance may go: the operator's decision.
    pub(crate) overdraft: i64,
    /// The most that one transfer may take out: the bank's own decision.
    pub(crate) limit: Option<i64>,
    /// Whether claims of transfers may be public, if the other side agrees.
    pub(crate) publish: bool,
    /// Closed for good.
    pub(crate) closed: bool,
    /// How many entries it has had.
    pub(crate) entries: u64,
}

/// What happened on an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Counted from 1, without a gap.
    pub(crate) number: u64,
    /// What it was.
    pub(crate) kind: EntryKind,
    /// What it added, less than zero if it took away.
    pub(crate) amount: i64,
    /// The balance after it.
    pub(crate) balance: i64,
    /// The transfer, issue or redemption.
    pub(crate) id: String,
    /// The ledger's time, in milliseconds since 1970.
    pub(crate) time_ms: u64,
}

/// What an entry was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryKind {
    /// A transfer, in or out.
    Transfer,
    /// New money.
    Issue,
    /// Money taken out of circulation.
    Redemption,
}

/// A settled transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    /// Its name.
    pub(crate) id: String,
    /// The payer's reference.
    pub(crate) reference: String,
    /// The account that paid.
    pub(crate) from: String,
    /// Its bank.
    pub(crate) from_bank: String,
    /// The account that was paid.
    pub(crate) to: String,
    /// Its bank.
    pub(crate) to_bank: String,
    /// Three capital letters.
    pub(crate) currency: String,
    /// More than zero.
    pub(crate) amount: i64,
    /// For people.
    pub(crate) memo: String,
    /// The ledger's time, in milliseconds since 1970.
    pub(crate) time_ms: u64,
}

/// What was done under a reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// SHA-256 of what was asked, in hexadecimal.
    pub(crate) asked: String,
    /// The names of what came of it.
    pub(crate) made: Vec<String>,
}

/// Money of a currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Supply {
    /// Issued so far.
    pub(crate) issued: i64,
    /// Redeemed so far.
    pub(crate) redeemed: i64,
    /// How many issues and redemptions.
    pub(crate) changes: u64,
}

/// An issue or redemption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Its name.
    pub(crate) id: String,
    /// The reference of who asked for it.
    pub(crate) reference: String,
    /// The account.
    pub(crate) account: String,
    /// Its bank.
    pub(crate) bank: String,
    /// Less than zero: a redemption.
    pub(crate) amount: i64,
    /// The ledger's time, in milliseconds since 1970.
    pub(crate) time_ms: u64,
}

/// `bank/account/number`: a bank may watch what begins with its own name.
pub(crate) fn entry_key(bank: &str, account: &str, number: u64) -> String {
    let number = number.to_string();
    let zeros = "0".repeat(20_usize.saturating_sub(number.len()));
    [bank, "/", account, "/", &zeros, &number].concat()
}
