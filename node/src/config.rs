//! What an operator tells a node: one TOML file, read once, into a struct that cannot be wrong.
//!
//! Invariants
//! - unknown keys, missing keys and values out of bounds are errors that name the key;
//! - relative paths are relative to the folder of the file;
//! - no secret stands in it: a node's keys are made in its process and end with it.
//!
//! ```toml
//! dir = "replica-1"                        # the node's own folder; ledgers of earlier runs in it stay untouched
//! listen = "127.0.0.1:8001"                # the public HTTPS door
//! peer_listen = "127.0.0.1:9001"           # the door for the other replicas
//! public_url = "https://127.0.0.1:8001"    # what clients are told
//! peer_address = "127.0.0.1:9001"          # what the other replicas are told; default: peer_listen
//! attester = "simulated"                   # every verdict on it is marked `simulated`; "hardware": this machine's TEE
//! tee = "sev-snp"                          # "sev-snp", "tdx", "nitro" or "sgx"; with "hardware" also "auto", the default
//! durability = "disk"                      # default; "memory": an acknowledged write may be lost with the power
//! reattest_every_ms = 3600000              # optional: attest anew at least so often; default: at two thirds of the
//!                                          # lifetime of the verdict. The ledger takes new evidence every 10 minutes
//!                                          # at most, or every sixteenth of that lifetime if that is shorter
//! leave = true                             # default: on SIGTERM and SIGINT leave the network, then stop; false: only stop,
//!                                          # and stay a voter that does not answer
//! leave_max_s = 30                         # default; stop even if it has not left by then
//! stop_with_stdin = false                  # default; true: stop when standard input is closed, without leaving
//! log = "info"                             # default; "error", "warn", "info" or "debug"
//!
//! [start]                                  # either: found a new synod …
//! manifest = "manifest.toml"
//!
//! [join]                                   # … or: join one that stands
//! network = "<64 hexadecimal digits>"
//! services = ["https://127.0.0.1:8002"]
//! policy = "policy.toml"                   # optional: what this node asks of the others; default: their own policy
//! replaces = 2                             # optional: the replica in whose place it joins; default: the one that ran in
//!                                          # `dir` last, if it was of this network
//!
//! [endorsements]                           # optional; asked for on real hardware, where the platform hands out too little
//! cache = "endorsements"                   # where answers are kept; default: `endorsements` in `dir`
//! folders = ["collateral"]                 # read before anybody is asked
//! pccs = "https://pccs.example:8081"       # asked instead of Intel's own service
//! amd_kds = "https://kds.example"          # asked instead of AMD's own service
//! tls_roots = "roots.pem"                  # the roots of the services' TLS certificates; default: the web's
//! offline = false                          # default; true: nobody is asked, folders and cache must do
//!                                          # (a proxy is taken from `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`)
//!
//! [limits]                                 # optional, each with a default
//! connections_max = 1024                   # of users, members and replicas
//! strangers_max = 512                      # of everybody else, and so many of one source (IPv4, or /64 of IPv6)
//! strangers_per_source_max = 256
//! ledger_streams_max = 4                   # and as many for replicas; so many of one source
//! ledger_streams_per_source_max = 2
//!
//! [apps]                                   # optional, each with a default
//! executors = 4                            # threads that execute calls of apps
//! log_lines_max = 1000                     # of each app, in memory
//! log_bytes_max = 262144
//! watchers_max = 256                       # streams of `/v1/watch` at the same time
//! watchers_per_caller_max = 16
//! watch_bytes_max = 67108864               # events that watchers have not taken yet, all together
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use synod_attestation::Tee;
use synod_crypto::Digest;

use crate::apps_config::AppsConfig;
use synod_identity::{AttesterChoice, EndorsementsConfig, LogLevel};

/// Longest configuration file that is read, in bytes.
pub const CONFIG_BYTES_MAX: u64 = 64 * 1024;
/// How long a node may take to leave, unless its configuration says otherwise.
pub const LEAVE_MAX_DEFAULT: Duration = Duration::from_secs(30);
/// Most services that a joiner is told of.
pub const SERVICES_MAX: usize = 64;

/// A node's configuration: whoever holds one holds a valid one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// The node's own folder.
    pub dir: PathBuf,
    /// Where the public HTTPS door listens.
    pub listen: SocketAddr,
    /// Where the door for the other replicas listens.
    pub peer_listen: SocketAddr,
    /// What clients are told to connect to.
    pub public_url: ServiceUrl,
    /// What the other replicas are told to connect to, `host:port`.
    pub peer_address: String,
    /// Who makes this node's evidence.
    pub attester: AttesterChoice,
    /// When a block counts as persisted.
    pub durability: Durability,
    /// How long may pass, at most, between two attestations of a running replica, 100 ms to 30
    /// days; without it, and where it is longer, two thirds of the lifetime of the verdict.
    pub reattest_every: Option<Duration>,
    /// Whether the node leaves the network when SIGTERM or SIGINT tells it to stop.
    pub leave: bool,
    /// How long it may take to leave, 1 s to an hour; then it stops all the same.
    pub leave_max: Duration,
    /// Whether the node stops when its standard input is closed, so that it never outlives its
    /// parent. It does not leave then.
    pub stop_with_stdin: bool,
    /// How much is told on standard error.
    pub log: LogLevel,
    /// Whether the node founds a synod or joins one.
    pub beginning: Beginning,
    /// Where real hardware's endorsements come from.
    pub endorsements: EndorsementsConfig,
    /// The bounds of what it uses.
    pub limits: NodeLimits,
    /// The bounds of what apps take of it.
    pub apps: AppsConfig,
}

/// How a node comes to be a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// It founds a new synod.
    Start {
        /// The genesis manifest.
        manifest: PathBuf,
    },
    /// It joins a synod that stands.
    Join {
        /// The network id, which is the digest of block 0.
        network: Digest,
        /// Public URLs of replicas, tried in turn.
        services: Vec<ServiceUrl>,
        /// This node's own appraisal policy for the others; without one, the one in the pinned
        /// manifest.
        policy: Option<PathBuf>,
        /// The replica in whose place this node joins; without it, the one that ran in its folder
        /// last.
        replaces: Option<u64>,
    },
}

/// When a block counts as persisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Once the disk has said so: an acknowledged write survives the loss of power everywhere.
    #[default]
    Disk,
    /// Once it is handed to the operating system: it survives the loss of processes, not of power.
    Memory,
}

/// An `https` address with a host and no path, such as `https://127.0.0.1:8001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceUrl(String);

/// The text is not an address of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form `https://host:port`")]
pub struct BadUrl(String);

/// The bounds of what a node uses. Past each comes a clear refusal, and nothing half-done remains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeLimits {
    /// Connections at the public door of users, members and replicas, as their certificates show,
    /// at the same time; default 1024, 1 to 65536. Where the system lets the process open few
    /// files, fewer are taken.
    pub connections_max: usize,
    /// Connections at the public door of everybody else at the same time; default 512, 1 to 65536.
    /// Past it the one that has been idle longest is ended.
    pub strangers_max: usize,
    /// The same from one source, which is an address of IPv4 or a network (/64) of IPv6; default
    /// 256, 1 to 65536. Raise it where many clients without certificates come through one proxy.
    pub strangers_per_source_max: usize,
    /// Calls that wait for an answer at the same time; default 16384, 1 to 1048576.
    pub calls_max: usize,
    /// Streams of the ledger at the same time; default 4, 1 to 64. Replicas, such as those that
    /// join, have as many of their own.
    pub ledger_streams_max: usize,
    /// The same from one source; default 2, 1 to 64.
    pub ledger_streams_per_source_max: usize,
    /// Bytes of messages that wait for one peer; default 64 MiB, 1 MiB to 1 GiB. Raft repeats what
    /// is dropped.
    pub peer_queue_bytes_max: usize,
    /// Bytes of a ledger file after which the next one begins; default 64 MiB, 1 MiB to 1 GiB.
    pub segment_bytes: u64,
    /// Bytes of one request's body; default 4 MiB, 1 KiB to 64 MiB.
    pub body_bytes_max: usize,
    /// Milliseconds that a request may wait for its answer; default 30000, 100 to 600000.
    pub answer_timeout_ms: u64,
}

impl Default for NodeLimits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            strangers_max: 512,
            strangers_per_source_max: 256,
            calls_max: 16_384,
            ledger_streams_max: 4,
            ledger_streams_per_source_max: 2,
            peer_queue_bytes_max: 64 * MIB,
            segment_bytes: 64 * MIB as u64,
            body_bytes_max: 4 * MIB,
            answer_timeout_ms: 30_000,
        }
    }
}

impl NodeLimits {
    /// The time that a request may wait for its answer.
    pub fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.answer_timeout_ms)
    }
}

/// Why a configuration is not one. The operator is at fault.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration `{path}`: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is longer than [`CONFIG_BYTES_MAX`].
    #[error("the configuration `{0}` is longer than {CONFIG_BYTES_MAX} bytes")]
    TooLong(PathBuf),
    /// The text is not TOML of this shape.
    #[error("the configuration is malformed: {0}")]
    Malformed(String),
    /// A value is out of its bounds.
    #[error("`{key}` {rule}")]
    OutOfBounds {
        /// The key.
        key: &'static str,
        /// What must hold.
        rule: String,
    },
    /// A value contradicts another.
    #[error("{0}")]
    Contradiction(&'static str),
}

impl NodeConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key at fault.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        };
        if std::fs::metadata(path).map_err(unreadable)?.len() > CONFIG_BYTES_MAX {
            return Err(ConfigError::TooLong(path.to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(".")))
    }

    /// Reads the text of a file that stands in the folder `base`.
    ///
    /// # Errors
    /// [`ConfigError`], which names the key at fault.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        let file: File =
            toml::from_str(text).map_err(|error| ConfigError::Malformed(error.to_string()))?;
        file.validate(base)
    }

    /// The text of a file that gives this configuration again.
    pub fn to_toml(&self) -> String {
        toml::to_string(&File::of(self)).expect("strings, numbers and tables are TOML")
    }
}

impl ServiceUrl {
    /// Reads `https://host[:port]`; the port is 443 where none is named.
    ///
    /// # Errors
    /// [`BadUrl`] for another scheme, a path, a query, user information or white space.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let bad = || BadUrl(text.to_owned());
        let uri: http::Uri = text.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        let plain = uri.scheme_str() == Some("https") && uri.path() == "/" && uri.query().is_none();
        if !plain || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(bad());
        }
        let after_host = &authority.as_str()[authority.host().len()..];
        let port = after_host.strip_prefix(':').map(str::parse::<u16>);
        if !after_host.is_empty() && !matches!(port, Some(Ok(1..))) {
            return Err(bad());
        }
        Ok(Self(format!("https://{authority}")))
    }

    /// The address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host name or address, as a certificate names it: an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        let (host, _) = self.parts();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.parts().1.unwrap_or(443)
    }

    fn parts(&self) -> (&str, Option<u16>) {
        let authority = self
            .0
            .strip_prefix("https://")
            .expect("checked when it was made");
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            _ => (authority, None),
        }
    }
}

impl std::fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The file as it is written, before anything is believed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dir: PathBuf,
    listen: SocketAddr,
    peer_listen: SocketAddr,
    public_url: String,
    peer_address: Option<String>,
    tee: Option<String>,
    attester: AttesterKind,
    #[serde(default)]
    durability: Durability,
    reattest_every_ms: Option<u64>,
    #[serde(default = "leave_default")]
    leave: bool,
    #[serde(default = "leave_max_default")]
    leave_max_s: u64,
    #[serde(default)]
    stop_with_stdin: bool,
    #[serde(default)]
    log: LogLevel,
    start: Option<StartTable>,
    join: Option<JoinTable>,
    #[serde(default)]
    endorsements: EndorsementsConfig,
    #[serde(default)]
    limits: NodeLimits,
    #[serde(default)]
    apps: AppsConfig,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AttesterKind {
    Simulated,
    Hardware,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartTable {
    manifest: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinTable {
    network: String,
    services: Vec<String>,
    policy: Option<PathBuf>,
    replaces: Option<u64>,
}

impl File {
    fn of(config: &NodeConfig) -> Self {
        let (start, join) = match &config.beginning {
            Beginning::Start { manifest } => (
                Some(StartTable {
                    manifest: manifest.clone(),
                }),
                None,
            ),
            Beginning::Join {
                network,
                services,
                policy,
                replaces,
            } => {
                let services = services.iter().map(ToString::to_string).collect();
                (
                    None,
                    Some(JoinTable {
                        network: network.to_string(),
                        services,
                        policy: policy.clone(),
                        replaces: *replaces,
                    }),
                )
            }
        };
        Self {
            dir: config.dir.clone(),
            listen: config.listen,
            peer_listen: config.peer_listen,
            public_url: config.public_url.to_string(),
            peer_address: Some(config.peer_address.clone()),
            tee: Some(match config.attester.tee() {
                Some(tee) => tee.to_string(),
                None => AUTO.to_owned(),
            }),
            attester: match config.attester {
                AttesterChoice::Simulated(_) => AttesterKind::Simulated,
                AttesterChoice::Hardware(_) => AttesterKind::Hardware,
            },
            durability: config.durability,
            reattest_every_ms: config.reattest_every.map(|every| every.as_millis() as u64),
            leave: config.leave,
            leave_max_s: config.leave_max.as_secs(),
            stop_with_stdin: config.stop_with_stdin,
            log: config.log,
            start,
            join,
            endorsements: config.endorsements.clone(),
            limits: config.limits.clone(),
            apps: config.apps.clone(),
        }
    }

    fn validate(self, base: &Path) -> Result<NodeConfig, ConfigError> {
        if self.listen == self.peer_listen && self.listen.port() != 0 {
            return Err(ConfigError::Contradiction(
                "`listen` and `peer_listen` must differ",
            ));
        }
        let peer_address = self
            .peer_address
            .unwrap_or_else(|| self.peer_listen.to_string());
        check_peer_address(&peer_address)?;
        check_limits(&self.limits)?;
        if let Some((key, rule)) = self.endorsements.fault().or_else(|| self.apps.fault()) {
            return Err(out(key, &rule));
        }
        Ok(NodeConfig {
            dir: base.join(self.dir),
            listen: self.listen,
            peer_listen: self.peer_listen,
            public_url: parse_url("public_url", &self.public_url)?,
            peer_address,
            attester: attester(self.attester, self.tee.as_deref())?,
            durability: self.durability,
            reattest_every: reattest_every(self.reattest_every_ms)?,
            leave: self.leave,
            leave_max: leave_max(self.leave_max_s)?,
            stop_with_stdin: self.stop_with_stdin,
            log: self.log,
            beginning: beginning(self.start, self.join, base)?,
            endorsements: self.endorsements.beneath(base),
            limits: self.limits,
            apps: self.apps,
        })
    }
}

fn leave_default() -> bool {
    true
}

fn leave_max_default() -> u64 {
    LEAVE_MAX_DEFAULT.as_secs()
}

fn leave_max(seconds: u64) -> Result<Duration, ConfigError> {
    if (1..=LEAVE_MAX_S_MAX).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    let rule = format!("is {seconds}, must be 1 to {LEAVE_MAX_S_MAX}");
    Err(out("leave_max_s", &rule))
}

fn reattest_every(ms: Option<u64>) -> Result<Option<Duration>, ConfigError> {
    let bounds = REATTEST_EVERY_MS_MIN..=REATTEST_EVERY_MS_MAX;
    match ms {
        Some(ms) if !bounds.contains(&ms) => Err(out(
            "reattest_every_ms",
            &format!("is {ms}, must be {REATTEST_EVERY_MS_MIN} to {REATTEST_EVERY_MS_MAX}"),
        )),
        ms => Ok(ms.map(Duration::from_millis)),
    }
}

fn beginning(
    start: Option<StartTable>,
    join: Option<JoinTable>,
    base: &Path,
) -> Result<Beginning, ConfigError> {
    match (start, join) {
        (Some(start), None) => Ok(Beginning::Start {
            manifest: base.join(start.manifest),
        }),
        (None, Some(join)) => {
            let network = join
                .network
                .parse()
                .map_err(|_| out("join.network", "must be 64 hexadecimal digits"))?;
            if join.services.is_empty() || join.services.len() > SERVICES_MAX {
                return Err(out(
                    "join.services",
                    &format!("must name 1 to {SERVICES_MAX} addresses"),
                ));
            }
            let services = join
                .services
                .iter()
                .map(|url| parse_url("join.services", url))
                .collect::<Result<_, _>>()?;
            Ok(Beginning::Join {
                network,
                services,
                policy: join.policy.map(|path| base.join(path)),
                replaces: join.replaces,
            })
        }
        (Some(_), Some(_)) => Err(ConfigError::Contradiction(
            "`[start]` and `[join]` exclude each other",
        )),
        (None, None) => Err(ConfigError::Contradiction(
            "one of `[start]` and `[join]` is needed",
        )),
    }
}

/// Stands for whichever TEE is found.
const AUTO: &str = "auto";

fn attester(kind: AttesterKind, tee: Option<&str>) -> Result<AttesterChoice, ConfigError> {
    match (kind, tee) {
        (AttesterKind::Simulated, Some(tee)) => parse_tee(tee).map(AttesterChoice::Simulated),
        (AttesterKind::Simulated, None) => Err(out("tee", "must say which TEE is simulated")),
        (AttesterKind::Hardware, None | Some(AUTO)) => Ok(AttesterChoice::Hardware(None)),
        (AttesterKind::Hardware, Some(tee)) => {
            parse_tee(tee).map(|tee| AttesterChoice::Hardware(Some(tee)))
        }
    }
}

fn parse_tee(text: &str) -> Result<Tee, ConfigError> {
    text.parse()
        .map_err(|_| out("tee", "must be `sev-snp`, `tdx`, `nitro` or `sgx`"))
}

fn parse_url(key: &'static str, text: &str) -> Result<ServiceUrl, ConfigError> {
    ServiceUrl::parse(text).map_err(|error| out(key, &format!("is wrong: {error}")))
}

fn check_peer_address(text: &str) -> Result<(), ConfigError> {
    let port = text
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty())
        .and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(port) if port != 0 && text.len() <= 255 => Ok(()),
        _ => Err(out(
            "peer_address",
            "must be `host:port`, at most 255 characters",
        )),
    }
}

fn check_limits(limits: &NodeLimits) -> Result<(), ConfigError> {
    const GIB: usize = 1024 * MIB;
    let body_max = 64 * MIB as u64;
    let rows: [(&'static str, u64, u64, u64); 10] = [
        (
            "limits.connections_max",
            limits.connections_max as u64,
            1,
            65_536,
        ),
        (
            "limits.strangers_max",
            limits.strangers_max as u64,
            1,
            65_536,
        ),
        (
            "limits.strangers_per_source_max",
            limits.strangers_per_source_max as u64,
            1,
            65_536,
        ),
        (
            "limits.ledger_streams_per_source_max",
            limits.ledger_streams_per_source_max as u64,
            1,
            64,
        ),
        ("limits.calls_max", limits.calls_max as u64, 1, 1 << 20),
        (
            "limits.ledger_streams_max",
            limits.ledger_streams_max as u64,
            1,
            64,
        ),
        (
            "limits.peer_queue_bytes_max",
            limits.peer_queue_bytes_max as u64,
            MIB as u64,
            GIB as u64,
        ),
        (
            "limits.segment_bytes",
            limits.segment_bytes,
            MIB as u64,
            GIB as u64,
        ),
        (
            "limits.body_bytes_max",
            limits.body_bytes_max as u64,
            1024,
            body_max,
        ),
        (
            "limits.answer_timeout_ms",
            limits.answer_timeout_ms,
            100,
            600_000,
        ),
    ];
    match rows
        .iter()
        .find(|(_, value, least, most)| value < least || value > most)
    {
        Some((key, value, least, most)) => {
            Err(out(key, &format!("is {value}, must be {least} to {most}")))
        }
        None => Ok(()),
    }
}

fn out(key: &'static str, rule: &str) -> ConfigError {
    ConfigError::OutOfBounds {
        key,
        rule: rule.to_owned(),
    }
}

const MIB: usize = 1024 * 1024;
const REATTEST_EVERY_MS_MIN: u64 = 100;
const LEAVE_MAX_S_MAX: u64 = 3600;
const REATTEST_EVERY_MS_MAX: u64 = 30 * 24 * 3600 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"
        dir = "r1"
        listen = "127.0.0.1:8001"
        peer_listen = "127.0.0.1:9001"
        public_url = "https://127.0.0.1:8001"
        tee = "sev-snp"
        attester = "simulated"
        [start]
        manifest = "manifest.toml"
    "#;

    const ENDORSED: &str = r#"
        [endorsements]
        cache = "kept"
        folders = ["one", "/two"]
        pccs = "https://pccs.example:8081"
        amd_kds = "https://kds.example/amd"
        tls_roots = "roots.pem"
        offline = true
        [start]"#;

    /// What to replace, by what, and what the error names.
    const WRONG: [(&str, &str, &str); 26] = [
        ("[start]", "leave_max_s = 0\n[start]", "`leave_max_s`"),
        ("[start]", "leave = \"no\"\n[start]", "leave"),
        (
            "[start]",
            "[apps]\nexecutors = 1\n[start]",
            "`apps.executors`",
        ),
        ("[start]", "[apps]\nsurprise = 1\n[start]", "surprise"),
        (
            "[start]",
            "reattest_every_ms = 99\n[start]",
            "`reattest_every_ms`",
        ),
        ("tee = \"sev-snp\"", "tee = \"sev\"", "`tee`"),
        ("tee = \"sev-snp\"", "tee = \"auto\"", "`tee`"),
        ("tee = \"sev-snp\"", "", "`tee`"),
        (
            "attester = \"simulated\"",
            "attester = \"none\"",
            "attester",
        ),
        (
            "https://127.0.0.1:8001",
            "http://127.0.0.1:8001",
            "`public_url`",
        ),
        (
            "https://127.0.0.1:8001",
            "https://127.0.0.1:8001/path",
            "`public_url`",
        ),
        (
            "https://127.0.0.1:8001",
            "https://me@127.0.0.1:8001",
            "`public_url`",
        ),
        (
            "https://127.0.0.1:8001",
            "https://127.0.0.1:99999",
            "`public_url`",
        ),
        (
            "peer_listen = \"127.0.0.1:9001\"",
            "peer_listen = \"127.0.0.1:8001\"",
            "`peer_listen`",
        ),
        ("[start]", "surprise = 1\n[start]", "surprise"),
        ("[start]", "durability = \"none\"\n[start]", "durability"),
        (
            "[start]",
            "peer_address = \"nowhere\"\n[start]",
            "`peer_address`",
        ),
        (
            "[start]",
            "[limits]\nconnections_max = 0\n[start]",
            "`limits.connections_max`",
        ),
        (
            "[start]",
            "[endorsements]\npccs = \"http://pccs\"\n[start]",
            "`endorsements.pccs`",
        ),
        (
            "[start]",
            "[endorsements]\namd_kds = \"https://kds?chip=1\"\n[start]",
            "`endorsements.amd_kds`",
        ),
        (
            "[start]",
            "[endorsements]\nfolders = [\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]\n[start]",
            "`endorsements.folders`",
        ),
        ("[start]", "[endorsements]\nproxy = \"p\"\n[start]", "proxy"),
        (
            "[start]",
            "[limits]\nsegment_bytes = 1\n[start]",
            "`limits.segment_bytes`",
        ),
        (
            "[start]",
            "[join]\nnetwork = \"00\"\nservices = []\n[start]",
            "exclude",
        ),
        (
            "[start]\n        manifest = \"manifest.toml\"",
            "",
            "`[start]`",
        ),
        (
            "[start]\n        manifest = \"manifest.toml\"",
            "[join]\nnetwork = \"00\"\nservices = []",
            "`join.network`",
        ),
    ];

    fn parse(text: &str) -> Result<NodeConfig, ConfigError> {
        NodeConfig::parse(text, Path::new("/base"))
    }

    #[test]
    fn paths_are_relative_to_the_folder_of_the_file() {
        let config = parse(START).expect("a valid configuration");
        assert_eq!(config.dir, Path::new("/base/r1"));
        assert_eq!(
            config.beginning,
            Beginning::Start {
                manifest: "/base/manifest.toml".into()
            }
        );
        assert_eq!(config.peer_address, "127.0.0.1:9001");
        assert_eq!(config.durability, Durability::Disk);
    }

    #[test]
    fn written_configuration_reads_as_itself() {
        let join = START.replace(
            "[start]\n        manifest = \"manifest.toml\"",
            &format!("[join]\nnetwork = \"{}\"\nservices = [\"https://[::1]:8002\"]\npolicy = \"p.toml\"", "ab".repeat(32)),
        );
        let often = START.replace("[start]", "reattest_every_ms = 1500\n[start]");
        let endorsed = START.replace("[start]", ENDORSED);
        for text in [START, &join, &often, &endorsed] {
            let config = parse(text).expect("a valid configuration");
            assert_eq!(parse(&config.to_toml()).expect("what was written"), config);
        }
    }

    #[test]
    fn places_of_endorsements_are_relative_to_the_folder_of_the_file() {
        let config = parse(&START.replace("[start]", ENDORSED)).expect("a valid configuration");
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let endorsements = config.endorsements;
        assert_eq!(endorsements.folders, paths(&["/base/one", "/two"]));
        assert_eq!(endorsements.cache, Some("/base/kept".into()));
        assert_eq!(endorsements.tls_roots, Some("/base/roots.pem".into()));
        assert!(endorsements.offline);
        let none = parse(START).expect("a valid configuration").endorsements;
        assert_eq!(none, EndorsementsConfig::default());
    }

    #[test]
    fn hardware_is_of_the_kind_that_is_named_or_of_any() {
        let hardware = START.replace("\"simulated\"", "\"hardware\"");
        for (line, tee) in [
            ("tee = \"sev-snp\"", Some(Tee::SevSnp)),
            ("tee = \"auto\"", None),
            ("", None),
        ] {
            let config = parse(&hardware.replace("tee = \"sev-snp\"", line));
            let config = config.expect("a valid configuration");
            assert_eq!(config.attester, AttesterChoice::Hardware(tee));
            assert_eq!(parse(&config.to_toml()).expect("what was written"), config);
        }
    }

    #[test]
    fn every_wrong_value_is_refused_with_its_key() {
        for (from, to, named) in WRONG {
            let text = START.replace(from, to);
            assert_ne!(text, START, "the case `{to}` changes nothing");
            let error = parse(&text).expect_err(to).to_string();
            assert!(error.contains(named), "`{error}` does not name {named}");
        }
    }

    #[test]
    fn host_and_port_of_a_url_are_told_apart() {
        let cases = [
            ("https://a.example", "a.example", 443),
            ("https://[::1]:8002", "::1", 8002),
            ("https://10.0.0.1:1/", "10.0.0.1", 1),
        ];
        for (text, host, port) in cases {
            let url = ServiceUrl::parse(text).expect("a valid address");
            assert_eq!((url.host(), url.port()), (host, port));
            assert!(!url.as_str().ends_with('/'));
        }
    }
}
