//! What holds of all commands together.

mod command_lines;
mod options;

use clap::CommandFactory as _;

use super::Cli;

#[test]
fn arguments_of_all_commands_fit_together() {
    Cli::command().debug_assert();
}

/// Every command that does something, by the names that lead to it.
fn leaves() -> Vec<(String, clap::Command)> {
    fn walk(command: &clap::Command, path: &str, leaves: &mut Vec<(String, clap::Command)>) {
        let below = command.get_subcommands();
        let mut below = below.filter(|one| one.get_name() != "help").peekable();
        if below.peek().is_none() {
            leaves.push((path.trim().to_owned(), command.clone()));
        }
        for one in below {
            walk(one, &format!("{path} {}", one.get_name()), leaves);
        }
    }
    let mut root = Cli::command();
    root.build();
    let mut leaves = Vec::new();
    walk(&root, "", &mut leaves);
    leaves
}

/// The root of the repository.
fn repository() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
