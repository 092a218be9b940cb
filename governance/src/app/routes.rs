//! Which route a request takes.

use crate::app::caller::{CallerIdentity, Who};
use crate::app::path::AppPath;
use crate::app::pattern::PathPattern;

/// The methods that apps can serve.
pub const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Whether a request may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteKind {
    /// Answered from a snapshot by any replica; it cannot write.
    Read,
    /// A transaction, on the leader.
    Write,
}

impl RouteKind {
    /// As the manifest has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// What a method is unless the manifest says otherwise.
    pub fn of_method(method: &str) -> Self {
        match method {
            "GET" | "HEAD" => Self::Read,
            _ => Self::Write,
        }
    }
}

/// The text is not a method that apps can serve; the manifest's author is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not one of GET, HEAD, POST, PUT, PATCH and DELETE")]
pub struct BadMethod {
    /// The beginning of what was given.
    pub found: String,
}

/// What a manifest says of some paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The paths.
    pub pattern: PathPattern,
    /// The methods, of [`METHODS`]. A route that serves GET serves HEAD as well.
    pub methods: Vec<&'static str>,
    /// Whom it lets in: whoever is admitted by any of them.
    pub who: Vec<Who>,
    /// Whether it may write, if the manifest says so; else the method decides.
    pub kind: Option<RouteKind>,
}

/// The route that a request takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routed<'a> {
    /// The pattern of the route.
    pub pattern: &'a PathPattern,
    /// The values of the pattern's parameters, in its order.
    pub params: Vec<(String, String)>,
    /// Whether the request may write.
    pub kind: RouteKind,
    /// Whom the route lets in.
    pub who: &'a [Who],
}

impl Routed<'_> {
    /// Whether the route lets this caller in.
    pub fn admits(&self, caller: &CallerIdentity) -> bool {
        self.who.iter().any(|who| who.admits(caller))
    }
}

/// No route takes the request; the caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// No route has this path.
    #[error("the app has no such path")]
    NotFound,
    /// Routes with this path exist, for these methods.
    #[error("the app serves this path for {} only", .0.join(", "))]
    MethodNotAllowed(Vec<&'static str>),
}

impl Route {
    /// Whether it serves the method.
    pub fn serves(&self, method: &str) -> bool {
        self.methods
            .iter()
            .any(|&served| served == method || (served == "GET" && method == "HEAD"))
    }
}

pub(crate) fn method(text: &str) -> Result<&'static str, BadMethod> {
    let found = METHODS.into_iter().find(|&method| method == text);
    found.ok_or_else(|| BadMethod {
        found: text.chars().take(16).collect(),
    })
}

/// The most specific of the routes that serve this path for this method.
pub(crate) fn route<'a>(
    routes: &'a [Route],
    method: &str,
    path: &AppPath,
) -> Result<Routed<'a>, NoRoute> {
    let matching: Vec<_> = routes
        .iter()
        .filter_map(|route| Some((route, route.pattern.matches(path)?)))
        .collect();
    if matching.is_empty() {
        return Err(NoRoute::NotFound);
    }
    let allowed = |&method: &&'static str| matching.iter().any(|(route, _)| route.serves(method));
    let allowed: Vec<_> = METHODS.into_iter().filter(allowed).collect();
    let best = matching
        .into_iter()
        .filter(|(route, _)| route.serves(method))
        .min_by(|(a, _), (b, _)| a.pattern.specificity(&b.pattern));
    let (route, params) = best.ok_or(NoRoute::MethodNotAllowed(allowed))?;
    Ok(Routed {
        pattern: &route.pattern,
        params,
        kind: route.kind.unwrap_or(RouteKind::of_method(method)),
        who: &route.who,
    })
}

/// Two routes that serve the same paths for one method: their places in the list, and the method.
pub(crate) fn tie(routes: &[Route]) -> Option<(usize, usize, &'static str)> {
    routes.iter().enumerate().find_map(|(at, route)| {
        let (before, twin) = routes[..at]
            .iter()
            .enumerate()
            .find_map(|(before, other)| {
                let both = |&method: &&str| route.serves(method) && other.serves(method);
                let twin = METHODS.into_iter().find(both)?;
                let same = route.pattern.same_shape(&other.pattern);
                same.then_some((before, twin))
            })?;
        Some((before, at, twin))
    })
}
