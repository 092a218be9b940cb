//! Apps as governance knows them: what their manifests say, who may call what, which maps are
//! whose.
//!
//! Pure rules over text; nothing here runs a component. Invariants:
//!
//! - A manifest that exists keeps every rule and every limit; there is no way around
//!   [`AppManifest::from_toml`].
//! - A path that exists has no segment that a file system or a proxy would read in another way.
//! - The name of a map in the store says whose it is; no app reaches the map of another, whatever
//!   name it gives.

mod caller;
mod deploy;
mod limits;
mod manifest;
mod maps;
mod name;
mod path;
mod pattern;
mod records;
mod routes;
mod watches;

pub use caller::{BadWho, CallerIdentity, CallerKind, Who};
pub use deploy::{
    Compiled, CompiledStatement, Deploy, DeployStep, FAILURE_CODE_LENGTH_MAX, is_failure_code,
};
pub use limits::{AppLimits, LIFECYCLE_FACTOR, LimitRange};
pub use manifest::{
    APP_MANIFEST_BYTES_MAX, AppManifest, AppManifestError, DESCRIPTION_BYTES_MAX,
    FILE_NAME_BYTES_MAX, IMPORTS, MAPS_MAX, ROUTES_MAX, VERSION_LENGTH_MAX, WATCHES_MAX,
};
pub use maps::{
    AppMap, AppMapKind, BadAppMap, MAP_OF_APP_LENGTH_MAX, chunk_key, component_map, is_app_map,
    is_reserved_name, map_in_store, owner_of_map,
};
pub use name::{APP_NAME_LENGTH_MAX, AppName, BadAppName};
pub use path::{AppPath, BadPath, PATH_BYTES_MAX, SEGMENTS_MAX};
pub use pattern::{BadPattern, PathPattern};
pub use records::{
    APPS_MAX, AppFailure, AppRecord, AppStatus, AppVersion, CHUNK_BYTES, COMPONENT_BYTES_MAX,
    OPENAPI_BYTES_MAX, chunk_count,
};
pub use routes::{BadMethod, METHODS, NoRoute, Route, RouteKind, Routed};
pub use watches::{BadWatch, WatchRule};
