//! `synod app call`: one request to an app; what it wrote is proven by its receipt.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::{HeaderName, Method};
use serde_json::{Value, json};
use synod_api::headers;
use synod_client::Service;
use synod_ledger::ReceiptPolicy;

use crate::app::remote::{self, AppAnswer, AppCall};
use crate::connect::ServiceArgs;
use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};
use crate::output::{Output, say, write_bytes};
use crate::receipt_files::BoundFile;

/// Calls an app; the body of its answer goes to standard output, and what it wrote is proven by its receipt
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
    #[arg(long, value_name = "JSON", conflicts_with = "data")]
    json_body: Option<Value>,
    /// A header field; can be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Call as this user, whose key and certificate stand in DIR/users
    #[arg(long, value_name = "NAME", conflicts_with = "cert")]
    user: Option<String>,
    /// Write the receipt to this file, and what it must bind to FILE.bound
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Your own name for this request: repeated with the same one, it takes effect once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Ask the certified state of the replica that is asked, instead of the newest
    #[arg(long)]
    local: bool,
}

pub(crate) async fn run(args: &CallArgs, output: Output) -> Outcome {
    let service = args.service_as_user()?;
    let call = args.call()?;
    let patience = Duration::from_secs(args.service.timeout);
    let answer = remote::call(&service, &call, patience).await?;
    let proof = prove(args, &service, &answer).await?;
    if let (Some(path), Some(receipt)) = (&args.receipt, &proof) {
        keep(path, receipt, &answer)?;
    }
    tell(&answer, output)
}

/// Fetches the receipt and verifies it by the pin.
async fn prove(
    args: &CallArgs,
    service: &Service,
    answer: &AppAnswer,
) -> Outcome<Option<bytes::Bytes>> {
    let Some(id) = answer.transaction else {
        if args.receipt.is_some() {
            say("nothing was written, so there is no receipt");
        }
        return Ok(None);
    };
    let chain = service.chain(args.service.known()?.network).await?;
    let policy = ReceiptPolicy {
        signers_min: 1,
        vendors_min: 1,
    };
    let proof = remote::prove(service, &chain, answer, &policy).await?;
    say(format!(
        "verified: transaction {id} is committed, with this request and this answer"
    ));
    Ok(proof)
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

    fn call(&self) -> Outcome<AppCall<'_>> {
        if !self.path.starts_with('/') {
            return Err(Failure::mistake(format!("`{}` is no path", self.path))
                .with_hint("a path begins with `/`"));
        }
        let mut fields = self
            .header
            .iter()
            .map(|text| field(text))
            .collect::<Outcome<Vec<_>>>()?;
        if let Some(key) = &self.idempotency_key {
            fields.push((
                HeaderName::from_static(headers::IDEMPOTENCY_KEY),
                key.clone(),
            ));
        }
        let named = fields
            .iter()
            .position(|(name, _)| *name == http::header::CONTENT_TYPE);
        if named.is_some() {
            return Err(Failure::mistake(
                "`content-type` follows from `--data` or `--json-body`",
            ));
        }
        let (body, content_type) = match (&self.json_body, &self.data) {
            (Some(json), _) => (json.to_string().into_bytes(), Some(headers::JSON)),
            (None, Some(data)) => (read_data(data)?, Some(headers::BYTES)),
            (None, None) => (Vec::new(), None),
        };
        Ok(AppCall {
            app: &self.name,
            method: self.method.clone(),
            target: &self.path,
            headers: fields,
            content_type,
            body: body.into(),
            local: self.local,
        })
    }
}

fn field(text: &str) -> Outcome<(HeaderName, String)> {
    let wrong = || {
        Failure::mistake(format!("`{text}` is no header field")).with_hint("write `NAME: VALUE`")
    };
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name = name
        .trim()
        .to_ascii_lowercase()
        .parse()
        .map_err(|_| wrong())?;
    Ok((name, value.trim().to_owned()))
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
        .map_err(|error| Failure::mistake(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}

fn keep(path: &std::path::Path, receipt: &[u8], answer: &AppAnswer) -> Outcome {
    let id = answer
        .transaction
        .map(|id| id.to_string())
        .unwrap_or_default();
    let bound = BoundFile {
        transaction_id: id,
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
fn tell(answer: &AppAnswer, output: Output) -> Outcome {
    let (status, body) = (answer.response.status.as_u16(), &answer.response.body);
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
            "transaction_id": answer.transaction.map(|id| id.to_string()),
            "body": shown,
        });
        output.result(&data, String::new)?;
    } else {
        write_bytes(body)?;
        if !body.is_empty() && !body.ends_with(b"\n") {
            say("");
        }
    }
    if status >= 400 {
        return Err(Failure::mistake(format!(
            "the app answered {}",
            answer.response.status
        )));
    }
    Ok(())
}
