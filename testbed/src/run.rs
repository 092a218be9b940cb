//! A scenario, step by step, until one step is not answered as it must be.

use serde_json::Value;
use synod_ledger::TxId;

use crate::answer::Answer;
use crate::compare::Difference;
use crate::error::TestbedError;
use crate::scenario::{Body, Scenario, Speaker, Step};
use crate::variables::{UnknownVariable, Variables};

/// A request to an app, ready to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who asks.
    pub speaker: Speaker,
    /// The method, in capitals.
    pub method: String,
    /// The path below the app, with its query.
    pub target: String,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a scenario is run against.
pub trait Stage {
    /// Gives a user these roles; a user that does not exist is created.
    ///
    /// # Errors
    /// [`TestbedError`].
    fn set_roles(&mut self, user: &str, roles: &[String]) -> Result<(), TestbedError>;

    /// Makes sure that the user is known.
    ///
    /// # Errors
    /// [`TestbedError`].
    fn admit(&mut self, user: &str) -> Result<(), TestbedError>;

    /// Asks the app, and verifies the receipt of what was written.
    ///
    /// # Errors
    /// [`TestbedError`].
    fn ask_app(&mut self, asked: &Asked) -> Result<Answer, TestbedError>;
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// Which, from 1.
    pub number: usize,
    /// Who asked.
    pub speaker: Speaker,
    /// Method and path, filled in.
    pub request: String,
    /// The status of the answer; 0 where nothing could be asked.
    pub status: u16,
    /// The transaction whose receipt was verified.
    pub transaction: Option<TxId>,
    /// What was written to the app's log.
    pub log: Vec<String>,
    /// Where the answer is not what was expected.
    pub differences: Vec<Difference>,
}

/// How a scenario went: its steps up to the first that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioReport {
    /// The steps.
    pub steps: Vec<StepReport>,
}

impl ScenarioReport {
    /// Whether every step was answered as it must be.
    pub fn passed(&self) -> bool {
        self.failed().is_none()
    }

    /// The step that failed, if one did.
    pub fn failed(&self) -> Option<&StepReport> {
        self.steps.iter().find(|step| !step.differences.is_empty())
    }
}

/// Runs a scenario.
///
/// # Errors
/// [`TestbedError`]: nothing is said about the app.
pub fn run(scenario: &Scenario, stage: &mut impl Stage) -> Result<ScenarioReport, TestbedError> {
    let mut variables = Variables::default();
    let mut report = ScenarioReport { steps: Vec::new() };
    for (index, step) in scenario.steps.iter().enumerate() {
        let mut told = run_step(step, &mut variables, stage)?;
        told.number = index + 1;
        report.steps.push(told);
        if !report.passed() {
            break;
        }
    }
    Ok(report)
}

fn run_step(
    step: &Step,
    variables: &mut Variables,
    stage: &mut impl Stage,
) -> Result<StepReport, TestbedError> {
    if let Speaker::User(name) = &step.speaker {
        match &step.roles {
            Some(roles) => stage.set_roles(name, roles)?,
            None => stage.admit(name)?,
        }
    }
    let asked = match asked(step, variables) {
        Ok(asked) => asked,
        Err(unknown) => return Ok(not_asked(step, &unknown)),
    };
    let answer = stage.ask_app(&asked)?;
    let mut differences = answer
        .check(&step.expect, variables)
        .unwrap_or_else(|unknown| vec![of_unknown(&unknown)]);
    if differences.is_empty() {
        differences = keep(step, &answer, variables);
    }
    Ok(StepReport {
        number: 0,
        speaker: step.speaker.clone(),
        request: format!("{} {}", asked.method, asked.target),
        status: answer.status,
        transaction: answer.transaction,
        log: answer.log,
        differences,
    })
}

/// The step's request, with what earlier steps saved.
fn asked(step: &Step, variables: &Variables) -> Result<Asked, UnknownVariable> {
    let mut headers = Vec::new();
    for (name, value) in &step.headers {
        headers.push((name.clone(), variables.fill(value)?));
    }
    let (body, kind) = match &step.body {
        Body::Empty => (Vec::new(), None),
        Body::Text(text) => (
            variables.fill(text)?.into_bytes(),
            Some("text/plain; charset=utf-8"),
        ),
        Body::Json(json) => (
            json_bytes(&variables.fill_json(json)?),
            Some("application/json"),
        ),
    };
    if let Some(kind) = kind.filter(|_| !headers.iter().any(|(name, _)| name == "content-type")) {
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    Ok(Asked {
        speaker: step.speaker.clone(),
        method: step.method.clone(),
        target: variables.fill(&step.target)?,
        headers,
        body,
    })
}

fn json_bytes(json: &Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

/// Keeps what later steps want; what is not there is a difference.
fn keep(step: &Step, answer: &Answer, variables: &mut Variables) -> Vec<Difference> {
    let mut missing = Vec::new();
    for (name, pointer) in &step.save {
        match answer.pointed(pointer) {
            Some(value) => variables.set(name, value),
            None => missing.push(Difference {
                place: pointer.clone(),
                expected: format!("something to save as `{name}`"),
                found: answer.body_text(),
            }),
        }
    }
    missing
}

fn not_asked(step: &Step, unknown: &UnknownVariable) -> StepReport {
    StepReport {
        number: 0,
        speaker: step.speaker.clone(),
        request: format!("{} {}", step.method, step.target),
        status: 0,
        transaction: None,
        log: Vec::new(),
        differences: vec![of_unknown(unknown)],
    }
}

fn of_unknown(unknown: &UnknownVariable) -> Difference {
    Difference {
        place: format!("${{{}}}", unknown.0),
        expected: "a step before that saves it".to_owned(),
        found: "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says back what it is asked.
    #[derive(Default)]
    struct Echo(Vec<String>);

    impl Stage for Echo {
        fn set_roles(&mut self, user: &str, roles: &[String]) -> Result<(), TestbedError> {
            self.0.push(format!("{user} has {roles:?}"));
            Ok(())
        }

        fn admit(&mut self, user: &str) -> Result<(), TestbedError> {
            self.0.push(format!("{user} is known"));
            Ok(())
        }

        fn ask_app(&mut self, asked: &Asked) -> Result<Answer, TestbedError> {
            self.0.push(format!("{} {}", asked.method, asked.target));
            Ok(Answer {
                status: 200,
                headers: asked.headers.clone(),
                body: asked.body.clone(),
                transaction: None,
                log: Vec::new(),
            })
        }
    }

    fn told(text: &str) -> (ScenarioReport, Vec<String>) {
        let mut echo = Echo::default();
        let report = run(&Scenario::parse(text).unwrap(), &mut echo).unwrap();
        (report, echo.0)
    }

    #[test]
    fn later_steps_use_what_earlier_ones_saved() {
        let (report, asked) = told(
            "[[step]]\nas = \"anna\"\nroles = [\"a\"]\nrequest = \"POST /rooms\"\njson = { id = \"r7\" }\n\
             expect_headers = { content-type = \"application/json\" }\nsave = { room = \"/id\" }\n\
             [[step]]\nas = \"anna\"\nrequest = \"GET /rooms/${room}\"\n",
        );
        assert!(report.passed(), "{report:?}");
        assert_eq!(
            asked,
            [
                "anna has [\"a\"]",
                "POST /rooms",
                "anna is known",
                "GET /rooms/r7"
            ]
        );
    }

    #[test]
    fn scenario_ends_with_the_first_step_that_fails() {
        let (report, _) = told(
            "[[step]]\nrequest = \"GET /1\"\n[[step]]\nrequest = \"GET /2\"\nexpect = 404\n\
             [[step]]\nrequest = \"GET /3\"\n",
        );
        assert_eq!(report.steps.len(), 2);
        let failed = report.failed().unwrap();
        assert_eq!((failed.number, &failed.request[..]), (2, "GET /2"));
    }

    #[test]
    fn what_was_never_saved_fails_its_step() {
        for text in [
            "[[step]]\nrequest = \"GET /${room}\"\n",
            "[[step]]\nrequest = \"GET /\"\nexpect_body = \"${room}\"\n",
            "[[step]]\nrequest = \"POST /\"\njson = {}\nsave = { room = \"/id\" }\n",
        ] {
            assert!(!told(text).0.passed(), "{text}");
        }
    }
}
