//! `synod receipt`: fetches receipts and verifies them, offline.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::json;
use synod_api::TxId;
use synod_client::{ReceiptFailure, read_chain, verify_answer, verify_receipt};
use synod_ledger::{Chain, ReceiptPolicy, Transaction};

use crate::connect::{Known, ServiceArgs};
use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::receipt_files::BoundFile;

/// Fetches receipts and verifies them
#[derive(Args, Debug)]
pub(crate) struct ReceiptArgs {
    #[command(subcommand)]
    command: ReceiptCommand,
}

#[derive(Subcommand, Debug)]
enum ReceiptCommand {
    /// Fetches the receipt of a committed transaction
    #[command(after_help = "Example:
  synod receipt get 2.17 --out 2.17.receipt --chain-out chain.cbor")]
    Get(GetArgs),
    /// Verifies a receipt: who signed, which transaction, and that it binds your request and your answer
    #[command(after_help = "Examples:
  synod receipt verify 2.17.receipt                                        # fetches the chain, believes only the pin
  synod receipt verify 2.17.receipt --chain chain.cbor --network 5c1f…     # offline
  synod receipt verify photo.receipt --bound photo.receipt.bound --vendors 2")]
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
struct GetArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The transaction, as `view.seqno`
    id: TxId,
    /// The file for the receipt
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A file for the chain of configurations, which offline verification needs
    #[arg(long, value_name = "FILE")]
    chain_out: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct VerifyArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The receipt
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// The chain of configurations; without it, it is fetched from the service
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
    /// What the receipt must bind, as `synod kv … --receipt` wrote it [default: FILE.bound, if it is there]
    #[arg(long, value_name = "FILE")]
    bound: Option<PathBuf>,
    /// Least number of signers, beside what the configuration demands
    #[arg(long, value_name = "N", default_value_t = 1)]
    signers: usize,
    /// Least number of vendors among them, beside what the configuration demands
    #[arg(long, value_name = "N", default_value_t = 1)]
    vendors: usize,
}

pub(crate) async fn run(args: &ReceiptArgs, output: Output) -> Outcome {
    match &args.command {
        ReceiptCommand::Get(args) => get(args, output).await,
        ReceiptCommand::Verify(args) => verify(args, output).await,
    }
}

async fn get(args: &GetArgs, output: Output) -> Outcome {
    let service = args.service.service()?;
    let receipt = service.receipt(args.id).await?;
    files::create(&args.out, &receipt, Readers::Everybody)?;
    if let Some(path) = &args.chain_out {
        files::replace(path, &service.chain_file().await?, Readers::Everybody)?;
    }
    let data =
        json!({ "transaction_id": args.id.to_string(), "file": args.out, "bytes": receipt.len() });
    output.result(&data, || {
        format!(
            "{} ({} bytes, not verified yet)",
            args.out.display(),
            receipt.len()
        )
    })
}

async fn verify(args: &VerifyArgs, output: Output) -> Outcome {
    let file = files::read(&args.receipt)?;
    let known = args.service.known()?;
    let chain = args.chain(&known).await?;
    let policy = ReceiptPolicy {
        signers_min: args.signers,
        vendors_min: args.vendors,
    };
    let bound = args.bound()?;
    let proven = match &bound {
        Some((id, bound)) => verify_answer(&file, &chain, &policy, *id, &bound.bound),
        None => verify_receipt(&file, &chain, &policy),
    };
    let proven = proven.map_err(|failure| refused(&args.receipt, &failure))?;
    known
        .memory
        .take_receipt(&chain, &file)
        .map_err(|error| Failure::from(error).during(format!("`{}`", args.receipt.display())))?;
    let newest = known.memory.is_newest(&chain);
    tell(&proven, bound.is_some(), newest, output)
}

impl VerifyArgs {
    async fn chain(&self, known: &Known) -> Outcome<Chain> {
        match &self.chain {
            Some(path) => Ok(read_chain(known.network, &Bytes::from(files::read(path)?))?),
            None => Ok(self.service.service()?.chain(known.network).await?),
        }
    }

    fn bound(&self) -> Outcome<Option<(TxId, BoundFile)>> {
        let beside = BoundFile::path_for(&self.receipt);
        let path = match &self.bound {
            Some(path) => path,
            None if beside.exists() => &beside,
            None => return Ok(None),
        };
        let wrong =
            |what: String| Failure::mistake(format!("`{}` cannot be read: {what}", path.display()));
        let file: BoundFile = serde_json::from_slice(&files::read(path)?)
            .map_err(|error| wrong(error.to_string()))?;
        let id = file
            .transaction_id
            .parse()
            .map_err(|_| wrong("its transaction id is wrong".to_owned()))?;
        Ok(Some((id, file)))
    }
}

fn refused(path: &Path, failure: &ReceiptFailure) -> Failure {
    Failure::not_verified(format!("`{}` proves nothing: {failure}", path.display()))
}

fn tell(proven: &Transaction, bound: bool, newest: bool, output: Output) -> Outcome {
    let signers: Vec<_> = proven
        .signers
        .iter()
        .map(|(id, vendor)| json!({ "replica": id, "vendor": vendor }))
        .collect();
    let data = json!({
        "verified": true,
        "transaction_id": proven.id().to_string(),
        "block": proven.head.index,
        "ledger_time_ms": proven.head.time_ms,
        "signers": signers,
        "binds_request_and_answer": bound,
        "chain_has_newest_configuration_seen": newest,
    });
    output.result(&data, || {
        let signers: Vec<_> = proven.signers.iter().map(|(id, vendor)| format!("replica {id} ({vendor})")).collect();
        let bound = if bound { "your request and your answer" } else { "nothing of yours: name it with `--bound`" };
        let older = if newest { "" } else {
            "\nthe chain ends before the newest configuration that was seen: a superseded one vouches for this"
        };
        format!(
            "verified: transaction {} is committed in block {}\nsigned by {}\ncompared with {bound}{older}",
            proven.id(),
            proven.head.index,
            signers.join(", ")
        )
    })
}
