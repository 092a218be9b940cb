//! Apps of the tour: built, set by the members, brought into force, and called; with `--watch`
//! again and again.

use std::path::{Path, PathBuf};

use synod_client::{AppRequest, Service};
use synod_crypto::Digest;
use synod_governance::app::{AppManifest, Route, RouteKind, Who};

use crate::app::build::build;
use crate::app::changes::Sources;
use crate::app::deploy;
use crate::app::project::Project;
use crate::member_key::MemberKey;
use crate::outcome::{Failure, Outcome};
use crate::up::progress;

/// An app of the tour.
pub(crate) struct TourApp {
    dir: PathBuf,
    name: String,
    /// A path that a user may read; none if there is no such route without names in it.
    readable: Option<String>,
    /// What was built and is not set yet.
    made: Option<(Project, Vec<u8>)>,
    /// The sources that are in force.
    deployed: Sources,
    /// The sources at the last look, where they differ from those.
    changing: Option<Sources>,
}

impl TourApp {
    /// Reads the manifest, so that what is wrong with it is told before anything runs.
    pub(crate) fn open(dir: &Path) -> Outcome<Self> {
        let project = Project::open(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            name: project.manifest.name().as_str().to_owned(),
            readable: readable(&project.manifest),
            made: None,
            deployed: Sources::default(),
            changing: None,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Builds it.
    pub(crate) async fn build(&mut self) -> Outcome {
        let dir = self.dir.clone();
        // What changes while it is built is looked at again.
        self.deployed = self.look();
        let made = tokio::task::spawn_blocking(move || make(&dir)).await;
        self.made =
            Some(made.map_err(|error| {
                Failure::broken(format!("the build was interrupted: {error}"))
            })??);
        Ok(())
    }

    /// Sets what was built, or builds it first, and waits until it is in force.
    pub(crate) async fn deploy(
        &mut self,
        service: &Service,
        network: Digest,
        members: &[MemberKey],
    ) -> Outcome {
        if self.made.is_none() {
            self.build().await?;
        }
        let (project, component) = self.made.take().expect("it was just built");
        project.manifest.name().as_str().clone_into(&mut self.name);
        self.readable = readable(&project.manifest);
        let files = deploy::files_of(&project, component)?;
        let action = deploy::action(service, network, files.act()).await?;
        let signatures = deploy::signed(&action, members);
        deploy::set(service, &self.name, &files, signatures).await?;
        Ok(())
    }

    /// Reads something of it, from a replica that was verified.
    pub(crate) async fn call(&self, service: &Service) -> Outcome {
        let Some(path) = &self.readable else {
            progress::note(format!(
                "`{}` has no path that every user can read without parameters, so it was not called",
                self.name
            ));
            return Ok(());
        };
        let answer = service.app(&self.name).call(&AppRequest::get(path)).await?;
        let told = format!(
            "GET /app/{}{path} was answered with {} by a verified replica",
            self.name, answer.status
        );
        if !answer.status.is_success() {
            return Err(Failure::not_verified(told).with_hint(format!(
                "`synod app test` shows what the app answers; `synod app logs {}` shows its log",
                self.name
            )));
        }
        progress::done(told);
        Ok(())
    }

    /// How to go on with it.
    pub(crate) fn commands(&self, option: &str) -> Vec<String> {
        let path = self.readable.as_deref().unwrap_or("/…");
        vec![
            format!("synod app call{option} {} GET {path}", self.name),
            format!("synod app logs{option} {} --follow", self.name),
        ]
    }

    /// Whether its sources have changed, and have come to rest since the last look.
    pub(crate) fn has_changed(&mut self) -> bool {
        let now = self.look();
        if let Some(file) = now.changed_since(&self.deployed) {
            if self.changing.as_ref() == Some(&now) {
                progress::note(format!("\n    {} changed", file.display()));
                self.changing = None;
                return true;
            }
            self.changing = Some(now);
        }
        false
    }

    /// Builds and sets it anew. What is wrong is told; the version in force goes on.
    pub(crate) async fn deploy_again(
        &mut self,
        service: &Service,
        network: Digest,
        members: &[MemberKey],
    ) {
        if let Err(failure) = self.deploy(service, network, members).await {
            progress::note(format!("  ✗ {failure}"));
            progress::note(
                "the previous version stays in force; the next change starts a new build",
            );
        }
    }

    fn look(&self) -> Sources {
        let component = match Project::open(&self.dir) {
            Ok(project) => project.component_path(),
            Err(_) => PathBuf::new(),
        };
        Sources::look(&self.dir, &component)
    }
}

fn make(dir: &Path) -> Outcome<(Project, Vec<u8>)> {
    let project = Project::open(dir)?;
    let component = if project.language().is_ok() {
        build(&project)?.component
    } else {
        project.component()?
    };
    Ok((project, component))
}

/// The first path without names in it that any user can read.
fn readable(manifest: &AppManifest) -> Option<String> {
    let is_readable = |route: &&Route| {
        let lets_in = |who: &Who| matches!(who, Who::Any | Who::User);
        route.kind.unwrap_or(RouteKind::of_method("GET")) == RouteKind::Read
            && route.serves("GET")
            && route.pattern.params().next().is_none()
            && route.who.iter().any(lets_in)
    };
    let route = manifest.routes().iter().find(is_readable)?;
    Some(route.pattern.as_str().to_owned())
}
