//! Points in time, as people write them.

use std::fmt;
use std::str::FromStr;

/// A point in time in Unix milliseconds, written in Unix seconds or in UTC (RFC 3339,
/// `2026-11-21T09:30:00Z`, or the day alone).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) u64);

/// The text is not a point in time that evidence can be judged at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoInstant;

impl fmt::Display for NoInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write Unix seconds, `2026-11-21` or `2026-11-21T09:30:00Z`")
    }
}

impl std::error::Error for NoInstant {}

impl FromStr for Instant {
    type Err = NoInstant;

    fn from_str(text: &str) -> Result<Self, NoInstant> {
        let seconds = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().map_err(|_| NoInstant)?
        } else {
            of_date(text).ok_or(NoInstant)?
        };
        seconds.checked_mul(1000).map(Self).ok_or(NoInstant)
    }
}

/// The end of the year 9999, in Unix milliseconds; later times are written as this one.
const LAST_MS: u64 = 253_402_300_799_000;

/// A time of Unix milliseconds, in UTC.
pub(crate) fn in_utc(ms: u64) -> String {
    let ms = ms.min(LAST_MS);
    let (mut days, seconds) = (ms / 86_400_000, ms / 1000 % 86_400);
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while let Some(length) = days_of(year, month).filter(|length| days >= *length) {
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn of_date(text: &str) -> Option<u64> {
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, time.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = numbers(day, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let in_month = (1..=days_of(year, month)?).contains(&day);
    if !in_month || year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let years: u64 = (1970..year).map(days_of_year).sum();
    let months: u64 = (1..month).filter_map(|month| days_of(year, month)).sum();
    Some((years + months + day - 1) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut next = |digits: usize| {
        let part = parts.next()?;
        let fits = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| part.parse().ok())?
    };
    let numbers = [next(digits[0])?, next(digits[1])?, next(digits[2])?];
    parts.next().is_none().then_some(numbers)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> Option<u64> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("0", 0),
            ("1782850000", 1_782_850_000),
            ("1970-01-02", 86_400),
            ("2026-06-30T20:06:40Z", 1_782_850_000),
            ("2024-02-29T23:59:59Z", 1_709_251_199),
        ] {
            assert_eq!(text.parse(), Ok(Instant(seconds * 1000)), "{text}");
            let told = in_utc(seconds * 1000);
            assert_eq!(told.parse(), Ok(Instant(seconds * 1000)), "{told}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "-1",
            "2026-13-01",
            "2026-02-29",
            "2026-06-30T24:00:00Z",
            "2026-06-30T20:06:40",
            "2026-06-30T20:06:40+01:00",
            "1969-12-31",
            "18446744073709551615",
            "2026-6-30",
            "2026-06-30-01",
        ] {
            assert_eq!(text.parse::<Instant>(), Err(NoInstant), "{text}");
        }
    }
}
