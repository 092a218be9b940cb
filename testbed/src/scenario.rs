//! Scenarios: what callers ask of an app one after the other, and what they must be answered.
//!
//! A scenario is a TOML file with an array of tables `step`. Unknown keys are refused; errors name
//! the step.
//!
//! ```toml
//! [[step]]
//! as = "anna"                       # a user; `member:alice` for a member; without it, nobody
//! roles = ["bank"]                  # the user's roles, from this step on
//! request = "POST /transfers"       # method and path below the app
//! headers = { accept = "text/plain" }
//! json = { to = "bob", amount = 5 } # or body = "text"
//! expect = 201                      # the status; without it, any below 400
//! expect_json = { state = "done" }  # must stand in the answer; what else stands there does not matter
//! expect_body = "text"              # the whole body
//! expect_headers = { location = "/transfers/1" }
//! save = { transfer = "/id" }       # JSON pointer into the answer; later steps write `${transfer}`
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Longest scenario, in bytes of TOML.
pub const SCENARIO_BYTES_MAX: usize = 1024 * 1024;
/// Most steps of one scenario.
pub const STEPS_MAX: usize = 1000;

/// The methods that apps are called with.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// What comes before a member's name.
const MEMBER_MARK: &str = "member:";

/// Steps, one after the other, in one fresh synod.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What it is about; empty if the file does not say.
    pub description: String,
    /// The steps, at least one.
    pub steps: Vec<Step>,
}

/// One request and what must be answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Who asks.
    pub speaker: Speaker,
    /// The roles that the user has from this step on; none: as before.
    pub roles: Option<Vec<String>>,
    /// The method, in capitals.
    pub method: String,
    /// The path below the app, with its query.
    pub target: String,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// What must be answered.
    pub expect: Expectations,
    /// Names for later steps, each with a JSON pointer into the answer.
    pub save: BTreeMap<String, String>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaker {
    /// Somebody without a certificate.
    Nobody,
    /// A user.
    User(String),
    /// A member.
    Member(String),
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// No bytes.
    Empty,
    /// Text as it is.
    Text(String),
    /// JSON; the request says so in `content-type`.
    Json(Value),
}

/// What must be answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectations {
    /// The status; none: any below 400.
    pub status: Option<u16>,
    /// What must stand in the JSON of the answer.
    pub json: Option<Value>,
    /// The whole body.
    pub body: Option<String>,
    /// Header fields of the answer, names in lower case.
    pub headers: Vec<(String, String)>,
}

/// The text is not a scenario. Its author is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Longer than [`SCENARIO_BYTES_MAX`].
    #[error("{0} bytes are more than {SCENARIO_BYTES_MAX}")]
    TooLong(usize),
    /// Not TOML of this shape; the text names the line.
    #[error("{0}")]
    Malformed(String),
    /// No step, or more than [`STEPS_MAX`].
    #[error("a scenario has 1 to {STEPS_MAX} steps, this one has {0}")]
    Steps(usize),
    /// A step says what it cannot say.
    #[error("step {step}: {what}")]
    Step {
        /// Which, from 1.
        step: usize,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    #[serde(default)]
    description: String,
    #[serde(default)]
    step: Vec<StepFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    #[serde(default, rename = "as")]
    speaker: Option<String>,
    roles: Option<Vec<String>>,
    request: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    json: Option<Value>,
    body: Option<String>,
    expect: Option<u16>,
    expect_json: Option<Value>,
    expect_body: Option<String>,
    #[serde(default)]
    expect_headers: BTreeMap<String, String>,
    #[serde(default)]
    save: BTreeMap<String, String>,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`] names the line or the step.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        if text.len() > SCENARIO_BYTES_MAX {
            return Err(ScenarioError::TooLong(text.len()));
        }
        let file: ScenarioFile = toml::from_str(text)
            .map_err(|error| ScenarioError::Malformed(error.to_string().trim_end().to_owned()))?;
        if !(1..=STEPS_MAX).contains(&file.step.len()) {
            return Err(ScenarioError::Steps(file.step.len()));
        }
        let steps = file.step.into_iter().enumerate().map(|(index, step)| {
            step.read().map_err(|what| ScenarioError::Step {
                step: index + 1,
                what,
            })
        });
        Ok(Self {
            description: file.description,
            steps: steps.collect::<Result<_, _>>()?,
        })
    }
}

impl StepFile {
    fn read(self) -> Result<Step, String> {
        let speaker = Speaker::read(self.speaker)?;
        if self.roles.is_some() && !matches!(speaker, Speaker::User(_)) {
            return Err("`roles` are a user's: name one with `as`".to_owned());
        }
        let (method, target) = request_line(&self.request)?;
        let body = match (self.json, self.body) {
            (Some(_), Some(_)) => return Err("`json` and `body` exclude each other".to_owned()),
            (Some(json), None) => Body::Json(json),
            (None, Some(text)) => Body::Text(text),
            (None, None) => Body::Empty,
        };
        if body != Body::Empty && matches!(method.as_str(), "GET" | "HEAD") {
            return Err(format!("a {method} has no body"));
        }
        if let Some(status) = self.expect.filter(|status| !(200..=599).contains(status)) {
            return Err(format!("`expect` is {status}, a status is from 200 to 599"));
        }
        Ok(Step {
            speaker,
            roles: self.roles,
            method,
            target,
            headers: lower_case(self.headers),
            body,
            expect: Expectations {
                status: self.expect,
                json: self.expect_json,
                body: self.expect_body,
                headers: lower_case(self.expect_headers),
            },
            save: pointers(self.save)?,
        })
    }
}

impl Speaker {
    fn read(text: Option<String>) -> Result<Self, String> {
        let Some(text) = text else {
            return Ok(Self::Nobody);
        };
        let (speaker, name) = match text.strip_prefix(MEMBER_MARK) {
            Some(name) => (Self::Member(name.to_owned()), name),
            None => (Self::User(text.clone()), text.as_str()),
        };
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._@-".contains(&b);
        if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(speaker);
        }
        Err(format!(
            "`as` is {text:?}; a name has 1 to 64 characters of [A-Za-z0-9._@-]"
        ))
    }
}

impl std::fmt::Display for Speaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::User(name) => f.write_str(name),
            Self::Member(name) => write!(f, "{MEMBER_MARK}{name}"),
        }
    }
}

fn request_line(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("`request` is {text:?}; write a method and a path: \"POST /transfers\"");
    let (method, target) = text.split_once(' ').ok_or_else(wrong)?;
    if !target.starts_with('/') || target.contains(char::is_whitespace) {
        return Err(wrong());
    }
    if !METHODS.contains(&method) {
        return Err(format!(
            "`request` begins with {method:?}; the methods are {}",
            METHODS.join(", ")
        ));
    }
    Ok((method.to_owned(), target.to_owned()))
}

fn lower_case(headers: BTreeMap<String, String>) -> Vec<(String, String)> {
    headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect()
}

fn pointers(save: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    for (name, pointer) in &save {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if name.is_empty() || !name.bytes().all(allowed) {
            return Err(format!(
                "`save` has the name {name:?}; names are of [A-Za-z0-9_-]"
            ));
        }
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!(
                "`save.{name}` is {pointer:?}; a JSON pointer is empty or begins with `/`"
            ));
        }
    }
    Ok(save)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WHOLE: &str = r#"
description = "a transfer"

[[step]]
as = "anna"
roles = ["bank"]
request = "POST /transfers?dry=1"
headers = { Accept = "application/json" }
json = { to = "bob", amount = 5 }
expect = 201
expect_json = { state = "done" }
save = { transfer = "/id" }

[[step]]
as = "member:alice"
request = "GET /transfers/${transfer}"

[[step]]
request = "PUT /"
body = "text"
expect_body = "hello"
"#;

    fn refusal(text: &str) -> String {
        Scenario::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn scenario_is_read_whole() {
        let scenario = Scenario::parse(WHOLE).unwrap();
        assert_eq!(scenario.description, "a transfer");
        let [first, second, third] = &scenario.steps[..] else {
            panic!("three steps")
        };
        assert_eq!(first.speaker, Speaker::User("anna".to_owned()));
        assert_eq!(first.roles.as_deref(), Some(&["bank".to_owned()][..]));
        assert_eq!(
            (&first.method[..], &first.target[..]),
            ("POST", "/transfers?dry=1")
        );
        assert_eq!(
            first.headers,
            [("accept".to_owned(), "application/json".to_owned())]
        );
        assert_eq!(first.body, Body::Json(json!({ "to": "bob", "amount": 5 })));
        assert_eq!(first.expect.status, Some(201));
        assert_eq!(first.save["transfer"], "/id");
        assert_eq!(second.speaker, Speaker::Member("alice".to_owned()));
        assert_eq!(third.speaker, Speaker::Nobody);
        assert_eq!(third.body, Body::Text("text".to_owned()));
        assert_eq!(third.expect.body.as_deref(), Some("hello"));
    }

    #[test]
    fn unknown_keys_are_named_with_their_line() {
        let said = refusal("[[step]]\nrequest = \"GET /\"\nexpects = 200\n");
        assert!(
            said.contains("expects") && said.contains("line 3"),
            "{said}"
        );
    }

    #[test]
    fn wrong_steps_are_refused_by_number() {
        for (step, told) in [
            ("request = \"GET\"", "a method and a path"),
            ("request = \"GET nowhere\"", "a method and a path"),
            ("request = \"GET /a b\"", "a method and a path"),
            ("request = \"get /\"", "the methods are"),
            ("request = \"GET /\"\njson = 1", "no body"),
            ("request = \"PUT /\"\njson = 1\nbody = \"x\"", "exclude"),
            ("request = \"GET /\"\nexpect = 99", "from 200 to 599"),
            ("request = \"GET /\"\nroles = [\"a\"]", "a user's"),
            ("request = \"GET /\"\nas = \"\"", "a name has"),
            ("request = \"GET /\"\nas = \"member:\"", "a name has"),
            ("request = \"GET /\"\nsave = { a = \"id\" }", "JSON pointer"),
            (
                "request = \"GET /\"\nsave = { \"a b\" = \"\" }",
                "names are",
            ),
        ] {
            let said = refusal(&format!("[[step]]\nrequest = \"GET /\"\n[[step]]\n{step}"));
            assert!(
                said.starts_with("step 2: ") && said.contains(told),
                "{said}"
            );
        }
    }

    #[test]
    fn empty_and_overlong_scenarios_are_refused() {
        assert_eq!(Scenario::parse(""), Err(ScenarioError::Steps(0)));
        let many = "[[step]]\nrequest = \"GET /\"\n".repeat(STEPS_MAX + 1);
        assert_eq!(
            Scenario::parse(&many),
            Err(ScenarioError::Steps(STEPS_MAX + 1))
        );
        let long = "#".repeat(SCENARIO_BYTES_MAX + 1);
        assert_eq!(
            Scenario::parse(&long),
            Err(ScenarioError::TooLong(SCENARIO_BYTES_MAX + 1))
        );
    }

    /// Whatever a file holds, it is read or refused.
    #[test]
    fn changed_scenarios_never_panic() {
        let mut state = 7_u64;
        for _ in 0..2000 {
            let mut bytes = WHOLE.as_bytes().to_vec();
            for _ in 0..3 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 17) as u8 & 0x7f;
            }
            let text = String::from_utf8(bytes).unwrap();
            let _ = Scenario::parse(&text);
        }
    }
}
