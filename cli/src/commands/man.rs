//! `synod man`: pages for `man`, from the command line's own definition.

use std::path::{Path, PathBuf};

use clap::Args;
use clap_mangen::Man;
use serde_json::json;

use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Write a page for `man` of each command into a folder
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod man ~/.local/share/man/man1      # then: man synod-kv-put
  man \"$(synod man /tmp/pages)/synod.1\"  # without installing them")]
pub(crate) struct ManArgs {
    /// The folder; it is made if it is not there
    dir: PathBuf,
}

pub(crate) fn run(mut command: clap::Command, args: &ManArgs, output: Output) -> Outcome {
    let dir = &args.dir;
    let broken = |error| Failure::io(format!("cannot write pages to `{}`", dir.display()), &error);
    std::fs::create_dir_all(dir).map_err(broken)?;
    command.build();
    let mut pages = Vec::new();
    write_pages(&command, dir, &mut pages).map_err(broken)?;
    let data = json!({ "dir": dir, "pages": pages });
    output.result(&data, || dir.display().to_string())
}

/// Writes the page of this command, and those of the commands below it.
fn write_pages(
    command: &clap::Command,
    dir: &Path,
    pages: &mut Vec<String>,
) -> std::io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let page = format!("{name}.1");
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    std::fs::write(dir.join(&page), text)?;
    pages.push(page);
    let below = command.get_subcommands();
    for below in below.filter(|below| below.get_name() != "help") {
        write_pages(below, dir, pages)?;
    }
    Ok(())
}
