//! `synod app call`: one request to an app; what it wrote is proven by its receipt.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use synod_api::headers;
use synod_client::{AppAnswer, AppPinFailure, AppProofFailure, AppRequest, Service};
use synod_ledger::ReceiptPolicy;

use crate::connect::{self, ServiceArgs};
use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};
use crate::output::{Output, say, write_bytes};
use crate::receipt_files::BoundFile;

/// Calls an app; the body of its answer goes to standard output, and what it wrote is proven by its
/// receipt
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod app call notes PUT /notes/first --json-body '{\"text\": \"hello\"}' --receipt first.receipt
  synod app call notes GET /notes/first
  synod app call notes GET /count --local         # the asked replica's own certified state
  echo text | synod app call notes POST /upload --data -")]
pub(crate) struct CallArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The app
    name: String,
    /// The method
    method: Method,
    /// The path below the app, with its query
    path: String,
    /// The body; `@FILE` reads it from a file, `-` from standard input
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,
    /// The body, as JSON
    #[arg(long, value_name = "JSON", conflicts_with = "data", value_parser = parse_json)]
    json_body: Option<Value>,
    /// A header field; can be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Call as this user, whose key and certificate are in DIR/users
    #[arg(long, value_name = "NAME", conflicts_with = "cert")]
    user: Option<String>,
    /// Write the receipt to this file, and what it must bind to FILE.bound
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Your name for this request: if it is sent again with the same name, it still takes effect
    /// only once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Use the certified state of the replica that answers, instead of the newest state
    #[arg(long)]
    local: bool,
}

pub(crate) async fn run(args: &CallArgs, output: Output) -> Outcome {
    let service = args.service_as_user()?;
    let (app, known) = (service.app(&args.name), args.service.known()?);
    if let Some(pin) = known.apps.iter().find(|pin| pin.name == args.name) {
        app.check(pin).await.map_err(of_pin)?;
    }
    let answer = app.call(&args.request()?).await?;
    if answer.receipt.is_some() {
        let chain = connect::chain(&service, known.network).await?;
        let (receipt, _) = app
            .prove(&answer, &chain, &POLICY)
            .await
            .map_err(of_proof)?;
        say(format!(
            "verified: transaction {} is committed, and its receipt proves this request and this answer",
            answer.transaction_id
        ));
        if let Some(path) = &args.receipt {
            keep(path, &receipt, &answer)?;
        }
    } else if args.receipt.is_some() {
        say("nothing was written, so there is no receipt");
    }
    tell(&service, &answer, output)
}

/// What a receipt must prove beside what the configuration demands.
const POLICY: ReceiptPolicy = ReceiptPolicy {
    signers_min: 1,
    vendors_min: 1,
    before_opening: false,
};

pub(crate) fn of_pin(failure: AppPinFailure) -> Failure {
    match failure {
        AppPinFailure::Client(error) => error.into(),
        AppPinFailure::Pin(error) => Failure::not_verified(error),
    }
}

fn of_proof(failure: AppProofFailure) -> Failure {
    match failure {
        AppProofFailure::Client(error) => error.into(),
        AppProofFailure::Memory(error) => error.into(),
        AppProofFailure::Receipt(error) => {
            Failure::not_verified(format!("the receipt proves nothing: {error}"))
        }
        AppProofFailure::Renew(error) => crate::commands::receipt::of_renewal(error),
    }
}

impl CallArgs {
    fn service_as_user(&self) -> Outcome<Service> {
        let mut at = self.service.clone();
        if let Some(user) = &self.user {
            let users = at.dir.join("users");
            at.cert = Some(users.join(format!("{user}.pem")));
            at.cert_key = Some(users.join(format!("{user}.key")));
        }
        at.service()
    }

    fn request(&self) -> Outcome<AppRequest> {
        if !self.path.starts_with('/') {
            return Err(Failure::mistake(format!("`{}` is not a path", self.path))
                .with_hint("a path begins with `/`"));
        }
        let mut fields = HeaderMap::new();
        for text in &self.header {
            let (name, value) = field(text)?;
            fields.append(name, value);
        }
        if fields.contains_key(http::header::CONTENT_TYPE) {
            return Err(Failure::mistake(
                "`content-type` follows from `--data` or `--json-body`",
            ));
        }
        let (body, content_type) = match (&self.json_body, &self.data) {
            (Some(json), _) => (json.to_string().into_bytes(), Some(headers::JSON)),
            (None, Some(data)) => (read_data(data)?, Some(headers::BYTES)),
            (None, None) => (Vec::new(), None),
        };
        let (path, query) = match self.path.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (self.path.as_str(), None),
        };
        Ok(AppRequest {
            query,
            headers: fields,
            content_type: content_type.map(str::to_owned),
            body: body.into(),
            local: self.local,
            receipt: true,
            idempotency_key: self.idempotency_key.clone(),
            ..AppRequest::new(self.method.clone(), path)
        })
    }
}

/// JSON; a text would otherwise be taken for a JSON string.
fn parse_json(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

fn field(text: &str) -> Outcome<(HeaderName, HeaderValue)> {
    let wrong = || {
        Failure::mistake(format!("`{text}` is not a header field")).with_hint("write `NAME: VALUE`")
    };
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name = name
        .trim()
        .to_ascii_lowercase()
        .parse()
        .map_err(|_| wrong())?;
    let value = value.trim().parse().map_err(|_| wrong())?;
    Ok((name, value))
}

fn read_data(data: &str) -> Outcome<Vec<u8>> {
    if let Some(path) = data.strip_prefix('@') {
        return files::read(path.as_ref());
    }
    if data != "-" {
        return Ok(data.as_bytes().to_vec());
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(files::FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io("cannot read standard input", &error))?;
    Ok(bytes)
}

fn keep(path: &std::path::Path, receipt: &[u8], answer: &AppAnswer) -> Outcome {
    let bound = BoundFile {
        transaction_id: answer.transaction_id.to_string(),
        bound: answer.bound,
    };
    files::create(path, receipt, Readers::Everybody)?;
    files::create(
        &BoundFile::path_for(path),
        bound.to_json().as_bytes(),
        Readers::Everybody,
    )
}

/// The body as it is; a status from 400 on is told, and a failure.
fn tell(service: &Service, answer: &AppAnswer, output: Output) -> Outcome {
    let (status, body) = (answer.status.as_u16(), &answer.body);
    if output.json {
        let text = std::str::from_utf8(body);
        let parsed = serde_json::from_slice::<Value>(body).ok();
        let shown = match (parsed, text) {
            (Some(json), _) => json,
            (None, Ok(text)) => json!(text),
            (None, Err(_)) => json!({ "hex": hex::encode(body) }),
        };
        let data = json!({
            "status": status,
            "transaction_id": answer.transaction_id.to_string(),
            "proven": answer.receipt.is_some(),
            "body": shown,
        });
        output.result_of(service, &data, String::new)?;
    } else {
        output.say_simulated(service.simulated() == Some(true));
        write_bytes(body)?;
        if !body.is_empty() && !body.ends_with(b"\n") {
            say("");
        }
    }
    if status >= 400 {
        return Err(Failure::mistake(format!(
            "the app answered {}",
            answer.status
        )));
    }
    Ok(())
}
