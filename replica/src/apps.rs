//! Which apps answer, for whom, and by which route, as one state of governance has it.
//!
//! What was read is kept for as long as governance stands as it was read, in the newest state and
//! in the certified one: manifests are parsed once, not for each call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use synod_crypto::Digest;
use synod_governance::View;
use synod_governance::app::{
    AppManifest, AppMapKind, AppName, AppPath, AppStatus, CallerIdentity, CallerKind, NoRoute,
    RouteKind, owner_of_map,
};
use synod_kv::{MapName, Read, WriteSet};

use crate::app::{AppFault, AppKey, AppRequest};
use crate::caller::Caller;
use crate::calls::CallError;
use crate::members::sound;

/// So many callers, and so many names of apps, are remembered at a time.
const REMEMBERED_MAX: usize = 4096;

/// The version of an app that answers.
#[derive(Debug, PartialEq, Eq)]
pub struct ActiveApp {
    /// Which one.
    pub key: AppKey,
    /// Its manifest.
    pub manifest: Arc<AppManifest>,
}

/// A state of governance: the seqno that last wrote to it, and how often state was rolled back
/// until then. Equal marks name equal states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct GovernanceMark {
    pub seqno: u64,
    pub rollbacks: u64,
}

/// The apps of one replica: as two states have them, and which versions were compiled here.
#[derive(Debug, Default)]
pub(crate) struct Apps {
    pub newest: AppTables,
    pub certified: AppTables,
    /// As many as the members set versions.
    ready: BTreeSet<AppKey>,
}

impl Apps {
    /// A version was compiled here.
    pub(crate) fn make_ready(&mut self, app: AppKey) {
        self.ready.insert(app);
    }

    /// Whether the version was compiled here.
    pub(crate) fn is_ready(&self, app: &AppKey) -> bool {
        self.ready.contains(app)
    }
}

/// Where a request leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub app: Arc<ActiveApp>,
    pub caller: CallerIdentity,
    /// The pattern of the route.
    pub route: String,
    pub params: Vec<(String, String)>,
    pub kind: RouteKind,
}

/// What was read of one state of governance.
#[derive(Debug, Default)]
pub(crate) struct AppTables {
    mark: GovernanceMark,
    open: Option<bool>,
    apps: BTreeMap<AppName, Option<Arc<ActiveApp>>>,
    callers: BTreeMap<Digest, CallerIdentity>,
}

impl AppTables {
    /// Where the request leads in the state that `reader` shows, whose governance is that of
    /// `mark`.
    ///
    /// # Errors
    /// [`CallError`]: the service is not open, there is no such app or route, or it is not for this
    /// caller.
    pub(crate) fn judge(
        &mut self,
        mark: GovernanceMark,
        reader: &impl Read,
        caller: Caller,
        app: &str,
        request: &AppRequest,
    ) -> Result<Judged, CallError> {
        let path = AppPath::parse(&request.path)?;
        self.renew(mark);
        if !*self
            .open
            .get_or_insert_with(|| sound(View::new(reader).is_open()))
        {
            return Err(CallError::NotOpen);
        }
        let name = AppName::new(app).map_err(|_| CallError::AppNotFound)?;
        let app = self.app(reader, &name).ok_or(CallError::AppNotFound)?;
        let caller = self.caller(reader, caller);
        let routed = app
            .manifest
            .route(&request.method, &path)
            .map_err(no_route)?;
        if !routed.admits(&caller) {
            return Err(CallError::Forbidden);
        }
        let max_bytes = app.manifest.limits().request_bytes;
        if request.body.len() as u64 > max_bytes {
            return Err(CallError::RequestTooLarge { max_bytes });
        }
        let (route, params, kind) = (routed.pattern.to_string(), routed.params, routed.kind);
        Ok(Judged {
            app,
            caller,
            route,
            params,
            kind,
        })
    }

    fn renew(&mut self, mark: GovernanceMark) {
        let full = self.callers.len() >= REMEMBERED_MAX || self.apps.len() >= REMEMBERED_MAX;
        if self.mark != mark || full {
            *self = Self {
                mark,
                ..Self::default()
            };
        }
    }

    fn app(&mut self, reader: &impl Read, name: &AppName) -> Option<Arc<ActiveApp>> {
        if let Some(known) = self.apps.get(name) {
            return known.clone();
        }
        let found = active(reader, name).map(Arc::new);
        self.apps.insert(name.clone(), found.clone());
        found
    }

    fn caller(&mut self, reader: &impl Read, caller: Caller) -> CallerIdentity {
        let Some(fingerprint) = caller.fingerprint else {
            return CallerIdentity::anonymous();
        };
        self.callers
            .entry(fingerprint)
            .or_insert_with(|| identity(reader, &fingerprint))
            .clone()
    }
}

fn no_route(error: NoRoute) -> CallError {
    match error {
        NoRoute::NotFound => CallError::RouteNotFound,
        NoRoute::MethodNotAllowed(allowed) => CallError::MethodNotAllowed(allowed),
    }
}

/// The version of an app that answers in this state, if it has one.
pub(crate) fn active(reader: &impl Read, name: &AppName) -> Option<ActiveApp> {
    let record = sound(View::new(reader).app(name))?;
    let version = record.active.filter(|_| record.status == AppStatus::Set)?;
    let manifest = Arc::new(sound(version.parsed_manifest()));
    let key = AppKey {
        name: record.name,
        number: version.number,
        component: version.component,
    };
    Some(ActiveApp { key, manifest })
}

/// Who has the certificate with this fingerprint, in this state: a user before a member; nobody's
/// is anonymous.
pub(crate) fn identity(reader: &impl Read, fingerprint: &Digest) -> CallerIdentity {
    let view = View::new(reader);
    let claims = vec![("key".to_owned(), fingerprint.to_string())];
    if let Some(user) = sound(view.user_by_fingerprint(fingerprint)) {
        return CallerIdentity {
            kind: CallerKind::User,
            id: user.name,
            roles: user.roles.into_iter().collect(),
            claims,
        };
    }
    let member = sound(view.member_by_fingerprint(fingerprint));
    let (kind, id) = match member {
        Some(member) => (CallerKind::Member, member.name),
        None => (CallerKind::Anonymous, String::new()),
    };
    CallerIdentity {
        kind,
        id,
        roles: Vec::new(),
        claims,
    }
}

/// Whether all maps that are written are the app's own. The executor sees to it; this sees to the
/// executor.
///
/// # Errors
/// [`AppFault::UndeclaredMap`] names the first that is not.
pub(crate) fn check_own_maps(app: &AppName, writes: &WriteSet) -> Result<(), AppFault> {
    match writes.map_names().find(|map| !is_own_map(app, map)) {
        Some(map) => Err(AppFault::UndeclaredMap(map.to_string())),
        None => Ok(()),
    }
}

/// Whether the app may write the map.
pub(crate) fn is_own_map(app: &AppName, map: &MapName) -> bool {
    owner_of_map(map).is_some_and(|owned| owned.app == *app && owned.kind != AppMapKind::Component)
}
