//! How commands find and trust a service.
//!
//! After `synod up` nothing needs to be named: the trust file and the user's certificate stand in
//! the folder `.synod`. Every replica is verified, evidence and chain, before a request is sent to
//! it, unless the caller asks for `--via-ca`, which trusts the service's authority as `curl` does.
//! What was seen of the network is kept in a state file next to the trust file, so that no later
//! command believes anything older.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use synod_attestation::Policy;
use synod_channel::{Identity, ServerTrust};
use synod_client::{
    AppPin, Memory, ReplicaUrl, RetryPolicy, Service, StateFile, Trust, TrustFile, Verifier,
    read_chain,
};
use synod_crypto::Digest;
use synod_ledger::Chain;

use crate::files;
use crate::outcome::{Failure, Outcome};

/// The folder that `synod up` writes, unless it is told otherwise.
pub(crate) const DEFAULT_DIR: &str = ".synod";

/// Which service, and who asks.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServiceArgs {
    /// The folder that `synod up` wrote, which has the trust file and the user's certificate
    #[arg(long, env = "SYNOD_DIR", value_name = "DIR", default_value = DEFAULT_DIR)]
    pub(crate) dir: PathBuf,
    /// The trust file [default: DIR/trust.toml]
    #[arg(long, env = "SYNOD_TRUST", value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// The state file: what this client saw of the network, so that no replica can show older data
    /// [default: the trust file's name, ending in .state]
    #[arg(long, env = "SYNOD_STATE", value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// A replica's address, instead of those in the trust file and in the state file; can be
    /// repeated
    #[arg(long, value_name = "URL")]
    pub(crate) url: Vec<ReplicaUrl>,
    /// The network id to pin, instead of that in the trust file
    #[arg(long, value_name = "ID")]
    pub(crate) network: Option<String>,
    /// Your own appraisal policy (TOML), instead of the members' policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Your certificate (PEM) [default: DIR/users/user.pem, if it is there]
    #[arg(long, env = "SYNOD_CERT", value_name = "FILE", requires = "cert_key")]
    pub(crate) cert: Option<PathBuf>,
    /// Your private key (PEM) [default: DIR/users/user.key]
    #[arg(long, env = "SYNOD_KEY", value_name = "FILE", requires = "cert")]
    pub(crate) cert_key: Option<PathBuf>,
    /// Trust any replica that the service's CA certified, without verifying evidence
    #[arg(long)]
    pub(crate) via_ca: bool,
    /// Timeout of a request in seconds, including all retries
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) timeout: u64,
}

/// The same, before or after the name of a subcommand.
#[derive(Clone, Debug)]
pub(crate) struct ServiceArgsAnywhere(pub(crate) ServiceArgs);

impl FromArgMatches for ServiceArgsAnywhere {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        ServiceArgs::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl Args for ServiceArgsAnywhere {
    fn augment_args(command: Command) -> Command {
        let alone = ServiceArgs::augment_args(Command::new("service"));
        let args = alone.get_arguments().cloned();
        command.args(args.map(|arg| arg.global(true)).collect::<Vec<_>>())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Which network and policy to trust, offline.
pub(crate) struct Pin {
    pub(crate) network: Digest,
    pub(crate) policy: Option<Policy>,
    pub(crate) memory: Memory,
}

/// What is known of a service before it is asked anything.
pub(crate) struct Known {
    pub(crate) urls: Vec<ReplicaUrl>,
    pub(crate) network: Digest,
    pub(crate) policy: Option<Policy>,
    pub(crate) service_ca: Option<String>,
    pub(crate) apps: Vec<AppPin>,
    pub(crate) memory: Memory,
}

/// A trust file, and where it was read.
pub(crate) struct Trusted {
    pub(crate) path: PathBuf,
    pub(crate) file: TrustFile,
}

impl ServiceArgs {
    /// The network to believe and the policy of the caller's own, for what needs no address.
    pub(crate) fn pin(&self) -> Outcome<Pin> {
        self.pin_with(self.trust_file()?.as_ref())
    }

    fn pin_with(&self, trusted: Option<&Trusted>) -> Outcome<Pin> {
        let file = trusted.map(|trusted| &trusted.file);
        let policy = match &self.policy {
            Some(path) => Some(read_policy(path)?),
            None => file.and_then(|file| file.policy.clone()),
        };
        let network = match (&self.network, file) {
            (Some(text), _) => parse_network(text)?,
            (None, Some(file)) => file.network,
            (None, None) => return Err(no_pin(&self.dir)),
        };
        let memory = open_memory(self.state.as_deref(), trusted, network)?;
        Ok(Pin {
            network,
            policy,
            memory,
        })
    }

    /// Puts together what the trust file and the options say.
    pub(crate) fn known(&self) -> Outcome<Known> {
        let trusted = self.trust_file()?;
        let Pin {
            network,
            policy,
            memory,
        } = self.pin_with(trusted.as_ref())?;
        let file = trusted.as_ref().map(|trusted| &trusted.file);
        let mut urls = self.url.clone();
        if urls.is_empty() {
            urls = file
                .map(|file| file.addresses(&memory.remembered()))
                .unwrap_or_default();
        }
        if urls.is_empty() {
            return Err(Failure::mistake("no replica's address is known")
                .with_hint("name one with `--url URL`"));
        }
        Ok(Known {
            urls,
            network,
            policy,
            service_ca: file.and_then(|file| file.service_ca.clone()),
            apps: trusted.map(|it| it.file.apps).unwrap_or_default(),
            memory,
        })
    }

    /// A client of the service.
    pub(crate) fn service(&self) -> Outcome<Service> {
        let known = self.known()?;
        let trust = if self.via_ca {
            known.authority()?
        } else {
            known.verifier()
        };
        Ok(Service::new(
            known.urls,
            trust,
            self.identity()?,
            self.retry_policy(),
        )?)
    }

    /// The same, as a member of the local network, if nothing was said of certificates.
    pub(crate) fn into_member(mut self) -> Self {
        let members = self.dir.join("members");
        let cert = members.join("alice.tls.pem");
        if self.cert.is_none() && cert.exists() {
            self.cert = Some(cert);
            self.cert_key = Some(members.join("alice.tls.key"));
        }
        self
    }

    fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            call: Duration::from_secs(self.timeout),
            ..RetryPolicy::default()
        }
    }

    /// The trust file: the one named, or the default one if it is there and nothing else was said.
    fn trust_file(&self) -> Outcome<Option<Trusted>> {
        let default = self.dir.join("trust.toml");
        let path = match &self.trust {
            Some(path) => path,
            None if default.exists() => &default,
            None => return Ok(None),
        };
        read_trusted(path).map(Some)
    }

    fn identity(&self) -> Outcome<Option<Identity>> {
        if let (Some(cert), Some(key)) = (&self.cert, &self.cert_key) {
            return read_identity(cert, key).map(Some);
        }
        let users = self.dir.join("users");
        let (cert, key) = (users.join("user.pem"), users.join("user.key"));
        if cert.exists() {
            read_identity(&cert, &key).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl Known {
    /// Trust in evidence.
    pub(crate) fn verifier(&self) -> Trust {
        let verifier = Verifier::remembering(self.memory.clone(), self.policy.clone());
        Trust::Verified(Box::new(verifier))
    }

    /// Trust in the service's authority.
    fn authority(&self) -> Outcome<Trust> {
        let pem = self.service_ca.as_ref().ok_or_else(|| {
            Failure::mistake("the trust file has no CA certificate")
                .with_hint("leave `--via-ca` out")
        })?;
        let trust = ServerTrust::service_ca_from_pem(pem).map_err(Failure::mistake)?;
        Ok(Trust::Authority(trust))
    }
}

/// The chain of configurations as the service tells it, followed from the pin. One that does not
/// hold, or that ends before what was seen of the network, proves nothing.
pub(crate) async fn chain(service: &Service, network: Digest) -> Outcome<Chain> {
    let chain = read_chain(network, &service.chain_file().await?)?;
    let Some(memory) = service.memory().cloned() else {
        return Ok(chain);
    };
    // The state file is locked, read and flushed.
    let taken = tokio::task::spawn_blocking(move || {
        let taken = memory.take_replica(&chain, None);
        taken.map(|()| chain)
    });
    Ok(taken.await.expect("taking a chain does not panic")?)
}

/// Reads a trust file.
pub(crate) fn read_trusted(path: &Path) -> Outcome<Trusted> {
    Ok(Trusted {
        file: TrustFile::parse(&files::read_text(path)?)?,
        path: path.to_owned(),
    })
}

/// What is remembered of a network: in the state file that was named, or in that of the trust file,
/// if it is of this network. Without either it ends with the command.
pub(crate) fn open_memory(
    named: Option<&Path>,
    trusted: Option<&Trusted>,
    network: Digest,
) -> Outcome<Memory> {
    let file = match (named, trusted) {
        (Some(path), _) => StateFile::new(path),
        (None, Some(trusted)) if trusted.file.network == network => {
            StateFile::beside(&trusted.path)
        }
        _ => return Ok(Memory::new(network)),
    };
    Ok(Memory::open(file, network)?)
}

/// Reads a network id.
pub(crate) fn parse_network(text: &str) -> Outcome<Digest> {
    text.parse().map_err(|_| {
        Failure::mistake(format!("`{text}` is not a network id"))
            .with_hint("a network id has 64 hexadecimal digits")
    })
}

/// Reads an appraisal policy.
pub(crate) fn read_policy(path: &Path) -> Outcome<Policy> {
    Policy::from_toml(&files::read_text(path)?).map_err(|error| {
        Failure::mistake(format!(
            "`{}` is not an appraisal policy: {error}",
            path.display()
        ))
    })
}

/// Reads a certificate with its private key.
pub(crate) fn read_identity(cert: &Path, key: &Path) -> Outcome<Identity> {
    let (cert_pem, key_pem) = (
        files::read_text(cert)?,
        zeroize::Zeroizing::new(files::read_text(key)?),
    );
    Identity::from_pem(&cert_pem, &key_pem).map_err(|error| {
        Failure::mistake(format!(
            "`{}` and `{}`: {error}",
            cert.display(),
            key.display()
        ))
    })
}

fn no_pin(dir: &Path) -> Failure {
    Failure::mistake(format!(
        "the address of the service is unknown: there is no `{}`",
        dir.join("trust.toml").display()
    ))
    .with_hint(
        "start one with `synod up`, or name it with `--url URL --network ID` or `--trust FILE`",
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use synod_crypto::sha256;

    use super::*;
    use crate::commands::user;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        service: ServiceArgs,
    }

    fn parsed(line: &str) -> ServiceArgs {
        Line::parse_from(std::iter::once("synod").chain(line.split_whitespace())).service
    }

    /// A folder as `synod up` leaves it, with another trust file, another user and a policy beside.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("users")).unwrap();
        for (name, network, port) in [("trust.toml", "one", 1), ("other.toml", "two", 2)] {
            let trust = TrustFile {
                network: sha256(&[network.as_bytes()]),
                urls: vec![format!("https://127.0.0.1:{port}").parse().unwrap()],
                service_ca: None,
                policy: None,
                apps: Vec::new(),
            };
            std::fs::write(at(name), trust.to_toml()).unwrap();
        }
        for name in ["users/user", "own"] {
            let keys = user::generate("u", 1).unwrap();
            std::fs::write(at(&format!("{name}.pem")), keys.certificate.as_bytes()).unwrap();
            std::fs::write(at(&format!("{name}.key")), keys.key.as_bytes()).unwrap();
        }
        let policy = Policy::by_name("production").unwrap();
        std::fs::write(at("policy.toml"), policy.to_toml()).unwrap();
        dir
    }

    #[test]
    fn each_option_says_who_is_asked_or_believed() {
        let dir = folder();
        let at = |rest: &str| {
            let rest = rest.replace('@', &dir.path().display().to_string());
            parsed(&format!("--dir {} {rest}", dir.path().display()))
        };
        let known = |rest: &str| {
            at(rest)
                .known()
                .unwrap_or_else(|failure| panic!("{failure}"))
        };
        let port = |known: &Known| known.urls[0].port();
        let (one, two) = (sha256(&[b"one"]), sha256(&[b"two"]));

        assert_eq!((known("").network, port(&known(""))), (one, 1), "--dir");
        let other = known("--trust @/other.toml");
        assert_eq!((other.network, port(&other)), (two, 2), "--trust");
        assert_eq!(port(&known("--url https://127.0.0.1:7")), 7, "--url");
        assert_eq!(known(&format!("--network {two}")).network, two, "--network");
        assert!(known("").policy.is_none());
        assert!(known("--policy @/policy.toml").policy.is_some(), "--policy");
        let fingerprint = |rest: &str| at(rest).identity().unwrap().unwrap().fingerprint();
        assert_ne!(
            fingerprint(""),
            fingerprint("--cert @/own.pem --cert-key @/own.key"),
            "--cert and --cert-key"
        );
        let refused = at("--via-ca").service().map(drop).unwrap_err();
        assert!(
            refused.message.contains("no CA certificate"),
            "--via-ca: {refused}"
        );
        assert_eq!(
            at("--timeout 7").retry_policy().call.as_secs(),
            7,
            "--timeout"
        );
    }

    #[test]
    fn pin_alone_needs_no_address() {
        let dir = tempfile::tempdir().unwrap();
        let network = sha256(&[b"one"]);
        let args = parsed(&format!(
            "--dir {} --network {network}",
            dir.path().display()
        ));
        assert_eq!(args.pin().unwrap().network, network);
        assert!(args.known().is_err(), "whoever asks a service needs one");
    }
}
