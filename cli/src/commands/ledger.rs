//! `synod ledger`: what anybody can do who holds a replica's folder.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;
use synod_crypto::Digest;
use synod_governance::View;
use synod_kv::{KeyRange, MapName, Read as _};
use synod_ledger::{Block, Record};

use crate::connect::{DEFAULT_DIR, parse_network};
use crate::ledger_folder::{LedgerFolder, TakenIn};
use crate::member_key::MemberKey;
use crate::network_evidence::SIMULATED;
use crate::outcome::{Failure, Outcome};
use crate::output::Output;
use crate::{connect, files, recovery};

/// Audits, shows and rebuilds ledgers, offline
#[derive(Args, Debug)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Subcommand, Debug)]
enum LedgerCommand {
    /// Checks everything: chain, tree, certificates and configurations; executes every act of
    /// governance again
    #[command(after_help = "Examples:
  synod ledger audit .synod                     # every replica's folder
  synod ledger audit backup --network 5c1f…")]
    Audit {
        /// A replica's folder, or one that holds several
        dir: PathBuf,
        #[command(flatten)]
        pin: PinArgs,
    },
    /// Shows what is public: blocks, maps, or the entries of one public map. No secret is needed
    #[command(after_help = "Examples:
  synod ledger show .synod/replica-1
  synod ledger show .synod/replica-1 --blocks
  synod ledger show .synod/replica-1 --map public:tour")]
    Show {
        /// A replica's folder
        dir: PathBuf,
        /// The entries of this map
        #[arg(long, value_name = "MAP")]
        map: Option<String>,
        /// Every block, one per line
        #[arg(long, conflicts_with = "map")]
        blocks: bool,
        #[command(flatten)]
        pin: PinArgs,
    },
    /// Rebuilds the private state from one replica's folder and the members' shares
    #[command(after_help = "Examples:
  synod ledger rebuild .synod/replica-2 --share alice.key --share bob.key
  synod ledger rebuild .synod/replica-2 --share alice.key --share bob.key --map notes --json")]
    Rebuild {
        /// A replica's folder
        dir: PathBuf,
        /// The key file of a member; as many are needed as the manifest says
        #[arg(long, value_name = "FILE", required = true)]
        share: Vec<PathBuf>,
        /// Print the entries of this map; without it, only how many entries each map has
        #[arg(long, value_name = "MAP")]
        map: Option<String>,
        #[command(flatten)]
        pin: PinArgs,
    },
}

/// What the ledger's beginning is compared with.
#[derive(Args, Debug)]
struct PinArgs {
    /// The network id [default: that of the trust file]
    #[arg(long, value_name = "ID")]
    network: Option<String>,
    /// A trust file [default: .synod/trust.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "SYNOD_TRUST")]
    trust: Option<PathBuf>,
}

pub(crate) fn run(args: &LedgerArgs, output: Output) -> Outcome {
    match &args.command {
        LedgerCommand::Audit { dir, pin } => audit(dir, pin, output),
        LedgerCommand::Show {
            dir,
            map,
            blocks,
            pin,
        } => show(dir, map.as_deref(), *blocks, pin, output),
        LedgerCommand::Rebuild {
            dir,
            share,
            map,
            pin,
        } => rebuild(dir, share, map.as_deref(), pin, output),
    }
}

/// The result of a full audit of one folder.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AuditReport {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The network id that its block 0 hashes to.
    pub(crate) network_id: String,
    /// Whether that was compared with a pin.
    pub(crate) pinned: bool,
    /// Whether only simulated hardware vouched for a replica.
    pub(crate) simulated: bool,
    /// Blocks up to the newest certified one.
    pub(crate) blocks: u64,
    /// Transactions in them.
    pub(crate) transactions: u64,
    /// Certificates that were verified.
    pub(crate) certificates: u64,
    /// The number of the newest configuration.
    pub(crate) configuration: u64,
    /// Blocks after the newest certified one.
    pub(crate) uncertified_blocks: u64,
    /// Blocks that an election replaced.
    pub(crate) replaced_blocks: u64,
    /// Proofs against replicas.
    pub(crate) proofs: u64,
    /// Where the last file is torn, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) torn: Option<String>,
}

/// Audits one folder.
pub(crate) fn audit_folder(folder: &LedgerFolder, pin: Option<Digest>) -> Outcome<AuditReport> {
    let network = match pin {
        Some(pin) => pin,
        None => folder.claimed_network()?,
    };
    let taken = folder.take_in(network, None)?;
    let certified = taken.machine.sequence().certified();
    Ok(AuditReport {
        folder: folder.path().to_owned(),
        network_id: network.to_string(),
        pinned: pin.is_some(),
        simulated: taken.simulated()?,
        blocks: certified.index,
        transactions: certified.tree_size,
        certificates: taken.counts.certificates,
        configuration: taken.machine.sequence().configuration().number(),
        uncertified_blocks: taken.uncertified,
        replaced_blocks: taken.counts.replaced,
        proofs: taken.counts.proofs,
        torn: taken.torn,
    })
}

fn audit(dir: &Path, pin: &PinArgs, output: Output) -> Outcome {
    let pin = pin.pin()?;
    let reports = LedgerFolder::find_all(dir)?
        .iter()
        .map(|folder| audit_folder(folder, pin))
        .collect::<Outcome<Vec<_>>>()?;
    let simulated = reports.iter().any(|report| report.simulated);
    let data = json!({ "verified": pin.is_some(), "simulated": simulated, "ledgers": reports });
    output.result(&data, || {
        reports
            .iter()
            .map(report_text)
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    match (pin, reports.first()) {
        (None, Some(report)) => Err(Failure::not_verified(
            "the ledger is consistent, but was not compared with a network id",
        )
        .with_hint(format!(
            "compare {} with what the members publish, then repeat the command with `--network` and that id",
            report.network_id
        ))),
        _ => Ok(()),
    }
}

fn report_text(report: &AuditReport) -> String {
    let mut text = format!(
        "{}: sound\n  network {}\n  {} blocks with {} transactions, {} certificates, configuration {}",
        report.folder.display(),
        report.network_id,
        report.blocks,
        report.transactions,
        report.certificates,
        report.configuration
    );
    if report.simulated {
        text = format!("{text}\n  {SIMULATED}");
    }
    if report.uncertified_blocks > 0 {
        text = format!(
            "{text}\n  {} blocks after the newest certificate, which are not committed",
            report.uncertified_blocks
        );
    }
    if report.proofs > 0 {
        text = format!(
            "{text}\n  {} PROOFS of misbehaviour were kept",
            report.proofs
        );
    }
    if let Some(torn) = &report.torn {
        text = format!("{text}\n  {torn}, as after a crash");
    }
    text
}

fn show(dir: &Path, map: Option<&str>, blocks: bool, pin: &PinArgs, output: Output) -> Outcome {
    let folder = LedgerFolder::find_one(dir)?;
    let taken = folder.take_in(pin.pin_or_claim(&folder)?, None)?;
    match map {
        _ if blocks => show_blocks(&folder, taken.simulated()?, output),
        Some(map) => show_map(&taken, map, output),
        None => show_summary(&taken, output),
    }
}

fn show_blocks(folder: &LedgerFolder, simulated: bool, output: Output) -> Outcome {
    let mut lines = Vec::new();
    folder.for_each(|file, at, record| {
        if let Record::Block(bytes) = record {
            let block = Block::decode(bytes.clone()).map_err(|error| {
                Failure::not_verified(format!("`{}`, byte {at}: {error}", file.display()))
            })?;
            let header = block.header();
            lines.push(json!({
                "index": header.index, "view": header.view, "proposer": header.proposer,
                "first_seqno": header.first_seqno, "transactions": header.count,
                "time_ms": header.time_ms, "bytes": bytes.len(), "hash": block.hash().to_string(),
            }));
        }
        Ok(())
    })?;
    output.result_marked(simulated, &json!({ "blocks": lines }), || {
        lines
            .iter()
            .map(|line| {
                format!(
                    "block {} view {} by {}: {} transactions from {}, {} bytes, {}",
                    line["index"],
                    line["view"],
                    line["proposer"],
                    line["transactions"],
                    line["first_seqno"],
                    line["bytes"],
                    line["hash"].as_str().unwrap_or_default()
                )
            })
            .collect::<Vec<_>>()
            .join("\n")
    })
}

fn show_map(taken: &TakenIn, map: &str, output: Output) -> Outcome {
    let name = MapName::new(map).map_err(Failure::mistake)?;
    if !name.is_public() {
        return Err(Failure::mistake(format!("`{map}` is private: its values are encrypted on the ledger"))
            .with_hint("names of public maps begin with `public:`; `synod ledger rebuild` needs the members' shares"));
    }
    show_entries(taken, &name, output)
}

fn show_entries(taken: &TakenIn, name: &MapName, output: Output) -> Outcome {
    let store = taken.machine.store();
    let snapshot = store.snapshot(store.head()).map_err(Failure::broken)?;
    let entries: Vec<_> = snapshot
        .range(name, &KeyRange::all(), usize::MAX)
        .into_iter()
        .map(|(key, found)| synod_api::Entry {
            key: key.into(),
            value: found.value.into(),
            version: found.version,
        })
        .collect();
    let data = json!({ "entries": entries });
    output.result_marked(taken.simulated()?, &data, || {
        entries
            .iter()
            .map(|entry| {
                format!(
                    "{}\t{}\t{}",
                    entry.version,
                    shown(&entry.key.0),
                    shown(&entry.value.0)
                )
            })
            .collect::<Vec<_>>()
            .join("\n")
    })
}

fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => format!("hex:{}", hex::encode(bytes)),
    }
}

fn show_summary(taken: &TakenIn, output: Output) -> Outcome {
    let store = taken.machine.store();
    let snapshot = store.snapshot(store.head()).map_err(Failure::broken)?;
    let view = View::new(&snapshot);
    let corrupt =
        |error| Failure::not_verified(format!("the ledger's governance cannot be read: {error}"));
    let sequence = taken.machine.sequence();
    let certified = sequence.certified();
    let members: Vec<String> = view
        .members()
        .map_err(corrupt)?
        .into_iter()
        .map(|member| member.name)
        .collect();
    let users: Vec<String> = view
        .users()
        .map_err(corrupt)?
        .into_iter()
        .map(|user| user.name)
        .collect();
    let replicas: Vec<_> = view
        .replicas()
        .map_err(corrupt)?
        .iter()
        .map(|replica| {
            json!({
                "id": replica.id, "tee": replica.tee.to_string(), "vendor": replica.vendor(),
                "simulated": replica.simulated, "status": replica.status.name(),
            })
        })
        .collect();
    let state = recovery::state(&store)?;
    let maps = counts_by_map(&state);
    let data = json!({
        "network_id": sequence.network().to_string(), "open": view.is_open().map_err(corrupt)?,
        "block": certified.index, "transactions": certified.tree_size, "time_ms": certified.time_ms,
        "configuration": sequence.configuration().number(),
        "members": members, "users": users, "replicas": replicas, "public_maps": maps,
    });
    output.result_marked(taken.simulated()?, &data, || {
        serde_json::to_string_pretty(&data).expect("plain data")
    })
}

fn rebuild(
    dir: &Path,
    shares: &[PathBuf],
    map: Option<&str>,
    pin: &PinArgs,
    output: Output,
) -> Outcome {
    let folder = LedgerFolder::find_one(dir)?;
    let keys = shares
        .iter()
        .map(|path| MemberKey::read(path))
        .collect::<Outcome<Vec<_>>>()?;
    let taken = recovery::rebuild(&folder, pin.pin_or_claim(&folder)?, &keys)?;
    if let Some(map) = map {
        return show_entries(
            &taken,
            &MapName::new(map).map_err(Failure::mistake)?,
            output,
        );
    }
    let state = recovery::state(&taken.machine.store())?;
    let maps = counts_by_map(&state);
    let certified = taken.machine.sequence().certified();
    let data = json!({
        "block": certified.index, "transactions": certified.tree_size,
        "uncertified_blocks": taken.uncertified, "maps": maps,
    });
    output.result_marked(taken.simulated()?, &data, || {
        let lines: Vec<String> = maps
            .iter()
            .map(|(map, count)| format!("  {map}: {count} entries"))
            .collect();
        format!(
            "rebuilt up to block {}, transaction {}\n{}",
            certified.index,
            certified.tree_size,
            lines.join("\n")
        )
    })
}

fn counts_by_map(state: &recovery::State) -> std::collections::BTreeMap<&str, u64> {
    let mut counts = std::collections::BTreeMap::new();
    for (map, _) in state.keys() {
        *counts.entry(map.as_str()).or_default() += 1;
    }
    counts
}

impl PinArgs {
    fn pin(&self) -> Outcome<Option<Digest>> {
        if let Some(text) = &self.network {
            return connect::parse_network(text).map(Some);
        }
        let dir = std::env::var_os("SYNOD_DIR").unwrap_or_else(|| DEFAULT_DIR.into());
        let default = Path::new(&dir).join("trust.toml");
        let path = match &self.trust {
            Some(path) => path,
            None if default.exists() => &default,
            None => return Ok(None),
        };
        let file = synod_client::TrustFile::parse(&files::read_text(path)?)?;
        parse_network(&file.network.to_string()).map(Some)
    }

    fn pin_or_claim(&self, folder: &LedgerFolder) -> Outcome<Digest> {
        match self.pin()? {
            Some(pin) => Ok(pin),
            None => folder.claimed_network(),
        }
    }
}
