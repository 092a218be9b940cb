//! Numbers of a fixed number of decimals, as whole numbers of their last decimal: 17.99 at scale 3 is 17990.
//!
//! No binary fractions anywhere: a sum is exact, whatever the order of its terms.

/// No number is greater than this, or less than its negative, counted in its last decimal. So a sum over
/// [`ROWS_MAX`](crate::rows::ROWS_MAX) rows of every owner stays far from the end of 64 bits.
pub(crate) const NUMBER_MAX: i64 = 1_000_000_000_000;

/// The most decimals that a column may have.
pub(crate) const SCALE_MAX: u8 = 9;

/// Why a text is no number of this scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotANumber {
    /// Something else than an optional `-`, digits, and an optional point with digits.
    Form,
    /// More decimals than the scale has.
    Decimals,
    /// Beyond [`NUMBER_MAX`].
    Range,
}

impl NotANumber {
    /// The fact, for people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            NotANumber::Form => "is not a number such as -12.5",
            NotANumber::Decimals => "has more decimals than the column",
            NotANumber::Range => "is beyond what is counted",
        }
    }
}

/// Reads a number of at most `scale` decimals.
///
/// # Errors
/// The text is no such number.
pub(crate) fn parse(text: &str, scale: u8) -> Result<i64, NotANumber> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || (decimals.is_empty() && digits.ends_with('.')) {
        return Err(NotANumber::Form);
    }
    if decimals.len() > usize::from(scale) {
        return Err(NotANumber::Decimals);
    }
    let padding = usize::from(scale) - decimals.len();
    let zeros = core::iter::repeat_n(b'0', padding);
    let mut number = 0_i64;
    for digit in whole.bytes().chain(decimals.bytes()).chain(zeros) {
        if !digit.is_ascii_digit() {
            return Err(NotANumber::Form);
        }
        number = number * 10 + i64::from(digit - b'0');
        if number > NUMBER_MAX {
            return Err(NotANumber::Range);
        }
    }
    Ok(if negative { -number } else { number })
}

/// Writes a number with all its decimals.
pub(crate) fn text(number: i64, scale: u8) -> String {
    let digits = number.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let padding = (scale + 1).saturating_sub(digits.len());
    let digits = "0".repeat(padding) + &digits;
    let (whole, decimals) = digits.split_at(digits.len() - scale);
    let mut text = String::from(if number < 0 { "-" } else { "" });
    text.push_str(whole);
    if scale > 0 {
        text.push('.');
        text.push_str(decimals);
    }
    text
}

/// How many decimals a quotient has more than its dividend.
pub(crate) const QUOTIENT_DECIMALS: u8 = 4;

/// `sum / count` with [`QUOTIENT_DECIMALS`] more decimals than the sum, rounded half away from zero.
///
/// # Panics
/// If the count is not positive.
pub(crate) fn quotient(sum: i64, count: i64) -> i64 {
    assert!(count > 0, "nothing is divided by {count}");
    let (sum, count) = (i128::from(sum) * 10_000, i128::from(count));
    let half = if sum < 0 { -count } else { count };
    let rounded = (2 * sum + half) / (2 * count);
    i64::try_from(rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX))).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly() {
        for (written, scale, number) in [
            ("0", 0, 0),
            ("17.99", 3, 17_990),
            ("-0.5", 1, -5),
            ("-0", 2, 0),
            ("007", 0, 7),
            ("1000000000000", 0, NUMBER_MAX),
        ] {
            assert_eq!(parse(written, scale), Ok(number), "{written}");
        }
    }

    #[test]
    fn anything_else_is_no_number() {
        for (written, scale, why) in [
            ("", 0, NotANumber::Form),
            ("-", 0, NotANumber::Form),
            (".5", 1, NotANumber::Form),
            ("5.", 1, NotANumber::Form),
            ("1e3", 0, NotANumber::Form),
            ("+1", 0, NotANumber::Form),
            (" 1", 0, NotANumber::Form),
            ("1_0", 0, NotANumber::Form),
            ("١", 0, NotANumber::Form),
            ("--1", 0, NotANumber::Form),
            ("1.25", 1, NotANumber::Decimals),
            ("1.2.3", 3, NotANumber::Form),
            ("1000000000001", 0, NotANumber::Range),
            ("1000000000000", 1, NotANumber::Range),
            (&"9".repeat(400), 0, NotANumber::Range),
        ] {
            assert_eq!(parse(written, scale), Err(why), "{written}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for number in [0, 1, -1, 9, -10, 99_999, -NUMBER_MAX, NUMBER_MAX] {
            for scale in 0..=SCALE_MAX {
                assert_eq!(parse(&text(number, scale), scale), Ok(number));
            }
        }
        assert_eq!(text(-5, 3), "-0.005");
    }

    #[test]
    fn quotients_round_half_away_from_zero() {
        assert_eq!(quotient(1, 3), 3_333);
        assert_eq!(quotient(2, 3), 6_667);
        assert_eq!(quotient(1, 20_000), 1);
        assert_eq!(quotient(-1, 20_000), -1);
        assert_eq!(quotient(-2, 3), -6_667);
    }
}
