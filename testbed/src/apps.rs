//! Apps on a synod in memory: set by the members, brought into force by the replica, called with
//! receipts.

use bytes::Bytes;
use synod_api::headers::IDEMPOTENCY_KEY;
use synod_api::{BoundRequest, PROBLEM_CONTENT_TYPE, Problem};
use synod_client::{Bound, verify_answer};
use synod_crypto::{Digest, sha256};
use synod_governance::Act;
use synod_governance::app::{AppManifest, AppName, AppRecord, CHUNK_BYTES};
use synod_ledger::ReceiptPolicy;
use synod_replica::Caller;
use synod_replica::app::{AppCall, AppChunk, AppReply, AppRequest};

use crate::answer::Answer;
use crate::error::TestbedError;
use crate::founding::{MEMBERS, member_fingerprint, user_fingerprint};
use crate::run::{Asked, Stage};
use crate::scenario::Speaker;
use crate::synod::Synod;

/// What an app consists of.
#[derive(Clone, Debug)]
pub struct AppFiles {
    /// The manifest, in TOML.
    pub manifest: String,
    /// The component.
    pub component: Bytes,
    /// The description of its interface, in JSON.
    pub openapi: Option<String>,
}

impl AppFiles {
    /// The pieces in which the component is handed in.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> {
        let all = self.component.clone();
        (0..all.len())
            .step_by(CHUNK_BYTES)
            .map(move |from| all.slice(from..all.len().min(from + CHUNK_BYTES)))
    }

    /// The members' act that sets the app.
    pub fn act(&self) -> Act {
        Act::SetApp {
            manifest: self.manifest.clone(),
            component: sha256(&[&self.component]),
            size: self.component.len() as u64,
            chunks: self.chunks().map(|chunk| sha256(&[&chunk])).collect(),
            openapi: self.openapi.clone(),
        }
    }
}

/// An app of a synod, for scenarios.
pub struct AppStage<'a> {
    synod: &'a mut Synod,
    app: AppName,
}

impl Synod {
    /// Has the members set an app, hands its component in, and waits until the version is in force.
    ///
    /// # Errors
    /// [`TestbedError::App`], if it never is; the old version goes on then.
    pub fn set_app(&mut self, app: &AppFiles) -> Result<AppName, TestbedError> {
        let manifest = AppManifest::from_toml(&app.manifest)
            .map_err(|error| TestbedError::App(error.to_string()))?;
        let name = manifest.name().clone();
        self.act(app.act())?;
        let number = self.hand_in(&name, app)?;
        self.await_version(&name, number)?;
        Ok(name)
    }

    /// The app, for scenarios.
    pub fn stage(&mut self, app: &AppName) -> AppStage<'_> {
        AppStage {
            synod: self,
            app: app.clone(),
        }
    }
}

impl Synod {
    /// Hands in the component of the version that is on its way; gives the version's number.
    fn hand_in(&mut self, name: &AppName, app: &AppFiles) -> Result<u64, TestbedError> {
        let waiting = |synod: &mut Self| synod.record(name)?.pending.map(|version| version.number);
        let number = self.run_until(waiting)?;
        for (index, bytes) in (0..).zip(app.chunks()) {
            let chunk = AppChunk {
                app: name.clone(),
                number,
                index,
                bytes,
            };
            let caller = Caller {
                fingerprint: Some(member_fingerprint(MEMBERS[0])),
            };
            if let Err(error) = self.ask(chunk, caller)? {
                return Err(TestbedError::App(error.to_string()));
            }
        }
        Ok(number)
    }

    /// Waits until the version is in force.
    fn await_version(&mut self, name: &AppName, number: u64) -> Result<(), TestbedError> {
        let ended = |synod: &mut Self| {
            let record = synod.record(name)?;
            let failed = record.failed.filter(|failed| failed.number == number);
            let active = record
                .active
                .is_some_and(|version| version.number == number);
            match failed {
                Some(failed) => Some(Err(failed.code)),
                None => active.then_some(Ok(())),
            }
        };
        let outcome = self.run_until(ended)?;
        let log = self.take_lines();
        outcome.map_err(|code| {
            let why = [vec![code], log].concat().join("; ");
            TestbedError::App(format!("it did not come into force: {why}"))
        })
    }

    fn record(&self, name: &AppName) -> Option<AppRecord> {
        self.replica().app_view(name).map(|view| view.record)
    }
}

impl Stage for AppStage<'_> {
    fn set_roles(&mut self, user: &str, roles: &[String]) -> Result<(), TestbedError> {
        self.synod.set_user(user, roles.iter().cloned().collect())
    }

    fn admit(&mut self, user: &str) -> Result<(), TestbedError> {
        self.synod.admit(user)
    }

    fn ask_app(&mut self, asked: &Asked) -> Result<Answer, TestbedError> {
        let call = call_of(&self.app, asked);
        let digest = call.digest;
        let caller = caller_of(&asked.speaker)?;
        let reply = self.synod.ask(Box::new(call), caller)?;
        let log = self.synod.take_lines();
        match reply {
            Ok(reply) => {
                self.synod.verify(&reply, digest)?;
                Ok(answer_of(*reply, log))
            }
            Err(error) => Ok(refusal(&synod_node::problem(&error), log)),
        }
    }
}

impl Synod {
    /// Verifies the receipt of what was written: signers, this request, this answer.
    fn verify(&self, reply: &AppReply, request: Digest) -> Result<(), TestbedError> {
        let Some(tx) = reply.tx else {
            return Ok(());
        };
        let failed = |why: String| TestbedError::Receipt { tx, why };
        let receipt = reply
            .receipt
            .as_ref()
            .ok_or_else(|| failed("it is missing".to_owned()))?;
        let bound = Bound {
            request,
            status: reply.response.status,
            response: sha256(&[&reply.response.body]),
        };
        let policy = ReceiptPolicy {
            signers_min: 1,
            vendors_min: 1,
            ..ReceiptPolicy::default()
        };
        verify_answer(receipt, &self.chain()?, &policy, tx, &bound)
            .map(drop)
            .map_err(|error| failed(error.to_string()))
    }
}

/// The call that the door would make of the request.
fn call_of(app: &AppName, asked: &Asked) -> AppCall {
    let (path, query) = match asked.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (asked.target.as_str(), None),
    };
    let header = |name: &str| {
        let mut found = asked.headers.iter().filter(|(given, _)| given == name);
        found.next().map(|(_, value)| value.as_str())
    };
    let bound = BoundRequest::App {
        app: app.as_str(),
        method: &asked.method,
        path,
        query,
        content_type: header("content-type"),
        body: &asked.body,
    };
    let own = |name: &str| name == IDEMPOTENCY_KEY || name.starts_with("synod-");
    let headers = asked.headers.iter().filter(|(name, _)| !own(name));
    AppCall {
        app: app.as_str().to_owned(),
        digest: sha256(&[&bound.message()]),
        request: AppRequest {
            method: asked.method.clone(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            headers: headers.cloned().collect(),
            body: Bytes::copy_from_slice(&asked.body),
        },
        local: false,
        receipt: true,
        idempotency: header(IDEMPOTENCY_KEY).map(|key| Bytes::copy_from_slice(key.as_bytes())),
    }
}

fn caller_of(speaker: &Speaker) -> Result<Caller, TestbedError> {
    let fingerprint = match speaker {
        Speaker::Nobody => None,
        Speaker::User(name) => Some(user_fingerprint(name)),
        Speaker::Member(name) if MEMBERS.contains(&name.as_str()) => Some(member_fingerprint(name)),
        Speaker::Member(name) => return Err(TestbedError::NoMember(name.clone())),
    };
    Ok(Caller { fingerprint })
}

fn answer_of(reply: AppReply, log: Vec<String>) -> Answer {
    Answer {
        status: reply.response.status,
        headers: reply.response.headers,
        body: reply.response.body.to_vec(),
        transaction: reply.tx,
        log,
    }
}

/// The answer that the door would give.
fn refusal(problem: &Problem, log: Vec<String>) -> Answer {
    Answer {
        status: problem.status,
        headers: vec![("content-type".to_owned(), PROBLEM_CONTENT_TYPE.to_owned())],
        body: problem.to_json(),
        transaction: None,
        log,
    }
}
