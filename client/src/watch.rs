//! Watching: the committed changes of a map as they come, from whichever replica is there.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use synod_api::{WatchEvent, percent_encode};

use crate::attempts::{Failures, Fate};
use crate::error::ClientError;
use crate::event_stream::{Event, EventReader};
use crate::request::{Repeat, Request, Response, expect_ok};
use crate::service::Service;
use crate::url::ReplicaUrl;

/// The changes of a map, in the order of their transactions. It survives the loss of replicas: it
/// goes on at another, after the last transaction that it has seen.
#[derive(Debug)]
pub struct Watch {
    service: Service,
    map: String,
    prefix: Vec<u8>,
    position: Option<u64>,
    open: Option<Open>,
    /// The replica that is or was asked last.
    asked: ReplicaUrl,
    /// Attempts in a row that failed, and why.
    attempts: usize,
    failures: Failures,
}

#[derive(Debug)]
struct Open {
    url: ReplicaUrl,
    body: Incoming,
    reader: EventReader,
}

/// How often in a row a stream may fail before the failure is reported: each replica twice.
const ROUNDS: usize = 2;
/// Between two attempts.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

impl Service {
    /// Watches the keys of a map that begin with `prefix`, after the transaction `from`, or without
    /// it from now on. Nothing is sent yet.
    pub fn watch(&self, map: &str, prefix: &[u8], from: Option<u64>) -> Watch {
        Watch {
            service: self.clone(),
            map: map.to_owned(),
            prefix: prefix.to_vec(),
            position: from,
            open: None,
            asked: self.replicas()[0].clone(),
            attempts: 0,
            failures: Failures::default(),
        }
    }
}

impl Watch {
    /// All up to this transaction was seen: where another watch could go on.
    pub fn position(&self) -> Option<u64> {
        self.position
    }

    /// The next change. It waits for one for as long as it takes.
    ///
    /// # Errors
    /// [`ClientError`]: the service ended the stream with a problem, or no replica answers.
    pub async fn next(&mut self) -> Result<WatchEvent, ClientError> {
        loop {
            match self.step().await {
                Ok(Event::Reached(seqno)) => self.advance(seqno),
                Ok(Event::Changed(change)) => {
                    self.advance(change.transaction_id.seqno);
                    return Ok(change);
                }
                Ok(Event::Ended(problem)) => {
                    self.open = None;
                    return Err(ClientError::Problem(problem));
                }
                Err(error) => self.retry(error).await?,
            }
        }
    }

    fn advance(&mut self, seqno: u64) {
        self.attempts = 0;
        self.failures = Failures::default();
        self.position = Some(self.position.map_or(seqno, |position| position.max(seqno)));
    }

    async fn retry(&mut self, error: ClientError) -> Result<(), ClientError> {
        self.open = None;
        let fate = match &error {
            ClientError::Problem(problem) if problem.status == 503 => Fate::Passing,
            error => Fate::of(error, Repeat::Freely),
        };
        if fate == Fate::Final {
            return Err(error);
        }
        self.attempts += 1;
        let asked = self.asked.clone();
        self.failures.note(&asked, fate, error);
        if self.attempts > ROUNDS * self.service.replicas().len() {
            self.attempts = 0;
            return Err(std::mem::take(&mut self.failures).into_error());
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }

    async fn step(&mut self) -> Result<Event, ClientError> {
        if self.open.is_none() {
            self.open = Some(self.connect().await?);
        }
        let open = self.open.as_mut().expect("it was just opened");
        loop {
            let event = open.reader.next_event();
            if let Some(event) = event.map_err(|error| open.bad(&error))? {
                return Ok(event);
            }
            let lost = |why: String| ClientError::Lost {
                url: open.url.clone(),
                why,
            };
            let frame = match open.body.frame().await {
                Some(frame) => frame.map_err(|error| lost(error.to_string()))?,
                None => return Err(lost("the stream ended".to_owned())),
            };
            if let Ok(data) = frame.into_data() {
                let pushed = open.reader.push(&data);
                pushed.map_err(|error| open.bad(&error))?;
            }
        }
    }

    async fn connect(&mut self) -> Result<Open, ClientError> {
        let urls = self.service.replicas();
        let url = urls[self.attempts % urls.len()].clone();
        self.asked = url.clone();
        let connection = self.service.connection(&url).await?;
        let answer = connection.begin(&Request::get(self.path())).await?;
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            let reader = EventReader::default();
            return Ok(Open { url, body, reader });
        }
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes);
        let refusal = Response {
            url,
            status: head.status,
            headers: head.headers,
            body: body.unwrap_or_else(|_| Bytes::new()),
        };
        let bad = refusal.bad("a refusal that cannot be read");
        Err(expect_ok(refusal).err().unwrap_or(bad))
    }

    fn path(&self) -> String {
        let map = percent_encode(self.map.as_bytes()).replace("%3A", ":");
        let mut path = format!("/v1/watch?map={map}");
        if !self.prefix.is_empty() {
            path = format!("{path}&prefix={}", percent_encode(&self.prefix));
        }
        match self.position {
            Some(position) => format!("{path}&from={position}"),
            None => path,
        }
    }
}

impl Open {
    fn bad(&self, error: &dyn std::fmt::Display) -> ClientError {
        ClientError::BadAnswer {
            url: self.url.clone(),
            what: error.to_string(),
        }
    }
}
