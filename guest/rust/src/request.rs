//! What a request says.

use std::str::FromStr;

use serde::de::DeserializeOwned;

use crate::bindings::app::synod::app::http::Request;
use crate::response::Problem;

impl Request {
    /// What stands in the place of a name in the route's pattern.
    ///
    /// # Panics
    ///
    /// If the pattern has no such name.
    pub fn param(&self, name: &str) -> &str {
        let mut params = self.params.iter();
        let param = params.find(|param| param.name == name);
        &param.expect("the route's pattern has this name").value
    }

    /// The same as a number, or what else can be read from text.
    ///
    /// # Errors
    ///
    /// A 404 if it cannot be read: there is nothing under such a path.
    pub fn param_as<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let parsed = self.param(name).parse();
        parsed.map_err(|_| Problem::not_found(format!("`{name}` in the path is not as it must be")))
    }

    /// The first value of a name in the query, decoded.
    pub fn query_value(&self, name: &str) -> Option<String> {
        let pairs = self.query.as_deref()?.split('&');
        let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs.find(|(own, _)| decode(own) == name)?;
        Some(decode(value))
    }

    /// The same as a number, or what else can be read from text.
    ///
    /// # Errors
    ///
    /// A 400 if it cannot be read.
    pub fn query_as<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let Some(text) = self.query_value(name) else {
            return Ok(None);
        };
        let parsed = text.parse().map(Some);
        parsed.map_err(|_| {
            Problem::bad_request(format!("`{name}` in the query is not as it must be"))
        })
    }

    /// The value of a header field, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let header = headers.find(|header| header.name == name)?;
        Some(&header.value)
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// A 400 that says where it is not JSON, or not of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body).map_err(|error| Problem::bad_request(error.to_string()))
    }

    /// The body as text.
    ///
    /// # Errors
    ///
    /// A 400 if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Problem> {
        std::str::from_utf8(&self.body).map_err(|_| Problem::bad_request("the body is not UTF-8"))
    }
}

/// Text of a query: `+` is a space, `%41` an `A`. What is not UTF-8 then is replaced, and a `%` without two digits
/// stands for itself.
fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, hexadecimal(after)) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => decoded.push(b' '),
            _ => decoded.push(first),
        }
    }
    String::from_utf8(decoded)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hexadecimal(bytes: &[u8]) -> Option<u8> {
    let high = char::from(*bytes.first()?).to_digit(16)?;
    let low = char::from(*bytes.get(1)?).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use crate::testing::request;

    #[test]
    fn values_of_a_query_are_decoded() {
        let mut asked = request("GET", "/a", &[]);
        asked.query = Some("x=1&na%6De=a+b%2B%C3%A9&broken=%4&flag".to_owned());
        assert_eq!(asked.query_value("name").as_deref(), Some("a b+é"));
        assert_eq!(asked.query_value("broken").as_deref(), Some("%4"));
        assert_eq!(asked.query_value("flag").as_deref(), Some(""));
        assert_eq!(asked.query_value("absent"), None);
        assert_eq!(asked.query_as("x"), Ok(Some(1_u64)));
        assert_eq!(asked.query_as::<u64>("flag").unwrap_err().status(), 400);
    }

    #[test]
    fn params_are_read_by_name() {
        let asked = request("GET", "/a/{id}", &[("id", "seven")]);
        assert_eq!(asked.path, "/a/seven");
        assert_eq!(asked.param("id"), "seven");
        assert_eq!(asked.param_as::<u64>("id").unwrap_err().status(), 404);
    }

    #[test]
    fn a_body_that_is_not_json_is_the_callers_mistake() {
        let mut asked = request("POST", "/a", &[]);
        asked.body = b"{".to_vec();
        assert_eq!(asked.json::<Vec<u8>>().unwrap_err().status(), 400);
    }
}
