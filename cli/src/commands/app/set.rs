//! `synod app set` and `synod app remove`: acts of the members, signed here or elsewhere.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use synod_api::AppInfo;
use synod_governance::app::AppName;
use synod_governance::{Act, Action};
use synod_testbed::AppFiles;

use crate::act_text;
use crate::app::build::build;
use crate::app::project::Project;
use crate::app::{component, deploy};
use crate::connect::ServiceArgs;
use crate::files::{self, Readers};
use crate::member_key::MemberKey;
use crate::outcome::{Failure, Outcome};
use crate::output::{Output, say};

/// Sets an app, or another version of it, and waits until it is in force
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod app set notes                              # with the members' keys in .synod, as `synod up` made them
  synod app set notes --member-key alice.key --member-key bob.key
  synod app set notes --write-action notes.action  # to be signed elsewhere: `synod member sign`
  synod app set notes --signature notes.alice --signature notes.bob")]
pub(crate) struct SetArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The app's folder; it is built first
    #[arg(value_name = "APP", default_value = ".")]
    app: PathBuf,
    /// Set the component from the last build
    #[arg(long)]
    no_build: bool,
    #[command(flatten)]
    signing: SigningArgs,
}

/// Removes an app with all the data in its maps
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  synod app remove notes
  synod app remove notes --write-action gone.action")]
pub(crate) struct RemoveArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// The app
    name: String,
    #[command(flatten)]
    signing: SigningArgs,
}

/// Who signs, and where.
#[derive(Args, Debug)]
struct SigningArgs {
    /// A member's key file; can be repeated [default: those in DIR/members]
    #[arg(long, value_name = "FILE")]
    member_key: Vec<PathBuf>,
    /// Only write the act to this file, for members who sign on other machines
    #[arg(long, value_name = "FILE", conflicts_with_all = ["member_key", "signature"])]
    write_action: Option<PathBuf>,
    /// A file that `synod member sign` wrote; can be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "member_key")]
    signature: Vec<PathBuf>,
}

pub(crate) async fn set(args: &SetArgs, output: Output) -> Outcome {
    let project = Project::open(&args.app)?;
    let files = files_of(&project, args.no_build)?;
    let name = project.manifest.name().as_str();
    let Some(signatures) = args
        .signing
        .signatures(&args.service, files.act(), output)
        .await?
    else {
        return Ok(());
    };
    let service = args.service.service()?;
    let app = deploy::set(&service, name, &files, signatures).await?;
    output.result_of(&service, &app, || in_force(&app))
}

pub(crate) async fn remove(args: &RemoveArgs, output: Output) -> Outcome {
    let name = AppName::new(&args.name).map_err(Failure::mistake)?;
    let act = Act::RemoveApp { name };
    let Some(signatures) = args.signing.signatures(&args.service, act, output).await? else {
        return Ok(());
    };
    let service = args.service.service()?;
    let reply = service.act(signatures).await?;
    deploy::gone(&service, &args.name).await?;
    let data = json!({ "removed": args.name, "transaction_id": reply.transaction_id.to_string() });
    output.result_of(&service, &data, || {
        format!(
            "`{}` and all its data were removed by transaction {}",
            args.name, reply.transaction_id
        )
    })
}

/// The component, built anew or as it stands, if the manifest admits it.
fn files_of(project: &Project, no_build: bool) -> Outcome<AppFiles> {
    let component = if no_build || project.language().is_err() {
        project.component()?
    } else {
        build(project)?.component
    };
    component::check(&component, &project.manifest)?;
    deploy::files_of(project, component)
}

impl SigningArgs {
    /// The members' signatures; none if the act is only written for them.
    async fn signatures(
        &self,
        at: &ServiceArgs,
        act: Act,
        output: Output,
    ) -> Outcome<Option<Vec<Bytes>>> {
        if !self.signature.is_empty() {
            let read = |path: &PathBuf| files::read(path).map(Bytes::from);
            return Ok(Some(
                self.signature.iter().map(read).collect::<Outcome<_>>()?,
            ));
        }
        let service = at.service()?;
        let action = deploy::action(&service, at.known()?.network, act).await?;
        if let Some(path) = &self.write_action {
            return write_action(path, &action, output).map(|()| None);
        }
        let threshold = service.governance().await?.threshold;
        let keys = self.keys(&at.dir, usize::from(threshold))?;
        let names: Vec<&str> = keys.iter().map(MemberKey::name).collect();
        say(format!(
            "  ✓ signed by {}: {}",
            names.join(" and "),
            act_text::told(&action.act)
        ));
        Ok(Some(deploy::signed(&action, &keys)))
    }

    /// The keys that are named, or as many of the local network's as must sign.
    fn keys(&self, dir: &Path, threshold: usize) -> Outcome<Vec<MemberKey>> {
        let paths = if self.member_key.is_empty() {
            local_keys(dir, threshold)?
        } else {
            self.member_key.clone()
        };
        paths.iter().map(|path| MemberKey::read(path)).collect()
    }
}

fn local_keys(dir: &Path, threshold: usize) -> Outcome<Vec<PathBuf>> {
    let folder = dir.join("members");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| is_member_key(path))
        .collect();
    paths.sort();
    paths.truncate(threshold);
    if paths.len() < threshold {
        return Err(Failure::mistake(format!(
            "{threshold} members must sign, but `{}` has the keys of only {}",
            folder.display(),
            paths.len()
        ))
        .with_hint("name the members' keys with `--member-key FILE`, or write the act to a file for them with `--write-action FILE`"));
    }
    Ok(paths)
}

/// Keys for TLS stand beside those that sign.
fn is_member_key(path: &Path) -> bool {
    let of_tls =
        |stem: &std::ffi::OsStr| Path::new(stem).extension().is_some_and(|end| end == "tls");
    path.extension().is_some_and(|end| end == "key") && !path.file_stem().is_some_and(of_tls)
}

fn write_action(path: &Path, action: &Action, output: Output) -> Outcome {
    files::create(path, &action.encode(), Readers::Everybody)?;
    let told = act_text::told(&action.act);
    let data = json!({ "file": path, "sequence": action.sequence, "act": told });
    output.result(&data, || {
        format!(
            "act {}: {told}\n{}: to be signed by the members with `synod member sign`",
            action.sequence,
            path.display()
        )
    })
}

fn in_force(app: &AppInfo) -> String {
    let active = app.active.as_ref();
    let version = active.map_or("?", |active| active.version.as_str());
    let digest = active.map_or("?", |active| active.component.as_str());
    format!(
        "`{}` {version} answers at /app/{}/\ncomponent {digest}",
        app.name, app.name
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        signing: SigningArgs,
    }

    fn signing(line: &str) -> SigningArgs {
        let words = std::iter::once("set").chain(line.split_whitespace());
        Line::parse_from(words).signing
    }

    #[test]
    fn each_option_says_who_signs() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["alice", "bob"] {
            let key = MemberKey::generate(name).unwrap();
            key.create(&path(&format!("{name}.key"))).unwrap();
        }
        let named = |line: &str| {
            let keys = signing(line).keys(dir.path(), 1).unwrap();
            let names: Vec<String> = keys.iter().map(|key| key.name().to_owned()).collect();
            names.join(" ")
        };
        let key = |name: &str| path(&format!("{name}.key")).display().to_string();
        assert_eq!(
            named(&format!("--member-key {}", key("bob"))),
            "bob",
            "--member-key"
        );
        let signed = signing("--signature a --signature b").signature;
        assert_eq!(signed.len(), 2, "--signature");
        let written = signing("--write-action x").write_action;
        assert_eq!(written.as_deref(), Some(Path::new("x")), "--write-action");
        let both = ["set", "--write-action", "x", "--member-key", "k"];
        assert!(
            Line::try_parse_from(both).is_err(),
            "one of them would have no effect"
        );
    }
}
