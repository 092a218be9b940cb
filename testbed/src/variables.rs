//! What a scenario keeps of one answer for the steps after it: `${name}`.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names and what stands for them.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, Value>);

/// A step names what no step before it saved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`${{{0}}}` was saved by no step before")]
pub struct UnknownVariable(pub String);

impl Variables {
    /// Keeps a value under a name.
    pub fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// The text with every `${name}` replaced; strings stand as they are, other values as JSON.
    ///
    /// # Errors
    /// [`UnknownVariable`].
    pub fn fill(&self, text: &str) -> Result<String, UnknownVariable> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_name(rest) {
            filled.push_str(before);
            filled.push_str(&self.text_of(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The value with every text in it filled. A text that is one name and nothing else becomes the
    /// value itself.
    ///
    /// # Errors
    /// [`UnknownVariable`].
    pub fn fill_json(&self, value: &Value) -> Result<Value, UnknownVariable> {
        Ok(match value {
            Value::String(text) => match next_name(text) {
                Some(("", name, "")) => self.value_of(name)?.clone(),
                _ => Value::String(self.fill(text)?),
            },
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.fill_json(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| Ok((self.fill(name)?, self.fill_json(value)?)))
                    .collect::<Result<_, UnknownVariable>>()?,
            ),
            other => other.clone(),
        })
    }

    fn value_of(&self, name: &str) -> Result<&Value, UnknownVariable> {
        self.0
            .get(name)
            .ok_or_else(|| UnknownVariable(name.to_owned()))
    }

    fn text_of(&self, name: &str) -> Result<String, UnknownVariable> {
        Ok(match self.value_of(name)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

/// What stands before the first name, the name, and what stands after it.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.set("room", json!("r1"));
        variables.set("count", json!(7));
        variables
    }

    #[test]
    fn names_are_replaced_in_text_and_json() {
        let filled = variables().fill("/rooms/${room}/x?n=${count}").unwrap();
        assert_eq!(filled, "/rooms/r1/x?n=7");
        let given = json!({ "in": ["${room}", "no ${count}"], "n": "${count}", "b": true });
        let filled = variables().fill_json(&given).unwrap();
        assert_eq!(filled, json!({ "in": ["r1", "no 7"], "n": 7, "b": true }));
    }

    #[test]
    fn unknown_names_are_told() {
        let error = variables().fill("/${nobody}").unwrap_err();
        assert_eq!(error.to_string(), "`${nobody}` was saved by no step before");
        assert_eq!(variables().fill("open ${end").unwrap(), "open ${end");
    }
}
