//! The door to apps: calls of them, what the ledger says of them, and their logs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_api::{AppLogReply, AppsReply, ChunkReply, ErrorCode, Problem};
use synod_gateway::Records;
use synod_gateway::app::{AppRequest, Call, Reply};
use synod_governance::View;
use synod_governance::app::{AppName, AppRecord, AppVersion, CallerKind};
use synod_kv::Snapshot;
use synod_replica::app::AppChunk;
use synod_replica::{AppView, CallError, Caller, Replica};
use tokio::sync::mpsc;

use crate::app_call;
use crate::app_engine::AppEngine;
use crate::app_logs::AppLogs;
use crate::app_views::{self, Detail};
use crate::core::{Core, Stopped};
use crate::executors::Counted;
use crate::governance_news::GovernanceSeen;
use crate::metrics::AppMetrics;
use crate::watching::Watchers;

/// The door to apps of a running replica.
#[derive(Clone)]
pub(crate) struct AppDoor {
    pub(crate) core: Core,
    /// The replica's id.
    pub(crate) replica: u64,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) logs: Arc<AppLogs>,
    pub(crate) engine: Arc<AppEngine>,
    pub(crate) executors: Counted,
}

/// Why there is no answer.
pub(crate) enum Refusal {
    /// The replica said so; of a follower it may be the way to the leader.
    Call(CallError),
    /// A problem.
    Problem(Box<Problem>),
}

impl From<Box<Problem>> for Refusal {
    fn from(problem: Box<Problem>) -> Self {
        Self::Problem(problem)
    }
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        Self::Problem(stopped.into())
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem.into())
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Problem::new(code).into()
    }
}

impl AppDoor {
    /// Answers a call to an app or about apps.
    pub(crate) async fn answer(&self, who: Caller, call: Call) -> Result<Reply, Refusal> {
        match call {
            Call::Request(request) => self.call(who, *request).await,
            Call::List => self.list().await,
            Call::Describe { name } => self.describe(name).await,
            Call::Component { name } => {
                let pieces = self.of_app(name, |state, record| {
                    app_views::component(state, &record.name, active(record)?).ok_or(NOT_READY)
                });
                pieces.await.map(stream)
            }
            Call::OpenApi { name } => {
                let text = self.of_app(name, |_, record| {
                    let document = active(record)?.openapi.clone();
                    document.ok_or(ErrorCode::RouteNotFound)
                });
                text.await.map(|text| Reply::OpenApi(text.into()))
            }
            Call::Chunk {
                name,
                number,
                index,
                bytes,
            } => {
                let app = AppName::new(&name).map_err(|_| ErrorCode::AppNotFound)?;
                let chunk = AppChunk {
                    app,
                    number,
                    index,
                    bytes,
                };
                self.chunk(who, chunk).await
            }
            Call::Logs { name, after, limit } => self.log(who, name, after, limit).await,
        }
    }

    /// What there is to count.
    pub(crate) fn metrics(&self) -> AppMetrics {
        AppMetrics {
            runtime: self.engine.counts(),
            executors: self.executors.look(),
            watchers: self.watchers.count(),
            watch_bytes: self.watchers.bytes_in_memory(),
        }
    }

    async fn call(&self, who: Caller, request: AppRequest) -> Result<Reply, Refusal> {
        let name = request.app.clone();
        match self.core.ask(who, app_call::of(request)).await? {
            Ok(reply) => Ok(Reply::Answered(Box::new(app_call::answer(*reply)))),
            Err(error) => self.failed(who, name, error).await,
        }
    }

    /// What a call that failed is answered with.
    async fn failed(&self, who: Caller, name: String, error: CallError) -> Result<Reply, Refusal> {
        match error {
            CallError::MethodNotAllowed(methods) => Ok(Reply::Methods(methods)),
            CallError::Forbidden if who.fingerprint.is_none() => {
                Err(ErrorCode::CertificateRequired.into())
            }
            CallError::Forbidden => Err(ErrorCode::AppForbidden.into()),
            // The replica knows only of versions that answer.
            CallError::AppNotFound => self.of_app(name, |_, _| Err(NOT_READY)).await,
            other => Err(Refusal::Call(other)),
        }
    }

    async fn chunk(&self, who: Caller, chunk: AppChunk) -> Result<Reply, Refusal> {
        match self.core.ask(who, chunk).await? {
            Ok(taken) => Ok(Reply::ChunkTaken(ChunkReply {
                transaction_id: taken.tx.unwrap_or(taken.as_of),
            })),
            Err(CallError::Malformed(why)) => Err(Problem::new(ErrorCode::ChunkRefused)
                .with_detail(why)
                .into()),
            Err(CallError::NotFound) => Err(ErrorCode::ChunkRefused.into()),
            Err(error) => Err(Refusal::Call(error)),
        }
    }

    async fn list(&self) -> Result<Reply, Refusal> {
        let look = |replica: &mut Replica| {
            let views = replica.apps_view();
            let brief =
                |view: &AppView, state: &Snapshot<'_>| app_views::app(state, view, Detail::Brief);
            at_certified(replica, |state| {
                views.iter().map(|view| brief(view, state)).collect()
            })
        };
        let apps = self.core.look(look).await?;
        Ok(Reply::List(AppsReply { apps }))
    }

    async fn describe(&self, name: String) -> Result<Reply, Refusal> {
        let look = move |replica: &mut Replica| {
            let name = AppName::new(&name).ok()?;
            let view = replica.app_view(&name)?;
            Some(at_certified(replica, |state| {
                app_views::app(state, &view, Detail::Whole)
            }))
        };
        let info = self.core.look(look).await?.ok_or(ErrorCode::AppNotFound)?;
        Ok(Reply::Description(Box::new(info)))
    }

    /// Members see every log, users those of the apps that they own. It is judged in the newest
    /// certified state.
    async fn log(
        &self,
        who: Caller,
        name: String,
        after: u64,
        limit: u32,
    ) -> Result<Reply, Refusal> {
        let caller = self
            .core
            .look(move |replica| replica.caller_identity(who))
            .await?;
        let app = self
            .of_app(name, move |_, record| {
                let owner = |version: &AppVersion| {
                    let manifest = version.parsed_manifest().ok();
                    manifest.is_some_and(|manifest| manifest.owner() == Some(&caller.id))
                };
                let newest = record.active.as_ref().or(record.pending.as_ref());
                let may = match caller.kind {
                    CallerKind::Member => true,
                    CallerKind::User => newest.is_some_and(owner),
                    CallerKind::Anonymous | CallerKind::Service => false,
                };
                may.then(|| record.name.clone()).ok_or(ErrorCode::Forbidden)
            })
            .await?;
        let page = self.logs.page(&app, after, limit as usize);
        Ok(Reply::Logs(AppLogReply {
            replica: self.replica,
            lines: page.lines,
            next: page.next,
            dropped: page.dropped,
        }))
    }

    /// Forgets apps that are gone, with their logs, whenever governance has changed; ends with the
    /// replica.
    pub(crate) async fn forget_what_is_gone(self) {
        let mut news = self.watchers.news();
        let mut seen = GovernanceSeen::default();
        while news.changed().await.is_ok() {
            let look = move |replica: &mut Replica| {
                let news = seen.is_news(replica);
                let present =
                    news.then(|| at_certified(replica, |state| app_views::present(state)));
                (seen, present)
            };
            let Ok((now, present)) = self.core.look(look).await else {
                return;
            };
            seen = now;
            if let Some(present) = present {
                self.engine.forget_old(|app| present.get(app).copied());
                self.logs.keep_only(|app| present.contains_key(app));
            }
            tokio::time::sleep(GONE_EVERY).await;
        }
    }

    /// Looks at an app in the newest certified state.
    async fn of_app<T: Send + 'static>(
        &self,
        name: String,
        look: impl FnOnce(&Snapshot<'_>, &AppRecord) -> Result<T, ErrorCode> + Send + 'static,
    ) -> Result<T, Refusal> {
        let seen = self.core.look(move |replica| {
            at_certified(replica, |state| {
                let name = AppName::new(&name).map_err(|_| ErrorCode::AppNotFound)?;
                let record = View::new(state).app(&name).ok().flatten();
                look(state, &record.ok_or(ErrorCode::AppNotFound)?)
            })
        });
        Ok(seen.await??)
    }
}

/// Between two looks for apps that are gone.
const GONE_EVERY: Duration = Duration::from_millis(200);
const NOT_READY: ErrorCode = ErrorCode::AppNotReady;

fn active(record: &AppRecord) -> Result<&AppVersion, ErrorCode> {
    record.active.as_ref().ok_or(NOT_READY)
}

fn at_certified<T>(replica: &Replica, look: impl FnOnce(&Snapshot<'_>) -> T) -> T {
    let machine = replica.machine();
    let store = machine.store();
    let state = store
        .snapshot(machine.history().certified_seqno())
        .expect("the certified state is never compacted away");
    look(&state)
}

/// The pieces of a component; they are shared with the store, so nothing is copied.
fn stream(pieces: Vec<Bytes>) -> Reply {
    let (sender, receiver) = mpsc::channel(pieces.len().max(1));
    for piece in pieces {
        // The channel has room for all of them.
        let _ = sender.try_send(Ok(piece));
    }
    Reply::Component(Records(receiver))
}
