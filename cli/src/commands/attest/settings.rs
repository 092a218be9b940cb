//! Options that commands about evidence share: policy, time, binding, and where endorsements come
//! from.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use synod_attestation::{Anchors, Binding, Endorsements, Evidence, Policy, ReportData};
use synod_endorser::{Config, Endorser, EndorserError, Platform, Watcher, folder};

use crate::clock::now_ms;
use crate::connect::read_policy;
use crate::instant::Instant;
use crate::outcome::{Exit, Failure, Outcome};
use crate::output::say;

/// The built-in policies, from strict to lax.
pub(super) const BUILT_IN: [&str; 4] = ["strict-physical", "production", "baseline", "development"];

/// What evidence is judged by.
#[derive(Args, Clone, Debug)]
pub(super) struct JudgeArgs {
    /// The policy: `production`, `strict-physical`, `development`, `baseline`, or a TOML file
    #[arg(long, value_name = "POLICY", default_value = "production")]
    policy: String,
    /// The time to judge at: Unix seconds or UTC [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Instant>,
    /// What the evidence must bind: a nonce of at most 64 bytes, followed by zeros (Nitro: its
    /// nonce field)
    #[arg(long, value_name = "HEX", value_parser = parse_nonce)]
    nonce: Option<Nonce>,
    /// What the evidence must bind: exactly these 64 bytes
    #[arg(long, value_name = "HEX", conflicts_with = "nonce")]
    report_data: Option<ReportDataArg>,
}

/// Where endorsements come from.
#[derive(Args, Clone, Debug)]
pub(super) struct SourceArgs {
    /// A folder with collateral or certificates, used instead of any service or cache; can be
    /// repeated
    #[arg(long, value_name = "DIR")]
    pub(super) collateral: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) services: ServicesArgs,
}

/// The vendors' services, and the cache of what they answered.
#[derive(Args, Clone, Debug)]
pub(super) struct ServicesArgs {
    #[command(flatten)]
    pub(super) cache: CacheArgs,
    /// Use only the cache and ask no service
    #[arg(long)]
    pub(super) offline: bool,
    /// A PCCS to ask instead of Intel's own service
    #[arg(long, value_name = "URL", env = "SYNOD_PCCS")]
    pub(super) pccs: Option<String>,
}

/// The cache alone.
#[derive(Args, Clone, Debug)]
pub(super) struct CacheArgs {
    /// The folder of the cache of the vendors' answers
    #[arg(long, value_name = "DIR", env = "SYNOD_CACHE")]
    pub(super) cache: Option<PathBuf>,
}

/// A nonce in hexadecimal digits.
#[derive(Clone, Debug)]
pub(super) struct Nonce(Vec<u8>);

/// Report data in hexadecimal digits.
#[derive(Clone, Debug)]
struct ReportDataArg(ReportData);

impl FromStr for ReportDataArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = hex::decode(text).map_err(|_| "write hexadecimal digits")?;
        ReportData::try_from(bytes.as_slice())
            .map(Self)
            .map_err(|_| "report data must be 64 bytes")
    }
}

fn parse_nonce(text: &str) -> Result<Nonce, &'static str> {
    let bytes = hex::decode(text).map_err(|_| "write hexadecimal digits")?;
    if bytes.is_empty() || bytes.len() > 64 {
        return Err("a nonce must be 1 to 64 bytes");
    }
    Ok(Nonce(bytes))
}

impl JudgeArgs {
    /// The policy that was named.
    pub(super) fn policy(&self) -> Outcome<Policy> {
        named_policy(&self.policy)
    }

    /// The time to judge at, in Unix milliseconds.
    pub(super) fn at_ms(&self) -> u64 {
        self.at.map_or_else(now_ms, |at| at.0)
    }

    /// What the evidence must bind.
    pub(super) fn binding(&self) -> Binding<'_> {
        match (&self.nonce, &self.report_data) {
            (Some(nonce), _) => Binding::Nonce(&nonce.0),
            (None, Some(data)) => Binding::ReportData(data.0),
            (None, None) => Binding::Nothing,
        }
    }
}

/// A built-in policy, or one from a file.
pub(super) fn named_policy(name: &str) -> Outcome<Policy> {
    match Policy::by_name(name) {
        Some(policy) => Ok(policy),
        None if Path::new(name).exists() => read_policy(Path::new(name)),
        None => Err(
            Failure::mistake(format!("there is no policy and no file `{name}`"))
                .with_hint(format!("the built-in policies are {}", BUILT_IN.join(", "))),
        ),
    }
}

/// The built-in policies that judge the same kind of hardware as `policy`, but for itself.
pub(super) fn others(policy: &Policy) -> Vec<Policy> {
    BUILT_IN
        .iter()
        .filter_map(|name| Policy::by_name(name))
        .filter(|other| other.digest() != policy.digest())
        .filter(|other| other.anchors().simulated() == policy.anchors().simulated())
        .collect()
}

impl SourceArgs {
    /// The endorsements to judge `evidence` with. Those in folders are tried whether they verify or
    /// not, so that the judgement can say what is wrong with them.
    pub(super) fn candidates(
        &self,
        evidence: &Evidence,
        anchors: &Anchors,
        now_ms: u64,
    ) -> Outcome<Vec<Endorsements>> {
        if !self.collateral.is_empty() {
            return self.in_folders(evidence);
        }
        let fetched = self
            .services
            .endorser(anchors.clone())?
            .endorsements_for(evidence, now_ms);
        let fetched = fetched.map_err(|error| of_endorser(&error))?;
        fetched
            .notes
            .iter()
            .for_each(|note| say(format_args!("note: {note}")));
        Ok(vec![fetched.endorsements])
    }

    fn in_folders(&self, evidence: &Evidence) -> Outcome<Vec<Endorsements>> {
        let platform = Platform::of(evidence).map_err(|error| {
            Failure::not_verified(format!("evidence of {}: {error}", evidence.tee()))
        })?;
        if platform == Platform::Nitro {
            return Ok(vec![Endorsements::Nitro]);
        }
        let mut lacking = String::new();
        let mut found = Vec::new();
        for path in &self.collateral {
            let bundle = folder::read(path).map_err(|error| of_endorser(&error))?;
            match bundle.candidates(&platform) {
                Ok(candidates) => found.extend(candidates),
                Err(lacks) => lacking = format!("`{}` does not contain {lacks}", path.display()),
            }
        }
        if found.is_empty() {
            return Err(Failure::mistake(lacking)
                .with_hint("`synod attest collateral fetch` downloads what is missing"));
        }
        Ok(found)
    }
}

impl ServicesArgs {
    /// An endorser as the options say.
    pub(super) fn endorser(&self, anchors: Anchors) -> Outcome<Endorser> {
        let watcher = Watcher::new(|progress| say(progress));
        Endorser::watched(self.config(anchors)?, watcher).map_err(|error| of_endorser(&error))
    }

    fn config(&self, anchors: Anchors) -> Outcome<Config> {
        let mut config = Config::online(anchors, Some(self.cache.folder()?));
        if let Some(base) = &self.pccs {
            config.services.intel =
                synod_endorser::config::IntelService::Pccs { base: base.clone() };
        }
        if self.offline {
            config.network = None;
        }
        Ok(config)
    }
}

impl CacheArgs {
    fn folder(&self) -> Outcome<PathBuf> {
        if let Some(folder) = &self.cache {
            return Ok(folder.clone());
        }
        let of_home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let base = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(of_home);
        base.map(|base| base.join("synod").join("endorsements"))
            .ok_or_else(|| {
                Failure::mistake("there is no default folder for the cache")
                    .with_hint("name one with `--cache DIR`")
            })
    }
}

/// Why there are no endorsements, with the exit code of whose fault it is.
pub(super) fn of_endorser(error: &EndorserError) -> Failure {
    Failure {
        exit: Exit::of_endorser(error.fault()),
        message: format!("no endorsements: {error}"),
        hint: error.hint().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use synod_attestation::VendorRoots;
    use synod_endorser::config::IntelService;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        services: ServicesArgs,
    }

    fn config(line: &str) -> Config {
        let line = Line::parse_from(std::iter::once("fetch").chain(line.split_whitespace()));
        let anchors = Anchors::Vendor(VendorRoots::built_in());
        line.services.config(anchors).unwrap()
    }

    #[test]
    fn each_option_says_which_service_is_asked() {
        let asks = |line: &str| config(line).network.is_some();
        assert!(
            asks("--cache c") && !asks("--cache c --offline"),
            "--offline"
        );
        let pccs = config("--cache c --pccs https://p").services.intel;
        assert!(
            matches!(&pccs, IntelService::Pccs { base } if base == "https://p"),
            "--pccs"
        );
        let cache = config("--cache c").cache.map(|cache| cache.folder);
        assert_eq!(cache.as_deref(), Some(Path::new("c")), "--cache");
    }
}
