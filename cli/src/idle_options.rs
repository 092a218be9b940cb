//! Options that have no effect together with others: they are refused by name, never ignored.
//!
//! What the parser can say of two options of one command stands there (`conflicts_with`,
//! `requires`). Here stands what depends on the command that shares an option, on what an argument
//! holds, or on an option that the environment may have given: only what was typed is refused,
//! since a variable is set for many commands.

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::outcome::{Failure, Outcome};

/// Options that do nothing in some combination.
pub(crate) struct Idle {
    /// The commands, as they are typed.
    pub(crate) commands: &'static [&'static str],
    /// The options, by their ids.
    pub(crate) options: &'static [&'static str],
    /// When they do nothing.
    when: When,
    /// Why, for the error.
    because: &'static str,
}

enum When {
    /// All of these are given.
    With(&'static [&'static str]),
    /// None of these is given.
    Without(&'static [&'static str]),
    /// The target of `app inspect` is in a file or folder.
    TargetIsHere,
    /// The target of `app inspect` is an app that runs.
    TargetRuns,
    /// The target of `app inspect` is an app's folder, which has a manifest of its own.
    TargetIsFolder,
}

/// The commands that ask a service, and for which the network id is nothing but the pin of whom to
/// verify.
const ASKING: &[&str] = &[
    "kv put",
    "kv get",
    "kv delete",
    "kv list",
    "kv txn",
    "bench",
    "status",
    "app list",
    "app logs",
    "app inspect",
    "receipt get",
    "member submit",
];
/// Those that write the network id into what they make, or compare with it.
const PINNING: &[&str] = &["app call", "app set", "app remove"];
const ACTS: &[&str] = &[
    "member act open",
    "member act set-user",
    "member act remove-user",
    "member act trust-replica",
    "member act remove-replica",
    "member act set-required-vendors",
];
/// Those that follow from the command line alone. Whoever opens a network asks every voter.
const ACTS_OFFLINE: &[&str] = &[
    "member act set-user",
    "member act remove-user",
    "member act trust-replica",
    "member act remove-replica",
    "member act set-required-vendors",
];
const LEDGER: &[&str] = &["ledger audit", "ledger show", "ledger rebuild"];

/// Every combination of this kind.
pub(crate) const IDLE: &[Idle] = &[
    Idle {
        commands: ASKING,
        options: &["policy", "network", "state"],
        when: When::With(&["via_ca"]),
        because: "`--via-ca` trusts the service's authority and appraises nothing",
    },
    Idle {
        commands: PINNING,
        options: &["policy"],
        when: When::With(&["via_ca"]),
        because: "`--via-ca` trusts the service's authority and appraises nothing",
    },
    Idle {
        commands: ACTS,
        options: &["policy"],
        when: When::With(&["via_ca"]),
        because: "`--via-ca` trusts the service's authority and appraises nothing",
    },
    Idle {
        commands: ASKING,
        options: &["dir"],
        when: When::With(&["trust", "cert"]),
        because: "trust file and certificate are named, so the folder is not used",
    },
    Idle {
        commands: &["receipt verify"],
        options: &["url", "cert", "cert_key", "via_ca", "timeout"],
        when: When::With(&["chain"]),
        because: "with `--chain` no service is asked",
    },
    Idle {
        commands: &["receipt verify"],
        options: &["dir"],
        when: When::With(&["chain", "trust"]),
        because: "chain and trust file are named, so the folder is not used",
    },
    Idle {
        commands: ACTS_OFFLINE,
        options: &[
            "url", "policy", "state", "cert", "cert_key", "via_ca", "timeout",
        ],
        when: When::With(&["sequence"]),
        because: "with `--sequence` no service is asked",
    },
    Idle {
        commands: LEDGER,
        options: &["trust"],
        when: When::With(&["network"]),
        because: "`--network` already gives the network id to compare",
    },
    Idle {
        commands: &["verify"],
        options: &["policy", "state"],
        when: When::Without(&["network", "trust"]),
        because: "without `--network` or `--trust` nothing is verified",
    },
    Idle {
        commands: &["attest verify"],
        options: &["cache", "offline", "pccs"],
        when: When::With(&["vectors"]),
        because: "each set contains its own endorsements",
    },
    Idle {
        commands: &["attest verify", "attest explain"],
        options: &["cache", "offline", "pccs"],
        when: When::With(&["collateral"]),
        because: "with `--collateral` no service is asked and no cache is used",
    },
    Idle {
        commands: &["app inspect"],
        options: &[
            "dir", "trust", "state", "url", "network", "policy", "cert", "cert_key", "via_ca",
            "timeout",
        ],
        when: When::TargetIsHere,
        because: "the component is read from a file, and no service is asked",
    },
    Idle {
        commands: &["app inspect"],
        options: &["url", "manifest"],
        when: When::TargetRuns,
        because: "the address says which replica is asked, and the service has the manifest",
    },
    Idle {
        commands: &["app inspect"],
        options: &["manifest"],
        when: When::TargetIsFolder,
        because: "the folder has its own manifest",
    },
];

/// Refuses options that were typed and would do nothing.
///
/// # Errors
/// The first one, by name: the user's mistake.
pub(crate) fn refuse(matches: &ArgMatches) -> Outcome {
    let (command, matches) = leaf(matches);
    for idle in IDLE.iter().filter(|idle| idle.is_of(&command)) {
        let typed = |id: &&&str| source(matches, id) == Some(ValueSource::CommandLine);
        let Some(option) = idle.options.iter().find(typed) else {
            continue;
        };
        if idle.when.holds(matches) {
            let option = option.replace('_', "-");
            return Err(Failure::mistake(format!(
                "`--{option}` has no effect here: {}",
                idle.because
            ))
            .with_hint(format!("leave it out; see `synod {command} --help`")));
        }
    }
    Ok(())
}

/// The command that was typed, such as `kv put`, and what was typed after it.
fn leaf(matches: &ArgMatches) -> (String, &ArgMatches) {
    let (mut names, mut at) = (Vec::new(), matches);
    while let Some((name, below)) = at.subcommand() {
        names.push(name);
        at = below;
    }
    (names.join(" "), at)
}

fn source(matches: &ArgMatches, id: &str) -> Option<ValueSource> {
    // Asking for the source of an option that the command lacks is a fault.
    matches
        .try_contains_id(id)
        .unwrap_or(false)
        .then(|| matches.value_source(id))?
}

impl Idle {
    fn is_of(&self, command: &str) -> bool {
        self.commands.contains(&command)
    }
}

impl When {
    fn holds(&self, matches: &ArgMatches) -> bool {
        let is_given =
            |id: &&str| source(matches, id).is_some_and(|of| of != ValueSource::DefaultValue);
        let target = || {
            matches
                .get_one::<String>("target")
                .map_or("", String::as_str)
        };
        let runs = || target().contains("://");
        match self {
            Self::With(ids) => ids.iter().all(is_given),
            Self::Without(ids) => !ids.iter().any(is_given),
            Self::TargetIsHere => !runs(),
            Self::TargetRuns => runs(),
            Self::TargetIsFolder => !runs() && std::path::Path::new(target()).is_dir(),
        }
    }
}
