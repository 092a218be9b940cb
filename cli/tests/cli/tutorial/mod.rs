//! Every command of the tutorial, run as it stands on the page, for each language whose tools are
//! at hand.
//!
//! `SYNOD_TUTORIAL=rust,js,python` names the languages that must be gone through; without it, those
//! are whose tools need no network: Rust, if it can build for WebAssembly.

mod page;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::Command;

use page::{Block, LANGUAGES};
use terminal::Terminals;

const PAGE: &str = include_str!("../../../../docs/tutorial.md");

#[test]
fn every_command_of_the_tutorial_does_what_the_page_says() {
    let demanded = std::env::var("SYNOD_TUTORIAL").ok();
    for (place, (language, name)) in LANGUAGES.into_iter().enumerate() {
        let wanted = match &demanded {
            Some(list) => list.split(',').any(|one| one == language),
            None => language == "rust" && rust_builds_for_wasm(),
        };
        if wanted {
            go_through(language, place as u16);
        } else {
            eprintln!("SKIPPED: the tutorial in {name}; `SYNOD_TUTORIAL={language}` demands it");
        }
    }
}

fn go_through(language: &str, place: u16) {
    let dir = tempfile::tempdir().unwrap();
    let mut terminals = Terminals::open(dir.path(), &path_with_synod(), port_base(place));
    let blocks = page::blocks(PAGE);
    let own = |block: &&Block| block.language.is_none_or(|its| its == language);
    for block in blocks.iter().filter(own) {
        let place = format!("docs/tutorial.md:{} ({language})", block.line);
        let output = if block.stays {
            terminals.stay(&block.commands, "the service is running")
        } else {
            terminals.run(&block.commands)
        };
        let output = output.unwrap_or_else(|failure| panic!("{place}: {failure}"));
        if let Some(line) = page::missing_line(&block.prints, &output) {
            panic!("{place}: the output has no line `{line}`:\n{output}");
        }
    }
}

/// `synod` stands in front of everything else on the path.
fn path_with_synod() -> String {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_synod"));
    let folder = program.parent().unwrap_or(Path::new("."));
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}

/// A port base of this process's own, so that tests can run side by side.
fn port_base(place: u16) -> u16 {
    31_000 + (std::process::id() % 60) as u16 * 400 + place * 100
}

fn rust_builds_for_wasm() -> bool {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let args = [
        "--print",
        "target-libdir",
        "--target",
        "wasm32-unknown-unknown",
    ];
    let Ok(output) = Command::new(rustc).args(args).output() else {
        return false;
    };
    let folder = String::from_utf8_lossy(&output.stdout);
    let mut entries = std::fs::read_dir(folder.trim())
        .into_iter()
        .flatten()
        .flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().starts_with("libcore"))
}
