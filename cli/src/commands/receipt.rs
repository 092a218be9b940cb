//! `synod receipt`: fetches receipts and verifies them, offline.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use synod_api::TxId;
use synod_client::{
    ReceiptFailure, RenewFailure, Service, read_chain, verify_answer, verify_receipt,
};
use synod_ledger::{Chain, Committed, ReceiptPolicy, Transaction};

use crate::connect::{self, ServiceArgs};
use crate::files::{self, Readers};
use crate::instant::{Instant, in_utc};
use crate::network_evidence::{Appraised, NetworkEvidence, SIMULATED};
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
    /// Verifies a receipt: who signed, which transaction, and that it binds your request and your
    /// answer
    #[command(after_help = "Examples:
  synod receipt verify 2.17.receipt                                        # fetches the chain, believes only the pin
  synod receipt verify 2.17.receipt --chain chain.cbor --network 5c1f…     # offline
  synod receipt verify 2.17.receipt --chain chain.cbor --network 5c1f… --policy production.toml
  synod receipt verify photo.receipt --bound photo.receipt.bound --vendors 2")]
    Verify(VerifyArgs),
    /// Replaces a receipt by a verified one for the same transaction under the newest configuration
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
    /// A file to write the chain of configurations to; offline verification needs it
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
    /// What the receipt must bind, as `synod kv … --receipt` wrote it [default: FILE.bound, if it
    /// is there]
    #[arg(long, value_name = "FILE")]
    bound: Option<PathBuf>,
    /// The time at which your own policy judges the founders' evidence: Unix seconds or UTC
    /// [default: that of block 0]
    #[arg(long, value_name = "TIME")]
    at: Option<Instant>,
    /// The minimum number of signers, in addition to what the configuration requires
    #[arg(long, value_name = "N", default_value_t = 1)]
    signers: usize,
    /// The minimum number of vendors among the signers, in addition to what the configuration
    /// requires
    #[arg(long, value_name = "N", default_value_t = 1)]
    vendors: usize,
}

#[derive(Args, Debug)]
struct RenewArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The receipt; it is replaced only if the new one is valid
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
    output.result_of(&service, &data, || {
        format!(
            "{} ({} bytes, not verified yet)",
            args.out.display(),
            receipt.len()
        )
    })
}

async fn verify(args: &VerifyArgs, output: Output) -> Outcome {
    let pin = args.service.pin()?;
    let chain_file = args.chain_file().await?;
    let chain = read_chain(pin.network, &chain_file)?;
    let evidence = NetworkEvidence::of_chain_file(pin.network, &chain_file)?;
    if args.at.is_some() && pin.policy.is_none() {
        return Err(Failure::mistake("`--at` needs a policy to judge by")
            .with_hint("name one with `--policy FILE`"));
    }
    let appraised = pin
        .policy
        .as_ref()
        .map(|policy| evidence.appraise(policy, args.at.map(|at| at.0), &chain))
        .transpose()?;
    let bound = args.bound()?;
    let mut file = Bytes::from(files::read(&args.receipt)?);
    let judge = |file: &[u8]| args.judge(file, &chain, bound.as_ref(), false);
    let proven = match judge(&file) {
        // The service is available: it is asked for a receipt as new as the chain that it gave.
        Err(failure) if failure.is_superseded() && args.chain.is_none() => {
            say(format!(
                "`{}` is signed by earlier voters, so it was renewed for this verification; `synod receipt renew` saves the new one",
                args.receipt.display()
            ));
            file = renewed(&args.service.service()?, &args.receipt, &file).await?;
            judge(&file)
        }
        judged => judged,
    };
    let proven = match proven {
        Err(failure) if failure.is_before_opening() => {
            args.judge(&file, &chain, bound.as_ref(), true)
        }
        judged => judged,
    };
    let proven = proven.map_err(|failure| refused(&args.receipt, &failure))?;
    pin.memory
        .take_receipt(&chain, &file)
        .map_err(|error| Failure::from(error).during(format!("`{}`", args.receipt.display())))?;
    let shown = Shown {
        proven: &proven,
        evidence: &evidence,
        appraised: appraised.as_ref(),
        bound: bound.is_some(),
        newest: pin.memory.is_newest(&chain),
    };
    output.result(&shown.json(), || shown.text())?;
    if proven.before_opening {
        return Err(Failure::not_verified(format!(
            "`{}` was made before the members opened the network: only a founder vouches for it",
            args.receipt.display()
        ))
        .with_hint("once the members have opened the network, `synod receipt renew FILE` makes one that proves it"));
    }
    Ok(())
}

async fn renew(args: &RenewArgs, output: Output) -> Outcome {
    let file = files::read(&args.receipt)?;
    let service = args.service.service()?;
    let fresh = renewed(&service, &args.receipt, &file).await?;
    let known = args.service.known()?;
    let chain = connect::chain(&service, known.network).await?;
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
    output.result_of(&service, &data, || {
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
        RenewFailure::Answer(_) | RenewFailure::Malformed(_) | RenewFailure::OtherLeaf { .. } => {
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
        before_opening: bool,
    ) -> Result<Committed<Transaction>, ReceiptFailure> {
        let policy = ReceiptPolicy {
            signers_min: self.signers,
            vendors_min: self.vendors,
            before_opening,
        };
        match bound {
            Some((id, bound)) => verify_answer(file, chain, &policy, *id, &bound.bound),
            None => verify_receipt(file, chain, &policy),
        }
    }

    /// The chain file: the one that was named, and then no service is asked.
    async fn chain_file(&self) -> Outcome<Bytes> {
        Ok(match &self.chain {
            Some(path) => Bytes::from(files::read(path)?),
            None => self.service.service()?.chain_file().await?,
        })
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

/// What a verified receipt shows.
struct Shown<'a> {
    proven: &'a Transaction,
    evidence: &'a NetworkEvidence,
    appraised: Option<&'a Appraised>,
    bound: bool,
    /// Whether the chain has the newest configuration that was ever seen.
    newest: bool,
}

impl Shown<'_> {
    fn json(&self) -> Value {
        let signers: Vec<_> = self
            .proven
            .signers
            .iter()
            .map(|(id, vendor)| json!({ "replica": id, "vendor": vendor }))
            .collect();
        let appraised = self.appraised.map(|appraised| {
            json!({
                "policy": appraised.policy, "at_ms": appraised.at_ms, "founders": appraised.founders,
                "voters_without_evidence": appraised.without_evidence,
            })
        });
        json!({
            "verified": !self.proven.before_opening,
            "before_opening": self.proven.before_opening,
            "simulated": self.evidence.simulated(),
            "transaction_id": self.proven.id().to_string(),
            "block": self.proven.head.index,
            "configuration": self.proven.configuration,
            "ledger_time_ms": self.proven.head.time_ms,
            "signers": signers,
            "appraised": appraised,
            "binds_request_and_answer": self.bound,
            "chain_has_newest_configuration_seen": self.newest,
        })
    }

    fn text(&self) -> String {
        let signers = self.proven.signers.iter();
        let signers: Vec<_> = signers
            .map(|(id, vendor)| format!("replica {id} ({vendor})"))
            .collect();
        let (id, block) = (self.proven.id(), self.proven.head.index);
        let mut lines = vec![
            if self.proven.before_opening {
                format!(
                    "NOT VERIFIED, made before the members opened the network: transaction {id} in block {block}"
                )
            } else {
                format!("verified: transaction {id} is committed in block {block}")
            },
            format!("signed by {}", signers.join(", ")),
        ];
        if self.evidence.simulated() {
            lines.push(SIMULATED.to_owned());
        }
        lines.extend(self.appraised.map(appraised_line));
        lines.push(format!(
            "compared with {}",
            if self.bound {
                "your request and your answer"
            } else {
                "no request and answer of yours: name their file with `--bound`"
            }
        ));
        if !self.newest {
            lines.push("the chain ends before the newest configuration that this client has seen: a superseded configuration vouches for this receipt".to_owned());
        }
        lines.join("\n")
    }
}

fn appraised_line(appraised: &Appraised) -> String {
    let Appraised {
        policy,
        at_ms,
        founders,
        without_evidence,
    } = appraised;
    let line = format!(
        "policy `{policy}` accepts the evidence of {founders} founders, at {}",
        in_utc(*at_ms)
    );
    if without_evidence.is_empty() {
        return line;
    }
    let ids: Vec<String> = without_evidence.iter().map(u64::to_string).collect();
    format!(
        "{line}\nnot appraised: replicas {}, because a chain file does not contain their evidence; the members' policy judged it when they joined",
        ids.join(", ")
    )
}
