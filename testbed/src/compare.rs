//! Whether an answer holds what was expected, and where it does not.

use serde_json::Value;

/// One place where an answer is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where: `status`, `body`, a header, or a JSON pointer.
    pub place: String,
    /// What was expected there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

/// Where `found` does not hold `expected`: every key of an expected object must be there, and its
/// value must hold what is expected; lists must be as long as expected; numbers count by their
/// value, all else must be equal.
pub fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let mut all = Vec::new();
    compare(expected, found, "", &mut all);
    all
}

fn compare(expected: &Value, found: &Value, place: &str, all: &mut Vec<Difference>) {
    match (expected, found) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (name, value) in wanted {
                let place = format!("{place}/{}", escaped(name));
                match there.get(name) {
                    Some(found) => compare(value, found, &place, all),
                    None => all.push(differ(&place, value.to_string(), "nothing")),
                }
            }
        }
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            for (index, (expected, found)) in wanted.iter().zip(there).enumerate() {
                compare(expected, found, &format!("{place}/{index}"), all);
            }
        }
        (Value::Array(wanted), Value::Array(there)) => {
            let expected = format!("{} items: {expected}", wanted.len());
            all.push(differ(
                place,
                expected,
                &format!("{} items: {found}", there.len()),
            ));
        }
        _ if same(expected, found) => {}
        _ => all.push(differ(place, expected.to_string(), &found.to_string())),
    }
}

fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => expected == found,
    }
}

fn differ(place: &str, expected: String, found: &str) -> Difference {
    Difference {
        place: if place.is_empty() { "/" } else { place }.to_owned(),
        expected,
        found: found.to_owned(),
    }
}

/// As RFC 6901 has it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answer_may_hold_more_than_was_expected() {
        let found = json!({ "a": 1, "b": [{ "c": 2, "d": 3 }], "e": null });
        for expected in [json!({}), json!({ "a": 1.0 }), json!({ "b": [{ "d": 3 }] })] {
            assert_eq!(differences(&expected, &found), [], "{expected}");
        }
    }

    #[test]
    fn every_difference_is_named_by_its_place() {
        let expected = json!({ "a": 2, "b": [{ "c": 5 }], "x/y": 1, "l": [1] });
        let found = json!({ "a": "2", "b": [{ "c": 2 }], "l": [1, 2] });
        let places: Vec<_> = differences(&expected, &found)
            .into_iter()
            .map(|one| one.place)
            .collect();
        assert_eq!(places, ["/a", "/b/0/c", "/l", "/x~1y"]);
    }

    #[test]
    fn whole_answers_differ_at_the_root() {
        let [one] = &differences(&json!(1), &json!("x"))[..] else {
            panic!("one difference")
        };
        assert_eq!(
            (&one.place[..], &one.expected[..], &one.found[..]),
            ("/", "1", "\"x\"")
        );
    }
}
