//! `synod receipt`: fetches receipts and verifies them, offline.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::json;
use synod_api::TxId;
use synod_client::{
    ReceiptFailure, RenewFailure, Service, read_chain, verify_answer, verify_receipt,
};
use synod_ledger::{Chain, Committed, ReceiptPolicy, Transaction};

use crate::connect::{Known, ServiceArgs};
use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};
use crate::output::{Output, say};
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
    /// Replaces a receipt by one of the same transaction under the newest configuration, and verifies it first
    #[command(after_help = "Example:
  synod receipt renew photo.receipt

A receipt is signed by the replicas that voted when it was given. Once other replicas vote, their signatures
count no more, and a chain of configurations that is newer than the receipt refuses it until it is renewed.")]
    Renew(RenewArgs),
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

#[derive(Args, Debug)]
struct RenewArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The receipt; it is replaced only by one that verifies
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
}

pub(crate) async fn run(args: &ReceiptArgs, output: Output) -> Outcome {
    match &args.command {
        ReceiptCommand::Get(args) => get(args, output).await,
        ReceiptCommand::Verify(args) => verify(args, output).await,
        ReceiptCommand::Renew(args) => renew(args, output).await,
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
    let known = args.service.known()?;
    let chain = args.chain(&known).await?;
    let bound = args.bound()?;
    let mut file = Bytes::from(files::read(&args.receipt)?);
    let judge = |file: &[u8]| args.judge(file, &chain, bound.as_ref());
    let proven = match judge(&file) {
        // The service is at hand: it is asked for a receipt as new as the chain that it gave.
        Err(failure) if failure.is_superseded() && args.chain.is_none() => {
            say(format!(
                "`{}` is older than the voters of today: it was renewed for this verification; `synod receipt renew` keeps the new one",
                args.receipt.display()
            ));
            file = renewed(&args.service.service()?, &args.receipt, &file).await?;
            judge(&file)
        }
        judged => judged,
    };
    let proven = proven.map_err(|failure| refused(&args.receipt, &failure))?;
    known
        .memory
        .take_receipt(&chain, &file)
        .map_err(|error| Failure::from(error).during(format!("`{}`", args.receipt.display())))?;
    let newest = known.memory.is_newest(&chain);
    tell(&proven, bound.is_some(), newest, output)
}

async fn renew(args: &RenewArgs, output: Output) -> Outcome {
    let file = files::read(&args.receipt)?;
    let service = args.service.service()?;
    let fresh = renewed(&service, &args.receipt, &file).await?;
    let known = args.service.known()?;
    let chain = service.chain(known.network).await?;
    let proven = verify_receipt(&fresh, &chain, &ReceiptPolicy::default())
        .map_err(|failure| refused(&args.receipt, &failure))?;
    known
        .memory
        .take_receipt(&chain, &fresh)
        .map_err(|error| Failure::from(error).during(format!("`{}`", args.receipt.display())))?;
    files::replace(&args.receipt, &fresh, Readers::Everybody)?;
    let (id, number) = (proven.id(), proven.configuration);
    let data = json!({
        "file": args.receipt, "transaction_id": id.to_string(), "configuration": number, "bytes": fresh.len(),
    });
    output.result(&data, || {
        format!(
            "{}: transaction {id}, signed by voters of configuration {number}",
            args.receipt.display()
        )
    })
}

/// A new receipt of the same transaction.
async fn renewed(service: &Service, path: &Path, file: &[u8]) -> Outcome<Bytes> {
    let renewed = service.renew_receipt(file).await;
    renewed.map_err(|failure| of_renewal(failure).during(path.display()))
}

pub(crate) fn of_renewal(failure: RenewFailure) -> Failure {
    match failure {
        RenewFailure::Client(error) => error.into(),
        RenewFailure::Answer(_) => Failure::broken(failure),
        RenewFailure::Malformed(_) | RenewFailure::OtherLeaf { .. } => {
            Failure::not_verified(failure)
        }
    }
}

impl VerifyArgs {
    fn judge(
        &self,
        file: &[u8],
        chain: &Chain,
        bound: Option<&(TxId, BoundFile)>,
    ) -> Result<Committed<Transaction>, ReceiptFailure> {
        let policy = ReceiptPolicy {
            signers_min: self.signers,
            vendors_min: self.vendors,
        };
        match bound {
            Some((id, bound)) => verify_answer(file, chain, &policy, *id, &bound.bound),
            None => verify_receipt(file, chain, &policy),
        }
    }

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
        "configuration": proven.configuration,
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
