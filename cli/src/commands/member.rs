//! `synod member`: what members of a synod do: make keys, approve founders, sign acts, hand them
//! in.
//!
//! Keys stay with their owners: each member signs on the own machine, and the signatures are files
//! that can be sent about and combined.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::json;
use synod_api::ActionReply;
use synod_client::{ReplicaUrl, TrustFile};
use synod_crypto::Digest;
use synod_governance::{Act, Action, Manifest};

use crate::connect::{ServiceArgs, ServiceArgsAnywhere};
use crate::files::{self, Readers};
use crate::founding::appraise_founder;
use crate::member_key::MemberKey;
use crate::outcome::{Failure, Outcome};
use crate::output::{Output, say};
use crate::{act_text, opening};

/// Makes members' keys, approves founders, and signs and submits acts of governance
#[derive(Args, Debug)]
pub(crate) struct MemberArgs {
    #[command(subcommand)]
    command: MemberCommand,
}

#[derive(Subcommand, Debug)]
enum MemberCommand {
    /// Makes a member's keys: NAME.key (mode 0600), and prints the entry for the manifest
    #[command(after_help = "Example:
  synod member keygen alice --out keys >> manifest.toml")]
    Keygen {
        /// The member's name
        name: String,
        /// The folder for the file
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
    /// Appraises a waiting founder, and signs the approval that lets it found this synod
    #[command(after_help = "Example:
  synod member approve https://127.0.0.1:8001 --manifest manifest.toml --key alice.key --out alice.approval

Read what you approve: with `join = \"verdict\"` in the manifest, whoever has genuine machines of the accepted code may
become the majority of the replicas; with `join = \"members\"` each replica needs the members' signatures as well.")]
    Approve {
        /// The founder's address
        url: ReplicaUrl,
        /// The genesis manifest
        #[arg(long, value_name = "FILE")]
        manifest: PathBuf,
        /// Your key file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The file for the approval
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Submits the members' approvals to the founder, and writes the trust file for users
    #[command(after_help = "Example:
  synod member found https://127.0.0.1:8001 --manifest manifest.toml --trust-out trust.toml *.approval")]
    Found {
        /// The founder's address
        url: ReplicaUrl,
        /// The genesis manifest
        #[arg(long, value_name = "FILE")]
        manifest: PathBuf,
        /// The trust file to write, which users need
        #[arg(long, value_name = "FILE")]
        trust_out: PathBuf,
        /// The members' approvals
        #[arg(required = true, value_name = "APPROVAL")]
        approvals: Vec<PathBuf>,
    },
    /// Signs an act; once enough members have signed the same act, one of them submits it
    #[command(after_help = "Examples:
  synod member act open --key alice.key --out open.alice
  synod member act open --trust trust.toml --key alice.key --out open.alice
  synod member act set-user bob 3f9a… --role read --key alice.key --out bob.alice
  synod member act remove-replica 1 --cause 'lost its disk' --key alice.key --out gone.alice")]
    Act(ActArgs),
    /// Shows and signs an act that somebody else prepared
    #[command(after_help = "Example:
  synod app set notes --write-action notes.action        # on a machine with the app
  synod member sign notes.action --key alice.key --out notes.alice")]
    Sign {
        /// The file of the act
        #[arg(value_name = "ACTION")]
        action: PathBuf,
        /// Your key file
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The file for the signature
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Submits an act with the members' signatures
    #[command(after_help = "Example:
  synod member submit open.alice open.bob")]
    Submit {
        #[command(flatten)]
        service: ServiceArgs,
        /// The files that `synod member act` wrote, all for the same act
        #[arg(required = true, value_name = "SIGNATURE")]
        signatures: Vec<PathBuf>,
    },
}

#[derive(Args, Debug)]
struct ActArgs {
    #[command(subcommand)]
    act: ActCommand,
    #[command(flatten)]
    service: ServiceArgsAnywhere,
    /// Your key file
    #[arg(long, value_name = "FILE", global = true)]
    key: Option<PathBuf>,
    /// The file for the signature
    #[arg(long, value_name = "FILE", global = true)]
    out: Option<PathBuf>,
    /// The sequence number of the act [default: the next one, which the service states]
    #[arg(long, value_name = "N", global = true)]
    sequence: Option<u64>,
}

#[derive(Subcommand, Debug)]
enum ActCommand {
    /// Opens the service to users with the current voters, after verifying each of them
    Open,
    /// Admits a user, or changes the user's roles
    SetUser {
        /// The user's name
        name: String,
        /// SHA-256 of the public key in the user's certificate, as `synod user keygen` prints it
        fingerprint: String,
        /// A role: `read` or `write`; can be repeated
        #[arg(long, value_name = "ROLE")]
        role: Vec<String>,
    },
    /// Takes all rights from a user
    RemoveUser {
        /// The user's name
        name: String,
    },
    /// Trusts a replica whose evidence passed, if the manifest says `join = "members"`
    TrustReplica {
        /// The replica
        id: u64,
    },
    /// Removes a replica for good
    RemoveReplica {
        /// The replica
        id: u64,
        /// The reason; it is public on the ledger
        #[arg(long, default_value = "removed by the members")]
        cause: String,
    },
    /// Sets how many vendors a quorum must span from the next block on
    SetRequiredVendors {
        /// 1 or 2
        n: u8,
    },
}

pub(crate) async fn run(args: &MemberArgs, output: Output) -> Outcome {
    match &args.command {
        MemberCommand::Keygen { name, out } => keygen(name, out, output),
        MemberCommand::Approve {
            url,
            manifest,
            key,
            out,
        } => approve(url, manifest, key, out, output).await,
        MemberCommand::Found {
            url,
            manifest,
            trust_out,
            approvals,
        } => found(url, manifest, trust_out, approvals, output).await,
        MemberCommand::Act(args) => sign(args, output).await,
        MemberCommand::Sign { action, key, out } => sign_prepared(action, key, out, output),
        MemberCommand::Submit {
            service,
            signatures,
        } => submit(service, signatures, output).await,
    }
}

fn keygen(name: &str, out: &Path, output: Output) -> Outcome {
    files::make_folder(out)?;
    let key = MemberKey::generate(name)?;
    let path = out.join(format!("{name}.key"));
    key.create(&path)?;
    say(format!("wrote {}", path.display()));
    let entry = key.entry();
    output.result(&entry, || {
        let entry = toml::to_string(&entry).expect("an entry is plain strings");
        format!("\n[[members]]\n{entry}")
    })
}

async fn approve(
    url: &ReplicaUrl,
    manifest: &Path,
    key: &Path,
    out: &Path,
    output: Output,
) -> Outcome {
    let manifest = read_manifest(manifest)?;
    let key = MemberKey::read(key)?;
    let founder = appraise_founder(url, &manifest).await?;
    for check in founder.verdict.checks() {
        say(format!("  {check}"));
    }
    files::create(out, &founder.approve(&manifest, &key), Readers::Everybody)?;
    let data = json!({
        "file": out, "member": key.name(), "manifest": manifest.digest().to_string(),
        "identity": founder.verdict.identity().to_string(), "simulated": founder.verdict.simulated(),
    });
    output.say_simulated(founder.verdict.simulated());
    output.result(&data, || {
        format!("{} approves {url}: {}", key.name(), out.display())
    })
}

async fn found(
    url: &ReplicaUrl,
    manifest: &Path,
    trust_out: &Path,
    approvals: &[PathBuf],
    output: Output,
) -> Outcome {
    let manifest = read_manifest(manifest)?;
    let approvals = approvals
        .iter()
        .map(|path| files::read(path))
        .collect::<Outcome<Vec<_>>>()?;
    let founder = appraise_founder(url, &manifest).await?;
    let simulated = founder.verdict.simulated();
    let network = founder.found(url, &approvals).await?;
    let trust = TrustFile {
        network,
        urls: vec![url.clone()],
        service_ca: None,
        policy: None,
        apps: Vec::new(),
    };
    files::create(trust_out, trust.to_toml().as_bytes(), Readers::Everybody)?;
    let data = json!({ "network_id": network.to_string(), "trust": trust_out });
    output.result_marked(simulated, &data, || format!("network {network}"))
}

async fn sign(args: &ActArgs, output: Output) -> Outcome {
    let needed = |what: &str| Failure::mistake(format!("`--{what} FILE` is needed"));
    let signing = Signing {
        service: &args.service.0,
        key: args.key.as_deref().ok_or_else(|| needed("key"))?,
        out: args.out.as_deref().ok_or_else(|| needed("out"))?,
        sequence: args.sequence,
    };
    let act = match args.act.act()? {
        Some(act) => act,
        None => opening::act(&signing.service.service()?).await?.0,
    };
    sign_act(&signing, act, args.act.name(), output).await
}

/// What it takes to sign an act.
pub(crate) struct Signing<'a> {
    pub(crate) service: &'a ServiceArgs,
    pub(crate) key: &'a Path,
    pub(crate) out: &'a Path,
    /// The number of the act; none if the service is to be asked for the next.
    pub(crate) sequence: Option<u64>,
}

/// Signs an act, and says so.
pub(crate) async fn sign_act(
    signing: &Signing<'_>,
    act: Act,
    name: &str,
    output: Output,
) -> Outcome {
    let (key, out) = (MemberKey::read(signing.key)?, signing.out);
    let sequence = if let Some(sequence) = signing.sequence {
        sequence
    } else {
        let governance = signing.service.service()?.governance().await?;
        governance.next_sequence
    };
    let action = Action {
        network: signing.service.pin()?.network,
        sequence,
        act,
    };
    files::create(out, &action.sign(&key.signing_key()), Readers::Everybody)?;
    let data = json!({ "file": out, "member": key.name(), "sequence": action.sequence });
    output.result(&data, || {
        format!(
            "{} signs act {name} as number {}: {}",
            key.name(),
            action.sequence,
            out.display()
        )
    })
}

fn sign_prepared(path: &Path, key: &Path, out: &Path, output: Output) -> Outcome {
    let action = Action::decode(&files::read(path)?).map_err(|error| {
        Failure::mistake(format!("`{}` is not an act: {error}", path.display()))
    })?;
    let key = MemberKey::read(key)?;
    if let Act::Open { .. } = action.act {
        return Err(Failure::mistake(
            "a member who opens a network must verify its voters, which this command does not do",
        )
        .with_hint("sign it with `synod member act open`"));
    }
    let act = act_text::told(&action.act);
    files::create(out, &action.sign(&key.signing_key()), Readers::Everybody)?;
    let data = json!({
        "file": out, "member": key.name(), "network_id": action.network.to_string(),
        "sequence": action.sequence, "act": act,
    });
    output.result(&data, || {
        format!(
            "{} signs act {} of network {}: {act}\n{}",
            key.name(),
            action.sequence,
            action.network,
            out.display()
        )
    })
}

async fn submit(service: &ServiceArgs, signatures: &[PathBuf], output: Output) -> Outcome {
    let signatures = signatures
        .iter()
        .map(|path| files::read(path).map(Bytes::from))
        .collect::<Outcome<Vec<_>>>()?;
    let service = service.service()?;
    let reply: ActionReply = service.act(signatures).await?;
    output.result_of(&service, &reply, || {
        format!(
            "act {} is committed as transaction {}",
            reply.sequence, reply.transaction_id
        )
    })
}

impl ActCommand {
    /// The act, if it follows from the command line alone.
    fn act(&self) -> Outcome<Option<Act>> {
        Ok(Some(match self {
            Self::Open => return Ok(None),
            Self::SetUser {
                name,
                fingerprint,
                role,
            } => Act::SetUser {
                name: name.clone(),
                fingerprint: parse_fingerprint(fingerprint)?,
                roles: role.iter().cloned().collect(),
            },
            Self::RemoveUser { name } => Act::RemoveUser { name: name.clone() },
            Self::TrustReplica { id } => Act::TrustReplica { id: *id },
            Self::RemoveReplica { id, cause } => Act::RemoveReplica {
                id: *id,
                cause: cause.clone(),
            },
            Self::SetRequiredVendors { n } => Act::SetRequiredVendors { n: *n },
        }))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::SetUser { .. } => "set-user",
            Self::RemoveUser { .. } => "remove-user",
            Self::TrustReplica { .. } => "trust-replica",
            Self::RemoveReplica { .. } => "remove-replica",
            Self::SetRequiredVendors { .. } => "set-required-vendors",
        }
    }
}

/// Reads a genesis manifest.
fn read_manifest(path: &Path) -> Outcome<Manifest> {
    Manifest::from_toml(&files::read(path)?).map_err(|error| {
        Failure::mistake(format!("`{}` is not a manifest: {error}", path.display()))
    })
}

fn parse_fingerprint(text: &str) -> Outcome<Digest> {
    text.parse().map_err(|_| {
        Failure::mistake(format!("`{text}` is not a fingerprint")).with_hint(
            "`synod user keygen` prints the fingerprint of the certificate that it makes",
        )
    })
}
