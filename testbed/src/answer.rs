//! What an app answered, held against what a step expects.

use serde_json::Value;
use synod_ledger::TxId;

use crate::compare::{Difference, differences};
use crate::scenario::Expectations;
use crate::variables::{UnknownVariable, Variables};

/// So much of a body is shown, in characters.
const SHOWN_CHARACTERS: usize = 400;

/// An answer as its caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The transaction, if something was written; its receipt was verified.
    pub transaction: Option<TxId>,
    /// What the app, or the host about it, wrote to the app's log.
    pub log: Vec<String>,
}

impl Answer {
    /// Where the answer is not what was expected. A wrong status says all: what else differs is
    /// left out.
    ///
    /// # Errors
    /// [`UnknownVariable`], where the expectation names what was never saved.
    pub fn check(
        &self,
        expect: &Expectations,
        variables: &Variables,
    ) -> Result<Vec<Difference>, UnknownVariable> {
        if let Some(wrong) = self.wrong_status(expect.status) {
            return Ok(vec![wrong]);
        }
        let mut all = Vec::new();
        for (name, value) in &expect.headers {
            all.extend(self.wrong_header(name, &variables.fill(value)?));
        }
        if let Some(body) = &expect.body {
            all.extend(self.wrong_body(&variables.fill(body)?));
        }
        if let Some(json) = &expect.json {
            all.extend(self.wrong_json(&variables.fill_json(json)?));
        }
        Ok(all)
    }

    /// What stands at a JSON pointer of the body.
    pub fn pointed(&self, pointer: &str) -> Option<Value> {
        let json: Value = serde_json::from_slice(&self.body).ok()?;
        json.pointer(pointer).cloned()
    }

    /// The body for people, cut where it is long.
    pub fn body_text(&self) -> String {
        let Ok(text) = std::str::from_utf8(&self.body) else {
            return format!("{} bytes that are not text", self.body.len());
        };
        let mut shown: String = text.chars().take(SHOWN_CHARACTERS).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }

    fn wrong_status(&self, expected: Option<u16>) -> Option<Difference> {
        let expected = match expected {
            Some(status) if status == self.status => return None,
            Some(status) => status.to_string(),
            None if self.status < 400 => return None,
            None => "below 400".to_owned(),
        };
        Some(Difference {
            place: "status".to_owned(),
            expected,
            found: format!("{} with {}", self.status, self.body_text()),
        })
    }

    fn wrong_header(&self, name: &str, expected: &str) -> Option<Difference> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        let found = values.next().map(|(_, value)| value.as_str());
        (found != Some(expected)).then(|| Difference {
            place: format!("header {name}"),
            expected: expected.to_owned(),
            found: found.unwrap_or("nothing").to_owned(),
        })
    }

    fn wrong_body(&self, expected: &str) -> Option<Difference> {
        (self.body != expected.as_bytes()).then(|| Difference {
            place: "body".to_owned(),
            expected: expected.to_owned(),
            found: self.body_text(),
        })
    }

    fn wrong_json(&self, expected: &Value) -> Vec<Difference> {
        match serde_json::from_slice(&self.body) {
            Ok(found) => differences(expected, &found),
            Err(_) => vec![Difference {
                place: "body".to_owned(),
                expected: expected.to_string(),
                found: format!("no JSON: {}", self.body_text()),
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: vec![("location".to_owned(), "/rooms/r1".to_owned())],
            body: body.as_bytes().to_vec(),
            transaction: None,
            log: Vec::new(),
        }
    }

    fn check(answer: &Answer, expect: &Expectations) -> Vec<Difference> {
        let mut variables = Variables::default();
        variables.set("room", json!("r1"));
        answer.check(expect, &variables).unwrap()
    }

    #[test]
    fn answer_that_is_as_expected_has_no_difference() {
        let expect = Expectations {
            status: Some(201),
            json: Some(json!({ "id": "${room}" })),
            body: None,
            headers: vec![("location".to_owned(), "/rooms/${room}".to_owned())],
        };
        assert_eq!(check(&answer(201, r#"{"id":"r1","n":1}"#), &expect), []);
    }

    #[test]
    fn refusal_is_a_difference_even_if_nothing_was_expected() {
        let all = check(&answer(403, "no"), &Expectations::default());
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].place, "status");
        assert_eq!(all[0].found, "403 with no");
        assert_eq!(check(&answer(204, ""), &Expectations::default()), []);
    }

    #[test]
    fn body_headers_and_json_are_compared() {
        let expect = Expectations {
            status: None,
            json: Some(json!({})),
            body: Some("yes".to_owned()),
            headers: vec![("etag".to_owned(), "1".to_owned())],
        };
        let all = check(&answer(200, "no"), &expect);
        let places: Vec<_> = all.iter().map(|one| one.place.as_str()).collect();
        assert_eq!(places, ["header etag", "body", "body"]);
    }

    #[test]
    fn long_and_binary_bodies_are_shown_in_short() {
        assert_eq!(
            answer(200, &"x".repeat(500)).body_text().chars().count(),
            401
        );
        let mut binary = answer(200, "");
        binary.body = vec![0xff; 3];
        assert_eq!(binary.body_text(), "3 bytes that are not text");
    }
}
