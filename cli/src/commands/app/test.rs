//! `synod app test`: the app's scenarios, each against a fresh synod in memory.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use synod_testbed::{AppFiles, Scenario, ScenarioReport, StepReport, Synod, Workshop, run as play};

use crate::app::build::build;
use crate::app::project::Project;
use crate::files;
use crate::outcome::{Failure, Outcome};
use crate::output::{Output, say};
use crate::waiting::Waiting;

/// The folder of an app's scenarios.
const SCENARIOS: &str = "tests";

/// Runs the scenarios in an app's folder `tests`, each against a fresh synod in memory: no network,
/// no disk
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod app test                             # the app in this folder; builds it first
  synod app test notes --scenario tests/sharing.toml
  synod app test notes --no-build --json

A scenario is a TOML file; docs/apps.md says what can stand in it. Exit code 3 if an answer is not as expected.")]
pub(crate) struct TestArgs {
    /// The app's folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Run this scenario instead of all in `tests`; can be repeated
    #[arg(long, value_name = "FILE")]
    scenario: Vec<PathBuf>,
    /// Test the component from the last build
    #[arg(long)]
    no_build: bool,
}

/// A scenario that was run.
struct Played {
    file: PathBuf,
    report: ScenarioReport,
}

pub(crate) fn run(args: &TestArgs, output: Output) -> Outcome {
    let project = Project::open(&args.dir)?;
    let files = scenario_files(args)?;
    let scenarios = files
        .into_iter()
        .map(|file| {
            Ok((
                Scenario::parse(&files::read_text(&file)?)
                    .map_err(|error| Failure::mistake(format!("`{}`: {error}", file.display())))?,
                file,
            ))
        })
        .collect::<Outcome<Vec<_>>>()?;
    let component = if args.no_build || project.language().is_err() {
        project.component()?
    } else {
        build(&project)?.component
    };
    let app = AppFiles {
        manifest: project.toml.clone(),
        component: component.into(),
        openapi: project.openapi()?,
    };
    let workshop = Workshop::new().map_err(Failure::broken)?;
    let mut played = Vec::new();
    for (scenario, file) in scenarios {
        let report = play_one(&workshop, &app, &scenario, &file)?;
        tell(&file, &report);
        played.push(Played { file, report });
    }
    conclude(&project, &played, output)
}

/// The scenarios that are named, or all in the folder, by name.
fn scenario_files(args: &TestArgs) -> Outcome<Vec<PathBuf>> {
    if !args.scenario.is_empty() {
        return Ok(args.scenario.clone());
    }
    let folder = args.dir.join(SCENARIOS);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(
            Failure::mistake(format!("there is no scenario in `{}`", folder.display()))
                .with_hint("docs/apps.md says what a scenario looks like"),
        );
    }
    Ok(files)
}

fn play_one(
    workshop: &Workshop,
    app: &AppFiles,
    scenario: &Scenario,
    file: &Path,
) -> Outcome<ScenarioReport> {
    let _waiting = Waiting::begin(format!("running {}", file.display()));
    let failed = |error: &synod_testbed::TestbedError| {
        Failure::mistake(format!("`{}`: {error}", file.display()))
    };
    let mut synod =
        Synod::found(&file.display().to_string(), workshop).map_err(|error| failed(&error))?;
    let name = synod.set_app(app).map_err(|error| failed(&error))?;
    play(scenario, &mut synod.stage(&name)).map_err(|error| failed(&error))
}

fn tell(file: &Path, report: &ScenarioReport) {
    say(format!("\n{}", file.display()));
    for step in &report.steps {
        say(step_line(step));
        for one in &step.differences {
            say(format!("      {}", one.place));
            say(format!("        expected  {}", one.expected));
            say(format!("        found     {}", one.found));
        }
        if !step.differences.is_empty() {
            step.log
                .iter()
                .for_each(|line| say(format!("      log of the {}", line.escape_debug())));
        }
    }
}

fn step_line(step: &StepReport) -> String {
    let mark = if step.differences.is_empty() {
        '✓'
    } else {
        '✗'
    };
    let proven = match step.transaction {
        Some(id) => format!(", transaction {id} proven by its receipt"),
        None => String::new(),
    };
    format!(
        "  {mark} {}. {}: {} → {}{proven}",
        step.number, step.speaker, step.request, step.status
    )
}

fn conclude(project: &Project, played: &[Played], output: Output) -> Outcome {
    let failed = played.iter().filter(|one| !one.report.passed()).count();
    let name = project.manifest.name().as_str();
    let data = json!({
        "simulated": true,
        "app": name,
        "scenarios": played.iter().map(played_json).collect::<Vec<_>>(),
        "passed": played.len() - failed,
        "failed": failed,
    });
    output.result(&data, || {
        let steps: usize = played.iter().map(|one| one.report.steps.len()).sum();
        format!(
            "{name}: {} of {} scenarios passed, {steps} requests, in a SIMULATED synod",
            played.len() - failed,
            played.len()
        )
    })?;
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::not_verified(format!(
        "{failed} of {} scenarios failed",
        played.len()
    )))
}

fn played_json(one: &Played) -> Value {
    let steps: Vec<Value> = one.report.steps.iter().map(step_json).collect();
    json!({ "file": one.file, "passed": one.report.passed(), "steps": steps })
}

fn step_json(step: &StepReport) -> Value {
    let differences: Vec<Value> = step
        .differences
        .iter()
        .map(|one| json!({ "place": one.place, "expected": one.expected, "found": one.found }))
        .collect();
    json!({
        "step": step.number,
        "as": step.speaker.to_string(),
        "request": step.request,
        "status": step.status,
        "transaction_id": step.transaction.map(|id| id.to_string()),
        "log": step.log,
        "differences": differences,
    })
}
