//! The crates without input and output: no clock, no randomness, no environment, no files, no
//! threads, no async, no maps whose order is chance.
//!
//! Clippy bans the same by type where it can, through a `clippy.toml` in each of these crates,
//! which must be the one that stands in `xtask/sans-io.clippy.toml`; this check sees names, also
//! inside macros, and needs no compilation. Tests may do as they like.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::Item;

use crate::finding::Finding;
use crate::sources::{Place, Source, is_for_tests};
use crate::workspace::Workspace;

/// The crates that must be a function of their arguments.
const CRATES: &[&str] = &[
    "synod-crypto",
    "synod-kv",
    "synod-consensus",
    "synod-attestation",
    "synod-ledger",
    "synod-governance",
    "synod-replica",
    "synod-api",
];

/// Names that have no business there, and why.
const BANNED: &[(&str, &str)] = &[
    ("SystemTime", "time comes in as an argument"),
    ("Instant", "time comes in as an argument"),
    ("HashMap", "its order is chance; take a `BTreeMap`"),
    ("HashSet", "its order is chance; take a `BTreeSet`"),
    ("RandomState", "it is randomness"),
    ("OsRng", "entropy comes in as an argument"),
    ("getrandom", "entropy comes in as an argument"),
    ("thread_rng", "entropy comes in as an argument"),
    ("SystemRandom", "entropy comes in as an argument"),
    ("tokio", "no runtime reaches down here"),
    ("async", "no runtime reaches down here"),
    ("await", "no runtime reaches down here"),
    ("println", "say it in a return value"),
    ("eprintln", "say it in a return value"),
];

/// Breaches that are known, and why they stay.
const EXCUSED: &[(&str, &str)] = &[
    // The library takes no other randomness for ECDSA; these signatures are for TLS and for
    // simulated hardware, and nothing that replicas must agree on contains one.
    ("crypto/src/backend/aws_lc.rs", "SystemRandom"),
];

/// Modules of the standard library that have no business there.
const BANNED_STD: &[&str] = &["env", "fs", "net", "os", "process", "thread"];

/// Checks every crate of the list.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace
        .packages
        .iter()
        .filter(|p| CRATES.contains(&p.name.as_str()))
    {
        let lint_file = package.folder.join("clippy.toml");
        let found = std::fs::read_to_string(workspace.root.join(&lint_file)).unwrap_or_default();
        if found != include_str!("../sans-io.clippy.toml") {
            let message = "this is not `xtask/sans-io.clippy.toml`; copy it";
            findings.push(Finding::of(&lint_file, message));
        }
        for source in &package.sources {
            if matches!(source.place, Place::Product(_)) {
                check_source(source, &mut findings);
            }
        }
    }
    findings
}

fn check_source(source: &Source, findings: &mut Vec<Finding>) {
    for item in &source.syntax.items {
        if !is_for_tests(attributes(item)) {
            check_tokens(item.to_token_stream(), source, findings);
        }
    }
}

fn attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn check_tokens(tokens: TokenStream, source: &Source, findings: &mut Vec<Finding>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (position, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => check_tokens(group.stream(), source, findings),
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                let line = ident.span().start().line;
                let banned = BANNED.iter().find(|(banned, _)| *banned == name);
                if let Some((_, why)) = banned.filter(|_| !is_excused(source, &name)) {
                    let message = format!("`{name}` in a crate without I/O: {why}");
                    findings.push(Finding::at(&source.path, line, message));
                }
                if name == "std" {
                    check_std(&tokens[position + 1..], source, line, findings);
                }
            }
            _ => {}
        }
    }
}

fn is_excused(source: &Source, name: &str) -> bool {
    EXCUSED
        .iter()
        .any(|(file, excused)| source.path.ends_with(file) && *excused == name)
}

/// Checks what follows `std`: `:: name` or `:: { … }`.
fn check_std(after: &[TokenTree], source: &Source, line: usize, findings: &mut Vec<Finding>) {
    let [TokenTree::Punct(_), TokenTree::Punct(_), next, ..] = after else {
        return;
    };
    let names: Vec<String> = match next {
        TokenTree::Ident(ident) => vec![ident.to_string()],
        TokenTree::Group(group) => group
            .stream()
            .into_iter()
            .map(|token| token.to_string())
            .collect(),
        _ => Vec::new(),
    };
    for name in names
        .iter()
        .filter(|name| BANNED_STD.contains(&name.as_str()))
    {
        let message = format!("`std::{name}` in a crate without I/O");
        findings.push(Finding::at(&source.path, line, message));
    }
}
