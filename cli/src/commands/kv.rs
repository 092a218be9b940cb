//! `synod kv`: reads and writes keys.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use synod_api::{Condition, Consistency, ListReply, TxStatus, TxnRequest};
use synod_client::{Listing, Service, Transacted, Value, WriteOptions, Written};

use crate::connect::ServiceArgs;
use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};
use crate::output::{Output, write_bytes};
use crate::receipt_files::BoundFile;

/// Reads and writes keys. Maps named `public:…` can be read by anybody who holds the ledger, all
/// others are private
#[derive(Args, Debug)]
pub(crate) struct KvArgs {
    #[command(subcommand)]
    command: KvCommand,
}

#[derive(Subcommand, Debug)]
enum KvCommand {
    /// Writes a key, and waits until the write is committed
    #[command(after_help = "Examples:
  synod kv put notes hello 'a value'
  synod kv put notes photo --file photo.png --receipt photo.receipt
  echo secret | synod kv put notes hello -
  synod kv put notes hello 'next' --if-version 17")]
    Put(PutArgs),
    /// Reads a key; the value goes to standard output as it is
    #[command(after_help = "Examples:
  synod kv get notes hello
  synod kv get notes hello --local     # the asked replica's own certified state")]
    Get(GetArgs),
    /// Removes a key
    #[command(after_help = "Example:
  synod kv delete notes hello --if-present")]
    Delete(DeleteArgs),
    /// Lists the entries of a map
    #[command(after_help = "Examples:
  synod kv list notes --prefix h
  synod kv list notes --all --json")]
    List(ListArgs),
    /// Does several operations in one transaction, all or nothing; takes JSON from a file or from
    /// standard input
    #[command(after_help = "Example:
  echo '{\"compares\":[{\"map\":\"accounts\",\"key\":\"a\",\"expect\":{\"value\":\"100\"}}],
         \"operations\":[{\"put\":{\"map\":\"accounts\",\"key\":\"a\",\"value\":\"90\"}},
                       {\"put\":{\"map\":\"accounts\",\"key\":\"b\",\"value\":\"10\"}}]}' | synod kv txn -")]
    Txn(TxnArgs),
}

#[derive(Args, Debug)]
struct PutArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The map
    map: String,
    /// The key
    key: String,
    /// The value; `-` reads it from standard input
    #[arg(required_unless_present = "file")]
    value: Option<String>,
    /// Read the value from a file
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    file: Option<PathBuf>,
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    condition: ConditionArgs,
}

#[derive(Args, Debug)]
struct DeleteArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The map
    map: String,
    /// The key
    key: String,
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    condition: ConditionArgs,
}

#[derive(Args, Debug)]
struct GetArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The map
    map: String,
    /// The key
    key: String,
    /// Read the certified state of the replica that answers, instead of the newest state
    #[arg(long)]
    local: bool,
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The map
    map: String,
    /// Only keys that begin with this prefix
    #[arg(long, default_value = "")]
    prefix: String,
    /// Only this key and the keys after it
    #[arg(long, value_name = "KEY")]
    from: Option<String>,
    /// Only keys before this one
    #[arg(long, value_name = "KEY")]
    to: Option<String>,
    /// The number of entries on one page
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    /// The cursor that the previous page printed
    #[arg(long)]
    cursor: Option<String>,
    /// All pages, one after the other
    #[arg(long, conflicts_with = "cursor")]
    all: bool,
    /// Read the certified state of the replica that answers, instead of the newest state
    #[arg(long)]
    local: bool,
}

#[derive(Args, Debug)]
struct TxnArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The transaction in JSON; `-` reads it from standard input
    #[arg(value_name = "FILE")]
    request: PathBuf,
    #[command(flatten)]
    mode: ModeArgs,
}

/// How a write is made.
#[derive(Args, Debug)]
struct ModeArgs {
    /// Do not wait for the commit: the write may still be lost
    #[arg(long, conflicts_with = "receipt")]
    no_wait: bool,
    /// Write the receipt to this file, and what it must bind to FILE.bound
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Your name for this request: if it is sent again with the same name, it still takes effect
    /// only once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// What must hold of the key.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct ConditionArgs {
    /// Only if the key has this version
    #[arg(long = "if-version", value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,
    /// Only if the key has no value
    #[arg(long = "if-absent")]
    absent: bool,
    /// Only if the key has a value
    #[arg(long = "if-present")]
    present: bool,
}

pub(crate) async fn run(args: &KvArgs, output: Output) -> Outcome {
    match &args.command {
        KvCommand::Put(args) => put(args, output).await,
        KvCommand::Get(args) => get(args, output).await,
        KvCommand::Delete(args) => delete(args, output).await,
        KvCommand::List(args) => list(args, output).await,
        KvCommand::Txn(args) => transact(args, output).await,
    }
}

async fn put(args: &PutArgs, output: Output) -> Outcome {
    let value = match (&args.file, args.value.as_deref()) {
        (Some(path), _) => files::read(path)?,
        (None, Some("-")) => read_stdin()?,
        (None, value) => value.unwrap_or_default().as_bytes().to_vec(),
    };
    let options = args.mode.options(args.condition.condition());
    let service = args.service.service()?;
    let written = service
        .put(&args.map, args.key.as_bytes(), value, &options)
        .await?;
    args.mode.keep(&written)?;
    tell_written(&service, &written, output)
}

async fn delete(args: &DeleteArgs, output: Output) -> Outcome {
    let options = args.mode.options(args.condition.condition());
    let service = args.service.service()?;
    let written = service
        .delete(&args.map, args.key.as_bytes(), &options)
        .await?;
    args.mode.keep(&written)?;
    tell_written(&service, &written, output)
}

async fn get(args: &GetArgs, output: Output) -> Outcome {
    let service = args.service.service()?;
    let found = service
        .get(&args.map, args.key.as_bytes(), consistency(args.local))
        .await?;
    let Some(Value {
        value,
        version,
        as_of,
    }) = found
    else {
        return Err(Failure::mistake(format!(
            "`{}` has no value in `{}`",
            args.key, args.map
        )));
    };
    if output.json {
        let value = synod_api::Blob(value);
        return output.result_of(
            &service,
            &json!({ "value": value, "version": version, "as_of": as_of.to_string() }),
            String::new,
        );
    }
    output.say_simulated(service.simulated() == Some(true));
    write_bytes(&value)
}

async fn list(args: &ListArgs, output: Output) -> Outcome {
    let service = args.service.service()?;
    let mut listing = Listing {
        prefix: args.prefix.as_bytes().to_vec(),
        from: args.from.as_ref().map(|key| key.as_bytes().to_vec()),
        to: args.to.as_ref().map(|key| key.as_bytes().to_vec()),
        limit: args.limit,
        cursor: args.cursor.clone(),
        consistency: consistency(args.local),
    };
    let mut page = service.list(&args.map, &listing).await?;
    while args.all && page.next_cursor.is_some() {
        listing.cursor.clone_from(&page.next_cursor);
        page = joined(page, &service, &args.map, &listing).await?;
    }
    output.result_of(&service, &page, || page_text(&page))
}

async fn joined(
    mut page: ListReply,
    service: &Service,
    map: &str,
    listing: &Listing,
) -> Outcome<ListReply> {
    let next = service.list(map, listing).await?;
    page.entries.extend(next.entries);
    Ok(ListReply {
        entries: page.entries,
        ..next
    })
}

async fn transact(args: &TxnArgs, output: Output) -> Outcome {
    let json = if args.request == Path::new("-") {
        read_stdin()?
    } else {
        files::read(&args.request)?
    };
    let txn: TxnRequest = serde_json::from_slice(&json)
        .map_err(|error| Failure::mistake(format!("the transaction cannot be read: {error}")))?;
    let options = args.mode.options(Condition::Always);
    let service = args.service.service()?;
    let Transacted { reply, bound } = service.transact(&txn, &options).await?;
    if let (Some(path), Some(receipt), Some(bound)) = (&args.mode.receipt, &reply.receipt, bound) {
        keep_receipt(
            path,
            &receipt.0,
            &BoundFile {
                transaction_id: reply.transaction_id.to_string(),
                bound,
            },
        )?;
    }
    output.result_of(&service, &reply, || {
        let state = state_text(reply.status);
        let results = serde_json::to_string(&reply.results).expect("results are plain data");
        format!("transaction {} {state}\n{results}", reply.transaction_id)
    })
}

impl ModeArgs {
    fn options(&self, condition: Condition) -> WriteOptions {
        WriteOptions {
            condition,
            pending: self.no_wait,
            receipt: self.receipt.is_some(),
            idempotency_key: self.idempotency_key.clone(),
        }
    }

    /// Keeps the receipt of a write, if that was asked for.
    fn keep(&self, written: &Written) -> Outcome {
        let (Some(path), Some(receipt)) = (&self.receipt, &written.receipt) else {
            return Ok(());
        };
        let bound = BoundFile {
            transaction_id: written.transaction_id.to_string(),
            bound: written.bound,
        };
        keep_receipt(path, receipt, &bound)
    }
}

impl ConditionArgs {
    fn condition(&self) -> Condition {
        match (self.version, self.absent, self.present) {
            (Some(version), ..) => Condition::Version(version),
            (_, true, _) => Condition::Absent,
            (_, _, true) => Condition::Present,
            _ => Condition::Always,
        }
    }
}

fn keep_receipt(path: &Path, receipt: &[u8], bound: &BoundFile) -> Outcome {
    files::create(path, receipt, Readers::Everybody)?;
    files::create(
        &BoundFile::path_for(path),
        bound.to_json().as_bytes(),
        Readers::Everybody,
    )
}

fn tell_written(service: &Service, written: &Written, output: Output) -> Outcome {
    let data = json!({
        "transaction_id": written.transaction_id.to_string(),
        "status": written.status.to_string(),
        "version": written.version,
    });
    output.result_of(service, &data, || {
        format!(
            "transaction {} {}, version {}",
            written.transaction_id,
            state_text(written.status),
            written.version
        )
    })
}

fn state_text(status: TxStatus) -> &'static str {
    match status {
        TxStatus::Committed => "committed",
        TxStatus::Pending => {
            "pending: it may still be lost; `synod receipt get` fetches its proof once it is committed"
        }
        TxStatus::Invalid => "invalid",
        TxStatus::Unknown => "unknown",
    }
}

fn page_text(page: &ListReply) -> String {
    let mut lines: Vec<String> = page
        .entries
        .iter()
        .map(|entry| {
            format!(
                "{}\t{}\t{}",
                entry.version,
                printable(&entry.key.0),
                printable(&entry.value.0)
            )
        })
        .collect();
    if let Some(cursor) = &page.next_cursor {
        lines.push(format!("more: --cursor {cursor}"));
    }
    lines.join("\n")
}

/// Text as it is, with control characters and other bytes escaped: what stands in a map must not
/// steer a terminal.
fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().flat_map(escaped).collect(),
        Err(_) => format!("hex:{}", hex::encode(bytes)),
    }
}

fn escaped(c: char) -> Vec<char> {
    if c.is_control() {
        c.escape_default().collect()
    } else {
        vec![c]
    }
}

fn consistency(local: bool) -> Consistency {
    if local {
        Consistency::Local
    } else {
        Consistency::Linearizable
    }
}

fn read_stdin() -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(files::FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io("cannot read standard input", &error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        mode: ModeArgs,
        #[command(flatten)]
        condition: ConditionArgs,
    }

    fn options(line: &str) -> WriteOptions {
        let line = Line::parse_from(std::iter::once("put").chain(line.split_whitespace()));
        line.mode.options(line.condition.condition())
    }

    #[test]
    fn each_option_of_a_write_reaches_the_request() {
        assert!(!options("").pending && options("--no-wait").pending);
        assert!(!options("").receipt && options("--receipt file").receipt);
        let key = options("--idempotency-key k").idempotency_key;
        assert_eq!(key.as_deref(), Some("k"));
        for (line, condition) in [
            ("", Condition::Always),
            ("--if-version 7", Condition::Version(7)),
            ("--if-absent", Condition::Absent),
            ("--if-present", Condition::Present),
        ] {
            assert_eq!(options(line).condition, condition, "{line}");
        }
    }

    #[test]
    fn local_reads_ask_for_local_state() {
        assert_eq!(consistency(true), Consistency::Local);
        assert_eq!(consistency(false), Consistency::Linearizable);
    }
}
