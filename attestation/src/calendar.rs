//! Dates of certificates and of JSON collateral, as Unix seconds.

/// The second that a date and a time of day in UTC name; `None` if there is no
/// such time, or if it is before 1970.
pub(crate) fn unix_seconds(date: (u64, u64, u64), time: (u64, u64, u64)) -> Option<u64> {
    let (year, month, day) = date;
    let (hour, minute, second) = time;
    let days_in_month = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let month_at = usize::try_from(month.checked_sub(1)?).ok()?;
    let possible = (1970..=9999).contains(&year)
        && (1..=*days_in_month.get(month_at)?).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !possible {
        return None;
    }
    let leaps_before = |year: u64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let years = (year - 1970) * 365 + leaps_before(year) - leaps_before(1970);
    let days = years + days_in_month[..month_at].iter().sum::<u64>() + day - 1;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// Reads `YYYY-MM-DDThh:mm:ssZ`, the form of RFC 3339 that Intel writes.
pub(crate) fn from_rfc3339(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'Z'),
    ];
    if bytes.len() != 20 || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let number = |from, to| digits(&bytes[from..to]);
    unix_seconds(
        (number(0, 4)?, number(5, 7)?, number(8, 10)?),
        (number(11, 13)?, number(14, 16)?, number(17, 19)?),
    )
}

/// A number of decimal digits, and of nothing else.
pub(crate) fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates_are_the_known_seconds() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-11-20T00:00:00Z", 1_795_132_800),
            ("2099-12-31T23:59:59Z", 4_102_444_799),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(from_rfc3339(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn dates_that_do_not_exist_or_are_written_otherwise_are_refused() {
        for text in [
            "2025-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2025-00-01T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-01-00T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:60:00Z",
            "2025-01-01T00:00:60Z",
            "1969-12-31T23:59:59Z",
            "2025-01-01 00:00:00Z",
            "2025-01-01T00:00:00+00:00",
            "2025-01-01T00:00:00.5Z",
            "+025-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(from_rfc3339(text), None, "{text}");
        }
    }
}
