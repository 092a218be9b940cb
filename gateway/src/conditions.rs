//! The headers with a meaning: `If-Match`, `If-None-Match`, `Idempotency-Key`, `Last-Event-ID`,
//! `Content-Type`.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use synod_api::limits::IDEMPOTENCY_KEY_CHARS_MAX;
use synod_api::{ErrorCode, headers};

use crate::parameters::decimal;
use crate::refusal::{Refused, quoted, refuse};
use synod_api::Condition;

/// What `If-Match` and `If-None-Match` ask of a key.
pub(crate) fn condition(headers: &HeaderMap) -> Result<Condition, Refused> {
    match (
        single(headers, &IF_MATCH)?,
        single(headers, &IF_NONE_MATCH)?,
    ) {
        (None, None) => Ok(Condition::Always),
        (Some("*"), None) => Ok(Condition::Present),
        (Some(tag), None) => version(tag).map(Condition::Version),
        (None, Some("*")) => Ok(Condition::Absent),
        (None, Some(_)) => Err(invalid("`If-None-Match` can only be `*` here")),
        (Some(_), Some(_)) => Err(invalid("`If-Match` and `If-None-Match` exclude each other")),
    }
}

fn version(tag: &str) -> Result<u64, Refused> {
    let digits = tag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match digits.and_then(decimal) {
        Some(version) if version > 0 => Ok(version),
        _ => Err(invalid(format!(
            "`If-Match` is {}, not one version in quotes, as `ETag` gives it, nor `*`",
            quoted(tag)
        ))),
    }
}

/// The `Idempotency-Key`, if there is one.
pub(crate) fn idempotency(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    const NAME: HeaderName = HeaderName::from_static(headers::IDEMPOTENCY_KEY);
    let Some(key) = single(headers, &NAME)? else {
        return Ok(None);
    };
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_CHARS_MAX || !visible {
        return Err(invalid(format!(
            "`Idempotency-Key` is not 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters"
        )));
    }
    Ok(Some(key.to_owned()))
}

/// `Last-Event-ID`, if there is one.
pub(crate) fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    const NAME: HeaderName = HeaderName::from_static(headers::LAST_EVENT_ID);
    let Some(text) = single(headers, &NAME)? else {
        return Ok(None);
    };
    let number = decimal(text).map(Some);
    number.ok_or_else(|| invalid(format!("`Last-Event-ID` is {}, no number", quoted(text))))
}

/// Makes sure that the body has the media type of its route.
pub(crate) fn media_type(headers: &HeaderMap, wanted: &str) -> Result<(), Refused> {
    let found = single(headers, &CONTENT_TYPE)?.unwrap_or("");
    let essence = found.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let refused = refuse(
        ErrorCode::UnsupportedMediaType,
        format!(
            "the body has the media type {}, this route takes `{wanted}`",
            quoted(found)
        ),
    );
    Err(refused.with_hint(format!("send the header `Content-Type: {wanted}`")))
}

/// The value of a header that may stand once.
pub(crate) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, Refused> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(invalid(format!("the header `{name}` stands twice")));
    }
    let text = value.to_str();
    text.map(Some)
        .map_err(|_| invalid(format!("the header `{name}` is not visible ASCII")))
}

/// The refusal of a header.
pub(crate) fn invalid(detail: impl Into<String>) -> Refused {
    refuse(ErrorCode::InvalidHeader, detail)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn preconditions_are_read() {
        assert_eq!(condition(&with(&[])).unwrap(), Condition::Always);
        assert_eq!(
            condition(&with(&[("if-match", "\"17\"")])).unwrap(),
            Condition::Version(17)
        );
        assert_eq!(
            condition(&with(&[("if-match", "*")])).unwrap(),
            Condition::Present
        );
        assert_eq!(
            condition(&with(&[("if-none-match", "*")])).unwrap(),
            Condition::Absent
        );
    }

    #[test]
    fn preconditions_that_are_not_ours_are_refused_rather_than_ignored() {
        for fields in [
            &[("if-match", "17")][..],
            &[("if-match", "W/\"17\"")],
            &[("if-match", "\"17\", \"18\"")],
            &[("if-match", "\"0\"")],
            &[("if-match", "\"\"")],
            &[("if-match", "\"")],
            &[("if-match", "\"99999999999999999999\"")],
            &[("if-match", "\"1\""), ("if-match", "\"2\"")],
            &[("if-match", "\"1\""), ("if-none-match", "*")],
            &[("if-none-match", "\"1\"")],
        ] {
            let refused = condition(&with(fields)).unwrap_err();
            assert_eq!(refused.0.code, ErrorCode::InvalidHeader, "{fields:?}");
        }
    }

    #[test]
    fn idempotency_key_is_short_and_visible() {
        let read = |key: &str| idempotency(&with(&[("idempotency-key", key)]));
        assert_eq!(read("order-7").unwrap().unwrap(), "order-7");
        for bad in ["", "a b", "a\tb", &"x".repeat(65)] {
            assert_eq!(
                read(bad).unwrap_err().0.code,
                ErrorCode::InvalidHeader,
                "{bad}"
            );
        }
    }

    #[test]
    fn media_type_is_compared_without_its_parameters() {
        let json = |value: &str| media_type(&with(&[("content-type", value)]), headers::JSON);
        assert!(json("application/json").is_ok());
        assert!(json("Application/JSON; charset=utf-8").is_ok());
        assert!(json("application/x-www-form-urlencoded").is_err());
        assert!(media_type(&with(&[]), headers::JSON).is_err());
    }
}
