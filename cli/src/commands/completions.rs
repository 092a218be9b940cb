//! `synod completions`: a script for the shell, from the command line's own definition.

use clap::Args;
use clap_complete::Shell;
use serde_json::json;

use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Write a script that completes commands and options in a shell
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod completions bash > ~/.local/share/bash-completion/completions/synod
  synod completions zsh > ~/.zfunc/_synod       # with `fpath+=~/.zfunc` before `compinit`
  synod completions fish > ~/.config/fish/completions/synod.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(mut command: clap::Command, args: &CompletionsArgs, output: Output) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "synod", &mut script);
    let script = String::from_utf8(script)
        .map_err(|error| Failure::broken(format!("the script is not text: {error}")))?;
    let data = json!({ "shell": args.shell.to_string(), "script": script });
    output.result(&data, || script.trim_end().to_owned())
}
