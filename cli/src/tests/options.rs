//! Every option of every command acts, or is refused where it would not.
//!
//! An option that a command declares for itself cannot be ignored whole: a field that nothing reads
//! does not compile (`dead_code` is denied). What remains are options that several commands share,
//! and combinations. For the former, [`SHARED`] names the test that shows that the group acts; for
//! the latter there is [`IDLE`].

use std::collections::BTreeSet;

use crate::idle_options::{self, IDLE};
use crate::tests::{leaves, repository};

/// Options that several commands share.
struct Shared {
    options: &'static [&'static str],
    /// The file and the name of the test that shows that each of them acts.
    shown_by: (&'static str, &'static str),
}

const SHARED: &[Shared] = &[
    Shared {
        options: &["state"],
        shown_by: (
            "cli/tests/cli/commands.rs",
            "state_file_that_cannot_be_used_is_named_and_left_alone",
        ),
    },
    Shared {
        options: &["json"],
        shown_by: (
            "cli/tests/cli/commands.rs",
            "service_that_is_not_there_is_no_mistake_of_the_user",
        ),
    },
    Shared {
        options: &[
            "dir", "trust", "url", "network", "policy", "cert", "cert_key", "via_ca", "timeout",
        ],
        shown_by: (
            "cli/src/connect.rs",
            "each_option_says_who_is_asked_or_believed",
        ),
    },
    Shared {
        options: &[
            "no_wait",
            "receipt",
            "idempotency_key",
            "version",
            "absent",
            "present",
        ],
        shown_by: (
            "cli/src/commands/kv.rs",
            "each_option_of_a_write_reaches_the_request",
        ),
    },
    Shared {
        options: &["local"],
        shown_by: ("cli/src/commands/kv.rs", "local_reads_ask_for_local_state"),
    },
    Shared {
        options: &["member_key", "write_action", "signature"],
        shown_by: ("cli/src/commands/app/set.rs", "each_option_says_who_signs"),
    },
    Shared {
        options: &["policy", "at", "nonce", "report_data", "collateral"],
        shown_by: (
            "cli/tests/cli/attest.rs",
            "policy_made_for_real_evidence_accepts_it_at_its_time_and_bound_to_what_it_binds",
        ),
    },
    Shared {
        options: &["cache", "offline", "pccs"],
        shown_by: (
            "cli/src/commands/attest/settings.rs",
            "each_option_says_which_service_is_asked",
        ),
    },
    Shared {
        options: &["key", "out", "sequence"],
        shown_by: (
            "cli/tests/cli/tour.rs",
            "acts_are_signed_offline_with_options_on_either_side",
        ),
    },
    Shared {
        options: &["config"],
        shown_by: (
            "cli/tests/cli/commands.rs",
            "wrong_configuration_names_the_key",
        ),
    },
    Shared {
        options: &["network", "trust"],
        shown_by: (
            "cli/tests/cli/tour.rs",
            "ledgers_audit_and_a_flipped_bit_is_found",
        ),
    },
];

/// Options that one command declares for itself: it reads each of them, or would not compile.
const OWN: &[(&str, &[&str])] = &[
    (
        "app call",
        &[
            "data",
            "json_body",
            "header",
            "user",
            "receipt",
            "idempotency_key",
            "local",
        ],
    ),
    ("app inspect", &["manifest", "allow"]),
    ("app logs", &["follow"]),
    ("app new", &["lang", "dir"]),
    ("app set", &["no_build"]),
    ("app test", &["scenario", "no_build"]),
    ("attest collateral fetch", &["out", "at"]),
    (
        "attest quote",
        &[
            "out",
            "report_data",
            "nonce",
            "tee",
            "simulate",
            "endorsements",
        ],
    ),
    ("attest verify", &["vectors"]),
    (
        "bench",
        &[
            "connections",
            "in_flight",
            "value_bytes",
            "seconds",
            "map",
            "app",
            "request",
            "body",
        ],
    ),
    (
        "kv list",
        &["prefix", "from", "to", "limit", "cursor", "all"],
    ),
    ("kv put", &["file"]),
    ("ledger rebuild", &["share", "map"]),
    ("ledger show", &["map", "blocks"]),
    ("member act remove-replica", &["cause"]),
    ("member act set-user", &["role"]),
    ("member approve", &["manifest", "key", "out"]),
    ("member found", &["manifest", "trust_out"]),
    ("member keygen", &["out"]),
    ("member sign", &["key", "out"]),
    ("node join", &["no_leave"]),
    ("node start", &["no_leave"]),
    ("receipt get", &["out", "chain_out"]),
    (
        "receipt verify",
        &["chain", "bound", "at", "signers", "vendors"],
    ),
    ("replica replace", &["with"]),
    (
        "up",
        &[
            "replicas",
            "dir",
            "port_base",
            "import",
            "app",
            "watch",
            "once",
        ],
    ),
    ("user keygen", &["out", "days"]),
    ("verify", &["network", "trust", "policy"]),
];

fn options_of(command: &clap::Command) -> Vec<String> {
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    let acting = options.filter(|arg| !matches!(arg.get_long(), Some("help" | "version")));
    acting.map(|arg| arg.get_id().to_string()).collect()
}

#[test]
fn every_option_is_shown_to_act_by_a_test_or_by_the_compiler() {
    for (command, parser) in leaves() {
        let own = OWN.iter().filter(|(of, _)| *of == command);
        let own: BTreeSet<&str> = own
            .flat_map(|(_, options)| options.iter().copied())
            .collect();
        for option in options_of(&parser) {
            let shared = SHARED.iter().any(|one| one.options.contains(&&*option));
            assert!(
                shared || own.contains(&*option),
                "nothing shows that `synod {command} --{option}` acts: add a test and an entry"
            );
        }
    }
}

#[test]
fn every_entry_names_options_and_tests_that_are_there() {
    let leaves = leaves();
    let exists = |command: &str, option: &str| {
        let found = leaves.iter().find(|(name, _)| name == command);
        found.is_some_and(|(_, parser)| options_of(parser).iter().any(|one| one == option))
    };
    for (command, options) in OWN {
        for option in *options {
            assert!(
                exists(command, option),
                "there is no `synod {command} --{option}`"
            );
        }
    }
    for idle in IDLE {
        for (command, option) in idle
            .commands
            .iter()
            .flat_map(|command| idle.options.iter().map(move |option| (command, option)))
        {
            assert!(
                exists(command, option),
                "there is no `synod {command} --{option}`"
            );
        }
    }
    for shared in SHARED {
        let (file, test) = shared.shown_by;
        let text = std::fs::read_to_string(repository().join(file)).unwrap();
        assert!(
            text.contains(&format!("fn {test}(")),
            "`{file}` has no test `{test}`"
        );
        for option in shared.options {
            assert!(
                leaves
                    .iter()
                    .any(|(_, parser)| options_of(parser).iter().any(|one| one == option)),
                "no command has `--{option}`"
            );
        }
    }
}

/// What `synod` says to a command line before it does anything.
pub(super) fn judge(words: &[&str]) -> Result<(), String> {
    use clap::CommandFactory as _;
    let words = std::iter::once("synod").chain(words.iter().copied());
    let matches = crate::Cli::command()
        .try_get_matches_from(words)
        .map_err(|error| error.to_string())?;
    idle_options::refuse(&matches).map_err(|failure| failure.to_string())
}

#[test]
fn options_that_would_do_nothing_are_refused_by_name() {
    for (line, option) in [
        ("receipt verify r --chain c --url https://h:1", "--url"),
        ("receipt verify r --chain c --via-ca", "--via-ca"),
        ("receipt verify r --chain c --timeout 3", "--timeout"),
        ("receipt verify r --chain c --cert a --cert-key b", "--cert"),
        ("receipt verify r --chain c --trust t --dir d", "--dir"),
        ("kv get m k --via-ca --policy p.toml", "--policy"),
        ("kv get m k --via-ca --network 00", "--network"),
        (
            "kv get m k --trust t --cert a --cert-key b --dir d",
            "--dir",
        ),
        ("app call a GET /x --via-ca --policy p.toml", "--policy"),
        (
            "member act remove-user u --sequence 3 --url https://h:1",
            "--url",
        ),
        ("member act open --via-ca --policy p.toml", "--policy"),
        ("ledger audit d --network 00 --trust t", "--trust"),
        ("verify https://h:1 --policy p.toml", "--policy"),
        ("attest verify --vectors d --offline", "--offline"),
        ("attest verify q --collateral d --cache c", "--cache"),
        ("attest explain q --collateral d --pccs https://p", "--pccs"),
        ("app inspect a.wasm --trust t", "--trust"),
        ("app inspect https://h:1/app/a --url https://h:2", "--url"),
        ("app inspect https://h:1/app/a --manifest m", "--manifest"),
        ("app inspect . --manifest m", "--manifest"),
        ("bench --app a --request GET~/x --map m", "--map"),
        ("attest collateral list --offline", "--offline"),
        ("attest collateral fetch q --collateral d", "--collateral"),
    ] {
        let words: Vec<String> = line.split(' ').map(|word| word.replace('~', " ")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let refusal = judge(&words).expect_err(line);
        assert!(refusal.contains(option), "{line}: {refusal}");
    }
}

#[test]
fn options_that_act_are_taken() {
    for line in [
        "receipt verify r --chain c --network 00 --policy p.toml --at 2026-01-01 --signers 2",
        "receipt verify r --url https://h:1 --network 00 --via-ca",
        "app call a GET /x --via-ca --network 00",
        "member act open --sequence 3 --network 00 --url https://h:1 --key k --out o",
        "member act remove-user u --sequence 3 --network 00 --key k --out o",
        "member act --trust t --key k open --out o",
        "member act open --trust t --url https://h:1 --key k --out o",
        "verify https://h:1 --network 00 --policy p.toml",
        "app inspect https://h:1/app/a --trust t --timeout 3",
        "app inspect a.wasm --manifest m --allow maps",
        "ledger audit d --network 00",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        judge(&words).unwrap_or_else(|refusal| panic!("{line}: {refusal}"));
    }
}
