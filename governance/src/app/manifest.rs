//! The manifest of an app, `app.toml`: what it may import, which maps it has, who may call which
//! routes.
//!
//! Its digest is taken over the meaning, so comments and layout do not count, nor do the names of
//! the files beside it: a component is named by its own digest.

use std::collections::BTreeSet;

use minicbor::Encode;
use serde::Deserialize;
use synod_crypto::{Digest, sha256};
use synod_kv::{MapName, PUBLIC_PREFIX};

use crate::app::caller::{BadWho, CallerIdentity, Who};
use crate::app::limits::{AppLimits, LimitRange, LimitsFile};
use crate::app::maps::{self, MAP_OF_APP_LENGTH_MAX, map_in_store};
use crate::app::name::{AppName, BadAppName};
use crate::app::path::AppPath;
use crate::app::pattern::{BadPattern, PathPattern};
use crate::app::routes::{self, BadMethod, NoRoute, Route, RouteKind, Routed};
use crate::app::watches::{BadWatch, WatchRule};
use crate::codec;
use crate::entries::{BadEntry, check_name};

/// Longest manifest, in bytes of TOML.
pub const APP_MANIFEST_BYTES_MAX: usize = 16 * 1024;
/// Longest version, in bytes.
pub const VERSION_LENGTH_MAX: usize = 32;
/// Longest description, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 256;
/// Longest name of a file next to the manifest, in bytes.
pub const FILE_NAME_BYTES_MAX: usize = 128;
/// Most maps of an app, private and public together.
pub const MAPS_MAX: usize = 64;
/// Most routes.
pub const ROUTES_MAX: usize = 128;
/// Most rules about watching.
pub const WATCHES_MAX: usize = 32;
/// What a component may import: the interfaces of `synod:app` that the host offers, by their short
/// names.
pub const IMPORTS: [&str; 8] = [
    "caller",
    "claims",
    "ledger-time",
    "log",
    "map-writes",
    "maps",
    "random",
    "transaction",
];

/// Most entries of one `who`.
const WHO_MAX: usize = 16;
/// The file of the component, unless the manifest says otherwise.
const COMPONENT_FILE: &str = "app.wasm";
/// What keeps this digest apart from every other.
const DIGEST_LABEL: &[u8] = b"synod-app-manifest-v1\0";

/// A manifest that cannot be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppManifest {
    name: AppName,
    version: String,
    description: Option<String>,
    owner: Option<String>,
    component: String,
    openapi: Option<String>,
    replayable: bool,
    reuse: bool,
    imports: BTreeSet<&'static str>,
    private_maps: BTreeSet<String>,
    public_maps: BTreeSet<String>,
    routes: Vec<Route>,
    watches: Vec<WatchRule>,
    limits: AppLimits,
    digest: Digest,
}

/// The text is not a manifest of an app. Its author is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppManifestError {
    /// Longer than [`APP_MANIFEST_BYTES_MAX`].
    #[error("manifest is {0} bytes, longer than the {APP_MANIFEST_BYTES_MAX} allowed")]
    TooLong(usize),
    /// Not TOML of the expected shape, or with unknown keys; the message names the line and the
    /// key.
    #[error("manifest is malformed: {0}")]
    Malformed(String),
    /// `name` is not a valid app name.
    #[error("`name`: {0}")]
    Name(#[from] BadAppName),
    /// Not 1 to 32 characters of `[A-Za-z0-9.+-]`.
    #[error("`version`: {0:?} is not 1 to {VERSION_LENGTH_MAX} characters of [A-Za-z0-9.+-]")]
    Version(String),
    /// Too long, or with control characters.
    #[error("`description` is longer than {DESCRIPTION_BYTES_MAX} bytes or has control characters")]
    Description,
    /// `owner` is not a user's name.
    #[error("`owner`: {0}")]
    Owner(BadEntry),
    /// Not a plain name of a file below the manifest's folder.
    #[error("`{key}`: {found:?} is not the path of a file below the manifest's folder")]
    File {
        /// `component` or `openapi`.
        key: &'static str,
        /// The beginning of the value found.
        found: String,
    },
    /// The host offers no such interface.
    #[error("`imports`: the host does not provide the interface {0:?}")]
    Import(String),
    /// No name of a map.
    #[error("`{key}`: {found:?} is not 1 to {MAP_OF_APP_LENGTH_MAX} characters of [a-z0-9_-]")]
    MapName {
        /// `maps.private` or `maps.public`.
        key: &'static str,
        /// The beginning of the value found.
        found: String,
    },
    /// More entries than there can be.
    #[error("`{key}` has {found} entries, more than {max}")]
    TooMany {
        /// The key.
        key: String,
        /// The number of entries found.
        found: usize,
        /// How many there can be.
        max: usize,
    },
    /// An entry appears twice.
    #[error("`{key}` lists {found:?} twice")]
    Repeated {
        /// The key.
        key: String,
        /// What appears twice.
        found: String,
    },
    /// A list that cannot be empty is.
    #[error("`{key}` is empty")]
    Empty {
        /// The key.
        key: String,
    },
    /// The path of a route is not a pattern.
    #[error("`routes[{at}].path`: {cause}")]
    Path {
        /// The route's place in the list, from 0.
        at: usize,
        /// What is wrong.
        cause: BadPattern,
    },
    /// A method that apps cannot serve.
    #[error("`routes[{at}].methods`: {cause}")]
    Method {
        /// The route's place in the list, from 0.
        at: usize,
        /// What is wrong.
        cause: BadMethod,
    },
    /// Nobody is named so.
    #[error("`{key}`: {cause}")]
    Who {
        /// The key.
        key: String,
        /// What is wrong.
        cause: BadWho,
    },
    /// Two routes serve the same paths.
    #[error("`routes[{at}].path`: `{path}` matches the same {method} paths as routes[{before}]")]
    Tie {
        /// The route's place in the list, from 0.
        at: usize,
        /// Its pattern.
        path: String,
        /// The other's place.
        before: usize,
        /// The method that both serve.
        method: &'static str,
    },
    /// A rule about watching names no private map of the manifest.
    #[error("`watches[{at}].map`: {found:?} is not in `maps.private`")]
    WatchedMap {
        /// The rule's place in the list, from 0.
        at: usize,
        /// The beginning of the value found.
        found: String,
    },
    /// The prefix of a rule about watching lets a caller see another caller's data.
    #[error("`watches[{at}].prefix`: {cause}")]
    Prefix {
        /// The rule's place in the list, from 0.
        at: usize,
        /// What is wrong.
        cause: BadWatch,
    },
    /// A limit is out of its range.
    #[error("`limits.{}` is {found}, it must be from {} to {}", range.key, range.min, range.max)]
    Limit {
        /// The limit.
        range: LimitRange,
        /// The value found.
        found: u64,
    },
}

impl AppManifestError {
    /// A hint, where the error itself does not make clear what to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::TooLong(_) => "move descriptions to the OpenAPI document",
            Self::Import(_) => return Some(format!("it offers {}", IMPORTS.join(", "))),
            Self::MapName { .. } => {
                "list a public map under `maps.public`, without `public:`, which only the component writes"
            }
            Self::Tie { .. } => "give one of them other methods, or put both into one route",
            Self::WatchedMap { .. } => "public maps need no rule: everybody may watch them",
            Self::Prefix { .. } => {
                "`{caller}/` lets each caller watch the rows that begin with its name"
            }
            Self::File { .. } => "give a path relative to the manifest, without `..`",
            Self::Who { .. } => {
                "for instance `who = [\"user\"]`, or `who = [\"role:bank\", \"member\"]`"
            }
            Self::Empty { .. } => "leave the key out, or name at least one",
            Self::Malformed(text) if text.contains("unknown field") => {
                "look for a misspelt key, or one in the wrong table"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl AppManifest {
    /// Reads and checks a manifest.
    pub fn from_toml(text: &str) -> Result<Self, AppManifestError> {
        if text.len() > APP_MANIFEST_BYTES_MAX {
            return Err(AppManifestError::TooLong(text.len()));
        }
        let file: ManifestFile =
            toml::from_str(text).map_err(|error| AppManifestError::Malformed(error.to_string()))?;
        let mut manifest = file.checked()?;
        manifest.digest = sha256(&[DIGEST_LABEL, &codec::encode(&canonical(&manifest))]);
        Ok(manifest)
    }

    /// The app's name.
    pub fn name(&self) -> &AppName {
        &self.name
    }

    /// The version, for people and for `migrate`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What the app is, in a sentence.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The user who may read the log, besides the members.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// The file of the component, relative to the manifest. For tools; not judged.
    pub fn component(&self) -> &str {
        &self.component
    }

    /// The file of the OpenAPI document, relative to the manifest. For tools; not judged.
    pub fn openapi(&self) -> Option<&str> {
        self.openapi.as_deref()
    }

    /// Whether requests are recorded, sealed, with their transactions.
    pub fn replayable(&self) -> bool {
        self.replayable
    }

    /// Whether an instance serves many calls, one after another.
    pub fn reuse(&self) -> bool {
        self.reuse
    }

    /// What the component may import: interfaces of `synod:app`, by their short names of
    /// [`IMPORTS`].
    pub fn imports(&self) -> &BTreeSet<&'static str> {
        &self.imports
    }

    /// Whether the component may import this interface.
    pub fn admits_import(&self, interface: &str) -> bool {
        self.imports.contains(interface)
    }

    /// The private maps.
    pub fn private_maps(&self) -> &BTreeSet<String> {
        &self.private_maps
    }

    /// The public maps, without `public:`.
    pub fn public_maps(&self) -> &BTreeSet<String> {
        &self.public_maps
    }

    /// Whether the manifest declares the map that the component calls so: `accounts`,
    /// `public:settlements`.
    pub fn declares(&self, guest_name: &str) -> bool {
        match guest_name.strip_prefix(PUBLIC_PREFIX) {
            Some(name) => self.public_maps.contains(name),
            None => self.private_maps.contains(guest_name),
        }
    }

    /// The map of the store that the component calls so, if the manifest declares it.
    pub fn map(&self, guest_name: &str) -> Option<MapName> {
        let declared = self.declares(guest_name);
        declared.then(|| map_in_store(&self.name, guest_name).ok())?
    }

    /// The routes, as they are written.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The most specific route that serves this path for this method.
    pub fn route(&self, method: &str, path: &AppPath) -> Result<Routed<'_>, NoRoute> {
        routes::route(&self.routes, method, path)
    }

    /// The rules about watching private maps.
    pub fn watches(&self) -> &[WatchRule] {
        &self.watches
    }

    /// Whether the caller may watch the rows of the private map `map` (its name in the manifest)
    /// whose keys begin with `prefix`.
    pub fn admits_watch(&self, map: &str, prefix: &[u8], caller: &CallerIdentity) -> bool {
        self.watches
            .iter()
            .any(|rule| rule.map == map && rule.admits(caller, prefix))
    }

    /// What one call may use.
    pub fn limits(&self) -> &AppLimits {
        &self.limits
    }

    /// Names the manifest: SHA-256 over its meaning, in canonical CBOR.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// A manifest as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    name: String,
    version: String,
    description: Option<String>,
    owner: Option<String>,
    component: Option<String>,
    openapi: Option<String>,
    #[serde(default)]
    replayable: bool,
    #[serde(default)]
    reuse: bool,
    #[serde(default)]
    imports: Vec<String>,
    #[serde(default)]
    maps: MapsFile,
    #[serde(default)]
    routes: Vec<RouteFile>,
    #[serde(default)]
    watches: Vec<WatchFile>,
    #[serde(default)]
    limits: LimitsFile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MapsFile {
    #[serde(default)]
    private: Vec<String>,
    #[serde(default)]
    public: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteFile {
    path: String,
    methods: Option<Vec<String>>,
    who: Vec<String>,
    kind: Option<KindFile>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindFile {
    Read,
    Write,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WatchFile {
    map: String,
    who: Vec<String>,
    #[serde(default)]
    prefix: String,
}

impl ManifestFile {
    /// The manifest, without its digest.
    fn checked(self) -> Result<AppManifest, AppManifestError> {
        let name = AppName::new(&self.name)?;
        check_version(&self.version)?;
        let description = self.description.map(checked_description).transpose()?;
        if let Some(owner) = &self.owner {
            check_name(owner).map_err(AppManifestError::Owner)?;
        }
        let component = self.component.unwrap_or_else(|| COMPONENT_FILE.to_owned());
        check_file("component", &component)?;
        if let Some(openapi) = &self.openapi {
            check_file("openapi", openapi)?;
        }
        let (private_maps, public_maps) = self.maps.checked()?;
        let watches = checked_watches(self.watches, &private_maps)?;
        let limits = self.limits.checked();
        Ok(AppManifest {
            name,
            version: self.version,
            description,
            owner: self.owner,
            component,
            openapi: self.openapi,
            replayable: self.replayable,
            reuse: self.reuse,
            imports: checked_imports(&self.imports)?,
            private_maps,
            public_maps,
            routes: checked_routes(self.routes)?,
            watches,
            limits: limits.map_err(|(range, found)| AppManifestError::Limit { range, found })?,
            digest: Digest::from([0; 32]),
        })
    }
}

fn check_version(version: &str) -> Result<(), AppManifestError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-');
    if (1..=VERSION_LENGTH_MAX).contains(&version.len()) && version.bytes().all(allowed) {
        return Ok(());
    }
    Err(AppManifestError::Version(beginning(version)))
}

fn checked_description(text: String) -> Result<String, AppManifestError> {
    if text.len() > DESCRIPTION_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(AppManifestError::Description);
    }
    Ok(text)
}

/// A tool opens the file: it must not lead out of the manifest's folder.
fn check_file(key: &'static str, path: &str) -> Result<(), AppManifestError> {
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    let printable = |c: char| !c.is_control() && !matches!(c, '\\' | ':');
    let short = path.len() <= FILE_NAME_BYTES_MAX;
    if short && path.split('/').all(plain) && path.chars().all(printable) {
        return Ok(());
    }
    let found = beginning(path);
    Err(AppManifestError::File { key, found })
}

fn checked_imports(imports: &[String]) -> Result<BTreeSet<&'static str>, AppManifestError> {
    let mut known = BTreeSet::new();
    for import in imports {
        let found = IMPORTS.into_iter().find(|offered| offered == import);
        let found = found.ok_or_else(|| AppManifestError::Import(beginning(import)))?;
        if !known.insert(found) {
            return Err(repeated("imports", import));
        }
    }
    Ok(known)
}

impl MapsFile {
    fn checked(self) -> Result<(BTreeSet<String>, BTreeSet<String>), AppManifestError> {
        at_most("maps", self.private.len() + self.public.len(), MAPS_MAX)?;
        let private = checked_maps("maps.private", self.private)?;
        let public = checked_maps("maps.public", self.public)?;
        Ok((private, public))
    }
}

fn checked_maps(
    key: &'static str,
    names: Vec<String>,
) -> Result<BTreeSet<String>, AppManifestError> {
    let mut known = BTreeSet::new();
    for name in names {
        if !maps::is_name_of_map(&name) {
            let found = beginning(&name);
            return Err(AppManifestError::MapName { key, found });
        }
        if known.contains(&name) {
            return Err(repeated(key, &name));
        }
        known.insert(name);
    }
    Ok(known)
}

fn checked_routes(files: Vec<RouteFile>) -> Result<Vec<Route>, AppManifestError> {
    at_most("routes", files.len(), ROUTES_MAX)?;
    let files = files.into_iter().enumerate();
    let routes: Vec<Route> = files
        .map(|(at, file)| file.checked(at))
        .collect::<Result<_, _>>()?;
    if let Some((before, at, method)) = routes::tie(&routes) {
        return Err(AppManifestError::Tie {
            at,
            path: routes[at].pattern.to_string(),
            before,
            method,
        });
    }
    Ok(routes)
}

impl RouteFile {
    fn checked(self, at: usize) -> Result<Route, AppManifestError> {
        let pattern = PathPattern::parse(&self.path);
        let methods = self.methods.unwrap_or_else(|| vec!["GET".to_owned()]);
        Ok(Route {
            pattern: pattern.map_err(|cause| AppManifestError::Path { at, cause })?,
            methods: checked_methods(at, &methods)?,
            who: checked_who(&format!("routes[{at}].who"), &self.who)?,
            kind: self.kind.map(|kind| match kind {
                KindFile::Read => RouteKind::Read,
                KindFile::Write => RouteKind::Write,
            }),
        })
    }
}

fn checked_methods(at: usize, texts: &[String]) -> Result<Vec<&'static str>, AppManifestError> {
    let key = format!("routes[{at}].methods");
    if texts.is_empty() {
        return Err(AppManifestError::Empty { key });
    }
    let mut methods = Vec::new();
    for text in texts {
        let method =
            routes::method(text).map_err(|cause| AppManifestError::Method { at, cause })?;
        if methods.contains(&method) {
            return Err(repeated(&key, text));
        }
        methods.push(method);
    }
    Ok(methods)
}

fn checked_who(key: &str, texts: &[String]) -> Result<Vec<Who>, AppManifestError> {
    if texts.is_empty() {
        let key = key.to_owned();
        return Err(AppManifestError::Empty { key });
    }
    at_most(key, texts.len(), WHO_MAX)?;
    let mut all = Vec::new();
    for text in texts {
        let who = Who::parse(text).map_err(|cause| AppManifestError::Who {
            key: key.to_owned(),
            cause,
        })?;
        if all.contains(&who) {
            return Err(repeated(key, text));
        }
        all.push(who);
    }
    Ok(all)
}

fn checked_watches(
    files: Vec<WatchFile>,
    private_maps: &BTreeSet<String>,
) -> Result<Vec<WatchRule>, AppManifestError> {
    at_most("watches", files.len(), WATCHES_MAX)?;
    let rule = |(at, file): (usize, WatchFile)| {
        if !private_maps.contains(&file.map) {
            let found = beginning(&file.map);
            return Err(AppManifestError::WatchedMap { at, found });
        }
        let rule = WatchRule {
            who: checked_who(&format!("watches[{at}].who"), &file.who)?,
            map: file.map,
            prefix: file.prefix,
        };
        let checked = rule.check();
        checked.map_err(|cause| AppManifestError::Prefix { at, cause })?;
        Ok(rule)
    };
    files.into_iter().enumerate().map(rule).collect()
}

fn at_most(key: &str, found: usize, max: usize) -> Result<(), AppManifestError> {
    if found <= max {
        return Ok(());
    }
    let key = key.to_owned();
    Err(AppManifestError::TooMany { key, found, max })
}

fn repeated(key: &str, found: &str) -> AppManifestError {
    AppManifestError::Repeated {
        key: key.to_owned(),
        found: beginning(found),
    }
}

/// The part of a wrong text that fits into an error.
fn beginning(text: &str) -> String {
    text.chars().take(MAP_OF_APP_LENGTH_MAX).collect()
}

/// Path, methods, who, kind.
type CanonicalRoute = (String, Vec<String>, Vec<String>, Option<String>);

#[derive(Encode)]
#[cbor(array)]
struct Canonical {
    #[n(0)]
    name: String,
    #[n(1)]
    version: String,
    #[n(2)]
    description: Option<String>,
    #[n(3)]
    owner: Option<String>,
    #[n(4)]
    replayable: bool,
    #[n(5)]
    reuse: bool,
    #[n(6)]
    imports: Vec<String>,
    #[n(7)]
    private_maps: Vec<String>,
    #[n(8)]
    public_maps: Vec<String>,
    #[n(9)]
    routes: Vec<CanonicalRoute>,
    #[n(10)]
    watches: Vec<(String, Vec<String>, String)>,
    #[n(11)]
    limits: [u64; 6],
}

fn canonical(manifest: &AppManifest) -> Canonical {
    let limits = &manifest.limits;
    Canonical {
        name: manifest.name.to_string(),
        version: manifest.version.clone(),
        description: manifest.description.clone(),
        owner: manifest.owner.clone(),
        replayable: manifest.replayable,
        reuse: manifest.reuse,
        imports: manifest.imports.iter().map(ToString::to_string).collect(),
        private_maps: manifest.private_maps.iter().cloned().collect(),
        public_maps: manifest.public_maps.iter().cloned().collect(),
        routes: manifest.routes.iter().map(canonical_route).collect(),
        watches: manifest.watches.iter().map(canonical_watch).collect(),
        limits: [
            limits.memory_bytes,
            limits.time_ms,
            limits.request_bytes,
            limits.response_bytes,
            limits.map_operations,
            limits.log_lines,
        ],
    }
}

fn canonical_route(route: &Route) -> CanonicalRoute {
    (
        route.pattern.to_string(),
        route.methods.iter().map(ToString::to_string).collect(),
        route.who.iter().map(ToString::to_string).collect(),
        route.kind.map(|kind| kind.name().to_owned()),
    )
}

fn canonical_watch(rule: &WatchRule) -> (String, Vec<String>, String) {
    let who = rule.who.iter().map(ToString::to_string).collect();
    (rule.map.clone(), who, rule.prefix.clone())
}
