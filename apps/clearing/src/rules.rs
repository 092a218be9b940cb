//! The rules of money: what may be moved, and what an account is after it. Nothing here reads or writes a map.

use synod_app::Problem;

use crate::records::Account;

/// The most that one transfer, issue or overdraft may be: 10^15 minor units.
pub(crate) const AMOUNT_MAX: i64 = 1_000_000_000_000_000;
/// The most that may be on an account, or in circulation: the greatest whole number that every JSON reader knows.
pub(crate) const BALANCE_MAX: i64 = (1 << 53) - 1;
/// The longest memo, in bytes.
pub(crate) const MEMO_MAX: usize = 140;
/// The longest reference, in bytes.
pub(crate) const REFERENCE_MAX: usize = 64;

/// Whether this can be an amount.
///
/// # Errors
/// It is not 1 to [`AMOUNT_MAX`].
pub(crate) fn check_amount(amount: i64) -> Result<(), Problem> {
    if (1..=AMOUNT_MAX).contains(&amount) {
        return Ok(());
    }
    Err(Problem::new(
        400,
        "bad_amount",
        "an amount is a whole number from 1 to 1000000000000000",
    ))
}

/// Whether this can be a currency.
///
/// # Errors
/// It is not three capital letters.
pub(crate) fn check_currency(currency: &str) -> Result<(), Problem> {
    if currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(Problem::new(
        400,
        "bad_currency",
        "a currency is three capital letters",
    ))
}

/// Whether this can be a memo.
///
/// # Errors
/// It is too long, or not one line.
pub(crate) fn check_memo(memo: &str) -> Result<(), Problem> {
    if memo.len() <= MEMO_MAX && !memo.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Problem::new(
        400,
        "bad_memo",
        "a memo is one line of at most 140 bytes",
    ))
}

/// Whether this can be a reference.
///
/// # Errors
/// It is not 1 to 64 characters of `[A-Za-z0-9._-]`.
pub(crate) fn check_reference(reference: &str) -> Result<(), Problem> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if (1..=REFERENCE_MAX).contains(&reference.len()) && reference.bytes().all(allowed) {
        return Ok(());
    }
    Err(Problem::new(
        400,
        "bad_reference",
        "a reference is 1 to 64 characters of A-Z, a-z, 0-9, `.`, `_`, `-`",
    ))
}

impl Account {
    /// Takes money out.
    ///
    /// # Errors
    /// The account does not have it, or may not pay it.
    pub(crate) fn pay(&mut self, currency: &str, amount: i64) -> Result<(), Problem> {
        self.check(currency)?;
        if self.limit.is_some_and(|limit| amount > limit) {
            return Err(refused(
                "limit_exceeded",
                "the amount is above the limit of the paying account",
            ));
        }
        let after = self.balance - amount;
        if after < -self.overdraft {
            return Err(refused(
                "insufficient_funds",
                "the paying account does not have so much",
            ));
        }
        self.balance = after;
        Ok(())
    }

    /// Takes money in.
    ///
    /// # Errors
    /// The account cannot hold it.
    pub(crate) fn receive(&mut self, currency: &str, amount: i64) -> Result<(), Problem> {
        self.check(currency)?;
        let after = self.balance + amount;
        if after > BALANCE_MAX {
            return Err(refused(
                "balance_too_large",
                "the account paid to cannot hold so much",
            ));
        }
        self.balance = after;
        Ok(())
    }

    fn check(&self, currency: &str) -> Result<(), Problem> {
        if self.closed {
            return Err(refused(
                "account_closed",
                "an account of this transfer is closed",
            ));
        }
        if self.currency != currency {
            return Err(refused(
                "wrong_currency",
                "an account of this transfer is in another currency",
            ));
        }
        Ok(())
    }
}

/// It makes sense, but not as things stand.
pub(crate) fn refused(code: &str, title: &str) -> Problem {
    Problem::new(409, code, title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(balance: i64, overdraft: i64) -> Account {
        Account {
            bank: "a".into(),
            currency: "EUR".into(),
            balance,
            overdraft,
            limit: None,
            publish: false,
            closed: false,
            entries: 0,
        }
    }

    fn code(result: Result<(), Problem>) -> String {
        result.map_or_else(|problem| problem.code().to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn account_pays_what_it_has_and_its_overdraft_but_no_more() {
        let mut account = account(100, 50);
        assert_eq!(code(account.pay("EUR", 151)), "insufficient_funds");
        assert_eq!(account.balance, 100);
        assert_eq!(code(account.pay("EUR", 150)), "ok");
        assert_eq!(account.balance, -50);
        assert_eq!(code(account.pay("EUR", 1)), "insufficient_funds");
    }

    #[test]
    fn account_in_debt_beyond_a_lowered_overdraft_pays_nothing_but_receives() {
        let mut account = account(-80, 10);
        assert_eq!(code(account.pay("EUR", 1)), "insufficient_funds");
        assert_eq!(code(account.receive("EUR", 80)), "ok");
        assert_eq!(account.balance, 0);
    }

    #[test]
    fn no_balance_grows_past_its_bound() {
        let mut account = account(BALANCE_MAX - 5, 0);
        assert_eq!(code(account.receive("EUR", 6)), "balance_too_large");
        assert_eq!(code(account.receive("EUR", 5)), "ok");
        assert_eq!(account.balance, BALANCE_MAX);
    }

    #[test]
    fn limits_currencies_and_closing_are_kept() {
        let mut account = account(100, 0);
        account.limit = Some(10);
        assert_eq!(code(account.pay("EUR", 11)), "limit_exceeded");
        assert_eq!(code(account.pay("EUR", 10)), "ok");
        assert_eq!(code(account.pay("USD", 1)), "wrong_currency");
        assert_eq!(code(account.receive("USD", 1)), "wrong_currency");
        account.closed = true;
        assert_eq!(code(account.receive("EUR", 1)), "account_closed");
    }

    #[test]
    fn words_that_make_no_sense_are_refused() {
        for amount in [0, -1, i64::MIN, AMOUNT_MAX + 1, i64::MAX] {
            assert_eq!(code(check_amount(amount)), "bad_amount");
        }
        for currency in ["", "EU", "EURO", "eur", "EU1", "€"] {
            assert_eq!(code(check_currency(currency)), "bad_currency");
        }
        for reference in ["", "a b", "a/b", "é", &"a".repeat(65)] {
            assert_eq!(code(check_reference(reference)), "bad_reference");
        }
        for memo in ["a\nb", "\u{7f}", &"é".repeat(71)] {
            assert_eq!(code(check_memo(memo)), "bad_memo");
        }
        assert_eq!(code(check_memo("")), "ok");
    }
}
