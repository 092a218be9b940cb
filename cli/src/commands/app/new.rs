//! `synod app new`: a folder with an app that builds and passes its own test.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use synod_governance::app::AppName;

use crate::app::project::Language;
use crate::app::templates;
use crate::files::{self, Readers};
use crate::outcome::{Failure, Outcome};
use crate::output::Output;

/// Makes a folder with an app that builds and passes its own test
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod app new --lang rust notes
  synod app new --lang js notes --dir apps/notes
  synod app new --lang python notes")]
pub(crate) struct NewArgs {
    /// The language
    #[arg(long, value_enum)]
    lang: Language,
    /// The app's name: it answers at `/app/NAME/…`
    name: String,
    /// The folder, which must not exist yet [default: NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &NewArgs, output: Output) -> Outcome {
    let name = AppName::new(&args.name).map_err(|error| {
        Failure::mistake(error).with_hint("such as `notes`: lower-case letters, digits and `-`")
    })?;
    let dir = args.dir.clone().unwrap_or_else(|| args.name.clone().into());
    if dir.exists() {
        return Err(
            Failure::mistake(format!("`{}` already exists", dir.display())).with_hint(
                "existing files are never replaced; choose another folder with `--dir DIR`",
            ),
        );
    }
    for (path, text) in templates::files(args.lang, name.as_str()) {
        write(&dir.join(path), &text)?;
    }
    let data = json!({ "app": name.as_str(), "language": args.lang.to_string(), "dir": dir });
    output.result(&data, || next_steps(&dir, args.lang))
}

fn write(path: &Path, text: &str) -> Outcome {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::io(
            format!("cannot make the folder `{}`", folder.display()),
            &error,
        )
    })?;
    files::create(path, text.as_bytes(), Readers::Everybody)
}

fn next_steps(dir: &Path, language: Language) -> String {
    let prepare = match language {
        Language::Python => {
            "\n  python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
        }
        Language::Rust | Language::JavaScript => "",
    };
    format!(
        "made an app in {language}, in `{dir}`. Next:\n  cd {dir}{prepare}\n  synod app build\n  synod app test\n  synod up --app .",
        dir = dir.display()
    )
}
